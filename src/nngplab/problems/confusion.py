"""Confusion matrices as tables."""

from typing import Any

import pandas as pd


def confusion(predictions: pd.DataFrame, classes: Any, by: str) -> pd.DataFrame:
    """Return a row for each group, class and predicted class: the number of predictions, and their share in the class.

    Args:
        predictions: the columns `by`, class and predicted; a row for each prediction.
        classes: the names of all classes, in the order of the columns of a matrix.
        by: the column with the names of the groups.
    """
    pairs = predictions[[by, "class"]].drop_duplicates().merge(pd.DataFrame({"predicted": classes}), how="cross")
    counts = predictions.groupby([by, "class", "predicted"]).size().rename("count").reset_index()
    table = pairs.merge(counts, how="left").fillna({"count": 0}).astype({"count": int})
    return table.assign(share=table["count"] / table.groupby([by, "class"])["count"].transform("sum"))
