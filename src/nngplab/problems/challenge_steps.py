"""What each step from the ReLU NNGP without a ridge, and from a network on plain images, brings in Problem 13."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd

COLUMNS = ["start", "step", "model", "accuracy", "gain", "candidates", "hyperparameters"]
# What is not allowed before a step, in the order of the steps. After all of them, all candidates are allowed.
_PREPARATIONS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "flips": lambda candidate: candidate["flips"],
    "whitening": lambda candidate: candidate["zca"] is not None,
}
_STEPS: Mapping[str, dict[str, Callable[[dict[str, Any]], bool]]] = {
    "nngp": {
        "ridge": lambda candidate: candidate["ridge"] > 0,
        "depth": lambda candidate: candidate["model"] == "deep_nngp",
        **_PREPARATIONS,
        "tangent kernel": lambda candidate: candidate["model"] == "ntk",
    },
    "network": _PREPARATIONS,
}
_MODELS = {"nngp": ("nngp", "deep_nngp", "ntk"), "network": ("network",)}


def step_rows(validation: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the best validation accuracy on CIFAR-10 after each step, among all candidates that it allows.

    Of candidates on different numbers of training images, those on the fewest are compared, which are all candidates.
    A step that allows no further candidate has no row, nor do the steps before the first candidate. So the accuracy
    never falls from one row to the next.

    Args:
        validation: the metrics of all candidates, with the columns dataset, model, hyperparameters (JSON), n, split,
            accuracy and outcome.

    Returns:
        The columns of `COLUMNS`: `start` is "nngp" or "network", the first `step` is "start", `model` is that of the
        best candidate, `gain` is the difference to the row before, and `candidates` is the number of those allowed.
    """
    val = validation[(validation["split"] == "val") & (validation["outcome"] == "fitted")]
    val = val[(val["dataset"] == "cifar10") & val["model"].isin(sum(_MODELS.values(), ()))]
    val = val[val["n"] == val["n"].min()]
    for start, steps in _STEPS.items():
        of_start = val[val["model"].isin(_MODELS[start])].to_dict("records")
        candidates = [{**json.loads(row["hyperparameters"]), **row} for row in of_start]
        before: dict[str, Any] = {}
        for done, step in enumerate(["start", *steps]):
            forbidden = list(steps.values())[done:]
            allowed = [candidate for candidate in candidates if not any(test(candidate) for test in forbidden)]
            if len(allowed) == before.get("candidates", 0):
                continue
            best = max(allowed, key=lambda candidate: candidate["accuracy"])
            row = {name: best[name] for name in ("model", "accuracy", "hyperparameters")}
            row |= {"start": start, "step": step, "candidates": len(allowed)}
            yield row | {"gain": best["accuracy"] - before["accuracy"] if before else None}
            before = row
