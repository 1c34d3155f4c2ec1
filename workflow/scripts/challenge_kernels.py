"""Fit kernel regression of Problem 13 with one kernel, once for each choice of its hyper-parameters."""

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.problems.challenge import Cost, Selection, candidate_rows, errors, read_selection
from nngplab.problems.challenge_kernels import KERNELS, fit_ridges


def main(arguments: argparse.Namespace) -> None:
    cost = Cost()
    with threadpool_limits(arguments.threads, "blas"):
        selection = read_selection(arguments.selection)
        rows = [row for number in range(len(arguments.choices)) for row in fit_one(arguments, number, selection)]
    write_csv(pd.DataFrame(rows).assign(dataset=arguments.dataset), arguments.output)
    write_csv(cost.table(arguments.dataset, arguments.kernel, "selection", len(rows) // 2), arguments.cost)


def fit_one(arguments: argparse.Namespace, number: int, selection: Selection) -> list[dict[str, Any]]:
    """Return the rows of one choice of the other hyper-parameters, with each ridge.

    A singular Gram matrix is a result about this kernel and ridge, and no reason to stop.
    """
    choice = arguments.choices[number]
    checkpoint = arguments.checkpoint and arguments.checkpoint.with_name(f"{arguments.checkpoint.name}_{number}")
    outputs = fit_ridges(arguments.kernel, choice, arguments.ridges, selection.train, arguments.device, checkpoint)
    train, val = outputs(selection.train.X), outputs(selection.val.X)
    rows = []
    for ridge in arguments.ridges:
        fitted = ridge in val
        measured = {
            "train": errors(train[ridge], selection.train) if fitted else {},
            "val": errors(val[ridge], selection.val) if fitted else {},
        }
        named = {"ridge": ridge, **choice}
        rows += candidate_rows(arguments.kernel, named, measured, "fitted" if fitted else "singular")
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--selection", type=Path, required=True, help="samples for training and validation, NPZ")
    parser.add_argument("--dataset", required=True, help="name of the data set")
    parser.add_argument("--kernel", choices=KERNELS, required=True)
    parser.add_argument("--choices", type=json.loads, required=True, help="of its hyper-parameters, a JSON list")
    parser.add_argument("--ridges", type=float, nargs="+", required=True, help="tried with each of them")
    parser.add_argument("--device", default="cpu", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument("--threads", type=int, required=True, help="for the factorisation of a large Gram matrix")
    parser.add_argument("--checkpoint", type=Path, help="where an interrupted factorisation resumes (default: nowhere)")
    parser.add_argument("--output", type=Path, required=True, help="two rows a choice and ridge, CSV")
    parser.add_argument("--cost", type=Path, required=True, help="seconds and memory, CSV")
    run(parser, main)
