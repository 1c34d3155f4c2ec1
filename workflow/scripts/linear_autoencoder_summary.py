"""Summarise the training runs of Problem 3a and 3b: their outcomes by step size, and by predicted behaviour."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.metrics import write_metrics
from nngplab.problems.linear_autoencoder_map import BEHAVIOURS, CONVERGES

OUTCOMES = ("converged", "oscillating", "diverged", "out of steps", "stalled")
# A loss up to this consists of rounding errors, which differ from machine to machine: it counts as 0 in the metrics.
ROUNDING = 1e-28


def main(arguments: argparse.Namespace) -> None:
    write_csv(concatenate(arguments.runs), arguments.all_runs)
    write_csv(concatenate(arguments.losses), arguments.all_losses)
    runs = pd.concat([pd.read_csv(path) for path in arguments.runs], ignore_index=True)
    part_b = runs[runs["part"] == "b"]
    write_csv(summarise_part_a(runs[runs["part"] == "a"]), arguments.zero)
    summary = summarise_part_b(part_b)
    write_csv(summary, arguments.summary)
    write_csv(compare_with_map(part_b), arguments.behaviours)
    write_metrics(arguments.metrics, *metrics(summary))


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


def compare_with_map(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each behaviour that the exact map predicts for some run, and one for all runs."""
    observed = runs["outcome"].where(runs["outcome"].isin(["converged", "diverged"]), "neither")
    runs = runs.assign(observed=observed, agrees=runs["predicted_outcome"] == observed)
    groups = [(behaviour, runs[runs["behaviour"] == behaviour]) for behaviour in BEHAVIOURS]
    rows = [
        {"behaviour": behaviour, **describe_group(group)} for behaviour, group in [*groups, ("all", runs)] if len(group)
    ]
    integers = ("fewest_steps", "most_steps", "map_steps")
    return pd.DataFrame(rows).assign(map_steps=runs["map_steps"].max()).astype(dict.fromkeys(integers, "Int64"))


def describe_group(runs: pd.DataFrame) -> dict[str, Any]:
    """Return counts of the observed outcomes, and how far the map and the networks differ.

    Of the runs that should converge and have not yet, `fewest_steps` to `most_steps` are the steps that the map needs;
    for `unknown_steps` of them it needs more than `map_steps`.
    """
    waiting = runs.loc[(runs["behaviour"] == CONVERGES) & (runs["observed"] == "neither"), "predicted_steps"]
    different = runs.loc[~runs["agrees"], "map_difference"]
    return {
        "runs": len(runs),
        **{name: (runs["observed"] == name).sum() for name in ("converged", "diverged", "neither")},
        "disagree": len(different),
        "smallest_relative_step": runs["relative_step"].min(),
        "largest_relative_step": runs["relative_step"].max(),
        "largest_difference": runs["map_difference"].max(),
        "smallest_difference_if_disagree": different.min(),
        "largest_difference_if_disagree": different.max(),
        "fewest_steps": waiting.min(),
        "most_steps": waiting.max(),
        "unknown_steps": waiting.isna().sum(),
    }


def metrics(summary: pd.DataFrame) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the outcomes for the convention and step sizes of the problem set, and the smallest loss.

    The setting with the smallest loss is among the outcomes. Of several with the same loss, it is the first.
    """
    assigned = summary[(summary["convention"] == "half") & summary["on_sheet"]]
    outcomes = {name: int(assigned[name].sum()) for name in ("runs", *(name.replace(" ", "_") for name in OUTCOMES))}
    if assigned["smallest_loss"].isna().all():
        return outcomes, {}
    losses = assigned["smallest_loss"].mask(assigned["smallest_loss"] <= ROUNDING, 0.0)
    (best,) = assigned.assign(smallest_loss=losses).nsmallest(1, "smallest_loss").to_dict("records")
    return {"k": best["k"], "eta": best["eta"], **outcomes}, {"smallest_loss": best["smallest_loss"]}


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
    parser.add_argument("--behaviours", type=Path, required=True, help="a row for each predicted behaviour, CSV")
    parser.add_argument("--metrics", type=Path, required=True, help="the smallest loss and the outcomes, JSON")
    run(parser, main)
