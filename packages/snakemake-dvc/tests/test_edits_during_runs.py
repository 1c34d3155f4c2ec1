"""Edits while a run is active: what is recorded is true, and the next run computes what the edit changed."""

import subprocess

import pytest
from helpers.checkouts import Checkout
from helpers.commands import ENGINES, SNAKEMAKE
from helpers.faults import BOTH_ENGINES, EACH_AFTER_THE_OTHER, FITS, run_python, set_scale
from helpers.small_workflow import JOBS, METRICS

EDIT_BEFORE_RECORDING = """
import sys
from pathlib import Path

from snakemake_dvc import _dvc

write_lock = _dvc.Dvc.write_lock


def edit_and_write_lock(dvc, entries):
    config = Path("config.yaml")
    config.write_text(config.read_text().replace("scale: 3", "scale: 4"))
    return write_lock(dvc, entries)


_dvc.Dvc.write_lock = edit_and_write_lock
sys.argv = ["snakemake", "--cores", "2"]
from snakemake.cli import main

main()
"""


def test_a_key_is_edited_while_the_run_is_recorded(checkout: Checkout) -> None:
    set_scale(checkout)
    assert run_python(EDIT_BEFORE_RECORDING, checkout).rc == 0
    assert "scale: 4" in (checkout.folder / "config.yaml").read_text()
    assert checkout.locked("fit").get("params") != {"config.yaml": {"fit": {"degrees": [1, 2], "scale": 4}}}
    checkout.computes("dvc", FITS)


@EACH_AFTER_THE_OTHER
def test_a_key_is_edited_while_a_job_runs(checkout: Checkout, first: str, second: str) -> None:
    set_scale(checkout)
    run = checkout.start_hanging("degree-1", *ENGINES[first])
    checkout.edit("config.yaml", "scale: 3", "scale: 4")
    checkout.resume()
    run.wait()
    checkout.computes(second, FITS)


@pytest.mark.parametrize(("engine", "path"), [("dvc", "scripts/degree.py"), ("snakemake", "scripts/stub.py")])
def test_a_source_is_edited_while_its_job_runs(checkout: Checkout, engine: str, path: str) -> None:
    set_scale(checkout)
    run = checkout.start_hanging("degree-1", *ENGINES[engine])
    checkout.edit(path, "CONSTANT = 1", "CONSTANT = 2")
    checkout.resume()
    run.wait()
    assert "was changed while rule degree ran" in run.text
    checkout.run(*ENGINES["dvc" if engine == "snakemake" else "snakemake"])
    checkout.is_right()
    checkout.has_nothing_to_do()


@BOTH_ENGINES
def test_a_rule_is_edited_while_its_job_runs(checkout: Checkout, engine: str) -> None:
    set_scale(checkout)
    run = checkout.start_hanging("degree-1", *ENGINES[engine])
    checkout.edit("rules/fit.smk", "salt=0", "salt=1")
    checkout.resume()
    run.wait()
    checkout.computes("dvc" if engine == "snakemake" else "snakemake", FITS)


def test_dvc_replaces_an_output_while_its_job_writes_to_it(checkout: Checkout) -> None:
    """The job still writes to the deleted file, so that the old content seems to be its output."""
    checkout.edit("rules/data.smk", "{params.n} {output}", "{params.n} /dev/stdout >{output}")
    checkout.computes("snakemake", JOBS)
    checkout.edit("config.yaml", "seed: 7", "seed: 8")
    run = checkout.start_hanging("points", *SNAKEMAKE)
    checkout.run("dvc", "checkout", "--force")
    checkout.resume()
    run.wait()
    assert any("DVC replaced data/points.txt while rule points ran" in line for line in run.messages())
    checkout.computes("snakemake", JOBS)


def test_git_replaces_an_output_while_its_job_writes_to_it(checkout: Checkout) -> None:
    checkout.edit("rules/fit.smk", "{input.fits} {output}", "{input.fits} /dev/stdout >{output}")
    checkout.edit("scripts/stub.py", 'output.endswith(".json")', 'name == "best"')
    checkout.computes("snakemake", JOBS)
    checkout.commit()
    checkout.edit("config.yaml", "seed: 7", "seed: 8")
    run = checkout.start_hanging("best", *SNAKEMAKE)
    checkout.git("checkout", "--quiet", METRICS)
    checkout.resume()
    run.wait()
    assert any(f"git replaced {METRICS} while rule best ran" in line for line in run.messages())
    checkout.computes("snakemake", {"best"})


def test_an_edit_by_the_shell_that_becomes_snakemake_is_before_the_run(checkout: Checkout) -> None:
    """Bash runs the last of its commands in its own process, which is older than the edit."""
    edit = "sleep 0.2; echo '# edited' >>rules/data.smk; sed -i 's/scale: 2/scale: 3/' config.yaml"
    ended = subprocess.run(
        ["bash", "-c", f"{edit}; snakemake --cores 2"],
        cwd=checkout.folder,
        env=checkout.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    checkout.is_right()
