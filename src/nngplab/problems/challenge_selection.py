"""The selection of the candidates of Problem 13 by their validation scores."""

import json
from typing import Any

import pandas as pd


def select(validation: pd.DataFrame, dataset: str, score: str) -> dict[str, Any]:
    """Return the hyper-parameters of the best candidate of each model, without models of which none was fitted.

    Args:
        validation: the metrics of all candidates, with the columns dataset, model, hyperparameters, split and outcome.
        dataset: the name of the data set.
        score: the column of the score, of which more is better.
    """
    val = validation[(validation["dataset"] == dataset) & (validation["split"] == "val")]
    return {
        str(model): json.loads(candidates.nlargest(1, score)["hyperparameters"].item())
        for model, candidates in val[val["outcome"] == "fitted"].groupby("model", sort=False)
    }
