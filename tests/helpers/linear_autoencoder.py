"""Problem 3 by hand, and results of its scripts on tiny trainings."""

from pathlib import Path

import numpy as np
import torch

from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.problems.linear_autoencoder import (
    CONVENTIONS,
    ReducedDynamics,
    network_with_zero_A,
)
from tests.helpers.cifar10_images import write_batches, write_provenance
from tests.helpers.scripts import run_script

# With d = 10 the edge is near a step size of 0.1.
STEP_SIZES = [0.001, 0.05, 1.0]
EXTRA = [0.1, 0.2]


def by_update_rules(of: ReducedDynamics, steps: int, eta: float) -> tuple[np.ndarray, np.ndarray]:
    """A and B after the update rules of Problem 1, with 2c for the 1 of the problem set."""
    z = of.z[:, None]
    A, B = np.zeros_like(of.B.T), of.B.copy()
    for _ in range(steps):
        residual = z - A @ (B @ z)
        A, B = A + 2 * of.c * eta * residual @ z.T @ B.T, B + 2 * of.c * eta * A.T @ residual @ z.T
    return A, B


def network_at(A: np.ndarray, B: np.ndarray) -> OneHiddenLayer:
    network = network_with_zero_A(B)
    with torch.no_grad():
        network.A.copy_(torch.from_numpy(A))
    return network


def whole_hessian(network: OneHiddenLayer, c: float, z: torch.Tensor) -> np.ndarray:
    """The Hessian of c ||z - A B z||² in all entries of B and A, by autograd."""
    k, d = network.B.shape

    def loss(weights: torch.Tensor) -> torch.Tensor:
        B, A = weights[: k * d].view(k, d), weights[k * d :].view(d, k)
        return c * ((z - A @ (B @ z)) ** 2).sum()

    weights = torch.cat([network.B.detach().flatten(), network.A.detach().flatten()])
    return torch.autograd.functional.hessian(loss, weights).numpy()


def make_runs(folder: Path, convention: str) -> None:
    run_script(
        "linear_autoencoder_runs",
        *["--convention", convention, "--d", 10, "--width", 4, "--extra-widths", 4, 6, "--zero-steps", 5],
        *["--steps", 80, "--step-sizes", *STEP_SIZES, "--extra-step-sizes", *EXTRA, "--seeds", 3, "--seed", 88],
        *["--runs", folder / f"runs_{convention}.csv", "--losses", folder / f"losses_{convention}.csv"],
    )


def tables(folder: Path, stem: str) -> list[Path]:
    return [folder / f"{stem}_{convention}.csv" for convention in CONVENTIONS]


def make_results(home: Path) -> Path:
    """Run the scripts of Problem 3 on tiny trainings; return the folder `home`."""
    folder = home / "results/linear_autoencoder"
    for convention in CONVENTIONS:
        make_runs(folder, convention)
    make_image(home)
    run_script(
        "linear_autoencoder_summary",
        *["--runs", *tables(folder, "runs"), "--losses", *tables(folder, "losses")],
        *["--all-runs", folder / "runs.csv", "--all-losses", folder / "losses.csv", "--zero", folder / "zero.csv"],
        *["--summary", folder / "summary.csv", "--behaviours", folder / "behaviours.csv"],
        *["--metrics", folder / "metrics.json"],
    )
    run_script(
        "linear_autoencoder_probability",
        *["--summary", folder / "summary.csv", "--d", 10, "--steps", 80, "--seed", 88],
        *["--probability", folder / "probability.csv", "--outcomes", folder / "outcomes.csv"],
    )
    run_script(
        "linear_autoencoder_phase",
        *["--runs", folder / "runs.csv", "--d", 10, "--width", 4, "--steps", 80, "--phase", folder / "phase.csv"],
    )
    run_script(
        "linear_autoencoder_figures",
        *["--runs", folder / "runs.csv", "--losses", folder / "losses.csv", "--width", 4],
        *["--losses-figure", folder / "losses.svg", "--convergence-figure", folder / "convergence.svg"],
        *["--probability", folder / "probability.csv", "--outcomes", folder / "outcomes.csv"],
        *["--phase", folder / "phase.csv", "--outcomes-figure", folder / "outcomes.svg"],
        *["--phase-figure", folder / "phase.svg"],
    )
    return home


def make_image(home: Path) -> None:
    images = write_batches(home / "data", lambda random: random.integers(0, 256, (20, 3072), np.uint8))
    provenance = write_provenance(home / "results")
    folder = home / "results/linear_autoencoder"
    run_script(
        "linear_autoencoder_image",
        *["--folder", images, "--files", images.parent / "files.csv", "--provenance", provenance],
        *["--width", 6, "--edge-share", 0.5, "--steps", 60, "--test-images", 15, "--shown-images", 3, "--seed", 88],
        *["--constants", folder / "constants.csv", "--record", folder / "image.json"],
        *["--output", folder / "outputs.svg"],
    )
