"""What makes a file of results, as the page has it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nngplab.report.origins import only_files, parameter_text

ORIGINS = {
    "command": "snakemake",
    "files": {f"results/{name}.csv": {"rule": rule, "wildcards": {}} for name, rule in ("ax", "by", "cx")},
    "rules": {name: {"script": f"{name}.py", "parameters": {}} for name in "xyz"},
}


@given(st.sets(st.sampled_from([*ORIGINS["files"], "results/other.csv"])))
def test_only_the_files_of_the_page_and_their_rules(paths):
    found = only_files(ORIGINS, paths)
    assert found["files"].keys() == paths - {"results/other.csv"}
    assert found["rules"].keys() == {file["rule"] for file in found["files"].values()}
    assert found["command"] == "snakemake"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((None, ""), ([], ""), ("", ""), (0, "0"), (0.005, "0.005"), (False, "False"), ([1, 2], "1 2")),
        *((["--n-train=100"], "--n-train=100"), ({"course": 40}, '{"course": 40}')),
    ],
)
def test_the_text_of_a_parameter(value, text):
    assert parameter_text(value) == text
