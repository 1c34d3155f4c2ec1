"""Draw the direction that a recursive feature machine learns from the data of the course challenge (Problem 13)."""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.report.figures.challenge import plot_direction
from nngplab.report.figures.style import save


def main(arguments: argparse.Namespace) -> None:
    record = json.loads(arguments.record.read_text(encoding="utf-8"))
    directions = pd.read_csv(arguments.directions).query("dataset == 'course'")
    with np.load(arguments.outputs) as file:
        samples = pd.DataFrame(
            {"along": file["along_test"], "y": file["y_test"][:, 0], "predicted": file["rfm_direction"][:, 0]}
        )
        figure = plot_direction(directions, samples, (file["along_train"].min(), file["along_train"].max()))
    save(figure, arguments.output, record["label"] if record["stand_in"] else None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directions", type=Path, required=True, help="the learned directions, CSV")
    parser.add_argument("--outputs", type=Path, required=True, help="outputs of the feature machine, NPZ")
    parser.add_argument("--record", type=Path, required=True, help="description of the data, JSON")
    parser.add_argument("--output", type=Path, required=True, help="the figure, SVG or PNG")
    run(parser, main)
