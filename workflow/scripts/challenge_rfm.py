"""Fit recursive feature machines for Problem 13, then regression on the leading direction of the best one alone."""

import argparse
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.problems.challenge import Cost, Samples, candidate_rows, measure, read_selection, score
from nngplab.problems.challenge_kernels import feature_machine_path, fit_along, machine_predictor
from nngplab.regression.feature_machine import RecursiveFeatureMachine


def main(arguments: argparse.Namespace) -> None:
    cost = Cost()
    with threadpool_limits(1, "blas"):
        selection = read_selection(arguments.selection)
        rows: list[dict[str, Any]] = []
        best_score, best, direction = -np.inf, {}, np.empty(0)
        for machine in machines(arguments.candidates, selection.train):
            candidate = {name: getattr(machine, name) for name in ("bandwidth", "iterations", "ridge")}
            measured = measure(machine_predictor(machine, selection.train), selection)
            rows += candidate_rows("rfm", candidate, measured, "fitted")
            if measured["val"][score(selection.val)] > best_score:
                best_score, best = measured["val"][score(selection.val)], candidate
                direction = machine.leading_direction_
        for along in arguments.along:
            measured = measure(fit_along(direction, along, selection.train), selection)
            rows += candidate_rows("rfm_direction", {**best, **along}, measured, "fitted")
    write_csv(pd.DataFrame(rows).assign(dataset=arguments.dataset), arguments.output)
    write_csv(
        cost.table(arguments.dataset, "rfm", "selection", len(rows) // 2),
        arguments.cost,
    )


def machines(candidates: list[dict[str, Any]], samples: Samples) -> Iterator[RecursiveFeatureMachine]:
    """Yield the machines of each candidate after 1, 2, 3, ... iterations: before the first, none has a direction."""
    for candidate in candidates:
        yield from islice(feature_machine_path(candidate, samples), 1, None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--selection", type=Path, required=True, help="samples for training and validation, NPZ")
    parser.add_argument("--dataset", required=True, help="name of the data set")
    parser.add_argument("--candidates", type=json.loads, required=True, help="hyper-parameters of each, a JSON list")
    parser.add_argument("--along", type=json.loads, required=True, help="those of the direction's, a JSON list")
    parser.add_argument("--output", type=Path, required=True, help="two rows a candidate, CSV")
    parser.add_argument("--cost", type=Path, required=True, help="seconds and memory, CSV")
    run(parser, main)
