"""Compare the selected models of Problem 13: metrics, scores with intervals, and the directions that they learned."""

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.metrics import write_metrics
from nngplab.problems.challenge_kernels import KERNELS
from nngplab.problems.challenge_scores import (
    RANDOM_MODELS,
    TestScores,
    comparison_rows,
    range_row,
    score_outputs,
    score_rows,
)
from nngplab.problems.challenge_selection import is_best_kernel, trained_on_most
from nngplab.regression.feature_machine import leading_direction

Array = npt.NDArray[Any]
# The models in the order of the tables.
MODELS = ("network", *KERNELS, "rfm", "rfm_direction")
COLUMNS = ["dataset", "model", "hyperparameters", "split", "mse", "r2", "accuracy"]
ERRORS = ["low", "high", "sample_se", "seed_se"]
SCORES = ["dataset", "model", "score", "value", *ERRORS, "seeds", "failed", "lowest", "highest"]
TEST = ["only_model", "only_other", "p_value"]
COMPARISON = ["dataset", "model", "other", "score", "difference", *ERRORS, *TEST, "edges", "conclusive"]
DIRECTIONS = ["dataset", "model", "feature", "component", "truth", "cosine", "share"]
DIFFERENCES = [f"{name}_{key}" for name in ("excess", "gap", "rest") for key in ("difference", "low", "high")]
MSES = [f"mse_{name}" for name in ("val", "test", "inside", "outside")]
RANGES = ["dataset", "model", "n_test", "n_outside", "share_outside", *MSES, "error_share_outside", *DIFFERENCES]
# The arrays of the test files of a data set by model, and those of all data sets.
Files = dict[str, dict[str, Array]]
Datasets = dict[str, Files]


def main(arguments: argparse.Namespace) -> None:
    records = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in arguments.records}
    benchmark = benchmark_table(pd.read_csv(arguments.validation), pd.concat(map(pd.read_csv, arguments.tests)))
    write_csv(benchmark, arguments.benchmark)
    arrays: Datasets = {dataset: read_arrays(arguments.outputs, dataset) for dataset in records}
    scores, comparison = score_tables(arrays, records, pd.read_csv(arguments.edges))
    write_csv(scores.assign(best_kernel=is_best_kernel(scores, benchmark, KERNELS)), arguments.scores)
    write_csv(comparison, arguments.comparison)
    write_csv(range_table(arrays), arguments.ranges)
    learned = [
        direction_table(file["feature_matrix"], records[dataset]["direction"]).assign(dataset=dataset, model=model)
        for dataset, files in arrays.items()
        for model, file in files.items()
        if "feature_matrix" in file
    ]
    write_csv(pd.concat(learned)[DIRECTIONS] if learned else pd.DataFrame(columns=DIRECTIONS), arguments.directions)
    random = benchmark["model"].isin(RANDOM_MODELS)
    names = {name: {"data": record["label"], "score": record["score"]} for name, record in records.items()}
    exact, trained = (scores_by_model(rows, records) for rows in (benchmark[~random], benchmark[random]))
    write_metrics(arguments.metrics, {name: names[name] | exact[name] for name in names}, trained)


def benchmark_table(validation: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the selected candidates: those on training and validation samples, then those on the test."""
    selected = tests[["dataset", "model", "hyperparameters"]]
    candidates = selected.merge(trained_on_most(validation), how="left")
    return pd.concat([candidates[COLUMNS], tests[COLUMNS]], ignore_index=True)


def read_arrays(paths: list[Path], dataset: str) -> Files:
    """Return the arrays of all test files of a data set, by model."""
    found = {}
    for path in paths:
        if path.parent.name == dataset:
            with np.load(path) as file:
                found[path.stem] = dict(file)
    return found


def score_tables(arrays: Datasets, records: dict[str, Any], edges: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the test scores of all models, and the differences of all pairs, with 95% confidence intervals."""
    scores, comparison = [], []
    for dataset, record in records.items():
        names = {"dataset": dataset, "score": record["score"]}
        models = score_models(arrays[dataset], record["score"])
        at_edge = edges.loc[(edges["dataset"] == dataset) & edges["edge"], "model"].tolist()
        scores += [names | row for row in score_rows(models)]
        comparison += [
            names | row for row in comparison_rows(models, {model: at_edge.count(model) for model in models})
        ]
    return pd.DataFrame(scores, columns=SCORES), pd.DataFrame(comparison, columns=COMPARISON)


def score_models(files: Files, score: str) -> dict[str, TestScores]:
    """Return the test scores of each model of the test files of a data set."""
    models = {}
    for model, file in itertools.product(MODELS, files.values()):
        if model in file:
            outputs = file.get(f"{model}_seeds", file[model][np.newaxis])
            failed, random = int(file.get("failed", 0)), model in RANDOM_MODELS
            models[model] = score_outputs(outputs, file["y_test"], score, failed, random)
    return models


def range_table(arrays: Datasets) -> pd.DataFrame:
    """Return the errors inside and outside the range of the training samples along each learned direction."""
    rows = []
    for dataset, files in arrays.items():
        for file in files.values():
            for model in ("rfm", "rfm_direction") if "direction" in file else ():
                errors = {
                    split: ((file[name] - file[f"y_{split}"]) ** 2).mean(axis=1)
                    for split, name in (("test", model), ("val", f"{model}_val"))
                }
                along = {split: file[f"along_{split}"] for split in ("train", "test")}
                rows.append({"dataset": dataset, "model": model, **range_row(along, errors)})
    return pd.DataFrame(rows, columns=RANGES)


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


def scores_by_model(benchmark: pd.DataFrame, records: dict[str, Any]) -> dict[str, Any]:
    """Return the score of each model on the validation and the test samples, by data set."""
    return {
        dataset: {
            str(model): rows.set_index("split")[record["score"]][["val", "test"]].to_dict()
            for model, rows in benchmark[benchmark["dataset"] == dataset].groupby("model", sort=False)
        }
        for dataset, record in records.items()
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--validation", type=Path, required=True, help="metrics of all candidates, CSV")
    parser.add_argument("--tests", type=Path, nargs="+", required=True, help="metrics on the test samples, CSV")
    parser.add_argument("--outputs", type=Path, nargs="+", required=True, help="outputs for the test samples, NPZ")
    parser.add_argument("--records", type=Path, nargs="+", required=True, help="descriptions of the data sets, JSON")
    parser.add_argument("--edges", type=Path, required=True, help="the places of the selected values in the grid, CSV")
    parser.add_argument("--benchmark", type=Path, required=True, help="metrics of the selected models, CSV")
    parser.add_argument("--scores", type=Path, required=True, help="test scores with their intervals, CSV")
    parser.add_argument("--comparison", type=Path, required=True, help="differences of the scores of all pairs, CSV")
    parser.add_argument("--ranges", type=Path, required=True, help="errors by the range of the training samples, CSV")
    parser.add_argument("--directions", type=Path, required=True, help="the learned directions, CSV")
    parser.add_argument("--metrics", type=Path, required=True, help="the scores, JSON")
    run(parser, main)
