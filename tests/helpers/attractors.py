"""Results of Problem 4 on small images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nngplab.report.page import HTMLReport
from nngplab.report.results import Results
from tests.helpers.checkout import ROOT
from tests.helpers.cifar10_images import write_batches, write_provenance
from tests.helpers.scripts import run_script

TEMPLATES = ROOT / "workflow/report"


def smooth(random: np.random.Generator) -> np.ndarray:
    """Twelve images in smooth colours."""
    coarse = random.integers(0, 256, (12, 3, 4, 4), np.uint8)
    return coarse.repeat(8, axis=2).repeat(8, axis=3).reshape(12, 3072)


# The networks: the number of images, and the activation if it is not ReLU.
RELU_NETWORKS = ("1", "2")
NETWORKS = (*RELU_NETWORKS, "1_tanh", "2_tanh")


def train(
    data, folder: Path, network: str, *more: object, step_size: object = "auto", target: float = 0.01, status: int = 0
) -> str:
    n, _, activation = network.partition("_")
    return run_script(
        "attractors_train",
        *[*data, "--n-images", n, "--activation", activation or "relu", "--width", 128, "--target", target],
        *["--max-steps", 2000, "--step-size", step_size, "--device", "cpu", "--seed", 88],
        *["--network", folder / f"network_{network}.pt", "--attempts", folder / f"attempts_{network}.csv", *more],
        status=status,
    )


def find_limits(data, folder: Path, network: str, *more: object) -> None:
    """Run the script that trains a network further and finds the limits of inputs."""
    run_script(
        "attractors_limits",
        *[*data, "--network", folder / f"network_{network}.pt", "--attempts", folder / f"attempts_{network}.csv"],
        *["--targets", 1e-3, "--max-steps", 2000, "--test-images", 10, "--noise", 1e-3, "--device", "cpu"],
        *["--seed", 88, "--inputs", folder / f"limit_inputs_{network}.csv"],
        *["--limits", folder / f"limits_{network}.csv", "--errors", folder / f"limit_errors_{network}.csv"],
        *["--homogeneity", folder / f"homogeneity_{network}.csv"],
        *["--points", folder / f"limit_points_{network}.npz", *more],
    )


ITERATED = ["--iterations", 1, 2, 20, "--noise", 1e-3, "--noise-iterations", 1, 10, "--seed", 88]


def write_tables(data, results: Path, folder: Path, networks: Sequence[str] = NETWORKS) -> None:
    """Run the scripts of Problem 4 after the training, but for the pictures."""
    for network in networks:
        find_limits(data, folder, network)
    run_script(
        "attractors_outcomes",
        *[*data, "--networks", *(folder / f"network_{network}.pt" for network in RELU_NETWORKS), *ITERATED],
        *["--extra-iterations", 100, "--test-images", 10, "--eigenvalues", 3],
        *["--outcomes", results / "outcomes.csv", "--images", results / "images.csv"],
        *["--jacobian", results / "jacobian.csv", "--noisy", results / "noisy.csv"],
    )
    summarise(results, folder, networks)


def summarise(results: Path, folder: Path, networks: Sequence[str] = NETWORKS) -> None:
    """Run the script that summarises the tables of networks."""
    tables = {"attempts": "attempts", "limits": "limits", "limit-inputs": "limit_inputs", "errors": "limit_errors"}
    tables["homogeneity"] = "homogeneity"
    for option, table in tables.items():
        tables[option] = [f"--{option}", *(folder / f"{table}_{network}.csv" for network in networks)]
    run_script(
        "attractors_summary",
        *[*tables.values(), "--n-images", 1, 2, "--outcomes", results / "outcomes.csv"],
        *["--provenance", results.parent / "cifar10/provenance.json", "--all-attempts", results / "attempts.csv"],
        *["--summary", results / "summary.csv", "--basins", results / "basins.csv"],
        *["--all-limits", results / "limits.csv", "--limit-shares", results / "limit_shares.csv"],
        *["--all-errors", results / "limit_errors.csv", "--metrics", results / "metrics.json"],
        *["--figure", results / "basins.svg", "--limits-figure", results / "limits.svg"],
        *["--all-homogeneity", results / "homogeneity.csv", "--homogeneity-figure", results / "homogeneity.svg"],
    )


# The pictures of `draw`.
PICTURES = (
    *(f"by_n_images/outputs_{network}.svg" for network in RELU_NETWORKS),
    *("iterates.svg", "noisy.svg", "activations.svg", "limit_images.svg"),
    *("frames.png", "frames.json", "frames.svg"),
)


def draw(data, results: Path, folder: Path, *more: object, networks: Sequence[str] = NETWORKS) -> str:
    outputs = [results / f"by_n_images/outputs_{network}.svg" for network in RELU_NETWORKS]
    return run_script(
        "attractors_pictures",
        *[*data, "--provenance", results.parent / "cifar10/provenance.json", "--iterated", 2, *ITERATED],
        *["--networks", *(folder / f"network_{network}.pt" for network in networks)],
        *["--limit-table", folder / f"limits_{RELU_NETWORKS[-1]}.csv"],
        *["--points", folder / f"limit_points_{RELU_NETWORKS[-1]}.npz"],
        *["--outputs", *outputs, "--iterates", results / "iterates.svg", "--noisy", results / "noisy.svg"],
        *["--activations", results / "activations.svg", "--limits", results / "limit_images.svg", *more],
    )


def write_frames(data, results: Path, folder: Path) -> str:
    """Run the script of the iterates at many numbers of iterations."""
    network = RELU_NETWORKS[-1]
    return run_script(
        "attractors_frames",
        *[*data, "--provenance", results.parent / "cifar10/provenance.json"],
        *["--network", folder / f"network_{network}.pt", "--errors", folder / f"limit_errors_{network}.csv"],
        *["--iterations", 1, 2, 20, "--noise", 1e-3, "--seed", 88, "--sprite", results / "frames.png"],
        *["--output", results / "frames.json", "--figure", results / "frames.svg"],
    )


def make_results(home: Path) -> Path:
    """Make a folder with images, networks and the results of all scripts."""
    data = ["--folder", write_batches(home / "data", smooth), "--files", home / "data/files.csv"]
    write_provenance(home / "results")
    for network in NETWORKS:
        trials = ["--trial-step-sizes", 1e-3, 1.0, "--trial-steps", 20] if network == "1" else []
        train(data, home, network, *trials)
    write_tables(data, home / "results/attractors", home)
    draw(data, home / "results/attractors", home)
    write_frames(data, home / "results/attractors", home)
    return home


def render(results: Path) -> str:
    """Return the report with the section of Problem 4 alone."""
    provenance = {"code": {}, "versions": {}, "machine": {}}
    page = HTMLReport(TEMPLATES, Results(results), student=None, config={}, provenance=provenance)
    return page.render(["attractors"])
