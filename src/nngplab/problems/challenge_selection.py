"""The selection of the candidates of Problem 13 by their validation scores."""

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from nngplab.problems.challenge import Hyperparameters


def read_candidates(paths: Iterable[Path]) -> pd.DataFrame:
    """Return the candidates of some tables as one, without tables that have none."""
    return pd.concat([table for table in map(pd.read_csv, paths) if len(table)], ignore_index=True)


def read_choice(path: Path, dataset: str, model: str) -> list[Hyperparameters]:
    """Return the selected hyper-parameters of a model on a data set, or none if no candidate was fitted."""
    chosen = json.loads(path.read_text(encoding="utf-8"))[dataset]
    return [chosen[model]] if model in chosen else []


def trained_on_most(validation: pd.DataFrame) -> pd.DataFrame:
    """Return the candidates of each model that were fitted to the largest number of samples, its column n."""
    return validation[validation["n"] == validation.groupby(["dataset", "model"])["n"].transform("max")]


def select(validation: pd.DataFrame, dataset: str, score: str) -> dict[str, Any]:
    """Return the hyper-parameters of the best candidate of each model, without models of which none was fitted.

    If a model has candidates on different numbers of training samples, those on the most of them are compared.

    Args:
        validation: the metrics of all candidates, with the columns dataset, model, hyperparameters, n, split and
            outcome.
        dataset: the name of the data set.
        score: the column of the score, of which more is better.
    """
    val = trained_on_most(validation[(validation["dataset"] == dataset) & (validation["split"] == "val")])
    return {
        str(model): json.loads(candidates.nlargest(1, score)["hyperparameters"].item())
        for model, candidates in val[val["outcome"] == "fitted"].groupby("model", sort=False)
    }


def is_best_kernel(scores: pd.DataFrame, benchmark: pd.DataFrame, kernels: Collection[str]) -> pd.Series:
    """Return whether each model has the highest validation score of all kernels on its data set.

    Args:
        scores: the columns dataset, model and score, the name of the score; a row for each model.
        benchmark: the metrics of the selected candidates, with the columns dataset, model and split.
        kernels: the names of all kernels.
    """
    validation = benchmark[benchmark["split"] == "val"].set_index(["dataset", "model"])
    of_kernels = scores[scores["model"].isin(kernels)]
    values = pd.Series(
        {
            place: validation[str(score)][dataset, model]
            for place, dataset, model, score in of_kernels[["dataset", "model", "score"]].itertuples()
        },
        dtype=float,
    )
    best = values.groupby(of_kernels["dataset"]).idxmax()
    return pd.Series(scores.index.isin(best), index=scores.index)
