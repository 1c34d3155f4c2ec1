"""Summarise the training runs of Problem 3a and 3b: their outcomes by step size, and by which minima are stable."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv, write_json

OUTCOMES = ("converged", "oscillating", "diverged", "out of steps", "stalled")


def main(arguments: argparse.Namespace) -> None:
    write_csv(concatenate(arguments.runs), arguments.all_runs)
    write_csv(concatenate(arguments.losses), arguments.all_losses)
    runs = pd.concat([pd.read_csv(path) for path in arguments.runs], ignore_index=True)
    part_b = runs[runs["part"] == "b"]
    write_csv(summarise_part_a(runs[runs["part"] == "a"]), arguments.zero)
    summary = summarise_part_b(part_b)
    write_csv(summary, arguments.summary)
    write_csv(compare_with_edge(part_b), arguments.edge)
    write_json(metrics(summary), arguments.metrics)


def concatenate(paths: list[Path]) -> pd.DataFrame:
    """Return the rows of all tables, with unchanged text in all cells."""
    return pd.concat([pd.read_csv(path, dtype=str, keep_default_na=False) for path in paths])


def summarise_part_a(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each width and step size, of the runs from A = B = 0."""
    groups = runs.groupby(["k", "eta", "steps", "d"], sort=False)
    return groups.agg(
        runs=("seed", "size"),
        stalled=("outcome", lambda outcomes: (outcomes == "stalled").sum()),
        largest_norm_a=("norm_a", "max"),
        largest_norm_b=("norm_b", "max"),
        mean_initial_loss=("initial_loss", "mean"),
        mean_final_loss=("final_loss", "mean"),
        smallest_curvature=("curvature", "min"),
        largest_lowest_curvature=("lowest_curvature", "max"),
    ).reset_index()


def summarise_part_b(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each convention of the loss, width and step size, of the runs from A = 0.

    For the median, the loss of a diverged run is infinite. A median that is not finite is left empty.
    """
    rows = []
    for (convention, k, eta), group in runs.groupby(["convention", "k", "eta"], sort=False):
        losses = group["final_loss"]
        median = losses.fillna(np.inf).median()
        rows.append(
            {
                "convention": convention,
                "k": k,
                "eta": eta,
                "on_sheet": group["on_sheet"].iloc[0],
                "runs": len(group),
                **{name.replace(" ", "_"): (group["outcome"] == name).sum() for name in OUTCOMES},
                "smallest_loss": losses.min(),
                "median_loss": median if np.isfinite(median) else None,
                "largest_loss": losses.max(),
                "first_diverged_at": group["diverged_at"].min(),
                "last_diverged_at": group["diverged_at"].max(),
                "smallest_edge": group["edge"].min(),
                "largest_edge": group["edge"].max(),
            }
        )
    return pd.DataFrame(rows).astype({"first_diverged_at": "Int64", "last_diverged_at": "Int64"})


def compare_with_edge(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each convention of the loss, kind of stable minima, and outcome.

    The column `of` is the number of runs with this convention and these minima, with any outcome. Step sizes are given
    as shares of the largest one at which any minimum is stable.
    """
    runs = runs.assign(share=runs["eta"] / runs["largest_stable_step"])
    total = runs.groupby(["convention", "stable_minima"])["share"].transform("size")
    groups = runs.assign(of=total).groupby(["convention", "stable_minima", "outcome"], sort=False)
    return groups.agg(
        runs=("share", "size"),
        of=("of", "first"),
        smallest_share=("share", "min"),
        largest_share=("share", "max"),
    ).reset_index()


def metrics(summary: pd.DataFrame) -> dict[str, Any]:
    """Return the smallest loss for the convention and step sizes of the problem set, its setting, and the outcomes."""
    assigned = summary[(summary["convention"] == "half") & summary["on_sheet"]]
    outcomes = {name: int(assigned[name].sum()) for name in ("runs", *(name.replace(" ", "_") for name in OUTCOMES))}
    if assigned["smallest_loss"].isna().all():
        return outcomes
    (best,) = assigned.nsmallest(1, "smallest_loss").to_dict("records")
    return {**{column: best[column] for column in ("smallest_loss", "k", "eta")}, **outcomes}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--runs", type=Path, nargs="+", required=True, help="tables with a row for each training run, CSV"
    )
    parser.add_argument("--losses", type=Path, nargs="+", required=True, help="tables of loss curves, CSV")
    parser.add_argument("--all-runs", type=Path, required=True, help="all training runs in one table, CSV")
    parser.add_argument("--all-losses", type=Path, required=True, help="all loss curves in one table, CSV")
    parser.add_argument("--zero", type=Path, required=True, help="a row for each step size from A = B = 0, CSV")
    parser.add_argument("--summary", type=Path, required=True, help="a row for each step size from A = 0, CSV")
    parser.add_argument("--edge", type=Path, required=True, help="a row for each kind of stable minima, CSV")
    parser.add_argument("--metrics", type=Path, required=True, help="the smallest loss and the outcomes, JSON")
    run(parser, main)
