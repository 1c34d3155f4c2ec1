"""Faults and everyday turns, each really caused once: the results are right, and nothing runs for nothing.

C1 to C7 are ways to a stale result, M1 to M7 ways to needless work or to a loss.
"""

import fcntl
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import (
    ENGINES,
    FOLDER,
    JOBS,
    METRICS,
    POINTS,
    REPRO,
    SNAKEMAKE,
    Checkout,
    files_in,
    python,
)

FITS = {"degree-1", "degree-2", "best"}
QUARANTINE = ".snakemake/dvc/quarantine"
BOTH = pytest.mark.parametrize("engine", sorted(ENGINES))
PAIRS = pytest.mark.parametrize(
    ("first", "second"), [("snakemake", "snakemake"), ("snakemake", "dvc"), ("dvc", "snakemake"), ("dvc", "dvc")]
)
CROSSED = pytest.mark.parametrize(("first", "second"), [("snakemake", "dvc"), ("dvc", "snakemake")])


def set_scale(checkout: Checkout, value: Any = 3) -> None:
    """Make the fits stale."""
    checkout.edit("config.yaml", "  scale: 2", f"  scale: {value}")


def kill_in(checkout: Checkout, job: str, engine: str, who: str = "group") -> Any:
    """Start an engine, and kill it in the middle of a job; return the run."""
    run = checkout.start_hanging(job, *ENGINES[engine])
    run.kill(who)
    run.wait()
    return run


def quarantined(checkout: Checkout) -> dict[str, bytes]:
    """Return the files that were moved out of the way, by the paths where they were."""
    root = checkout.folder / QUARANTINE
    paths = [path for path in root.rglob("*") if path.is_file()]
    return {Path(*path.relative_to(root).parts[1:]).as_posix(): path.read_bytes() for path in paths}


# C1: a job fails or is killed.


@CROSSED
def test_what_a_killed_job_has_left_is_not_current(checkout: Checkout, first: str, second: str) -> None:
    set_scale(checkout)
    run = checkout.start_hanging("degree-1", *ENGINES[first])
    os.kill(run.pid_of("degree-1"), signal.SIGKILL)
    checkout.let_go()
    assert run.wait().rc
    assert "fit" not in run.text or checkout.locked("fit")["params"]["config.yaml"]["fit"]["scale"] == 2
    checkout.computes(second, FITS - run.jobs("done"))


# C2: a run is killed.


@CROSSED
def test_the_jobs_that_a_killed_run_has_finished_do_not_run_again(checkout: Checkout, first: str, second: str) -> None:
    set_scale(checkout)
    kill_in(checkout, "best", first)
    checkout.let_go()
    checkout.computes(second, {"best"})


def test_a_job_that_a_killed_run_has_left_is_waited_for(checkout: Checkout) -> None:
    set_scale(checkout)
    killed = kill_in(checkout, "best", "snakemake", who="main")
    run = checkout.start(*REPRO).wait_for("a job left by a run that was killed")
    assert any(f"`kill {killed.pid_of('best')}`" in line or "waiting for process" in line for line in run.said())
    checkout.let_go()
    assert run.wait().rc == 0, run
    assert run.jobs() == {"best"}
    checkout.is_right()
    checkout.has_nothing_to_do()


def test_a_copy_of_a_killed_checkout(checkout: Checkout) -> None:
    set_scale(checkout)
    kill_in(checkout, "best", "snakemake")
    copy = checkout.copy()
    copy.computes("dvc", {"best"})
    checkout.let_go()
    checkout.computes("dvc", {"best"})


def test_a_checkout_by_dvc_after_a_kill(checkout: Checkout) -> None:
    set_scale(checkout)
    kill_in(checkout, "best", "snakemake")
    checkout.let_go()
    checkout.run("dvc", "checkout", "--force")
    checkout.computes("snakemake", {"best"})


# C3: merges.


def two_branches(checkout: Checkout) -> None:
    """Change something else of one stage on each of two branches, and record it."""
    checkout.git("switch", "--quiet", "--create", "one")
    set_scale(checkout)
    checkout.computes("snakemake", FITS)
    checkout.commit()
    checkout.run("dvc", "push")
    checkout.git("switch", "--quiet", "main")
    checkout.edit("scripts/best.py", "CONSTANT = 1", "CONSTANT = 2")
    checkout.computes("snakemake", {"best"})
    checkout.commit()


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_a_merge_conflicts_and_either_side_will_do(checkout: Checkout, side: str) -> None:
    two_branches(checkout)
    checkout.git("merge", "--quiet", "one", rc=1)
    assert checkout.git("diff", "--name-only", "--diff-filter=U").split() == ["dvc.lock", METRICS]
    (said,) = checkout.run(*SNAKEMAKE, rc=1).said()
    assert "take one side: git checkout --ours dvc.lock" in said
    checkout.git("checkout", f"--{side}", "dvc.lock", METRICS)
    checkout.commit("merge")
    clone = checkout.clone("early")
    clone.run(*SNAKEMAKE)
    clone.is_right()
    clone.has_nothing_to_do()
    checkout.computes("snakemake", {"best"})
    checkout.commit()
    checkout.run("dvc", "push")
    checkout.clone().computes("dvc", set())


def test_a_mixture_in_the_lock_file_is_not_believed(checkout: Checkout) -> None:
    """An entry with the new parameters and the old results: DVC itself would take it for true."""
    before = yaml.safe_load((checkout.folder / "dvc.lock").read_text())
    set_scale(checkout)
    checkout.computes("snakemake", FITS)
    mixed = yaml.safe_load((checkout.folder / "dvc.lock").read_text())
    mixed["stages"]["fit"]["outs"] = before["stages"]["fit"]["outs"]
    (checkout.folder / "dvc.lock").write_text(yaml.safe_dump(mixed, sort_keys=False))
    (checkout.folder / METRICS).unlink()  # DVC does not restore it
    checkout.run("dvc", "checkout", "--force", rc=None)
    checkout.computes("snakemake", set())


# C4: an edit in the middle of a run.

EDITS_FIRST = """
import sys
from pathlib import Path

from snakemake_dvc import _dvc

write_lock = _dvc.Dvc.write_lock


def edit_first(dvc, entries):
    config = Path("config.yaml")
    config.write_text(config.read_text().replace("scale: 3", "scale: 4"))
    write_lock(dvc, entries)


_dvc.Dvc.write_lock = edit_first
sys.argv = ["snakemake", "--cores", "2"]
from snakemake.cli import main

main()
"""


def test_a_key_edited_while_the_run_is_recorded(checkout: Checkout) -> None:
    set_scale(checkout)
    python(checkout.folder, checkout.env, "-c", EDITS_FIRST)
    assert "scale: 4" in (checkout.folder / "config.yaml").read_text()
    assert checkout.locked("fit").get("params") != {"config.yaml": {"fit": {"degrees": [1, 2], "scale": 4}}}
    checkout.computes("dvc", FITS)


@CROSSED
def test_a_key_edited_while_a_job_runs(checkout: Checkout, first: str, second: str) -> None:
    set_scale(checkout)
    run = checkout.start_hanging("degree-1", *ENGINES[first])
    checkout.edit("config.yaml", "scale: 3", "scale: 4")
    checkout.let_go()
    run.wait()
    checkout.computes(second, FITS)


@pytest.mark.parametrize(("engine", "path"), [("dvc", "scripts/degree.py"), ("snakemake", "scripts/stub.py")])
def test_a_source_edited_while_its_job_runs(checkout: Checkout, engine: str, path: str) -> None:
    set_scale(checkout)
    run = checkout.start_hanging("degree-1", *ENGINES[engine])
    checkout.edit(path, "CONSTANT = 1", "CONSTANT = 2")
    checkout.let_go()
    run.wait()
    assert "was changed while degree ran" in run.text
    checkout.run(*ENGINES["dvc" if engine == "snakemake" else "snakemake"])
    checkout.is_right()
    checkout.has_nothing_to_do()


@BOTH
def test_a_rule_edited_while_its_job_runs(checkout: Checkout, engine: str) -> None:
    set_scale(checkout)
    run = checkout.start_hanging("degree-1", *ENGINES[engine])
    checkout.edit("rules/fit.smk", "salt=0", "salt=1")
    checkout.let_go()
    run.wait()
    checkout.computes("dvc" if engine == "snakemake" else "snakemake", FITS)


@BOTH
def test_an_output_that_dvc_restores_while_its_job_writes_it(checkout: Checkout, engine: str) -> None:
    """The job goes on writing into the file that is not there any more: it seems to have made the old content."""
    checkout.edit("rules/data.smk", "{params.n} {output}", "{params.n} /dev/stdout >{output}")
    checkout.computes("snakemake", JOBS)
    checkout.edit("config.yaml", "seed: 7", "seed: 8")
    run = checkout.start_hanging("points", *ENGINES[engine])
    checkout.run("dvc", "checkout", "--force")
    checkout.let_go()
    run.wait()
    assert any("dvc put data/points.txt there while points ran" in line for line in run.said())
    checkout.computes("snakemake", JOBS)


def test_an_output_that_git_restores_while_its_job_writes_it(checkout: Checkout) -> None:
    checkout.edit("rules/fit.smk", "{input.fits} {output}", "{input.fits} /dev/stdout >{output}")
    checkout.edit("scripts/stub.py", 'output.endswith(".json")', 'name == "best"')
    checkout.computes("snakemake", JOBS)
    checkout.commit()
    checkout.edit("config.yaml", "seed: 7", "seed: 8")
    run = checkout.start_hanging("best", *SNAKEMAKE)
    checkout.git("checkout", "--quiet", METRICS)
    checkout.let_go()
    run.wait()
    assert any(f"git put {METRICS} there while best ran" in line for line in run.said())
    checkout.computes("snakemake", {"best"})


# C5: Snakemake keeps its metadata in a database.


def test_the_other_backend_of_snakemake(checkout: Checkout) -> None:
    in_a_database = (*SNAKEMAKE, "--persistence-backend", "db")
    assert checkout.run(*in_a_database).jobs() == set()
    set_scale(checkout)
    run = checkout.start_hanging("degree-1", *in_a_database)
    os.kill(run.pid_of("degree-1"), signal.SIGKILL)
    checkout.let_go()
    assert run.wait().rc
    again = checkout.run(*in_a_database)
    assert again.jobs() == FITS - run.jobs("done")
    checkout.is_right()
    checkout.has_nothing_to_do()


# C6: values.


@pytest.mark.parametrize("written", ["010", "1e5", "yes", "12:30"])
def test_a_value_that_the_engines_read_differently_is_refused(checkout: Checkout, written: str) -> None:
    set_scale(checkout, written)
    run = checkout.run(*SNAKEMAKE, rc=1)
    assert len(run.said()) == 1
    assert run.said()[0].startswith("error: config.yaml: fit.scale is ")
    if written == "010":
        run = checkout.run(*REPRO, rc=1)
        assert run.said()[0].startswith("error: config.yaml: fit.scale is ")
    set_back = checkout.git("checkout", "config.yaml")
    assert "Updated" in set_back
    checkout.computes("snakemake", set())


@BOTH
def test_equal_numbers_rerun_nothing(checkout: Checkout, engine: str) -> None:
    set_scale(checkout, 88)
    checkout.computes("snakemake", FITS)
    for before, written in (("88", "88.0"), ("88.0", "0x58")):
        checkout.edit("config.yaml", f"scale: {before}", f"scale: {written}")
        assert checkout.run(*ENGINES[engine]).jobs() == set()
        checkout.has_nothing_to_do()


# C7: all that counts as code.


@pytest.mark.parametrize(
    ("path", "old", "new", "jobs"),
    [
        ("scripts/stub.py", "CONSTANT = 1", "CONSTANT = 2", JOBS),
        ("scripts/best.py", "CONSTANT = 1", "CONSTANT = 2", {"best"}),
        ("requirements.lock", "==1", "==2", JOBS),
        ("Snakefile", "configfile:", 'shell.prefix("export X=1; ")\n\n\nconfigfile:', JOBS),
        ("rules/data.smk", "salt=0", "salt=1", JOBS),
    ],
)
def test_an_edit_is_seen(checkout: Checkout, path: str, old: str, new: str, jobs: set[str]) -> None:
    checkout.edit(path, old, new)
    assert path in checkout.run("dvc", "status").text
    checkout.computes("snakemake", jobs)


def test_an_edit_of_the_prefix_of_all_commands_is_seen(checkout: Checkout) -> None:
    checkout.edit("Snakefile", "configfile:", 'shell.prefix("export X=1; ")\n\n\nconfigfile:')
    checkout.computes("snakemake", JOBS)
    checkout.edit("Snakefile", "X=1", "X=2")
    checkout.computes("snakemake", JOBS)
    checkout.edit("Snakefile", "X=2", "X=1")
    checkout.computes("dvc", set())


RUN_BLOCK = '''

def words():
    """Return what the run block writes."""
    return "first"


rule words:
    output:
        "results/fit/words.txt",
    run:
        with open(output[0], "w") as file:
            file.write(words())
        print("start words", os.getpid(), file=open(os.environ["CASE_LOG"], "a"))
'''


def test_a_function_that_a_run_block_calls(checkout: Checkout) -> None:
    rules = (checkout.folder / "rules/fit.smk").read_text()
    rules = rules.replace("rules.best.output,\n", "rules.best.output,\n        rules.words.output,\n")
    head, tail = rules.split("rule fit:")
    checkout.write({"rules/fit.smk": f"import os\n{head}{RUN_BLOCK.lstrip()}\n\nrule fit:{tail}"})
    checkout.write_stages()
    words = checkout.folder / "results/fit/words.txt"
    assert checkout.run(*SNAKEMAKE).jobs() == {"words"}
    assert words.read_text() == "first"
    checkout.has_nothing_to_do()
    checkout.edit("rules/fit.smk", '"first"', '"second"')
    assert checkout.run(*REPRO).jobs() == {"words"}
    assert words.read_text() == "second"
    checkout.edit("rules/fit.smk", "# A fit", "# Another fit")
    assert checkout.run(*SNAKEMAKE).jobs() == set()
    checkout.has_nothing_to_do()


def test_a_comment_in_a_rules_file_reruns_nothing(checkout: Checkout) -> None:
    for path, old in (("rules/fit.smk", "# A fit"), ("rules/data.smk", "# The points")):
        checkout.edit(path, old, f"# Now. {old}")
    checkout.computes("dvc", set())
    checkout.commit()
    checkout.run("dvc", "push")
    checkout.clone().computes("dvc", set())


# M1: a fresh clone.


@BOTH
def test_a_fresh_clone_computes_nothing(checkout: Checkout, engine: str) -> None:
    checkout.clone().computes(engine, set())


@BOTH
def test_a_clone_that_has_pulled_computes_nothing(checkout: Checkout, engine: str) -> None:
    clone = checkout.clone()
    clone.run("dvc", "pull", rc=None)
    clone.computes(engine, set())


def test_a_clone_whose_remote_is_lost_computes_everything(checkout: Checkout) -> None:
    clone = checkout.clone()
    (checkout.folder.parent / "remote").rename(checkout.folder.parent / "lost")
    clone.computes("snakemake", JOBS)


def test_a_dry_run_in_a_clone_writes_nothing(checkout: Checkout) -> None:
    clone = checkout.clone()
    clone.has_nothing_to_do("snakemake")
    assert list(files_in(clone.folder)) == [METRICS]  # which git has


# M2: runs that did not come to their end.


def test_what_a_failed_or_partial_run_has_made_is_not_made_again(checkout: Checkout) -> None:
    checkout.edit("scripts/stub.py", "CONSTANT = 1", "CONSTANT = 2")
    assert checkout.run(*SNAKEMAKE, "--until", "points").jobs() == {"points"}
    run = checkout.start_hanging("degree-2", *SNAKEMAKE)
    os.kill(run.pid_of("degree-2"), signal.SIGKILL)
    checkout.let_go()
    assert run.wait().rc
    assert "degree-1" in run.jobs("done")
    checkout.computes("dvc", {"degree-2", "best"})


# M3: branches.


def test_on_another_branch_only_what_was_edited_runs(checkout: Checkout) -> None:
    checkout.git("switch", "--quiet", "--create", "other")
    checkout.edit("scripts/best.py", "CONSTANT = 1", "CONSTANT = 2")
    checkout.computes("dvc", {"best"})
    checkout.commit()
    checkout.git("switch", "--quiet", "main")
    checkout.computes("dvc", set())
    checkout.git("switch", "--quiet", "other")
    checkout.edit("scripts/degree.py", "CONSTANT = 1", "CONSTANT = 2")
    checkout.computes("dvc", FITS)


# M5: DVC's cache.


def test_results_that_dvc_has_not_committed(checkout: Checkout) -> None:
    set_scale(checkout)
    assert checkout.run(*REPRO, "--no-commit").jobs() == FITS
    checkout.computes("snakemake", set())
    (checkout.folder / METRICS).unlink()
    (checkout.folder / f"{FOLDER}/1.txt").unlink()
    checkout.computes("snakemake", set())


def test_a_new_folder_for_the_cache(checkout: Checkout) -> None:
    checkout.run("dvc", "remote", "remove", "lab")
    checkout.run("dvc", "cache", "dir", "../../other cache")
    checkout.computes("snakemake", set())
    (checkout.folder / POINTS).unlink()
    checkout.computes("snakemake", set())


@pytest.mark.parametrize("lost", [".dvc/cache", ".snakemake", "records", ".dvc/tmp", "dvc.lock"])
def test_what_the_engines_know_is_lost(checkout: Checkout, lost: str) -> None:
    checkout.run("dvc", "remote", "remove", "lab")
    path = checkout.folder / lost
    path.rename(checkout.folder.parent / "lost")
    checkout.computes("snakemake", set())


# M6: everything put back.


def test_a_kill_and_everything_put_back(checkout: Checkout) -> None:
    checkout.edit("scripts/stub.py", "CONSTANT = 1", "CONSTANT = 2")
    kill_in(checkout, "degree-1", "snakemake")
    checkout.let_go()
    checkout.git("checkout", "--quiet", "scripts/stub.py")
    checkout.computes("dvc", set())


# M7: what is not ours.


def test_a_stage_of_the_user(checkout: Checkout) -> None:
    """It has no dependencies and no parameters; both engines, and the writer of dvc.yaml, leave it alone."""
    checkout.edit("dvc.yaml", "stages:\n", "stages:\n  own:\n    cmd: echo 1 >own.txt\n    outs:\n    - own.txt\n")
    assert checkout.run(*SNAKEMAKE).jobs() == set()
    assert not (checkout.folder / "own.txt").exists()
    assert checkout.run(*REPRO).jobs() == set()
    assert (checkout.folder / "own.txt").read_text() == "1\n"
    checkout.write_stages()
    assert "own.txt" in (checkout.folder / "dvc.yaml").read_text()
    set_scale(checkout)
    checkout.computes("snakemake", FITS)
    assert checkout.locked("own")["outs"][0]["path"] == "own.txt"


def test_a_file_where_a_folder_of_results_must_be(checkout: Checkout) -> None:
    for path in (checkout.folder / FOLDER).iterdir():
        path.unlink()
    (checkout.folder / FOLDER).rmdir()
    (checkout.folder / FOLDER).write_text("mine")
    (said,) = checkout.run(*SNAKEMAKE, "--dry-run", rc=1).said()
    assert said.startswith(f"error: {FOLDER} is a file")
    run = checkout.computes("snakemake", set())
    assert len([line for line in run.said() if FOLDER in line]) == 1
    assert quarantined(checkout) == {FOLDER: b"mine"}


def test_a_folder_of_results_that_is_a_link(checkout: Checkout) -> None:
    (checkout.folder / "results").rename(checkout.folder.parent / "elsewhere")
    (checkout.folder / "results").symlink_to("../elsewhere")
    assert checkout.run(*SNAKEMAKE).jobs() == set()
    set_scale(checkout)
    assert checkout.run(*SNAKEMAKE).jobs() == FITS
    assert (checkout.folder / "results").is_symlink()
    metrics = (checkout.folder / METRICS).read_text()
    assert "scale=3" in metrics


def test_a_link_in_the_place_of_an_output(checkout: Checkout) -> None:
    other = checkout.folder.parent / "mine.txt"
    other.write_text("mine")
    (checkout.folder / POINTS).unlink()
    (checkout.folder / POINTS).symlink_to("../../mine.txt")
    checkout.computes("snakemake", set())
    assert other.read_text() == "mine"


def test_a_file_of_the_user_where_an_output_was(checkout: Checkout) -> None:
    (checkout.folder / f"{FOLDER}/1.txt").write_text("mine")
    run = checkout.computes("snakemake", set())
    assert len([line for line in run.said() if f"{FOLDER}/1.txt is not what its job made" in line]) == 1
    assert quarantined(checkout) == {f"{FOLDER}/1.txt": b"mine"}


def test_a_file_of_the_user_where_an_output_will_be(checkout: Checkout) -> None:
    checkout.edit("config.yaml", "[1, 2]", "[1, 2, 3]")
    (checkout.folder / f"{FOLDER}/3.txt").write_text("mine")
    run = checkout.computes("snakemake", {"degree-3", "best"})
    assert len([line for line in run.said() if f"{FOLDER}/3.txt" in line]) == 1
    assert quarantined(checkout) == {f"{FOLDER}/3.txt": b"mine"}


def test_a_file_of_the_user_beside_the_outputs(checkout: Checkout) -> None:
    """It lies in a folder that DVC tracks as a whole, so that it would become a result."""
    (checkout.folder / f"{FOLDER}/notes.txt").write_text("mine")
    run = checkout.computes("snakemake", set())
    assert len([line for line in run.said() if f"{FOLDER}/notes.txt" in line]) == 1
    assert quarantined(checkout) == {f"{FOLDER}/notes.txt": b"mine"}


def test_files_of_the_user_are_kept_one_beside_the_other(checkout: Checkout) -> None:
    for content in ("mine", "also mine"):
        (checkout.folder / POINTS).write_text(content)
        checkout.run(*SNAKEMAKE)
    folders = sorted((checkout.folder / QUARANTINE).iterdir())
    assert [(folder / POINTS).read_text() for folder in folders] == ["mine", "also mine"]


def test_a_result_of_a_value_that_is_gone_is_removed(checkout: Checkout) -> None:
    checkout.edit("config.yaml", "[1, 2]", "[2]")
    checkout.computes("snakemake", {"best"})
    assert quarantined(checkout) == {}


@pytest.mark.parametrize("options", [["--config", "seed=9"], ["--configfile", "config.yaml", "../overlay.yaml"]])
def test_a_run_with_another_configuration_is_not_recorded(checkout: Checkout, options: list[str]) -> None:
    (checkout.folder.parent / "overlay.yaml").write_text("seed: 9\n")
    before = (checkout.folder / "dvc.lock").read_text()
    run = checkout.run(*SNAKEMAKE, *options)
    assert run.jobs() == JOBS
    assert "seed=9" in (checkout.folder / POINTS).read_text()
    assert any("the configuration of this run is not that of config.yaml" in line for line in run.said())
    assert (checkout.folder / "dvc.lock").read_text() == before
    checkout.computes("snakemake", set())


@pytest.mark.parametrize("options", [["--touch"], ["--consider-ancient", "best=fits"], ["--cache", "best"]])
def test_options_under_which_stale_results_pass_are_refused(checkout: Checkout, options: list[str]) -> None:
    set_scale(checkout)
    run = checkout.run(*SNAKEMAKE, *options, rc=1)
    assert run.said() == [
        f"error: {options[0]} lets stale results pass as current, and nothing needs it: run without it"
    ]
    checkout.computes("snakemake", FITS)


def test_an_interrupt_while_a_run_waits(checkout: Checkout) -> None:
    lock = (checkout.folder / ".snakemake/dvc/lock").open("a")
    fcntl.flock(lock, fcntl.LOCK_EX)
    set_scale(checkout)
    run = checkout.start(*SNAKEMAKE).wait_for("dvc: waiting for ")
    interrupted = time.monotonic()
    run.kill("group", signal.SIGINT)
    run.wait(seconds=10)
    assert time.monotonic() - interrupted < 5
    assert run.rc
    lock.close()
    checkout.computes("dvc", FITS)


@BOTH
def test_an_interrupt_while_a_job_runs(checkout: Checkout, engine: str) -> None:
    set_scale(checkout)
    run = checkout.start_hanging("best", *ENGINES[engine])
    interrupted = time.monotonic()
    run.kill("group", signal.SIGINT)
    run.wait(seconds=20)
    assert time.monotonic() - interrupted < 10
    assert run.rc
    checkout.let_go()
    checkout.computes("snakemake", {"best"})


@PAIRS
def test_a_run_beside_another_waits_or_says_for_whom(checkout: Checkout, first: str, second: str) -> None:
    set_scale(checkout)
    run = checkout.start_hanging("degree-1", *ENGINES[first], anew=True)
    other = checkout.start(*ENGINES[second], anew=True)
    if second == "snakemake":
        other.wait_for("dvc: waiting for ")
        if first == "snakemake":
            assert f"waiting for process {run.pid} (snakemake --cores 2)" in other.text
        checkout.let_go()
        assert other.wait().rc == 0, other
        assert other.jobs() == set()
    else:
        assert other.wait().rc
        assert f"PID {run.pid}" in other.text
        checkout.let_go()
    assert run.wait().rc == 0, run
    checkout.is_right()
    checkout.has_nothing_to_do()


def test_a_look_beside_a_run_says_so(checkout: Checkout) -> None:
    set_scale(checkout)
    run = checkout.start_hanging("degree-1", *SNAKEMAKE)
    look = checkout.run(*SNAKEMAKE, "--dry-run")
    assert any(f"process {run.pid} (snakemake --cores 2) is running in this folder" in line for line in look.said())
    checkout.let_go()
    assert run.wait().rc == 0, run
    checkout.is_right()


def test_dvc_can_be_told_to_compute_again(checkout: Checkout) -> None:
    run = checkout.run(*REPRO, "-f", anew=True)
    assert run.jobs() == JOBS, run
    checkout.is_right()
    checkout.has_nothing_to_do()
