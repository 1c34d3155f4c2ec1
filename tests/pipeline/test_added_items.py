"""What a user adds to a list of the configuration, or edits in a file of their own, makes no other item run again."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.small_checkout import ENGINES, Workspace, commit, configure, set_key

ACTIVATION = "def {}(x):\n    return x / ({} + abs(x))\n"
# The jobs that compare all kernels of Problem 11, and all networks of Problem 12.
COMPARE_KERNELS = [
    "Merge the test errors of the kernels of Problem 11",
    "Compare the kernels of Problem 11",
    "Predict the test errors of Problem 11",
    "Draw the test errors of Problem 11",
]
COMPARE_NETWORKS = [
    "Compare the networks of Problem 12 with the NNGP",
    "Predict the test errors of Problem 12",
    "Draw test error against width for Problem 12",
]


def kernel(name: str, repeats: str = "0 to 3") -> str:
    return f"Fit a kernel of Problem 11: {name}, repeats {repeats}"


def networks(name: str, k: int = 64) -> str:
    return f"Train the last layer of networks of Problem 12: {name}, k = {k}, draws 0 to 2"


def redrawn(name: str) -> str:
    return f"Train networks of Problem 12 on new data: {name}, draws 0 to 19"


def activation(name: str) -> list[str]:
    """The jobs of one activation."""
    return [
        kernel(name),
        networks(name),
        redrawn(name),
        f"Measure the learning curve of a kernel of Problem 11: {name}",
    ]


def add_activation(workspace: Workspace, name: str) -> None:
    write_activation(workspace, name)
    set_key(workspace.folder, "extra_activations", ["first", "second", name])


def write_activation(workspace: Workspace, name: str, offset: int = 1) -> None:
    (workspace.folder / f"workflow/activations/{name}.py").write_text(ACTIVATION.format(name, offset))


@pytest.fixture(scope="module")
def with_two(finished_small, run, tmp_path_factory) -> Path:
    """A finished checkout with two activations of a user."""
    folder = tmp_path_factory.mktemp("with_two") / "checkout"
    workspace = Workspace(shutil.copytree(finished_small, folder, symlinks=True), run)
    configure(folder, "kernel_regression", kernels=["relu", "laplace"], repeats=3)
    configure(folder, "width_sweep", repeats=3)
    write_activation(workspace, "second")
    add_activation(workspace, "first")
    set_key(folder, "extra_activations", ["first", "second"])
    output = workspace.run_engine()
    assert "recorded in dvc.lock: kernel_regression, width_sweep" in output, "dvc.yaml names what is read"
    commit(folder)
    return folder


CASES: dict[str, tuple[Callable[[Workspace], object], list[str]]] = {
    "an activation added": (
        lambda workspace: add_activation(workspace, "third"),
        [*activation("third"), *COMPARE_KERNELS, *COMPARE_NETWORKS],
    ),
    "an activation added before the others": (
        lambda workspace: set_key(workspace.folder, "extra_activations", ["gelu", "second", "first"]),
        [*activation("gelu"), *COMPARE_KERNELS, *COMPARE_NETWORKS],
    ),
    "one of two activations edited": (
        lambda workspace: write_activation(workspace, "first", 2),
        [*activation("first"), *COMPARE_KERNELS, *COMPARE_NETWORKS],
    ),
    "an activation removed": (
        lambda workspace: set_key(workspace.folder, "extra_activations", ["first"]),
        [*COMPARE_KERNELS, *COMPARE_NETWORKS],
    ),
    "the file of an activation that is not used": (lambda workspace: write_activation(workspace, "third"), []),
    "the page of the folder edited": (
        lambda workspace: (workspace.folder / "workflow/activations/README.md").write_text("edited"),
        [],
    ),
    "a kernel added": (
        lambda workspace: configure(workspace.folder, "kernel_regression", kernels=["step", "relu", "laplace"]),
        [kernel("step"), *COMPARE_KERNELS],
    ),
    "the rate of the Laplace kernel": (
        lambda workspace: configure(workspace.folder, "kernel_regression", laplace_L=0.1),
        [kernel("laplace"), *COMPARE_KERNELS],
    ),
    "a width added": (
        lambda workspace: configure(workspace.folder, "width_sweep", extra_widths=[3]),
        [
            *(job for name in ("relu", "first", "second") for job in (networks(name, 3), redrawn(name))),
            *COMPARE_NETWORKS,
        ],
    ),
}


@pytest.fixture
def workspace(with_two, run, tmp_path) -> Workspace:
    return Workspace(shutil.copytree(with_two, tmp_path / "checkout", symlinks=True), run)


def planned(workspace: Workspace) -> list[str]:
    """Return the messages of the jobs that a run would execute."""
    output = workspace("snakemake", "--dry-run", "--cores", "2")
    messages = re.findall(r"^ *Job \d+: (.*)", output, flags=re.MULTILINE)
    return [message for message in messages if " is answered in " not in message and message != "all"]


@pytest.mark.parametrize("case", CASES)
def test_only_what_is_new_runs(workspace, case):
    change, messages = CASES[case]
    change(workspace)
    assert sorted(planned(workspace)) == sorted(messages)


def test_further_repeats_add_jobs_if_the_last_one_is_full(workspace):
    shards = {f"{name}_repeats{part}" for name in ("relu", "laplace") for part in ("0-100", "101-150")}
    configure(workspace.folder, "kernel_regression", repeats=150)
    output = workspace("snakemake", "--dry-run", "--cores", "2")
    assert shards <= set(re.findall(r"shards/(\w+-\d+)\.csv", output))


def test_dvc_agrees_after_an_edit(workspace):
    write_activation(workspace, "first", 2)
    workspace.engine = "dvc"
    output = workspace.run_engine()
    assert len(re.findall(r"Finished jobid: \d+ \(Rule: (?:kernel_regression|width_sweep)_fit\)", output)) == 2
    assert "Nothing to be done" in workspace("snakemake", "--dry-run")
    workspace.engine = "snakemake"
    write_activation(workspace, "first")
    assert "Finished jobid" not in workspace(*ENGINES["snakemake"]).replace("(Rule: all)", ""), "it is restored"
    assert "up to date" in workspace("dvc", "status")


def test_a_deleted_file_is_one_line(workspace):
    (workspace.folder / "workflow/activations/first.py").unlink()
    ended = workspace.run(workspace.folder, "snakemake", "--cores", "2")
    assert ended.returncode == 1
    assert "unknown activation 'first': choose one of" in ended.stdout.splitlines()[-1]
    assert len(ended.stdout.splitlines()) <= 3
