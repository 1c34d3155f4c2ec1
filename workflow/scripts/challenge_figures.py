"""Draw the scores of the models of Problem 13, and those of the kernels against the ridge."""

import argparse
import json
from pathlib import Path

import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.problems.challenge_selection import trained_on_most
from nngplab.report.figures.challenge import plot_benchmark, plot_ridges
from nngplab.report.figures.style import save
from nngplab.report.labels import DATASETS


def main(arguments: argparse.Namespace) -> None:
    records = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in arguments.records}
    scores = {dataset: record["score"] for dataset, record in records.items()}
    stand_ins = {DATASETS[dataset]: record["label"] for dataset, record in records.items() if record["stand_in"]}
    mark = "\n".join(f"{dataset}: {label}" for dataset, label in stand_ins.items())
    tested = pd.read_csv(arguments.scores)
    save(plot_benchmark(pd.read_csv(arguments.benchmark), tested, scores), arguments.benchmark_figure, mark)
    save(plot_ridges(trained_on_most(pd.read_csv(arguments.validation)), scores), arguments.ridges, mark)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--benchmark", type=Path, required=True, help="metrics of the selected models, CSV")
    parser.add_argument("--scores", type=Path, required=True, help="test scores with their intervals, CSV")
    parser.add_argument("--validation", type=Path, required=True, help="metrics of all candidates, CSV")
    parser.add_argument("--records", type=Path, nargs="+", required=True, help="records of the data sets, JSON")
    parser.add_argument("--benchmark-figure", type=Path, required=True, help="the scores of the models, SVG or PNG")
    parser.add_argument(
        "--ridges", type=Path, required=True, help="the scores of the kernels against the ridge, SVG or PNG"
    )
    run(parser, main)
