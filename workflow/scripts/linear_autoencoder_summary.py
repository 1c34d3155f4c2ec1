"""Summarise the trainings of Problem 3 a and b: what became of them, by step size and by which minima are stable."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv, write_json

OUTCOMES = ("converged", "oscillating", "diverged", "out of steps", "stalled")


def main(arguments: argparse.Namespace) -> None:
    write_csv(gathered(arguments.runs), arguments.all_runs)
    write_csv(gathered(arguments.losses), arguments.all_losses)
    runs = pd.concat([pd.read_csv(path) for path in arguments.runs], ignore_index=True)
    half_zero = runs[runs["part"] == "b"]
    write_csv(summarise_from_zero(runs[runs["part"] == "a"]), arguments.zero)
    summary = summarise(half_zero)
    write_csv(summary, arguments.summary)
    write_csv(compare_with_edge(half_zero), arguments.edge)
    write_json(metrics(summary), arguments.metrics)


def gathered(paths: list[Path]) -> pd.DataFrame:
    """Return tables one below the other, each cell as it was written."""
    return pd.concat([pd.read_csv(path, dtype=str, keep_default_na=False) for path in paths])


def summarise_from_zero(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each width and step size from A = B = 0."""
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


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each convention of the loss, width and step size.

    The median counts a diverged run as larger than any other, and is empty where that is what it comes to.
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
    whole = {"first_diverged_at": "Int64", "last_diverged_at": "Int64"}
    return pd.DataFrame(rows).astype(whole)


def compare_with_edge(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each convention of the loss, which minima are stable, and outcome.

    `of` counts the runs with that convention and those minima, whatever their outcome. Step sizes are given as shares
    of the largest at which any minimum is stable.
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
    """Return the smallest loss with the convention and step sizes of the sheet, where it is, and the outcomes."""
    sheet = summary[(summary["convention"] == "half") & summary["on_sheet"]]
    outcomes = {name: int(sheet[name].sum()) for name in ("runs", *(name.replace(" ", "_") for name in OUTCOMES))}
    if sheet["smallest_loss"].isna().all():
        return outcomes
    (best,) = sheet.nsmallest(1, "smallest_loss").to_dict("records")
    return {**{column: best[column] for column in ("smallest_loss", "k", "eta")}, **outcomes}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="tables with a row for each training, CSV")
    parser.add_argument("--losses", type=Path, nargs="+", required=True, help="tables of loss curves, CSV")
    parser.add_argument("--all-runs", type=Path, required=True, help="all trainings in one table, CSV")
    parser.add_argument("--all-losses", type=Path, required=True, help="all loss curves in one table, CSV")
    parser.add_argument("--zero", type=Path, required=True, help="the table by step size from A = B = 0, CSV")
    parser.add_argument("--summary", type=Path, required=True, help="the table by step size from A = 0, CSV")
    parser.add_argument("--edge", type=Path, required=True, help="the table by which minima are stable, CSV")
    parser.add_argument("--metrics", type=Path, required=True, help="the smallest loss and the outcomes, JSON")
    run(parser, main)
