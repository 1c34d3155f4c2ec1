"""Train some runs of Problem 3b again, and compare them with the recursion in the plane of its two numbers."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.problems.linear_autoencoder import ReducedDynamics, draw_sample_and_layer, loss_factor, train_in_plane
from nngplab.problems.linear_autoencoder_map import CONVERGES, DIVERGES, NEITHER, plane_path

# The loss of the problem set.
CONVENTION = "half"
# The largest number of steps.
MOST_STEPS = 200


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    runs = pd.read_csv(arguments.runs).query("part == 'b' and convention == @CONVENTION and k == @arguments.width")
    with threadpool_limits(1, "blas"):
        parts = [follow(chosen, arguments).assign(kind=kind) for kind, chosen in choose_runs(runs).items()]
    write_csv(pd.concat(parts), arguments.phase)


def choose_runs(runs: pd.DataFrame) -> "dict[str, pd.Series]":
    """Return a run for each kind of path that there is, by the name of the kind.

    The run of small steps has the smallest relative step of those that converge in a few steps, or of all. Those that
    converge and that do neither have the largest of their kind, and those that diverge the smallest.
    """
    converged = runs[runs["outcome"] == "converged"]
    bounded = runs[(runs["behaviour"] == NEITHER) & (runs["outcome"] != "diverged")]
    few_steps = converged[converged["predicted_steps"] <= MOST_STEPS]
    smallest = (few_steps if len(few_steps) else runs).nsmallest(1, "relative_step")
    kinds = {
        CONVERGES: converged.nlargest(1, "relative_step"),
        NEITHER: bounded.nlargest(1, "relative_step"),
        DIVERGES: runs[runs["outcome"] == "diverged"].nsmallest(1, "relative_step"),
    }
    if not any(rows.index.equals(smallest.index) for rows in kinds.values()):
        kinds = {"small steps": smallest, **kinds}
    return {kind: rows.iloc[0] for kind, rows in kinds.items() if len(rows)}


def follow(chosen: "pd.Series", arguments: argparse.Namespace) -> pd.DataFrame:
    """Return a row for each step: b and a of the network, and those of the recursion.

    `outside` is whether the network is outside of the ellipse a² + b² - s a b = 4 - s², which no run crosses if s < 2.
    """
    k, eta, seed = int(chosen["k"]), float(chosen["eta"]), int(chosen["seed"])
    dynamics = ReducedDynamics(*draw_sample_and_layer(arguments.d, k, seed), loss_factor(CONVENTION, arguments.d))
    path = train_in_plane(dynamics, eta, min(arguments.steps, MOST_STEPS))
    predicted = plane_path(dynamics.rho, dynamics.relative_step(eta), len(path) - 1)
    length = np.maximum(1, np.linalg.norm(predicted, axis=1))
    table = pd.DataFrame(np.hstack([path, predicted]), columns=["b", "a", "predicted_b", "predicted_a"])
    table["difference"] = np.linalg.norm(path - predicted, axis=1) / length
    s = dynamics.relative_step(eta)
    table["outside"] = ~(table["a"] ** 2 + table["b"] ** 2 - s * table["a"] * table["b"] <= 4 - s**2)
    constants = {name: chosen[name] for name in ("outcome", "convention", "k", "eta", "seed", "on_sheet")}
    constants |= {"rho": dynamics.rho, "relative_step": s}
    return table.rename_axis("step").reset_index().assign(**constants)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True, help="the table with a row for each training run, CSV")
    parser.add_argument("--d", type=int, required=True, help="dimension of the sample")
    parser.add_argument("--width", type=int, required=True, metavar="K", help="width of the networks")
    parser.add_argument("--steps", type=int, required=True, help="number of steps of the runs")
    parser.add_argument("--phase", type=Path, required=True, help="a row for each step of each run, CSV")
    run(parser, main)
