"""The example, with the package as pip installs it and the commands of the README."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.environment import PACKAGE, environment

JOB = re.compile(r"(?m)^(?:local)?rule (\w+):$")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which only the package is installed. pip builds in a copy, since it writes beside the sources."""
    root = tmp_path_factory.mktemp("installed")
    shutil.copytree(PACKAGE / "src", root / "copy/src", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(PACKAGE / name, root / "copy")
    command = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", *command, "--target", root / "site", root / "copy"], check=True)
    return root / "site"


class Shell:
    """A folder in which a shell runs the commands of a user."""

    def __init__(self, folder: Path, installed: Path) -> None:
        self.folder = folder
        self.env = environment(folder.parent / "home")
        self.env |= {"PYTHONPATH": str(installed), "PATH": f"{installed}/bin{os.pathsep}{self.env['PATH']}"}

    def run(self, line: str) -> str:
        """Run a line and return what it prints."""
        ended = subprocess.run(
            ["sh", "-ec", line], cwd=self.folder, env=self.env, capture_output=True, text=True, check=False
        )
        printed = ended.stdout + ended.stderr
        assert ended.returncode == 0, printed
        assert "Traceback" not in printed, printed
        return printed


def steps() -> list[str]:
    """Return the shell commands of the five steps in the README."""
    readme = (PACKAGE / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## From `pip install` to a working pair in five steps")[2].partition("\n## ")[0]
    return re.findall(r"(?m)^ {7}(\S.*)$", section)


def setup_in_readme() -> str:
    """Return the lines that the README adds to the Snakefile."""
    return textwrap.dedent(
        re.findall(r"(?s)```python\n(.*?) *```", (PACKAGE / "README.md").read_text(encoding="utf-8"))[0]
    )


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, installed: Path) -> Iterator[Shell]:
    """The example after the five steps, without the commit."""
    root = tmp_path_factory.mktemp("pair")
    shutil.copytree(PACKAGE / "example", root / "main", ignore=shutil.ignore_patterns(".*", "__pycache__"))
    shell = Shell(root / "main", installed)
    install, *others, commit = steps()
    assert install.startswith("pip install snakemake-dvc ")
    assert commit.startswith("git add --all && git commit ")
    printed = [shell.run(line) for line in others]
    assert "commit the recorded results: git add dvc.lock results/fit/metrics.json && git commit\n" in printed[-1]
    yield shell
    shutil.rmtree(root)


def test_the_installed_package_is_imported(pair: Shell, installed: Path) -> None:
    printed = pair.run(f"{sys.executable} -c 'import snakemake_dvc; print(snakemake_dvc.__file__)'")
    assert printed.strip() == str(installed / "snakemake_dvc/__init__.py")
    assert (installed / "snakemake_dvc/py.typed").is_file()


def test_the_steps_of_the_readme() -> None:
    words = [" ".join(line.split()[:2]) for line in steps()]
    assert words == [
        "pip install",
        "git init",
        "printf '%s\\n'",
        "snakemake-dvc stages",
        "snakemake --cores",
        "git add",
    ]


def test_the_setup_of_the_readme_works_in_the_example(pair: Shell, tmp_path: Path, installed: Path) -> None:
    """The README also names a lock file of packages, which the example does not have."""
    shutil.copytree(PACKAGE / "example", tmp_path / "main")
    shutil.copytree(pair.folder / ".git", tmp_path / "main/.git")
    shutil.copytree(pair.folder / ".dvc", tmp_path / "main/.dvc", ignore=shutil.ignore_patterns("cache"))
    snakefile = (tmp_path / "main/Snakefile").read_text()
    rest = snakefile.partition("include:")
    (tmp_path / "main/Snakefile").write_text("".join([setup_in_readme(), *rest[1:]]))
    (tmp_path / "main/requirements.lock").touch()
    shell = Shell(tmp_path / "main", installed)
    shell.run("snakemake-dvc stages")
    assert "- requirements.lock\n" in (tmp_path / "main/dvc.yaml").read_text()
    assert sorted(JOB.findall(shell.run("snakemake --dry-run --quiet host"))) == [
        *("all", "data_points", "fit_best"),
        *["fit_degree"] * 3,
    ]


def test_both_engines_have_nothing_to_do(pair: Shell) -> None:
    printed = pair.run("dvc repro")
    assert re.findall(r"Stage '(\w+)' didn't change, skipping", printed) == ["data", "fit"]
    assert "Nothing to be done" in pair.run("snakemake --cores 2")
    assert re.search(r'"best_degree": 2\b', (pair.folder / "results/fit/metrics.json").read_text())


def test_a_clone_with_a_remote_computes_nothing(pair: Shell, installed: Path) -> None:
    pair.run(
        f"{steps()[-1]} && dvc remote add --default lab ../remote && git commit --all --message remote && dvc push"
    )
    tracked = set(pair.run("git ls-files").split())
    assert {"dvc.lock", "dvc.yaml", "results/fit/metrics.json"} <= tracked
    assert not any(path.startswith(("data/", "records/")) or "by_degree" in path for path in tracked)
    for command in ("snakemake --cores 2", "dvc repro"):
        folder = pair.folder.with_name(command.split()[0])
        pair.run(f"git clone --quiet . {folder}")
        clone = Shell(folder, installed)
        printed = clone.run(command)
        assert JOB.findall(printed) == [], printed
        for path in ("data/points.csv", "results/fit/by_degree/3.json"):
            assert (folder / path).read_bytes() == (pair.folder / path).read_bytes()
        assert clone.run("git status --short") == ""
