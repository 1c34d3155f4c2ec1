"""Results of Problem 4 on small images."""

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


def train(data, folder: Path, n: int, *more: object, step_size: object = "auto", status: int = 0) -> str:
    return run_script(
        "attractors_train",
        *[*data, "--n-images", n, "--width", 128, "--target", 0.01, "--max-steps", 2000, "--step-size", step_size],
        *["--device", "cpu", "--seed", 88, "--network", folder / f"network_{n}.pt"],
        *["--attempts", folder / f"attempts_{n}.csv", *more],
        status=status,
    )


ITERATED = ["--iterations", 1, 2, 20, "--noise", 1e-3, "--noise-iterations", 1, 10, "--seed", 88]


def write_tables(data, results: Path, folder: Path) -> None:
    """Run the scripts of Problem 4 after the training, but for the pictures."""
    networks = [folder / f"network_{n}.pt" for n in (1, 2)]
    run_script(
        "attractors_outcomes",
        *[*data, "--networks", *networks, *ITERATED, "--extra-iterations", 100, "--test-images", 10],
        *["--eigenvalues", 3, "--outcomes", results / "outcomes.csv", "--images", results / "images.csv"],
        *["--jacobian", results / "jacobian.csv", "--noisy", results / "noisy.csv"],
    )
    provenance = ["--provenance", results.parent / "cifar10/provenance.json"]
    run_script(
        "attractors_summary",
        *["--attempts", *(folder / f"attempts_{n}.csv" for n in (1, 2)), "--n-images", 1, 2],
        *["--outcomes", results / "outcomes.csv", *provenance, "--all-attempts", results / "attempts.csv"],
        *["--summary", results / "summary.csv", "--basins", results / "basins.csv"],
        *["--metrics", results / "metrics.json", "--figure", results / "basins.svg"],
    )


def draw(data, results: Path, folder: Path, *more: object) -> str:
    return run_script(
        "attractors_pictures",
        *[*data, "--provenance", results.parent / "cifar10/provenance.json", "--iterated", 2, *ITERATED],
        *["--networks", *(folder / f"network_{n}.pt" for n in (1, 2))],
        *[
            "--outputs",
            *(results / f"by_n_images/outputs_{n}.png" for n in (1, 2)),
            "--iterates",
            results / "iterates.png",
        ],
        *["--noisy", results / "noisy.png", *more],
    )


def make_results(home: Path) -> Path:
    """Make a folder with images, networks and the results of all scripts."""
    data = ["--folder", write_batches(home / "data", smooth), "--files", home / "data/files.csv"]
    write_provenance(home / "results")
    train(data, home, 1, "--trial-step-sizes", 1e-3, 1.0, "--trial-steps", 20)
    train(data, home, 2)
    write_tables(data, home / "results/attractors", home)
    draw(data, home / "results/attractors", home)
    return home


def render(results: Path) -> str:
    """Return the report with the section of Problem 4 alone."""
    provenance = {"code": {}, "versions": {}, "machine": {}}
    page = HTMLReport(TEMPLATES, Results(results), student=None, config="", provenance=provenance)
    return page.render(["attractors"])
