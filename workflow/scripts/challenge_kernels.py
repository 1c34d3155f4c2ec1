"""Fit kernel regression of Problem 13 with one kernel, once for each choice of its hyper-parameters."""

import argparse
import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from nngplab.challenge import KERNELS, Cost, Selection, candidate_rows, fit_kernel, measure, read_selection
from nngplab.errors import InputError
from nngplab.files import write_csv
from nngplab.program import run

log = logging.getLogger("nngplab")


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    cost = Cost()
    with threadpool_limits(1, "blas"):
        selection = read_selection(arguments.selection)
        rows = [row for candidate in arguments.candidates for row in fit_one(arguments.kernel, candidate, selection)]
    write_csv(pd.DataFrame(rows).assign(dataset=arguments.dataset), arguments.output)
    write_csv(cost.table(arguments.dataset, arguments.kernel, "selection", len(arguments.candidates)), arguments.cost)


def fit_one(kernel: str, hyperparameters: dict[str, Any], selection: Selection) -> list[dict[str, Any]]:
    try:
        predictor = fit_kernel(kernel, hyperparameters, selection.train)
    except InputError as error:
        # A singular Gram matrix is a result about this kernel and ridge, and no reason to stop.
        log.warning("%s with %s: %s", kernel, hyperparameters, error)
        return candidate_rows(kernel, hyperparameters, {"train": {}, "val": {}}, "singular")
    return candidate_rows(kernel, hyperparameters, measure(predictor, selection), "fitted")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--selection", type=Path, required=True, help="samples for training and validation, NPZ")
    parser.add_argument("--dataset", required=True, help="name of the data set")
    parser.add_argument("--kernel", choices=KERNELS, required=True)
    parser.add_argument("--candidates", type=json.loads, required=True, help="hyper-parameters of each, a JSON list")
    parser.add_argument("--output", type=Path, required=True, help="two rows a candidate, CSV")
    parser.add_argument("--cost", type=Path, required=True, help="seconds and memory, CSV")
    run(parser, main)
