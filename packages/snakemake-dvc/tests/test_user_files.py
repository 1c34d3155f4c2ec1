"""Files and stages of the user: they are never deleted, and never recorded as results."""

import os
import signal
from pathlib import Path

import pytest
from helpers.checkouts import Checkout
from helpers.commands import REPRO, SNAKEMAKE, Run
from helpers.faults import FITS, QUARANTINE, quarantined, set_constant, set_scale
from helpers.small_workflow import FOLDER, JOBS, METRICS, POINTS
from snakemake_dvc.contents import md5


def test_a_stage_of_the_user(checkout: Checkout) -> None:
    """It has no dependencies and no params. Snakemake and `snakemake-dvc stages` do not change it."""
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


def test_a_file_in_the_place_of_a_folder_of_results(checkout: Checkout) -> None:
    for path in (checkout.folder / FOLDER).iterdir():
        path.unlink()
    (checkout.folder / FOLDER).rmdir()
    (checkout.folder / FOLDER).write_text("mine")
    (message,) = checkout.run(*SNAKEMAKE, "--dry-run", rc=1).messages()
    assert message.startswith(f"error: {FOLDER} is a file")
    run = checkout.computes("snakemake", set())
    assert len([line for line in run.messages() if FOLDER in line]) == 1
    assert quarantined(checkout) == {FOLDER: b"mine"}


def test_a_link_in_the_place_of_an_output(checkout: Checkout) -> None:
    other = checkout.folder.parent / "mine.txt"
    other.write_text("mine")
    (checkout.folder / POINTS).unlink()
    (checkout.folder / POINTS).symlink_to("../../mine.txt")
    checkout.computes("snakemake", set())
    assert other.read_text() == "mine"


def test_a_file_in_the_place_of_an_output(checkout: Checkout) -> None:
    (checkout.folder / f"{FOLDER}/1.txt").write_text("mine")
    run = checkout.computes("snakemake", set())
    assert len([line for line in run.messages() if f"{FOLDER}/1.txt: restored from the record" in line]) == 1
    assert quarantined(checkout) == {f"{FOLDER}/1.txt": b"mine"}


def test_a_file_in_the_place_of_an_output_that_must_be_computed(checkout: Checkout) -> None:
    checkout.edit("config.yaml", "[1, 2]", "[1, 2, 3]")
    (checkout.folder / f"{FOLDER}/3.txt").write_text("mine")
    run = checkout.computes("snakemake", {"degree-3", "best"})
    assert len([line for line in run.messages() if f"{FOLDER}/3.txt" in line]) == 1
    assert quarantined(checkout) == {f"{FOLDER}/3.txt": b"mine"}


def test_a_file_beside_the_outputs(checkout: Checkout) -> None:
    """It lies in a folder that DVC tracks as a whole, so it would be recorded as a result."""
    (checkout.folder / f"{FOLDER}/notes.txt").write_text("mine")
    run = checkout.computes("snakemake", set())
    assert len([line for line in run.messages() if f"{FOLDER}/notes.txt" in line]) == 1
    assert quarantined(checkout) == {f"{FOLDER}/notes.txt": b"mine"}


def test_several_files_are_kept(checkout: Checkout) -> None:
    for content in ("mine", "also mine"):
        (checkout.folder / POINTS).write_text(content)
        checkout.run(*SNAKEMAKE)
    folders = sorted((checkout.folder / QUARANTINE).iterdir())
    assert [(folder / POINTS).read_text() for folder in folders] == ["mine", "also mine"]


def cleared_clone(checkout: Checkout) -> Checkout:
    """Return a clone without records, cache and remote, in which nothing has run."""
    clone = checkout.clone()
    clone.remove_remote()
    (clone.folder / "dvc.lock").unlink()
    (clone.folder / METRICS).unlink()
    return clone


def put(checkout: Checkout, path: str, text: str = "mine") -> Path:
    """Put a file of the user at a path, by renaming another."""
    file = checkout.folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name("beside")
    beside.write_text(text)
    beside.replace(file)
    return file


def is_kept_and_named(checkout: Checkout, run: Run, path: str) -> None:
    (message,) = [line for line in run.messages() if QUARANTINE in line]
    assert path.removesuffix("/mine.txt") in message
    assert quarantined(checkout) == {path: b"mine"}


# Files that lie in the place of an output when its job starts.

OUTPUT, SHELL = (
    '"data/points.txt"',
    '        "python -S -B {input.script} salt=0 seed={params.seed} n={params.n} {output}"',
)
FOLDER_OUTPUT = (
    (OUTPUT, f'{OUTPUT}, folder=directory("data/more")'),
    ("{output}", "{output[0]} && mkdir {output.folder} && touch {output.folder}/a"),
)
KINDS = {
    "file": ((), POINTS),
    "folder": ((), f"{POINTS}/mine.txt"),
    "protected": (((OUTPUT, f"protected({OUTPUT})"),), POINTS),
    "temporary": (((OUTPUT, f"temp({OUTPUT})"),), POINTS),
    "directory": (FOLDER_OUTPUT, "data/more/mine.txt"),
    "file at a directory": (FOLDER_OUTPUT, "data/more"),
    "log": ((("    params:", '    log:\n        "logs/points.log",\n    params:'),), "logs/points.log"),
    "benchmark": ((("    params:", '    benchmark:\n        "logs/points.tsv"\n    params:'),), "logs/points.tsv"),
    "group": ((("    params:", '    group:\n        "points"\n    params:'),), POINTS),
    "checkpoint": ((("rule points:", "checkpoint points:"), ("rules.points.output", OUTPUT)), POINTS),
    "run": (((f"    shell:\n{SHELL}", f"    run:\n        shell({SHELL.strip()})"),), POINTS),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_set_aside_before_a_job_writes_over_it(checkout: Checkout, kind: str) -> None:
    edits, path = KINDS[kind]
    clone = cleared_clone(checkout)
    for old, new in edits:
        clone.edit("rules/data.smk", old, new)
    put(clone, path).chmod(0o400)
    run = clone.run(*SNAKEMAKE, POINTS)
    is_kept_and_named(clone, run, path)


def test_a_file_whose_content_is_damaged_in_the_cache(checkout: Checkout) -> None:
    clone = cleared_clone(checkout)
    digest = md5(put(clone, POINTS).read_bytes())
    put(clone, f".dvc/cache/files/md5/{digest[:2]}/{digest[2:]}", "damaged")
    is_kept_and_named(clone, clone.run(*SNAKEMAKE), POINTS)


def test_a_named_pipe_in_the_place_of_an_output(checkout: Checkout) -> None:
    (checkout.folder / POINTS).unlink()
    os.mkfifo(checkout.folder / POINTS)
    run = checkout.start(*SNAKEMAKE).wait(60)
    assert run.rc == 0, run
    checkout.is_right()


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_file_in_the_place_of_the_output_of_a_killed_job(checkout: Checkout, sign: int) -> None:
    """Snakemake has marked the output as incomplete; the file was put there afterwards."""
    set_constant(checkout, "points")
    run = checkout.start_hanging("points", *SNAKEMAKE)
    run.kill("group", sign)
    run.wait()
    checkout.resume()
    put(checkout, POINTS)
    is_kept_and_named(checkout, checkout.computes("snakemake", JOBS), POINTS)


@pytest.mark.parametrize("job", ["points", "degree-1"])
def test_a_file_that_appears_during_the_run_before_its_job_starts(checkout: Checkout, job: str) -> None:
    set_constant(checkout, "stub")
    run = checkout.start_hanging(job, *SNAKEMAKE)
    put(checkout, METRICS)
    checkout.resume()
    assert run.wait().rc == 0, run
    is_kept_and_named(checkout, run, METRICS)
    checkout.is_right()


def test_a_file_that_appears_before_the_process_of_a_job_starts_it(checkout: Checkout) -> None:
    """A job on a cluster waits in a queue. Here the job has a process of its own, which first finds the file."""
    clone = cleared_clone(checkout)
    clone.edit("rules/data.smk", *KINDS["run"][0][0])
    put(clone, "mine.txt")
    copy = "os.makedirs('data', exist_ok=True), shutil.copy('mine.txt', 'data/points.txt')"
    appears = f"if not workflow.is_main_process:\n    {copy}"
    clone.edit("rules/data.smk", "rule data:", f"import os\nimport shutil\n\n{appears}\n\n\nrule data:")
    is_kept_and_named(clone, clone.run(*SNAKEMAKE, POINTS), POINTS)


def test_the_log_of_a_job_is_not_set_aside(checkout: Checkout) -> None:
    checkout.edit("rules/data.smk", "    params:", '    log:\n        "logs/points.log",\n    params:')
    checkout.edit("rules/data.smk", "{output}", "{output} && echo {params.seed} >{log} && test {params.seed} != 8")
    checkout.computes("snakemake", JOBS)
    checkout.edit("config.yaml", "seed: 7", "seed: 8")
    checkout.run(*SNAKEMAKE, rc=1)
    checkout.edit("config.yaml", "seed: 8", "seed: 9")
    checkout.computes("snakemake", JOBS)
    assert quarantined(checkout) == {}


def test_files_are_set_aside_before_dvc_deletes_them(checkout: Checkout) -> None:
    clone = cleared_clone(checkout)
    files = [POINTS, f"{FOLDER}/1.txt", f"{FOLDER}/notes.txt", METRICS]
    for path in files:
        put(clone, path)
    named = [line for line in clone.computes("dvc", JOBS).messages() if QUARANTINE in line]
    assert len(named) == 2  # one for each stage
    assert all(any(path in line for line in named) for path in files)
    assert quarantined(clone) == dict.fromkeys(files, b"mine")
    clone.has_nothing_to_do()


def test_dvc_deletes_known_results_as_before(checkout: Checkout) -> None:
    set_constant(checkout, "stub")
    assert not any(QUARANTINE in line for line in checkout.computes("dvc", JOBS).messages())
    assert quarantined(checkout) == {}


# Inputs that are outputs too.

SPELLINGS = {
    "same": POINTS,
    "dot": f"./{POINTS}",
    "dots": f"data/../{POINTS}",
    "absolute": "{folder}/" + POINTS,
    "link": "mine.txt",
    "hard link": "mine.txt",
    "folder": "other/points.txt",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_input_that_is_an_output_is_refused(checkout: Checkout, spelling: str) -> None:
    """Snakemake would delete the file, or read it as a source and leave out the job."""
    clone = cleared_clone(checkout)
    mine = put(clone, POINTS)
    if spelling == "link":
        (clone.folder / "mine.txt").symlink_to(POINTS)
    elif spelling == "hard link":
        (clone.folder / "mine.txt").hardlink_to(mine)
    elif spelling == "folder":
        (clone.folder / "other").symlink_to("data")
    path = SPELLINGS[spelling].format(folder=clone.folder)
    clone.edit("rules/data.smk", "    output:", f'        given="{path}",\n    output:')
    for arguments in [["--dry-run"], [], [METRICS]] if spelling == "same" else [[]]:
        run = clone.run(*SNAKEMAKE, *arguments, rc=1)
        (message,) = run.messages()
        assert message.startswith("error: rule points")
        assert path in message
        assert run.jobs() == set()
    assert mine.read_text() == "mine"
    assert quarantined(clone) == {}


@pytest.mark.parametrize(("given", "kept"), [("data/more/mine.txt", "data/more/mine.txt"), ("data", "data/mine.txt")])
def test_an_input_in_an_output_and_the_reverse_are_refused(checkout: Checkout, given: str, kept: str) -> None:
    clone = cleared_clone(checkout)
    mine = put(clone, kept)
    for old, new in (*FOLDER_OUTPUT, ("    output:", f'        given="{given}",\n    output:')):
        clone.edit("rules/data.smk", old, new)
    (message,) = clone.run(*SNAKEMAKE, rc=1).messages()
    assert f"the input {given} and its output data/" in message
    assert mine.read_text() == "mine"


def test_an_input_that_is_the_output_of_another_job_by_another_name(checkout: Checkout) -> None:
    checkout.edit("rules/fit.smk", 'points="data/points.txt"', 'points="data/../data/points.txt"')
    (message,) = checkout.run(*SNAKEMAKE, rc=1).messages()
    assert "rule degree" in message
    assert "data/points.txt, the output of rule points" in message


def test_two_outputs_that_are_one_file_are_refused(checkout: Checkout) -> None:
    checkout.edit("rules/fit.smk", f'"{METRICS}"', f'"{METRICS}", other="data/../{POINTS}"')
    (message,) = checkout.run(*SNAKEMAKE, rc=1).messages()
    assert "which rule points and rule best write, are one file" in message


def test_an_output_that_is_a_hard_link_to_the_input(checkout: Checkout) -> None:
    checkout.edit("rules/data.smk", SHELL, '        "ln {input.script} {output} && : {params.seed}"')
    checkout.run(*SNAKEMAKE)
    checkout.has_nothing_to_do()
    checkout.edit("config.yaml", "seed: 7", "seed: 8")
    checkout.run(*SNAKEMAKE)
    checkout.has_nothing_to_do()


# Files that pass for results.


def test_a_file_in_the_place_of_an_output_whose_rule_cannot_run(checkout: Checkout) -> None:
    """Snakemake would read the file as a source."""
    (checkout.folder / "scripts/points.py").unlink()
    checkout.run(*SNAKEMAKE)
    mine = put(checkout, POINTS)
    (message,) = checkout.run(*SNAKEMAKE, rc=1).messages()
    assert message.endswith(f"made {POINTS}, and rule points, which makes it, cannot run: scripts/points.py is missing")
    assert mine.read_text() == "mine"


def test_a_run_fails_if_a_result_was_replaced_after_its_job(checkout: Checkout) -> None:
    set_constant(checkout, "best")
    run = checkout.start_hanging("best", *SNAKEMAKE)
    put(checkout, POINTS)
    checkout.resume()
    assert run.wait().rc, run
    assert any(f"{POINTS}: replaced during the run" in line for line in run.messages())
    checkout.computes("snakemake", set())
    assert quarantined(checkout) == {POINTS: b"mine"}


def test_a_run_with_a_result_that_has_no_record_fails_and_the_next_one_repeats_the_job(checkout: Checkout) -> None:
    set_constant(checkout, "best")
    run = checkout.start_hanging("best", *SNAKEMAKE)
    put(checkout, f"{FOLDER}/1.txt")
    checkout.resume()
    assert run.wait().rc, run
    assert any("1.txt was changed while rule best ran: no record is written" in line for line in run.messages())
    assert run.messages()[-1] == f"error: there are results without a record ({METRICS}): run again"
    run = checkout.run(*SNAKEMAKE)
    assert run.jobs() == {"best"}
    checkout.is_right()
    checkout.has_nothing_to_do()
    assert quarantined(checkout)[f"{FOLDER}/1.txt"] == b"mine"
