"""Fit kernel regression of Problem 13 with one kernel and each ridge, and evaluate it."""

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from nngplab.pipeline.cli import is_first_process, run
from nngplab.pipeline.files import write_csv
from nngplab.problems.challenge import (
    CostMeter,
    Hyperparameters,
    SelectionSamples,
    candidate_rows,
    evaluate,
    read_selection,
)
from nngplab.problems.challenge_images import prepare
from nngplab.problems.challenge_kernels import KERNELS, fit_ridges
from nngplab.problems.challenge_selection import read_choice


def main(arguments: argparse.Namespace) -> None:
    cost = CostMeter()
    with threadpool_limits(arguments.threads, "blas"):
        selection = read_selection(arguments.selection).first(arguments.n)
        given = arguments.choice is not None
        choices = [arguments.choice] if given else read_choice(arguments.selected, arguments.dataset, arguments.kernel)
        rows = [row for choice in choices for row in fit(arguments, selection, choice)]
    if not is_first_process():
        return
    write_csv(pd.DataFrame(rows).assign(dataset=arguments.dataset, n=len(selection.train.X)), arguments.output)
    write_csv(cost.table(arguments.dataset, arguments.kernel, "selection", len(rows) // 2), arguments.cost)


def fit(arguments: argparse.Namespace, selection: SelectionSamples, choice: Hyperparameters) -> list[dict[str, Any]]:
    """Return the rows of all ridges; of several processes, which have the same models, the first one returns them.

    A singular Gram matrix is a result for this kernel and ridge, and not an error.
    """
    samples, other = (prepare(part, choice, arguments.whitening) for part in (selection.train, selection.val))
    predict = fit_ridges(
        arguments.kernel, choice, arguments.ridges, samples, arguments.device, arguments.storage, arguments.solver
    )
    if not is_first_process():
        return []
    train, val = predict(samples.X), predict(other.X)
    rows = []
    for ridge in arguments.ridges:
        fitted = ridge in val
        metrics = {
            "train": evaluate(train[ridge], selection.train) if fitted else {},
            "val": evaluate(val[ridge], selection.val) if fitted else {},
        }
        rows += candidate_rows(arguments.kernel, choice | {"ridge": ridge}, metrics, "fitted" if fitted else "singular")
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--selection", type=Path, required=True, help="samples for training and validation, NPZ")
    parser.add_argument("--dataset", required=True, help="name of the data set")
    parser.add_argument("--n", type=int, help="number of training samples to use, the first ones (default: all)")
    parser.add_argument("--kernel", choices=KERNELS, required=True, help="name of the kernel")
    parser.add_argument("--choice", type=json.loads, help="hyper-parameters but the ridge, JSON")
    parser.add_argument(
        "--selected", type=Path, help="hyper-parameters by data set and model, JSON, instead of --choice"
    )
    parser.add_argument("--whitening", type=Path, nargs="+", default=[], help="files of challenge_whitening.py")
    parser.add_argument("--ridges", type=float, nargs="+", required=True, help="ridges to try")
    parser.add_argument("--solver", default="tiled", help="tiled or scalapack (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument("--threads", type=int, required=True, help="number of threads of BLAS")
    parser.add_argument("--storage", type=Path, help="a file for the factor, in which a fit resumes (default: none)")
    parser.add_argument("--output", type=Path, required=True, help="two rows for each ridge, CSV")
    parser.add_argument("--cost", type=Path, required=True, help="seconds and memory, CSV")
    run(parser, main)
