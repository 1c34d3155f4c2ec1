"""Compare the selected models of Problem 13: metrics, differences of scores, and the directions that they learned."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv, write_json
from nngplab.pipeline.statistics import mean_interval
from nngplab.regression.feature_machine import leading_direction

Array = npt.NDArray[Any]
COLUMNS = ["dataset", "model", "hyperparameters", "split", "mse", "r2", "accuracy"]
COMPARISON = ["dataset", "model", "other", "score", "difference", "low", "high"]
DIRECTIONS = ["dataset", "model", "feature", "component", "truth", "cosine", "share"]


def main(arguments: argparse.Namespace) -> None:
    records = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in arguments.records}
    benchmark = benchmark_table(pd.read_csv(arguments.validation), pd.concat(map(pd.read_csv, arguments.tests)))
    write_csv(benchmark, arguments.benchmark)
    comparison, learned = [], []
    for dataset, record in records.items():
        arrays = read_arrays(arguments.outputs, dataset)
        models = benchmark.loc[benchmark["dataset"] == dataset, "model"].unique()
        outputs = {model: file[model] for file in arrays.values() for model in models if model in file}
        (y, *_) = (file["y_test"] for file in arrays.values())
        comparison += [{"dataset": dataset, **row} for row in compare(outputs, y, record["score"])]
        for model, file in arrays.items():
            if "feature_matrix" in file:
                table = direction_table(file["feature_matrix"], record["direction"])
                learned.append(table.assign(dataset=dataset, model=model))
    write_csv(pd.DataFrame(comparison, columns=COMPARISON), arguments.comparison)
    write_csv(pd.concat(learned)[DIRECTIONS] if learned else pd.DataFrame(columns=DIRECTIONS), arguments.directions)
    write_json(metrics(benchmark, records), arguments.metrics)


def benchmark_table(validation: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the selected candidates: those on training and validation samples, then those on the test."""
    selected = tests[["dataset", "model", "hyperparameters"]]
    return pd.concat([selected.merge(validation, how="left")[COLUMNS], tests[COLUMNS]], ignore_index=True)


def read_arrays(paths: list[Path], dataset: str) -> dict[str, dict[str, Array]]:
    """Return the arrays of all test files of a data set, by model."""
    found = {}
    for path in paths:
        if path.parent.name == dataset:
            with np.load(path) as file:
                found[path.stem] = dict(file)
    return found


def compare(outputs: dict[str, Array], y: Array, score: str) -> list[dict[str, Any]]:
    """Return the difference between the scores of the network and each other model, with its 95% confidence interval.

    The differences are paired, since all models have the same test samples.
    """

    def scores(model: str) -> Array:
        """Return a value for each sample; their mean is the score."""
        if score == "accuracy":
            right: Array = (outputs[model].argmax(axis=1) == y.argmax(axis=1)).astype(float)
            return right
        ratios: Array = ((outputs[model] - y) ** 2).mean(axis=1) / np.mean((y - y.mean(axis=0)) ** 2)
        return 1 - ratios

    rows = []
    for other in outputs if "network" in outputs else []:
        if other != "network":
            differences = scores("network") - scores(other)
            low, high = mean_interval(differences)
            names = {"model": "network", "other": other, "score": score}
            rows.append(names | {"difference": differences.mean(), "low": low, "high": high})
    return rows


def direction_table(matrix: Array, truth: list[float] | None) -> pd.DataFrame:
    """Return the leading direction of a feature matrix (d, d), a row for each feature, in order of its weight.

    The column `share` is the ratio of the largest eigenvalue to the trace. The sign of a direction has no meaning:
    that of the true direction, if it is known, is chosen to match.
    """
    u = leading_direction(matrix)
    known = np.full(len(u), np.nan) if truth is None else np.sign(u @ truth) * np.array(truth)
    table = pd.DataFrame({"feature": np.arange(1, len(u) + 1), "component": u, "truth": known, "cosine": known @ u})
    share = np.linalg.eigvalsh(matrix)[-1] / np.trace(matrix)
    return table.assign(share=share).sort_values("component", key=np.abs, ascending=False, kind="stable")


def metrics(benchmark: pd.DataFrame, records: dict[str, Any]) -> dict[str, Any]:
    """Return the score of each model on the validation and the test samples, by data set."""
    return {
        dataset: {
            "data": record["label"],
            "score": record["score"],
            **{
                str(model): rows.set_index("split")[record["score"]][["val", "test"]].to_dict()
                for model, rows in benchmark[benchmark["dataset"] == dataset].groupby("model", sort=False)
            },
        }
        for dataset, record in records.items()
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--validation", type=Path, required=True, help="metrics of all candidates, CSV")
    parser.add_argument("--tests", type=Path, nargs="+", required=True, help="metrics on the test samples, CSV")
    parser.add_argument("--outputs", type=Path, nargs="+", required=True, help="outputs for the test samples, NPZ")
    parser.add_argument("--records", type=Path, nargs="+", required=True, help="descriptions of the data sets, JSON")
    parser.add_argument("--benchmark", type=Path, required=True, help="metrics of the selected models, CSV")
    parser.add_argument(
        "--comparison", type=Path, required=True, help="differences between the network and each other model, CSV"
    )
    parser.add_argument("--directions", type=Path, required=True, help="the learned directions, CSV")
    parser.add_argument("--metrics", type=Path, required=True, help="the scores, JSON")
    run(parser, main)
