"""Fit kernel regression of Problem 13 with one kernel and each ridge, and evaluate it."""

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from nngplab.pipeline.cli import is_first_process, run
from nngplab.pipeline.files import write_csv
from nngplab.problems.challenge import CostMeter, SelectionSamples, candidate_rows, evaluate, read_selection
from nngplab.problems.challenge_kernels import KERNELS, PathPredictor, fit_ridges


def main(arguments: argparse.Namespace) -> None:
    cost = CostMeter()
    with threadpool_limits(arguments.threads, "blas"):
        selection = read_selection(arguments.selection)
        predict = fit(arguments, selection)
        if not is_first_process():
            return  # all have the same models
        rows = evaluate_ridges(arguments, selection, predict)
    write_csv(pd.DataFrame(rows).assign(dataset=arguments.dataset), arguments.output)
    write_csv(cost.table(arguments.dataset, arguments.kernel, "selection", len(rows) // 2), arguments.cost)


def fit(arguments: argparse.Namespace, selection: SelectionSamples) -> PathPredictor:
    """Return the function from inputs to outputs by ridge."""
    return fit_ridges(
        arguments.kernel,
        arguments.choice,
        arguments.ridges,
        selection.train,
        arguments.device,
        arguments.storage,
        arguments.solver,
    )


def evaluate_ridges(
    arguments: argparse.Namespace, selection: SelectionSamples, predict: PathPredictor
) -> list[dict[str, Any]]:
    """Return the rows of all ridges.

    A singular Gram matrix is a result for this kernel and ridge, and not an error.
    """
    train, val = predict(selection.train.X), predict(selection.val.X)
    rows = []
    for ridge in arguments.ridges:
        fitted = ridge in val
        metrics = {
            "train": evaluate(train[ridge], selection.train) if fitted else {},
            "val": evaluate(val[ridge], selection.val) if fitted else {},
        }
        hyperparameters = {"ridge": ridge, **arguments.choice}
        rows += candidate_rows(arguments.kernel, hyperparameters, metrics, "fitted" if fitted else "singular")
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--selection", type=Path, required=True, help="samples for training and validation, NPZ")
    parser.add_argument("--dataset", required=True, help="name of the data set")
    parser.add_argument("--kernel", choices=KERNELS, required=True, help="name of the kernel")
    parser.add_argument("--choice", type=json.loads, required=True, help="hyper-parameters but the ridge, JSON")
    parser.add_argument("--ridges", type=float, nargs="+", required=True, help="ridges to try")
    parser.add_argument("--solver", default="tiled", help="tiled or scalapack (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument("--threads", type=int, required=True, help="number of threads of BLAS")
    parser.add_argument("--storage", type=Path, help="a file for the factor, in which a fit resumes (default: none)")
    parser.add_argument("--output", type=Path, required=True, help="two rows for each ridge, CSV")
    parser.add_argument("--cost", type=Path, required=True, help="seconds and memory, CSV")
    run(parser, main)
