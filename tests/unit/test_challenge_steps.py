"""What each step brings in Problem 13, against the best of candidates that are listed one by one."""

import itertools
import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nngplab.problems.challenge_steps import COLUMNS, step_rows

PREPARATIONS = [{"flips": False, "zca": None}, {"flips": True, "zca": None}, {"flips": True, "zca": 10.0}]


def table(candidates: list[tuple[str, dict, float]], **changes: str) -> pd.DataFrame:
    rows = [
        {"dataset": "cifar10", "model": model, "hyperparameters": json.dumps(chosen), "n": 100, "accuracy": accuracy}
        for model, chosen, accuracy in candidates
    ]
    return pd.DataFrame(rows).assign(**{"split": "val", "outcome": "fitted"} | changes)


def kernels(accuracy) -> list[tuple[str, dict, float]]:
    """One candidate for each combination, whose accuracy is a function of model, ridge and preparation."""
    return [
        (model, {"ridge": ridge, **preparation}, accuracy(model, ridge, i))
        for model, ridge, (i, preparation) in itertools.product(
            ["nngp", "deep_nngp", "ntk"], [0.0, 0.1], enumerate(PREPARATIONS)
        )
    ]


def test_each_step_adds_its_gain():
    gains = {"nngp": 0.0, "deep_nngp": 0.02, "ntk": 0.025}
    found = pd.DataFrame(step_rows(table(kernels(lambda model, ridge, i: 0.4 + gains[model] + ridge / 10 + 0.03 * i))))
    assert found["step"].tolist() == ["start", "ridge", "depth", "flips", "whitening", "tangent kernel"]
    assert found["accuracy"].tolist() == pytest.approx([0.4, 0.41, 0.43, 0.46, 0.49, 0.495])
    assert found["gain"].tolist()[1:] == pytest.approx([0.01, 0.02, 0.03, 0.03, 0.005])
    assert found["candidates"].tolist() == [1, 2, 4, 8, 12, 18]
    assert found["model"].tolist() == ["nngp", "nngp", *3 * ["deep_nngp"], "ntk"]
    assert list(found.columns.sort_values()) == sorted(COLUMNS)


def test_a_step_without_candidates_has_no_row():
    only_prepared = [(model, chosen, 0.5) for model, chosen, _ in kernels(lambda *_: 0.0) if chosen["flips"]]
    found = list(step_rows(table([row for row in only_prepared if row[0] == "nngp"])))
    assert [row["step"] for row in found] == ["flips", "whitening"]
    networks = [("network", {"k": 3, **preparation}, 0.3) for preparation in PREPARATIONS]
    assert [row["step"] for row in step_rows(table(networks))] == ["start", "flips", "whitening"]
    for other in ({"split": "train"}, {"outcome": "singular"}, {"dataset": "course"}):
        assert not list(step_rows(table(networks, **other)))


def test_candidates_on_more_images_are_left_out():
    few, more = (table([("network", {"k": 3, **PREPARATIONS[0]}, value)]) for value in (0.3, 0.4))
    assert [row["accuracy"] for row in step_rows(pd.concat([few, more.assign(n=200)]))] == [0.3]


@given(st.lists(st.floats(0, 1), min_size=18, max_size=18))
def test_the_last_step_is_the_best_of_all_and_none_falls(accuracies):
    values = iter(accuracies)
    found = list(step_rows(table(kernels(lambda *_: next(values)))))
    assert found[-1]["accuracy"] == max(accuracies)
    assert all(row["gain"] >= 0 for row in found[1:])
    assert found[0]["accuracy"] == accuracies[0]
