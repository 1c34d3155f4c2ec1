"""The commands in the README and the docs run as written, on the configuration of a fresh clone with less data.

Each page is a session of its own: all its commands run in one shell, in a clone as a reader of the page has it. What
takes minutes there runs as a dry run, or not at all, for the reasons listed here. tests/unit/test_docs.py runs the
Python code. `make sessions` writes the outputs into the pages, with all data.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from nngplab.pipeline.files import atomic_write
from tests.helpers.checkout import IDENTITY, ROOT, project_files
from tests.helpers.doc_pages import (
    PAGES,
    Step,
    lent_environment,
    missing_lines,
    run_python,
    run_steps,
    shown_after,
    steps,
    updated,
)
from tests.helpers.warm import connect

WITH_COMMANDS = [page for page in PAGES if steps(page)]
# The reader of this page has no clone yet. Those of the others have one with the results of Problem 11.
FIRST = ROOT / "docs/tutorial_student.md"
# What the jobs of Problem 11 depend on in size, but not in number.
SIZES = ("n", "d", "n_test", "repeats", "curve_d", "curve_n", "curve_repeats", "curve_n_test")
# These run jobs for minutes. Here Snakemake does a dry run of them, by a profile in the environment. test_pipeline.py
# runs the same jobs with small values.
DRY_RUN = {
    "make report",
    "make report ONLY=challenge CONFIG=challenge.yaml",
    "make report ONLY=challenge",
    "make report ONLY=challenge CONFIG=my.yaml",
    "snakemake --cores 2",
    "snakemake --cores 2 --configfile config/full.yaml",
}
INSTALL = "pip install --no-deps --no-build-isolation --editable . --editable packages/snakemake-dvc"
DOWNLOADS = "it downloads packages"
NEEDS_SLURM = "it needs Slurm; tests/cluster runs the profile"
# These do not run here.
NOT_RUN = {
    "make test": "these tests are a part of it",
    "make cluster": DOWNLOADS,
    "make mpi": DOWNLOADS,
    "OPENBLAS_NUM_THREADS=4 mpiexec -n 2 python -m mpi4py fit.py": "tests/unit/test_scalapack.py starts such programs",
    "sbatch fit.sh": NEEDS_SLURM,
    "pip install .": f"{DOWNLOADS}; `make test-library` runs it",
    "snakemake --profile profiles/slurm --dry-run": NEEDS_SLURM,
    "snakemake --profile profiles/slurm": NEEDS_SLURM,
    "snakemake --profile profiles/slurm --dry-run kernel_regression": NEEDS_SLURM,
    "snakemake --profile profiles/slurm --configfile config/full.yaml -- width_sweep": NEEDS_SLURM,
    "mamba env create --file environment.yml": DOWNLOADS,
    "conda activate nngp-lab": "it needs conda",
    INSTALL: "it needs conda",
    "snakemake --cores all": "it needs conda",
    "pixi init --import environment.yml": "it needs pixi",
    f"pixi run {INSTALL}": "it needs pixi",
    "pixi run snakemake --cores all": "it needs pixi",
}


def make_origin(home: Path, with_all_data: bool) -> None:
    """Make the repository that readers clone: the project as it is now, on the branch main, and no remote of DVC."""
    source = home / "source"
    for name in project_files():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name)
    if not with_all_data:
        take_less_data(source / "config")
    for command in (
        ["git", "init", "--quiet", "--initial-branch=main"],
        ["git", "add", "--all"],
        ["git", *IDENTITY, "commit", "--quiet", "--message=The project"],
        ["git", "clone", "--quiet", "--bare", ".", home / "origin.git"],
    ):
        subprocess.run(command, check=True, cwd=source)


def take_less_data(folder: Path) -> None:
    """Give Problem 11 the sizes of config/tiny.yaml: its jobs stay the same, and take a tenth of the time."""
    tiny = yaml.safe_load((folder / "tiny.yaml").read_text())["kernel_regression"]
    before, start, text = (folder / "config.yaml").read_text().partition("\nkernel_regression:\n")
    for key in SIZES:
        text, number = re.subn(rf"^  {key}: .*", f"  {key}: {tiny[key]}", text, count=1, flags=re.MULTILINE)
        assert number == 1, key
    (folder / "config.yaml").write_text(f"{before}{start}{text}")


def environment(home: Path, programs: Path) -> dict[str, str]:
    """Return the variables of a session: a git user, an address for the repository, nothing of the outer `make`."""
    outer = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHONPATH", "SNAKEMAKE_PROFILE", "VIRTUAL_ENV")
    settings = {
        "user.name": "you",
        "user.email": "you@localhost",
        f"url.{home}/origin.git.insteadOf": "https://ADDRESS/nngp-lab.git",
    }
    config = {"GIT_CONFIG_COUNT": str(len(settings))}
    for index, (key, value) in enumerate(settings.items()):
        config |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    path = f"{programs}:{os.environ['PATH']}"
    inherited = {name: value for name, value in os.environ.items() if name not in outer}
    # A page that installs something must not change the environment of the tests.
    return {**inherited, **config, "PATH": path, "COLUMNS": "100", "PIP_DRY_RUN": "1"}


class Sessions:
    """What the sessions share: the repository, a profile for dry runs, and a clone with results of Problem 11.

    The clone is that of the first session, whose reader makes it.
    """

    def __init__(self, home: Path, warm: Path, with_all_data: bool = False) -> None:
        self.home = home
        self.lent = lent_environment(home / "environment", warm)
        self.environment = environment(home, self.lent / "bin")
        make_origin(home, with_all_data)
        self.profile = home / "dry-run"
        self.profile.mkdir()
        (self.profile / "profile.yaml").write_text("dry-run: true\n")
        (home / FIRST.stem).mkdir()
        self.first = self.run_steps(FIRST, home / FIRST.stem)
        self.answered = home / FIRST.stem / "nngp-lab"
        # Without what the reader has added, also in the cache: there, a reader of another page has no results of it. On
        # another kind of CPU the last digits, and so dvc.lock, can differ.
        self.run_in(self.answered, "git restore . && git clean -dfq && snakemake --cores 2 kernel_regression")
        self.run_in(self.answered, "dvc gc --quiet --workspace --force")
        self.run_in(self.answered, "git diff --quiet || git commit --quiet --all --message Results && git push --quiet")

    def run_in(self, folder: Path, command: str) -> None:
        """Run a command that no page shows."""
        shell = ["bash", "-euc", command]
        ended = subprocess.run(shell, cwd=folder, env=self.environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr

    def run_page(self, page: Path, folder: Path) -> list[Step]:
        """Run the commands of a page in a clone in a folder, and return them with their outputs."""
        if page == FIRST:
            return self.first
        return self.run_steps(page, shutil.copytree(self.answered, folder / "nngp-lab", symlinks=True))

    def run_steps(self, page: Path, folder: Path) -> list[Step]:
        """Run the commands of a page in a folder.

        The output of a command that does not run, or as a dry run only, is that on the page.
        """
        found = steps(page)
        dry = dict.fromkeys(DRY_RUN, str(self.profile))
        home = folder if page == FIRST else folder.parent
        run = [step for step in found if step.name not in NOT_RUN]
        run_steps(run, folder, home, self.lent, self.environment, dry)
        for step in found:
            if step.name in DRY_RUN | set(NOT_RUN):
                step.output = step.shown
        return found


@pytest.fixture(scope="module")
def sessions(tmp_path_factory, warm) -> Sessions:
    return Sessions(tmp_path_factory.mktemp("sessions"), warm)


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.stem)
def test_the_commands_of_a_page_run_and_print_what_it_shows(page, sessions, tmp_path):
    for step in sessions.run_page(page, tmp_path):
        assert missing_lines(step) == [], f"{step.command}\n{step.output}\nrun `make sessions`"


def test_every_exception_is_on_a_page():
    names = {step.name for page in WITH_COMMANDS for step in steps(page)}
    assert (DRY_RUN | set(NOT_RUN)) - names == set()


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.stem)
def test_a_page_names_no_folder_of_this_machine(page):
    assert tempfile.gettempdir() not in page.read_text()


def main(names: list[str]) -> None:
    """Run the sessions and the Python code of all pages, or of those named, and write the outputs into them."""
    pages = [page for page in PAGES if page.stem in (names or [page.stem]) and (steps(page) or shown_after(page))]
    with tempfile.TemporaryDirectory() as home:
        warm = Path(home, "warm")
        warm.mkdir()
        server = connect(warm)  # it ends with the connection
        sessions = Sessions(Path(home), warm, with_all_data=True) if any(steps(page) for page in pages) else None
        for page in pages:
            folder = Path(home) / page.stem
            folder.mkdir(exist_ok=True)  # that of the first session is there
            done = sessions.run_page(page, folder) if sessions and steps(page) else []
            text = updated(page, done, run_python(page))
            with atomic_write(page) as beside:
                beside.write_text(text, encoding="utf-8")
        server.close()


if __name__ == "__main__":
    main(sys.argv[1:])
