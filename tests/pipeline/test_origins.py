"""The origin of each number of the report: a file, and the rule, script and command that make it."""

import json
import re
import shlex
import shutil
from pathlib import Path

from tests.helpers.report_page import files_named
from tests.helpers.small_checkout import jobs_run

PROGRAM = """
import json
from nngplab.report.origins import origins_of
from snakemake_dvc._snakemake import dag_of_all
dag = dag_of_all()
paths = {str(path): job.rule.name for job in dag.jobs for path in job.output if path.startswith("results/")}
paths.pop("results/report/origins.json", None)
print(json.dumps([origins_of(dag.workflow, paths), paths]))
"""


def test_every_result_has_the_rule_that_makes_it_and_its_parameters(done, checkout):
    origins, rules = json.loads(done(checkout, "env", "PYTHONPATH=src", "python", "-c", PROGRAM).splitlines()[-1])
    shown = {path: rule for path, rule in rules.items() if path.endswith((".csv", ".json", ".png", ".svg"))}
    assert {path: file["rule"] for path, file in origins["files"].items()} == shown
    assert len(shown) > 100
    assert {rule["script"] for rule in origins["rules"].values()} <= {
        f"workflow/scripts/{path.name}" for path in (checkout / "workflow/scripts").glob("*.py")
    }
    shard = origins["files"]["results/kernel_regression/shards/relu_repeats0-100.csv"]
    assert shard == {"rule": "kernel_regression_fit", "wildcards": {"kernel": "relu", "first": "0", "last": "100"}}
    assert origins["rules"]["theory_checks"]["parameters"] == {"seed": "88", "digits": "30", "samples": "1000000"}
    # That of the Laplace kernel alone is no parameter of the rule.
    assert origins["rules"]["kernel_regression_fit"]["parameters"] == {}


def test_the_command_computes_the_file_anew(done, finished_small, tmp_path):
    folder = Path(shutil.copytree(finished_small, tmp_path / "checkout", symlinks=True))
    origins, _ = json.loads(done(folder, "env", "PYTHONPATH=src", "python", "-c", PROGRAM).splitlines()[-1])
    file = "results/kernel_regression/summary.csv"
    output = done(folder, *shlex.split(origins["command"]), file)
    assert jobs_run(output) == {"kernel_regression_summary"}


def test_every_file_of_a_number_of_the_page_has_its_origin(finished):
    page = (finished / "results/report.html").read_text()
    origins = json.loads(re.search(r'<script type="application/json" id="origins">(.*?)</script>', page)[1])
    named = files_named(page)
    assert len(named) > 50
    assert named <= origins["files"].keys()
    assert {file["rule"] for file in origins["files"].values()} == origins["rules"].keys()
    rules = set(
        re.findall(
            r"^rule (\w+):", "".join(path.read_text() for path in (finished / "workflow/rules").glob("*.smk")), re.M
        )
    )
    assert origins["rules"].keys() <= rules
    assert all((finished / rule["script"]).is_file() for rule in origins["rules"].values())
    assert origins["command"] == "snakemake --cores 2 --configfile config/tiny.yaml --force"
    assert "width:" in origins["configuration"]["fc_net"]


def test_very_many_results_have_their_origins(done, checkout):
    """They are in a file, since a command may have no more than 128 kB."""
    (checkout / "many.yaml").write_text("fc_net: {seeds: 520}")
    file = "results/report/origins.json"
    rules = ("--allowed-rules", "report_origins", "--", file)
    done(checkout, "snakemake", "--cores", "1", "--configfile", "many.yaml", *rules)
    text = (checkout / file).read_text()
    assert len(text) > 128 * 1024
    assert json.loads(text)["files"]["results/fc_net/runs/mse_519.csv"]["rule"] == "fc_net_train"
