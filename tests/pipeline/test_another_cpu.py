"""A run on another kind of CPU: the last digits of results differ, and git shows no other metrics."""

from tests.helpers.slow_cpu import settings
from tests.helpers.small_checkout import STAGES, jobs_run

METRICS = [f"results/{stage}/metrics.json" for stage in STAGES]
# The jobs that make them.
JOBS = {f"kernel_regression_{part}" for part in ("data", "fit", "merge", "summary")}
JOBS |= {"width_sweep_fit", "width_sweep_summary"}


def test_another_cpu_changes_no_metric(finished_small, tmp_path, done, monkeypatch):
    folder = tmp_path / "clone"
    done(tmp_path, "git", "clone", "--quiet", finished_small, folder)
    # Nothing to fetch.
    done(folder, "dvc", "remote", "modify", "--local", "lab", "url", tmp_path / "empty")
    with monkeypatch.context() as patch:
        for name, value in settings().items():
            patch.setenv(name, value)
        assert jobs_run(done(folder, "snakemake", "--cores", "1", "--", *METRICS)) == JOBS
    assert set(done(folder, "git", "diff", "--name-only").split()) <= {"dvc.lock"}
    assert done(folder, "dvc", "metrics", "diff") == ""
