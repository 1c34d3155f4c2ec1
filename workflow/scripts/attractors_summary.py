"""Count where the inputs of Problem 4 go, and draw it; gather the attempts at training."""

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv, write_json
from nngplab.problems.attractors import ARRIVED, OUTCOMES
from nngplab.report.figures.attractors import plot_basins
from nngplab.report.figures.style import save

PLACES = [outcome for outcome in OUTCOMES if outcome != "zero"]
INPUTS = ["n_images", "input", "iterations"]


def main(arguments: argparse.Namespace) -> None:
    provenance = json.loads(arguments.provenance.read_text(encoding="utf-8"))
    attempts = pd.concat([pd.read_csv(path) for path in arguments.attempts], ignore_index=True)
    attempts.insert(1, "on_sheet", attempts["n_images"].isin(arguments.sheet_n_images))
    write_csv(attempts, arguments.all_attempts)
    outcomes = pd.read_csv(arguments.outcomes)
    basins = counted(outcomes)
    write_csv(basins, arguments.basins)
    summary = summarised(outcomes)
    write_csv(summary, arguments.summary)
    write_json({"images": provenance["label"], **metrics(attempts, summary)}, arguments.metrics)
    save(plot_basins(basins), arguments.figure, mark=provenance["label"] if provenance["stand_in"] else None)


def counted(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each network, kind of input, number of iterations and training image.

    `share` of the inputs are nearest to it: `image_share` at it, `mixture_share` between it and others and
    `elsewhere_share` neither.
    """
    parts = []
    for image in range(1, outcomes["n_images"].max() + 1):
        part = outcomes[outcomes["n_images"] >= image].assign(image=image)
        part["share"] = part["nearest"] == image
        for outcome in PLACES:
            part[f"{outcome}_share"] = part["share"] & (part["outcome"] == outcome)
        parts.append(part)
    groups = pd.concat(parts).groupby([*INPUTS, "image"])
    shares = groups[["share", *(f"{outcome}_share" for outcome in PLACES)]].mean()
    return shares.assign(inputs=groups.size()).reset_index()


def summarised(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each network, kind of input and number of iterations."""
    start = outcomes[outcomes["iterations"] == 0].set_index(["n_images", "input", "index"])["nearest"]
    outcomes = outcomes.join(start.rename("at_start"), on=["n_images", "input", "index"])
    outcomes["stayed"] = outcomes["nearest"] == outcomes["at_start"]
    for outcome in OUTCOMES:
        outcomes[f"{outcome}_share"] = outcomes["outcome"] == outcome
    groups = outcomes.groupby(INPUTS, sort=False)
    table = pd.DataFrame(
        {
            "inputs": groups.size(),
            **{f"{outcome}_share": groups[f"{outcome}_share"].mean() for outcome in OUTCOMES},
            "nearest_as_at_start": groups["stayed"].mean(),
            "smallest_cosine": groups["cosine"].min(),
            "median_cosine": groups["cosine"].median(),
            "median_span_cosine": groups["span_cosine"].median(),
            "arrived": ARRIVED,
        }
    )
    return table.reset_index()


def metrics(attempts: pd.DataFrame, summary: pd.DataFrame) -> dict[str, Any]:
    """Return, for each network, its training and where test images are after the most iterations."""
    networks = attempts[attempts["purpose"] == "fit"].groupby("n_images").tail(1)
    test = summary[(summary["input"] == "test") & (summary["iterations"] == summary["iterations"].max())]
    columns = ["steps", "step_size", "iterations", *(f"{outcome}_share" for outcome in OUTCOMES), "median_cosine"]
    return {"n_images": networks.merge(test, on="n_images").set_index("n_images")[columns].to_dict("index")}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=Path, nargs="+", required=True, help="attempts of each network, CSV")
    parser.add_argument(
        "--sheet-n-images", type=int, nargs="+", required=True, metavar="N", help="the sheet's networks"
    )
    parser.add_argument("--outcomes", type=Path, required=True, help="where each input goes, CSV")
    parser.add_argument("--provenance", type=Path, required=True, help="JSON: where the images come from")
    parser.add_argument("--all-attempts", type=Path, required=True, help="attempts of all networks, CSV")
    parser.add_argument("--summary", type=Path, required=True, help="a row for each network, input and iteration, CSV")
    parser.add_argument("--basins", type=Path, required=True, help="the inputs nearest to each image, CSV")
    parser.add_argument("--metrics", type=Path, required=True, help="training and test images of each network, JSON")
    parser.add_argument("--figure", type=Path, required=True, help="the basins, SVG or PNG")
    run(parser, main)
