"""The pages of the docs that show a session: run as they stand, step by step, in a small checkout of the project.

A session is a script, docs/NAME.sh: comments, which are the words of the page, and commands. The page, docs/NAME.md,
shows both, and the output of the commands. `make sessions` runs the sessions and writes the pages.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

from nngplab.pipeline.files import atomic_write
from tests.helpers.checkout import ROOT, copy_checkout, make_small

# Title and stages of each session.
SESSIONS = {
    "a_day": ("A day with the project", ["cifar10", "kernel_regression", "width_sweep", "report"]),
    "dvc": ("Metrics, plots and experiments with DVC", ["kernel_regression", "width_sweep"]),
}
NOTE = """<!-- Generated from docs/{name}.sh by `make sessions`. -->
# {title}

This page is the record of a session in a terminal, which the tests run again. The checkout contains some of the stages
({stages}) with the values of `config/tiny.yaml`. These values make
the runs short; the results do not answer the problem set. The environment is active (`source .venv/bin/activate`). Of
the output of each run, only the lines about jobs and stages are shown.
"""
# The lines of a run about its jobs and stages, among many about times, paths and resources.
OF_A_RUN = re.compile(
    r"(Job \d+: |Reason: Params |Nothing to be done|snakemake-dvc: |The report is |Running stage |Stage '"
    r"|Ran experiment|Experiment results |To apply the |\tdvc exp )"
)
MARK = "\x1e"
KERNELS = [
    "Fit a kernel of Problem 11: laplace, repeats 0 to 5",
    "Merge the test errors of the kernels of Problem 11",
    "Compare the kernels of Problem 11",
    "Draw the test errors of Problem 11",
]
SWEEP = [
    "Train the last layer of networks of Problem 12: relu, k = 128, draws 0 to 4",
    "Compare the networks of Problem 12 with the NNGP",
    "Draw test error against width for Problem 12",
]


@dataclass
class Step:
    """Some words, the commands after them, and the output of each."""

    words: str
    commands: list[str]
    outputs: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        each = zip(self.commands, self.outputs, strict=True)
        console = "\n".join(f"$ {command}\n{text}".strip("\n") for command, text in each)
        return f"{self.words}\n\n```console\n{console}\n```\n"


def steps(name: str) -> list[Step]:
    """Return the steps of a session: paragraphs of words and of commands, one a line, in turns."""
    paragraphs = (ROOT / f"docs/{name}.sh").read_text().strip().split("\n\n")
    words = [re.sub(r"^# ?", "", text, flags=re.MULTILINE) for text in paragraphs[::2]]
    return [Step(text, commands.splitlines()) for text, commands in zip(words, paragraphs[1::2], strict=True)]


def prepare(name: str, home: Path) -> Path:
    """Make a checkout for a session, with results, pushed to a git repository and to a DVC remote beside it."""
    folder = make_small(copy_checkout(home / "nngp-lab"), SESSIONS[name][1])
    lend_environment(folder)
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", home / "origin.git"], check=True)
    commands = [
        "git branch --move main",
        "git config user.name you && git config user.email you@localhost",
        f"git remote add origin {home}/origin.git",
        f"dvc remote add --default lab {home}/remote",
        "make report",
        "git add --all && git commit --quiet --message results",
        "git push --quiet --set-upstream origin main",
        "dvc push",
    ]
    run(folder, commands)
    return folder


def lend_environment(folder: Path) -> None:
    """Make a .venv of links to the environment of these tests, which `make` takes for installed."""
    (folder / ".venv").mkdir()
    for path in Path(sys.prefix).iterdir():
        (folder / ".venv" / path.name).symlink_to(path)
    stamp = folder / ".venv/.installed"
    stamp.unlink(missing_ok=True)
    stamp.touch()


def run(folder: Path, commands: Iterable[str]) -> str:
    """Run commands in one shell, which stops at the first that fails; return their output."""
    # `make` in a session is not part of the `make` that runs the tests.
    environment = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(commands)],
        cwd=folder,
        env={**environment, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def session(name: str, folder: Path) -> list[Step]:
    """Run a session in a checkout."""
    found = steps(name)
    commands = [line for step in found for command in step.commands for line in (f"echo {MARK}", command)]
    outputs = iter(run(folder, commands).split(f"{MARK}\n")[1:])
    for step in found:
        step.outputs = [shown(next(outputs), folder.parent) for _ in step.commands]
    return found


def shown(text: str, home: Path) -> str:
    """Return what the page shows of an output: of a run, its jobs; paths without the folder of this machine."""
    lines = [line.rstrip() for line in text.replace(f"{home}/", "/home/you/").splitlines()]
    if any("Building DAG of jobs" in line for line in lines):
        lines = [line for line in lines if OF_A_RUN.match(line)]
    return "\n".join(lines).strip("\n")


def page(name: str, done: list[Step]) -> str:
    """Return the page of a session that was run."""
    title, stages = SESSIONS[name]
    note = NOTE.format(name=name, title=title, stages=", ".join(f"`{stage}`" for stage in stages))
    return "\n".join([note, *map(str, done)])


@pytest.mark.parametrize("name", SESSIONS)
class TestPages:
    def test_the_page_shows_the_session(self, name):
        text = (ROOT / f"docs/{name}.md").read_text()
        shown = re.findall(r"^\$ (.*)$", text, flags=re.MULTILINE)
        commands = [command for step in steps(name) for command in step.commands]
        missing = [step.words for step in steps(name) if step.words not in text]
        assert (shown, missing) == (commands, []), "run `make sessions`"

    def test_the_page_names_no_machine(self, name):
        assert tempfile.gettempdir() not in (ROOT / f"docs/{name}.md").read_text()


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> dict[str, list[str]]:
    """The outputs of each command, one for each time that it was run."""
    found: dict[str, list[str]] = {}
    for step in session("a_day", prepare("a_day", tmp_path_factory.mktemp("day"))):
        for command, text in zip(step.commands, step.outputs, strict=True):
            found.setdefault(command, []).append(text)
    return found


class TestADay:
    """What the page says about what runs is so."""

    def test_with_nothing_changed_nothing_runs(self, outputs):
        morning, _, _, back = outputs["make report"]
        for text in (morning, back):
            assert "Nothing to be done" in text
            assert "Job" not in text

    def test_a_change_runs_what_it_makes_stale(self, outputs):
        _, changed, wider, _ = outputs["make report"]
        assert jobs(changed) == [*KERNELS, "Write the report"]
        assert jobs(changed) == jobs(outputs["snakemake --dry-run"][0])
        assert jobs(wider) == [*SWEEP, "Write the report"]

    def test_metrics_differ_where_something_was_changed(self, outputs):
        for command, differ in (("dvc metrics diff --precision 8", "laplace"), ("dvc metrics diff main", "widest")):
            _, *rows = outputs[command][0].splitlines()
            assert rows
            assert all(row.split()[1].startswith(f"{differ}.") for row in rows)

    def test_plots_are_drawn_without_a_warning(self, outputs):
        assert re.fullmatch(r"file:///home/you/nngp-lab/\S+/index.html", outputs["dvc plots diff"][0])

    def test_dvc_has_the_results_of_main_and_the_clone_has_them(self, outputs):
        assert outputs["dvc status"][1:] == ["Data and pipelines are up to date."] * 2


def jobs(text: str) -> list[str]:
    return re.findall(r"^Job \d+: (.*)$", text, flags=re.MULTILINE)


def test_the_session_with_dvc_ends_with_the_experiment_that_was_applied(tmp_path):
    folder = prepare("dvc", tmp_path)
    *_, last = session("dvc", folder)
    outputs = dict(zip(last.commands, last.outputs, strict=True))
    assert "kernel_regression.repeats  5       20" in outputs["dvc params diff"]
    assert outputs["dvc status"] == "Data and pipelines are up to date."
    assert set(pd.read_csv(folder / "results/kernel_regression/summary.csv")["repeats"]) == {20}


def main() -> None:
    """Run each session in a checkout of its own and write its page."""
    for name in SESSIONS:
        with tempfile.TemporaryDirectory() as home, atomic_write(ROOT / f"docs/{name}.md") as beside:
            beside.write_text(page(name, session(name, prepare(name, Path(home)))), encoding="utf-8")


if __name__ == "__main__":
    main()
