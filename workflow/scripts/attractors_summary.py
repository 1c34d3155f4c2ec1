"""Summarise the iterated outputs of Problem 4, draw the basins of attraction, and merge the tables of attempts."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.metrics import write_metrics
from nngplab.problems.attractors_limits import OUTPUT_CLASSES
from nngplab.report.figures.attractors import plot_basins, plot_homogeneity, plot_limits
from nngplab.report.figures.style import save

NONZERO_CLASSES = [name for name in OUTPUT_CLASSES if name != "zero"]
GROUP_COLUMNS = ["n_images", "input", "iterations"]
NETWORK_COLUMNS = ["activation", "n_images", "target"]


def main(arguments: argparse.Namespace) -> None:
    provenance = json.loads(arguments.provenance.read_text(encoding="utf-8"))
    attempts = read_all(arguments.attempts)
    attempts.insert(1, "on_sheet", attempts["n_images"].isin(arguments.n_images))
    write_csv(attempts, arguments.all_attempts)
    outcomes = pd.read_csv(arguments.outcomes)
    basins = basin_shares(outcomes)
    write_csv(basins, arguments.basins)
    summary = summarise(outcomes)
    write_csv(summary, arguments.summary)
    write_metrics(arguments.metrics, {"images": provenance["label"]}, trained=metrics(attempts, summary))
    inputs, limits = read_all(arguments.limit_inputs), read_limits(arguments.limits)
    shares = limit_shares(inputs, limits)
    write_csv(shares, arguments.limit_shares)
    write_csv(limits, arguments.all_limits)
    write_csv(count_attractors(read_all(arguments.errors), limits, inputs), arguments.all_errors)
    homogeneity = read_all(arguments.homogeneity)
    write_csv(homogeneity, arguments.all_homogeneity)
    mark = provenance["label"] if provenance["stand_in"] else None
    save(plot_basins(basins), arguments.figure, mark=mark)
    save(plot_limits(shares[shares["activation"] == "relu"]), arguments.limits_figure, mark=mark)
    save(plot_homogeneity(homogeneity), arguments.homogeneity_figure, mark=mark)


def read_all(paths: list[Path]) -> pd.DataFrame:
    return pd.concat([pd.read_csv(path) for path in paths], ignore_index=True)


def read_limits(paths: list[Path]) -> pd.DataFrame:
    """Read the limits of all networks. A network has none if all inputs go to zero or still move."""
    types = {"n_images": int, "target": float, "limit": int, "nearest": int, "attracting": bool}
    return read_all(paths).astype(types)


def limit_shares(inputs: pd.DataFrame, limits: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each network, training error, kind of input, and class and nearest image of their limits."""
    reached = inputs.merge(limits[[*NETWORK_COLUMNS, "limit", "outcome", "nearest"]], how="left")
    reached["outcome"] = reached["outcome"].fillna(reached["limit"].map({0: "zero", -1: "moving"}))
    reached["nearest"] = reached["nearest"].fillna(0).astype(int)
    of_kind = [*NETWORK_COLUMNS, "input"]
    table = reached.groupby([*of_kind, "outcome", "nearest"], sort=False).size().rename("count").reset_index()
    table["inputs"] = table.groupby(of_kind)["count"].transform("sum")
    return table.assign(share=table["count"] / table["inputs"])


def count_attractors(errors: pd.DataFrame, limits: pd.DataFrame, inputs: pd.DataFrame) -> pd.DataFrame:
    """Add the columns `attractors` and `stay` to the trainings.

    They count the training images at which there is an attracting limit, and those whose own limit is at themselves.
    """
    at_images = limits[limits["outcome"] == "image"]
    attractors = at_images[at_images["attracting"]].groupby(NETWORK_COLUMNS)["nearest"].nunique()
    training = inputs[inputs["input"] == "training"].merge(at_images[[*NETWORK_COLUMNS, "limit", "nearest"]])
    stay = training[training["number"] == training["nearest"]].groupby(NETWORK_COLUMNS).size()
    counted = errors.join(attractors.rename("attractors"), on=NETWORK_COLUMNS).join(
        stay.rename("stay"), on=NETWORK_COLUMNS
    )
    return counted.fillna({"attractors": 0, "stay": 0}).astype({"attractors": int, "stay": int})


def basin_shares(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each network, kind of input, number of iterations and training image.

    The column `share` is the share of the inputs whose output is nearest to this image. It is the sum of the shares of
    the classes other than zero, such as `image_share`.
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
            "median_degrees": np.degrees(np.arccos(groups["cosine"].median().clip(-1, 1))),
            "median_span_degrees": np.degrees(np.arccos(groups["span_cosine"].median().clip(-1, 1))),
            "arrival_degrees": groups["arrival_degrees"].first(),
        }
    )
    return table.reset_index()


def metrics(attempts: pd.DataFrame, summary: pd.DataFrame) -> dict[str, Any]:
    """Return, for each network, its training run and the classes of test images after the most iterations."""
    networks = attempts.query("purpose == 'fit' and activation == 'relu'").groupby("n_images").tail(1)
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
    parser.add_argument("--limits", type=Path, nargs="+", required=True, help="limits for each network, CSV")
    parser.add_argument("--limit-inputs", type=Path, nargs="+", required=True, help="the limit of each input, CSV")
    parser.add_argument("--errors", type=Path, nargs="+", required=True, help="further training of each, CSV")
    parser.add_argument(
        "--homogeneity", type=Path, nargs="+", required=True, help="the training images of each network, CSV"
    )
    parser.add_argument("--provenance", type=Path, required=True, help="the source of the images, JSON")
    parser.add_argument("--all-attempts", type=Path, required=True, help="attempts for all networks, CSV")
    parser.add_argument("--summary", type=Path, required=True, help="a row for each network, input and iteration, CSV")
    parser.add_argument("--basins", type=Path, required=True, help="shares of inputs nearest to each image, CSV")
    parser.add_argument("--all-limits", type=Path, required=True, help="limits for all networks, CSV")
    parser.add_argument("--limit-shares", type=Path, required=True, help="shares of inputs by kind of limit, CSV")
    parser.add_argument("--all-errors", type=Path, required=True, help="further training of all networks, CSV")
    parser.add_argument("--all-homogeneity", type=Path, required=True, help="the training images of all networks, CSV")
    parser.add_argument("--metrics", type=Path, required=True, help="training run and outcomes of each network, JSON")
    parser.add_argument("--figure", type=Path, required=True, help="the basins, SVG or PNG")
    parser.add_argument("--limits-figure", type=Path, required=True, help="the kinds of limits, SVG or PNG")
    parser.add_argument(
        "--homogeneity-figure", type=Path, required=True, help="the eigenvalues nearest to 1, SVG or PNG"
    )
    run(parser, main)
