"""A wrong configuration ends a run in one line, and every text of a right one reaches the job as it is."""

import json
import os
import runpy
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers.checkout import ROOT, SCRIPTS

TIMEOUT = 60  # seconds; a run that hangs
# Braces, quotes and other characters that Snakemake, a shell or argparse could interpret.
NASTY = [
    "{x}",
    "{input}",
    "{wildcards.x}",
    "{{x}}",
    "{a,\\d+}",
    "{0}",
    "{",
    "}",
    "-x",
    "--seed=3",
    "%s",
    "$HOME",
    "`id`",
    "$(id)",
    "it's",
    '"',
    "\\",
    "*",
    "?",
    "~",
    "!",
    "#",
    "a  b",
    "é",
    "😀",
    "\u2028",
    80 * "x",
]
TEXT = st.lists(
    st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), min_size=1),
    min_size=1,
    max_size=4,
).map(lambda parts: "".join(parts)[:80])
SNAKEFILE = f"""\
include: "{ROOT}/workflow/rules/common.smk"


rule echo:
    output:
        "words.json",
    params:
        label=option("--label", config["label"]),
        archive=option("--archive", config["label"]),
        mirrors=literal(config["texts"]),
    shell:
        "python -I echo.py {{output:q}} --source archive {{params.label:q}} {{params.archive:q}}"
        " --mirrors -- {{params.mirrors:q}}"
"""
ECHO = "import json, sys; json.dump(sys.argv[2:], open(sys.argv[1], 'w'))"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A folder with one rule, which gets its parameters as the rules of the project do."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "echo.py").write_text(ECHO)
    for name in ("src", "packages", "workflow"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.fixture
def texts_arrive(tiny, done):
    def arrive(texts: list[str]) -> None:
        (tiny / "texts.json").write_text(json.dumps({"label": texts[0], "texts": texts}, ensure_ascii=False))
        done(tiny, "snakemake", "--cores", "1", "--forceall", "--configfile", "texts.json", timeout=TIMEOUT)
        words = json.loads((tiny / "words.json").read_text())
        where = ["--seed", "1", "--output", "x", "--provenance", "x"]
        parsed = runpy.run_path(str(SCRIPTS / "cifar10_fetch.py"))["parser"]().parse_args([*where, *words[:4]])
        assert (parsed.label, parsed.archive) == (texts[0], Path(texts[0]))
        assert words[6:] == texts

    return arrive


def test_braces_and_special_characters_reach_the_job(texts_arrive):
    texts_arrive(NASTY)


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXT, min_size=20, max_size=20))
def test_any_text_reaches_the_job(texts_arrive, texts):
    texts_arrive(texts)


BOMB = range(ord("a"), ord("k"))
WRONG: dict[str, bytes] = {
    "not UTF-8": b"n: \xff\n",
    "nested": b"n: " + 10_000 * b"[",
    "an alias to itself": b"a: &a [*a]\n",
    "a bomb": b"a: &a [x]\n" + b"".join(b"%c: &%c [%s]\n" % (i + 1, i + 1, b", ".join(9 * [b"*%c" % i])) for i in BOMB),
    "a key twice": b"seed: 1\nseed: 2\n",
    "empty": b"",
}


@pytest.fixture
def refuses(tiny, run):
    def run_and_check(*options: str, where: str) -> None:
        ended = run(tiny, "snakemake", "--cores", "1", *options, timeout=TIMEOUT)
        printed = [line for line in ended.stdout.splitlines() if not line.startswith("Config file ")]
        assert ended.returncode == 1
        assert len(printed) == 1, ended.stdout
        assert where in printed[0]

    return run_and_check


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_overlay_is_one_line(what, tiny, refuses):
    (tiny / "wrong.yaml").write_bytes(WRONG[what])
    refuses("--configfile", "wrong.yaml", where="wrong.yaml: ")


def test_a_wrong_configuration_is_one_line(tiny, refuses):
    (tiny / "wrong.yaml").write_bytes(WRONG["a key twice"])
    (tiny / "Snakefile").write_text('configfile: "wrong.yaml"\n' + SNAKEFILE)
    refuses(where="error: wrong.yaml: line 2: the key seed is in line 1 already")


@pytest.mark.parametrize("what", ["missing", "folder", "pipe"])
def test_an_overlay_that_is_no_file_is_one_line(what, tiny, refuses):
    if what == "folder":
        (tiny / "wrong.yaml").mkdir()
    elif what == "pipe":
        os.mkfifo(tiny / "wrong.yaml")
    refuses("--configfile", "wrong.yaml", where="error: wrong.yaml: ")


@pytest.mark.parametrize("entry", ["seed", "{", "=1", "x=y=z", "report={name: a, name: b}"])
def test_a_wrong_value_of_the_command_line_is_one_line(entry, refuses):
    refuses("--config", entry, where=f"error: --config {entry!r}: ")
