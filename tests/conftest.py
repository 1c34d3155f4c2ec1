"""What the tests share: a checkout of their own to run the pipeline in."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml
from filelock import FileLock
from hypothesis import settings

# On a busy machine any example can take long; no test asserts speed.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

ROOT = Path(__file__).resolve().parents[1]
IDENTITY = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
# The options with which the pipeline takes its small values.
TINY = ("--configfile", "config/tiny.yaml")


def project_files() -> list[str]:
    """The files that git has or would take, as they are now, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def copy_checkout(folder: Path) -> Path:
    """Copy the project's files into a new git repository, but for the metrics, which are results."""
    for name in project_files():
        if name.startswith("results/"):
            continue
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    commit = [*IDENTITY, "commit", "--quiet", "--message=test"]
    for arguments in (["init", "--quiet"], ["add", "--all"], commit):
        # The report names the commit: the same tree gets the same one.
        dates = {"GIT_AUTHOR_DATE": "2022-01-27T00:00:00Z", "GIT_COMMITTER_DATE": "2022-01-27T00:00:00Z"}
        subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, env={**os.environ, **dates})
    return folder


def make_small(folder: Path, rooms: Sequence[str]) -> Path:
    """Cut the workflow of a checkout down to some rooms, on the tiny configuration, and commit that."""
    config = yaml.safe_load((folder / "config/config.yaml").read_text())
    others = "|".join(room for room in config if room not in rooms and (folder / f"workflow/rules/{room}.smk").exists())
    line = re.compile(rf'^(include: ".*/({others})\.smk"| +rules\.({others})\..*|    "({others})",)\n', re.MULTILINE)
    for path in (folder / "Snakefile", folder / "workflow/rules/report.smk"):
        path.write_text(line.sub("", path.read_text()))
    pipeline = yaml.safe_load((folder / "dvc.yaml").read_text())
    pipeline["plots"] = [plot for plot in pipeline["plots"] if not re.search(f"results/({others})/", str(plot))]
    (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
    for room, section in yaml.safe_load((folder / "config/tiny.yaml").read_text()).items():
        config[room].update(section)
    (folder / "config/config.yaml").write_text(yaml.safe_dump(config, sort_keys=False, default_flow_style=None))
    (folder / "dvc.lock").unlink(missing_ok=True)
    subprocess.run([sys.executable, "-m", "snakemake_dvc", "stages"], cwd=folder, check=True, capture_output=True)
    subprocess.run(["git", *IDENTITY, "commit", "--quiet", "--all", "--message=small"], cwd=folder, check=True)
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the runs of the pipeline: they take one worker each as long as all other tests take the rest."""
    items.sort(key=lambda item: item.path.name not in ("test_pipeline.py", "test_staleness.py", "test_cluster.py"))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of its own for one test."""
    return copy_checkout(tmp_path / "checkout")


@pytest.fixture(scope="session")
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a program in a folder, with what it printed on both streams in `.stdout`."""

    def run_in(folder: Path, *command: str | Path, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env={**os.environ, "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run_in


@pytest.fixture(scope="session")
def done(run) -> Callable[..., str]:
    """Run a program, which must end well; return what it said."""

    def run_well(folder: Path, *command: str | Path, timeout: float = 600) -> str:
        ended = run(folder, *command, timeout=timeout)
        assert ended.returncode == 0, ended.stdout
        return str(ended.stdout)

    return run_well


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id, done) -> Path:
    """A checkout in which the tiny pipeline has run from nothing, on two cores; to be read or copied, never changed.

    All workers of pytest-xdist share it: the first that asks makes it, the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    base = base if worker_id == "master" else base.parent
    folder = base / "finished"
    with FileLock(base / "finished.lock"):
        if not folder.exists():
            # A run that failed leaves nothing that another worker could take for finished.
            made = copy_checkout(tmp_path_factory.mktemp("unfinished") / "checkout")
            done(made, "snakemake", "--cores", "2", *TINY, timeout=1200)
            made.rename(folder)
    return folder
