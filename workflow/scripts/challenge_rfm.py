"""Fit recursive feature machines of Problem 13, then regression on the leading direction of the best one."""

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
from nngplab.pipeline.progress import track
from nngplab.problems.challenge import (
    CostMeter,
    Samples,
    candidate_rows,
    evaluate_predictor,
    ranking_metric,
    read_selection,
)
from nngplab.problems.challenge_kernels import feature_machine_path, feature_machine_predictor, fit_along_direction
from nngplab.regression.feature_machine import RecursiveFeatureMachine


def main(arguments: argparse.Namespace) -> None:
    cost = CostMeter()
    with threadpool_limits(1, "blas"):
        selection = read_selection(arguments.selection)
        rows: list[dict[str, Any]] = []
        best_score, best, direction = -np.inf, {}, np.empty(0)
        machines = sum(candidate["iterations"] for candidate in arguments.candidates)
        for machine in track(fit_machines(arguments.candidates, selection.train), "machine", machines):
            candidate = {name: getattr(machine, name) for name in ("bandwidth", "iterations", "ridge")}
            metrics = evaluate_predictor(feature_machine_predictor(machine, selection.train), selection)
            rows += candidate_rows("rfm", candidate, metrics, "fitted")
            score = metrics["val"][ranking_metric(selection.val)]
            if score > best_score:
                best_score, best, direction = score, candidate, machine.leading_direction_
        for along in arguments.along:
            metrics = evaluate_predictor(fit_along_direction(direction, along, selection.train), selection)
            rows += candidate_rows("rfm_direction", {**best, **along}, metrics, "fitted")
    write_csv(pd.DataFrame(rows).assign(dataset=arguments.dataset, n=len(selection.train.X)), arguments.output)
    write_csv(cost.table(arguments.dataset, "rfm", "selection", len(rows) // 2), arguments.cost)


def fit_machines(candidates: list[dict[str, Any]], samples: Samples) -> Iterator[RecursiveFeatureMachine]:
    """Yield the machine of each candidate after 1, 2, 3, ... iterations; without iterations, it has no direction."""
    for candidate in candidates:
        yield from islice(feature_machine_path(candidate, samples), 1, None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--selection", type=Path, required=True, help="samples for training and validation, NPZ")
    parser.add_argument("--dataset", required=True, help="name of the data set")
    parser.add_argument(
        "--candidates", type=json.loads, required=True, help="hyper-parameters of each machine, a JSON list"
    )
    parser.add_argument(
        "--along", type=json.loads, required=True, help="hyper-parameters of regression on the direction, a JSON list"
    )
    parser.add_argument("--output", type=Path, required=True, help="two rows for each candidate, CSV")
    parser.add_argument("--cost", type=Path, required=True, help="seconds and memory, CSV")
    run(parser, main)
