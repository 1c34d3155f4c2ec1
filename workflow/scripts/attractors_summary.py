"""Summarise the iterated outputs of Problem 4, draw the basins of attraction, and merge the tables of attempts."""

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv, write_json
from nngplab.problems.attractors import ARRIVAL_COSINE, OUTPUT_CLASSES
from nngplab.report.figures.attractors import plot_basins
from nngplab.report.figures.style import save

NONZERO_CLASSES = [name for name in OUTPUT_CLASSES if name != "zero"]
GROUP_COLUMNS = ["n_images", "input", "iterations"]


def main(arguments: argparse.Namespace) -> None:
    provenance = json.loads(arguments.provenance.read_text(encoding="utf-8"))
    attempts = pd.concat([pd.read_csv(path) for path in arguments.attempts], ignore_index=True)
    attempts.insert(1, "on_sheet", attempts["n_images"].isin(arguments.n_images))
    write_csv(attempts, arguments.all_attempts)
    outcomes = pd.read_csv(arguments.outcomes)
    basins = basin_shares(outcomes)
    write_csv(basins, arguments.basins)
    summary = summarise(outcomes)
    write_csv(summary, arguments.summary)
    write_json({"images": provenance["label"], **metrics(attempts, summary)}, arguments.metrics)
    save(plot_basins(basins), arguments.figure, mark=provenance["label"] if provenance["stand_in"] else None)


def basin_shares(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each network, kind of input, number of iterations and training image.

    The column `share` is the share of the inputs whose output is nearest to this image. It is the sum of the shares of
    the classes: `image_share`, `mixture_share` and `elsewhere_share`.
    """
    parts = []
    for image in range(1, outcomes["n_images"].max() + 1):
        part = outcomes[outcomes["n_images"] >= image].assign(image=image)
        part["share"] = part["nearest"] == image
        for name in NONZERO_CLASSES:
            part[f"{name}_share"] = part["share"] & (part["outcome"] == name)
        parts.append(part)
    groups = pd.concat(parts).groupby([*GROUP_COLUMNS, "image"])
    shares = groups[["share", *(f"{name}_share" for name in NONZERO_CLASSES)]].mean()
    return shares.assign(inputs=groups.size()).reset_index()


def summarise(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each network, kind of input and number of iterations."""
    start = outcomes[outcomes["iterations"] == 0].set_index(["n_images", "input", "index"])["nearest"]
    outcomes = outcomes.join(start.rename("at_start"), on=["n_images", "input", "index"])
    outcomes["stayed"] = outcomes["nearest"] == outcomes["at_start"]
    for name in OUTPUT_CLASSES:
        outcomes[f"{name}_share"] = outcomes["outcome"] == name
    groups = outcomes.groupby(GROUP_COLUMNS, sort=False)
    table = pd.DataFrame(
        {
            "inputs": groups.size(),
            **{f"{name}_share": groups[f"{name}_share"].mean() for name in OUTPUT_CLASSES},
            "nearest_as_at_start": groups["stayed"].mean(),
            "smallest_cosine": groups["cosine"].min(),
            "median_cosine": groups["cosine"].median(),
            "median_span_cosine": groups["span_cosine"].median(),
            "arrived": ARRIVAL_COSINE,
        }
    )
    return table.reset_index()


def metrics(attempts: pd.DataFrame, summary: pd.DataFrame) -> dict[str, Any]:
    """Return, for each network, its training run and the classes of test images after the most iterations."""
    networks = attempts[attempts["purpose"] == "fit"].groupby("n_images").tail(1)
    test = summary[(summary["input"] == "test") & (summary["iterations"] == summary["iterations"].max())]
    columns = ["steps", "step_size", "iterations", *(f"{name}_share" for name in OUTPUT_CLASSES), "median_cosine"]
    return {"n_images": networks.merge(test, on="n_images").set_index("n_images")[columns].to_dict("index")}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=Path, nargs="+", required=True, help="attempts for each network, CSV")
    parser.add_argument(
        "--n-images",
        type=int,
        nargs="+",
        required=True,
        metavar="N",
        help="numbers of training images in the problem set; the other networks are extra",
    )
    parser.add_argument("--outcomes", type=Path, required=True, help="the class of each iterated output, CSV")
    parser.add_argument("--provenance", type=Path, required=True, help="the source of the images, JSON")
    parser.add_argument("--all-attempts", type=Path, required=True, help="attempts for all networks, CSV")
    parser.add_argument("--summary", type=Path, required=True, help="a row for each network, input and iteration, CSV")
    parser.add_argument("--basins", type=Path, required=True, help="shares of inputs nearest to each image, CSV")
    parser.add_argument("--metrics", type=Path, required=True, help="training run and outcomes of each network, JSON")
    parser.add_argument("--figure", type=Path, required=True, help="the basins, SVG or PNG")
    run(parser, main)
