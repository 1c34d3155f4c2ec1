"""The jobs of Problem 13: which of them read the test samples, and what new files make stale."""

import json
from pathlib import Path

import numpy as np
import yaml

from tests.helpers.checkout import ROOT

SIZES = {"train": 80, "val": 40, "test": 50}


JOBS = """
import json
from snakemake_dvc._snakemake import dag_of_all
jobs = dag_of_all().jobs
print(json.dumps([(job.rule.name, list(map(str, job.input)), list(map(str, job.output))) for job in jobs]))
"""


def jobs(done, folder: Path) -> list[tuple[str, list[str], list[str]]]:
    """Return rule, inputs and outputs of each job."""
    found: list[tuple[str, list[str], list[str]]] = json.loads(done(folder, "python", "-c", JOBS).splitlines()[-1])
    return found


def test_only_the_test_reads_test_samples(done, checkout):
    """And nothing that is selected by comes from it."""
    graph = jobs(done, checkout)
    held = {path for _, _, outputs in graph for path in outputs if path.endswith("_test.npz")}
    assert len(held) == 2
    readers = {rule for rule, inputs, _ in graph if held & set(inputs)}
    assert readers - {"all"} == {"challenge_test", "challenge_curve"}
    after = {path for rule, _, outputs in graph if rule in readers - {"all"} for path in outputs}
    while True:
        further = {path for _, inputs, outputs in graph if after & set(inputs) for path in outputs} - after
        if not further:
            break
        after |= further
    assert "results/challenge/selected.json" not in after
    assert not [path for path in after if "candidates" in path]


def test_added_changed_and_deleted_files_make_the_data_stale(run, checkout):
    """For Snakemake whatever their time; DVC has the folder as a dependency."""
    target = ("snakemake", "--cores", "1", "--configfile", "config/tiny.yaml", "--")
    ended = run(checkout, *target, "data/challenge_course_test.npz")
    assert ended.returncode == 0, ended.stdout

    def stale() -> bool:
        plan = run(checkout, *target[:-1], "--dry-run", "--", "data/challenge_course_test.npz").stdout
        return "challenge_course_data" in plan

    without_files = (checkout / "data/challenge_course_test.npz").read_bytes()
    folder = checkout / "data/challenge"
    for split in SIZES:
        np.savetxt(folder / f"X_{split}.csv", np.ones((400, 2)), delimiter=",")
        np.savetxt(folder / f"y_{split}.csv", np.arange(400.0))
    assert stale()
    ended = run(checkout, *target, "data/challenge_course_test.npz")
    assert ended.returncode == 0, ended.stdout
    content = (folder / "y_val.csv").read_text()
    (folder / "y_val.csv").write_text(content.replace("0", "1", 1))
    assert stale()
    (folder / "y_val.csv").write_text(content)
    assert not stale()
    for path in folder.glob("*.csv"):
        path.unlink()
    # What was made without them is in DVC's cache: it comes back, and no job runs.
    assert not stale()
    assert run(checkout, *target, "data/challenge_course_test.npz").returncode == 0
    assert (checkout / "data/challenge_course_test.npz").read_bytes() == without_files
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert "data/challenge" in stages["challenge"]["deps"]


def test_a_further_candidate_of_one_model_leaves_the_tests_of_the_others(done, checkout):
    """Each test depends on the choice of its model on its data set only."""
    graph = jobs(done, checkout)
    outputs = {path for _, _, outputs in graph for path in outputs if "/network_k64_depth1_decay0.0" in path}
    outputs = {path for path in outputs if "/course/" in path}
    reached = set(outputs)
    while True:
        further = {path for _, inputs, outputs in graph if reached & set(inputs) for path in outputs} - reached
        if not further:
            break
        reached |= further
    assert {path for path in reached if "/tests/" in path and path.endswith(".csv")} == {
        "results/challenge/tests/course/network.csv"
    }
