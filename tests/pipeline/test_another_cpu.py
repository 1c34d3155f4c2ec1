"""A run on another kind of CPU: the last digits of results differ, and git shows no other metrics."""

from tests.helpers.slow_cpu import settings
from tests.helpers.small_checkout import ALL, jobs_run


def test_another_cpu_changes_no_metric(finished_small, tmp_path, done, monkeypatch):
    folder = tmp_path / "clone"
    done(tmp_path, "git", "clone", "--quiet", finished_small, folder)
    # Nothing to fetch.
    done(folder, "dvc", "remote", "modify", "--local", "lab", "url", tmp_path / "empty")
    for name, value in settings().items():
        monkeypatch.setenv(name, value)
    assert jobs_run(done(folder, "snakemake", "--cores", "1")) == ALL
    assert set(done(folder, "git", "diff", "--name-only").split()) <= {"dvc.lock"}
    assert done(folder, "dvc", "metrics", "diff") == ""
