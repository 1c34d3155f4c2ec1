"""Which selected hyperparameters of Problem 13 are at an edge of the grid that was searched.

At an edge, the best value may be outside the grid. So a comparison with the model says which of two candidates is
better, and nothing about the best that the two models can do.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from nngplab.problems.challenge import Hyperparameters

COLUMNS = ["dataset", "model", "hyperparameter", "value", "tried", "lowest", "highest", "place", "edge"]
# The smallest value that a hyperparameter can have. A grid cannot be extended below it.
BOUNDARIES = {"ridge": 0, "direction_ridge": 0, "weight_decay": 0, "depth": 1, "k": 1, "batch_size": 1}
# All values from 1 to the largest are candidates, at the price of the largest one.
BUDGETS = ("epochs", "iterations")
EDGES = ("lowest", "highest", "last")


def edge_rows(
    validation: pd.DataFrame, selected: Mapping[str, Mapping[str, Hyperparameters]], epochs: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each hyperparameter of each selected model.

    The values tried are those of all candidates, also of those that failed. The column `place` is "fixed" for a single
    value, which was not searched; "all" if both values of a choice between true and false were tried; "boundary" for
    the smallest value that is possible, or for none at all, which is no whitening; "last" if the number of epochs or
    iterations is the largest allowed; otherwise "lowest", "highest" or "inside". The column `edge` says whether the
    grid could be extended there.

    Args:
        validation: columns dataset, model, hyperparameters (JSON); all candidates.
        selected: the hyperparameters by data set and model.
        epochs: the largest number of epochs of a network, by data set.
    """
    for dataset, models in selected.items():
        of_dataset = validation[validation["dataset"] == dataset]
        for model, chosen in models.items():
            # Regression on the direction inherits the hyperparameters of the feature machine.
            searched = of_dataset["model"].isin(["rfm", model] if model == "rfm_direction" else [model])
            candidates = [json.loads(text) for text in of_dataset.loc[searched, "hyperparameters"].unique()]
            for name, value in chosen.items():
                values = {candidate[name] for candidate in candidates if name in candidate}
                tried = sorted(values - {None}) or [None]
                if name in BUDGETS:
                    tried = list(range(1, (epochs[dataset] if name == "epochs" else tried[-1]) + 1))
                place = find_place(name, value, tried)
                row = {"dataset": dataset, "model": model, "hyperparameter": name, "value": value, "tried": len(tried)}
                yield row | {"lowest": tried[0], "highest": tried[-1], "place": place, "edge": place in EDGES}


def find_place(name: str, value: Any, tried: list[Any]) -> str:
    """Return the place of a value among those tried, in ascending order, as in the column `place` of `edge_rows`."""
    if name in BUDGETS:
        return "last" if value == tried[-1] else "inside"
    if value is None and tried != [None]:
        return "boundary"
    if len(tried) == 1:
        return "fixed"
    if isinstance(value, bool):
        return "all"
    if value == tried[-1]:
        return "highest"
    if value == tried[0]:
        return "boundary" if value == BOUNDARIES.get(name) else "lowest"
    return "inside"
