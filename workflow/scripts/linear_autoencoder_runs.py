"""Train the linear autoencoder of Problem 3a and 3b on one sample, for each width, step size and seed."""

import argparse
import logging
from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.networks.training import TrainingOutcome, TrainingRun
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.progress import track
from nngplab.pipeline.seeds import integer_seed
from nngplab.problems.linear_autoencoder import (
    CONVENTIONS,
    ReducedDynamics,
    draw_sample_and_layer,
    hessian_eigenvalue,
    loss_factor,
    squared_error,
    train_autoencoder,
)
from nngplab.problems.linear_autoencoder_map import (
    CONVERGES,
    LARGEST,
    MOST_STEPS,
    TARGET,
    iterate,
    predict_behaviour,
    residuals,
)

log = logging.getLogger("nngplab")

# A run has converged if its last loss is at most this times the initial loss.
RELATIVE_TARGET = TARGET**2
# The columns of `describe_end`.
END = (
    "rank_a",
    "off_direction",
    "curvature",
    "edge",
    "predicted_curvature",
    "curvature_difference",
    "lowest_curvature",
)
# The number of losses of each run in the table of loss curves.
CURVE_POINTS = 40


def main(arguments: argparse.Namespace) -> None:
    rows, curves = [], []
    torch.set_num_threads(1)
    with threadpool_limits(1, "blas"):
        for row, training in train_all(arguments):
            rows.append(row)
            curves.append(loss_curve(training).assign(**{name: row[name] for name in ("part", "k", "eta", "seed")}))
    losses = pd.concat(curves).assign(convention=arguments.convention)
    runs = add_behaviours(pd.DataFrame(rows), max(MOST_STEPS, arguments.steps))
    # With the type Int64, integers in a column with empty cells are written without a decimal point.
    write_csv(
        runs.astype(dict.fromkeys(("diverged_at", "rank_a", "predicted_steps", "map_steps"), "Int64")), arguments.runs
    )
    write_csv(losses[["part", "convention", "k", "eta", "seed", "step", "loss"]], arguments.losses)


def train_all(arguments: argparse.Namespace) -> Iterator[tuple[dict[str, Any], TrainingRun]]:
    """Yield each training run with its row of the table of runs."""
    for part, k, eta in track(settings(arguments), "step size"):
        outcomes = []
        for draw in range(arguments.seeds):
            seed = integer_seed(arguments.seed, "linear_autoencoder", k, draw)
            row, training = train_one(part, k, eta, seed, arguments)
            outcomes.append(row["outcome"])
            on_sheet = arguments.convention == "half" and eta in arguments.step_sizes
            yield row | {"on_sheet": on_sheet}, training
        counts = ", ".join(f"{outcomes.count(name)} {name}" for name in sorted(set(outcomes)))
        log.info("%s: width %d, step size %g: %s", part, k, eta, counts)


def settings(arguments: argparse.Namespace) -> list[tuple[str, int, float]]:
    """Return part, width and step size of all runs; the extra ones are for the loss of the problem set, "half"."""
    step_sizes, width = sorted(arguments.step_sizes), arguments.width
    if arguments.convention != "half":
        return list(product("b", [width], step_sizes))
    return [
        *product("a", [width], step_sizes),
        *product("b", [width], sorted({*step_sizes, *arguments.extra_step_sizes})),
        *product("b", sorted({*arguments.extra_widths} - {width}), step_sizes),
    ]


def train_one(
    part: str, k: int, eta: float, seed: int, arguments: argparse.Namespace
) -> tuple[dict[str, Any], TrainingRun]:
    """Return the row of one run for the table, and the run."""
    z, B = draw_sample_and_layer(arguments.d, k, seed)
    c = loss_factor(arguments.convention, arguments.d)
    dynamics = ReducedDynamics(z, B if part == "b" else np.zeros_like(B), c)
    steps = arguments.steps if part == "b" else arguments.zero_steps
    network, training = train_autoencoder(dynamics, eta, steps, RELATIVE_TARGET)
    diverged = training.outcome == TrainingOutcome.DIVERGED
    row = {
        "part": part,
        "init": "A = B = 0" if part == "a" else "A = 0",
        "k": k,
        "eta": eta,
        "seed": seed,
        "steps": training.epochs,
        "final_loss": None if diverged else training.losses[-1],
        "diverged_at": training.epochs if diverged else None,
        "norm_a": None if diverged else float(network.A.detach().norm()),
        "norm_b": None if diverged else float(network.B.detach().norm()),
        "outcome": outcome(training),
        "convention": arguments.convention,
        "d": arguments.d,
        "initial_loss": training.losses[0],
        "z_squared": float(z @ z),
        "largest_stable_step": dynamics.largest_stable_step,
    }
    if part == "b":
        row |= compare_with_map(dynamics, eta, steps, training.losses)
        row["small_step_edge"] = 2 / dynamics.small_step_curvature
        row["stable_minima"] = (
            "small-step" if eta < row["small_step_edge"] else "flatter" if eta < row["largest_stable_step"] else "none"
        )
    if diverged:  # the columns are there also if all runs diverge
        return row | dict.fromkeys(END), training
    return row | describe_end(dynamics, network, dynamics.curvature(*dynamics.after(steps, eta)), part), training


def compare_with_map(dynamics: ReducedDynamics, eta: float, steps: int, losses: list[float]) -> dict[str, Any]:
    """Return the two numbers that decide the behaviour of a run, and the outcome that the exact map predicts.

    `map_difference` is the largest difference between |ε| of the network, the square root of its loss divided by the
    initial loss, and |ε| of the map, after any step; if |ε| of the map is above 1, it is relative.
    """
    rho, relative_step = dynamics.rho, dynamics.relative_step(eta)
    predicted = np.abs(residuals(rho, relative_step, steps))
    with np.errstate(invalid="ignore"):
        differences = np.abs(np.sqrt(np.divide(losses, losses[0])) - predicted[: len(losses)])
        differences /= np.maximum(predicted[: len(losses)], 1)
    ended = "converged" if predicted[-1] <= TARGET else "neither"
    return {
        "rho": rho,
        "relative_step": relative_step,
        "predicted_outcome": ended if (predicted <= LARGEST).all() else "diverged",
        "map_difference": differences[np.isfinite(differences)].max(),
    }


def add_behaviours(runs: pd.DataFrame, steps: int) -> pd.DataFrame:
    """Add, for the runs from A = 0, what becomes of them in any number of steps, and the steps to the target."""
    from_random = runs["rho"].notna()
    rho, relative_step = (runs.loc[from_random, name].to_numpy() for name in ("rho", "relative_step"))
    found = iterate(rho, relative_step, steps)
    runs.loc[from_random, "behaviour"] = predict_behaviour(rho, relative_step)
    runs.loc[from_random, "predicted_steps"] = np.where(found.behaviour == CONVERGES, found.steps, np.nan)
    runs.loc[from_random, "map_steps"] = steps
    return runs


def describe_end(dynamics: ReducedDynamics, network: OneHiddenLayer, predicted: float, part: str) -> dict[str, Any]:
    """Return rank and direction of A, and the curvature of the loss, at the end of a run that did not diverge.

    `off_direction` is the share of the norm of A in columns orthogonal to z.
    """
    A, loss, sample = network.A.detach(), squared_error(dynamics.c), torch.from_numpy(dynamics.z)[None]
    rank = int(torch.linalg.matrix_rank(A))
    orthogonal = A - torch.outer(sample[0], sample[0] @ A) / float(dynamics.z @ dynamics.z)
    curvature = hessian_eigenvalue(network, loss, sample, sample)
    smallest = hessian_eigenvalue(network, loss, sample, sample, smallest=True) if part == "a" else None
    return {
        "rank_a": rank,
        "off_direction": float(orthogonal.norm() / A.norm()) if rank else None,
        "curvature": curvature,
        "edge": 2 / curvature if part == "b" else None,
        "predicted_curvature": predicted,
        "curvature_difference": abs(curvature - predicted) / predicted,
        "lowest_curvature": smallest,
    }


def outcome(training: TrainingRun) -> str:
    """Return the outcome of a run; "oscillating" if it missed the target and its loss rose in its last tenth."""
    assert training.outcome is not None  # noqa: S101
    if training.outcome in (TrainingOutcome.CONVERGED, TrainingOutcome.DIVERGED):
        return str(training.outcome)
    last = training.losses[-1 - max(1, training.epochs // 10) :]
    return "oscillating" if any(after > before for before, after in pairwise(last)) else str(training.outcome)


def loss_curve(training: TrainingRun) -> pd.DataFrame:
    """Return the finite losses after about `CURVE_POINTS` numbers of steps, which are spaced geometrically."""
    steps = np.unique(np.r_[0, np.geomspace(1, max(1, training.epochs), CURVE_POINTS).round()]).astype(int)
    losses = [training.losses[step] for step in steps]
    return pd.DataFrame({"step": steps, "loss": losses})[np.isfinite(losses)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--convention", choices=CONVENTIONS, required=True, help="convention of the loss; the problem set uses half"
    )
    parser.add_argument("--d", type=int, required=True, help="dimension of the sample")
    parser.add_argument("--width", type=int, required=True, metavar="K", help="number k of hidden units")
    parser.add_argument(
        "--extra-widths", type=int, nargs="*", default=[], metavar="K", help="further widths, for the convention half"
    )
    parser.add_argument("--zero-steps", type=int, required=True, help="number of steps from A = B = 0")
    parser.add_argument("--steps", type=int, required=True, help="number of steps from A = 0")
    parser.add_argument(
        "--step-sizes", type=float, nargs="+", required=True, metavar="ETA", help="step sizes of the problem set"
    )
    parser.add_argument(
        "--extra-step-sizes",
        type=float,
        nargs="*",
        default=[],
        metavar="ETA",
        help="further step sizes, for the convention half and --width",
    )
    parser.add_argument("--seeds", type=int, required=True, help="number of draws of the sample and the network")
    parser.add_argument("--seed", type=int, required=True, help="root seed")
    parser.add_argument("--runs", type=Path, required=True, help="the table with a row for each training, CSV")
    parser.add_argument("--losses", type=Path, required=True, help="the table of loss curves, CSV")
    run(parser, main)
