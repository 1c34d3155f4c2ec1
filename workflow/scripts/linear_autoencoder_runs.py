"""Train the linear autoencoder of Problem 3 a and b on one sample: every width, step size and seed."""

import argparse
import logging
import math
from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from nngplab.networks.training import TrainingOutcome, TrainingRun, full_batch, train
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.seeds import integer_seed
from nngplab.problems.linear_autoencoder import (
    CONVENTIONS,
    FromZero,
    curvature,
    network_from_zero,
    scale,
    squared_error,
)

log = logging.getLogger("nngplab")

# A loss at or below this share of that at the start counts as zero.
CONVERGED = 1e-12
LOSSES_KEPT = 40


def main(arguments: argparse.Namespace) -> None:
    rows, curves = [], []
    torch.set_num_threads(1)
    with threadpool_limits(1, "blas"):
        for row, training in trainings(arguments):
            rows.append(row)
            curves.append(thinned(training).assign(**{name: row[name] for name in ("part", "k", "eta", "seed")}))
    losses = pd.concat(curves).assign(convention=arguments.convention)
    # Whole numbers stay whole beside empty cells.
    write_csv(pd.DataFrame(rows).astype({"diverged_at": "Int64", "rank_a": "Int64"}), arguments.runs)
    write_csv(losses[["part", "convention", "k", "eta", "seed", "step", "loss"]], arguments.losses)


def trainings(arguments: argparse.Namespace) -> Iterator[tuple[dict[str, Any], TrainingRun]]:
    """Yield a row of the table and the course of each training."""
    asked, width = arguments.step_sizes, arguments.width
    plan = [*product("b", [width], sorted(asked))]
    if arguments.convention == "half":
        others = sorted({*arguments.extra_widths} - {width})
        every = sorted({*asked, *arguments.extra_step_sizes})
        plan = [
            *product("a", [width], sorted(asked)),
            *product("b", [width], every),
            *product("b", others, sorted(asked)),
        ]
    for part, k, eta in plan:
        outcomes = []
        for repeat in range(arguments.seeds):
            seed = integer_seed(arguments.seed, "linear_autoencoder", repeat)
            row, training = one_training(part, k, eta, seed, arguments)
            outcomes.append(row["outcome"])
            yield row | {"on_sheet": arguments.convention == "half" and eta in asked}, training
        counts = ", ".join(f"{outcomes.count(name)} {name}" for name in sorted(set(outcomes)))
        log.info("%s: width %d, step size %g: %s", part, k, eta, counts)


def one_training(
    part: str, k: int, eta: float, seed: int, arguments: argparse.Namespace
) -> tuple[dict[str, Any], TrainingRun]:
    c = scale(arguments.convention, arguments.d)
    z, B = draw(arguments.d, k, seed)
    problem = FromZero(z, B if part == "b" else np.zeros_like(B), c)
    network, loss, sample = network_from_zero(problem.B), squared_error(c), torch.from_numpy(z)[None]

    @torch.no_grad()
    def measure() -> dict[str, float]:
        return {"loss": loss(network(sample), sample).item()}

    steps = arguments.steps if part == "b" else arguments.zero_steps
    training = train(
        network,
        loss,
        full_batch(sample, sample),
        torch.optim.SGD(network.parameters(), lr=eta),
        steps,
        measure,
        target=CONVERGED * measure()["loss"],
        stop_at_target=False,
    )
    diverged = training.outcome == TrainingOutcome.DIVERGED
    A, zz = network.A.detach(), float(z @ z)
    row = {
        "part": part,
        "init": "A = B = 0" if part == "a" else "A = 0",
        "k": k,
        "eta": eta,
        "seed": seed,
        "steps": training.epochs,
        "final_loss": None if diverged else training.losses[-1],
        "diverged_at": training.epochs if diverged else None,
        "norm_a": None if diverged else float(A.norm()),
        "norm_b": None if diverged else float(network.B.detach().norm()),
        "outcome": outcome(training),
        "convention": arguments.convention,
        "d": arguments.d,
        "initial_loss": training.losses[0],
        "z_squared": zz,
        "largest_stable_step": problem.largest_stable_step,
    }
    if part == "b":
        row["small_step_edge"] = 2 / problem.small_step_curvature
        row["stable_minima"] = (
            "small-step" if eta < row["small_step_edge"] else "flatter" if eta < row["largest_stable_step"] else "none"
        )
    if not diverged:
        at_the_end = curvature(network, loss, sample, sample)
        predicted = problem.curvature(*problem.after(steps, eta))
        rank = int(torch.linalg.matrix_rank(A))
        across = A - torch.outer(sample[0], sample[0] @ A) / zz
        row |= {
            "rank_a": rank,
            "off_direction": float(across.norm() / A.norm()) if rank else None,
            "curvature": at_the_end,
            "edge": 2 / at_the_end if part == "b" else None,
            "predicted_curvature": predicted,
            "curvature_difference": abs(at_the_end - predicted) / predicted,
            "lowest_curvature": curvature(network, loss, sample, sample, lowest=True) if part == "a" else None,
        }
    return row, training


def draw(d: int, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sample z (d,) and the first layer B (k, d); the sample of a seed is the same at every width."""
    generator = np.random.default_rng(seed)
    return generator.standard_normal(d), generator.standard_normal((k, d)) / math.sqrt(k)


def outcome(training: TrainingRun) -> str:
    """Say what became of a training; "oscillating" if the loss, short of the target, still rose in the last tenth.

    Gradient descent with a step size below 2 / curvature never raises the loss.
    """
    assert training.outcome is not None  # noqa: S101
    if training.outcome in (TrainingOutcome.CONVERGED, TrainingOutcome.DIVERGED):
        return str(training.outcome)
    last = training.losses[-1 - max(1, training.epochs // 10) :]
    return "oscillating" if any(after > before for before, after in pairwise(last)) else str(training.outcome)


def thinned(training: TrainingRun) -> pd.DataFrame:
    """Return the finite losses after 0, 1, ... steps, ever fewer of them."""
    steps = np.unique(np.r_[0, np.geomspace(1, max(1, training.epochs), LOSSES_KEPT).round()]).astype(int)
    losses = [training.losses[step] for step in steps]
    return pd.DataFrame({"step": steps, "loss": losses})[np.isfinite(losses)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--convention", choices=CONVENTIONS, required=True, help="of the loss; half is the sheet's")
    parser.add_argument("--d", type=int, required=True, help="dimension of the sample")
    parser.add_argument("--width", type=int, required=True, metavar="K", help="width k of the network")
    parser.add_argument(
        "--extra-widths", type=int, nargs="*", default=[], metavar="K", help="further ones, for the loss of the sheet"
    )
    parser.add_argument("--zero-steps", type=int, required=True, help="steps from A = B = 0")
    parser.add_argument("--steps", type=int, required=True, help="steps from A = 0")
    parser.add_argument("--step-sizes", type=float, nargs="+", required=True, metavar="ETA", help="those of the sheet")
    parser.add_argument(
        "--extra-step-sizes",
        type=float,
        nargs="*",
        default=[],
        metavar="ETA",
        help="further ones, for the loss of the sheet and --width",
    )
    parser.add_argument("--seeds", type=int, required=True, help="draws of the sample and the network")
    parser.add_argument("--seed", type=int, required=True, help="root seed of the draws")
    parser.add_argument("--runs", type=Path, required=True, help="the table with a row for each training, CSV")
    parser.add_argument("--losses", type=Path, required=True, help="the table of loss curves, CSV")
    run(parser, main)
