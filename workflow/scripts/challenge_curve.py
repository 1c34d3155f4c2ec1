"""Fit the selected models of Problem 13 to the first of the training images, and evaluate them on the test images.

The ridge of a kernel and the number of epochs of a network are selected anew by the validation images. A whitening is
fitted to the images that are used, and to their flips.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.seeds import integer_seed
from nngplab.problems.challenge import (
    CostMeter,
    Hyperparameters,
    Predictor,
    Samples,
    evaluate,
    ranking_metric,
    read_selection,
    read_test,
)
from nngplab.problems.challenge_images import fit_whitening, whiten
from nngplab.problems.challenge_kernels import fit_ridges
from nngplab.problems.challenge_scores import RANDOM_MODELS, score_outputs, score_rows


def main(arguments: argparse.Namespace) -> None:
    cost = CostMeter()
    chosen: dict[str, Hyperparameters] = {}
    for path in arguments.selected:
        chosen |= json.loads(path.read_text(encoding="utf-8"))[arguments.dataset]
    with threadpool_limits(arguments.threads, "blas"):
        rows = list(curve_rows(arguments, chosen))
    columns = ["dataset", "n", "model", "hyperparameters", "value", "low", "high", "seeds", "failed"]
    write_csv(pd.DataFrame(rows, columns=columns), arguments.output)
    write_csv(cost.table(arguments.dataset, "curve", "test", sum(row["seeds"] for row in rows)), arguments.cost)


def curve_rows(arguments: argparse.Namespace, chosen: dict[str, Hyperparameters]) -> Iterator[dict[str, Any]]:
    """Yield a row for each model: its test score with the 95% interval, and the hyperparameters that were used."""
    selection = read_selection(arguments.selection).first(arguments.n)
    parts = (selection.train, selection.val, read_test(arguments.test, arguments.selection))
    by_epsilon: dict[float | None, tuple[Samples, ...]] = {None: parts}
    for model, hyperparameters in chosen.items():
        epsilon = hyperparameters.get("zca")
        if epsilon is not None and epsilon not in by_epsilon:
            whitening = fit_whitening(selection.train, epsilon)
            by_epsilon[epsilon] = tuple(whiten(part, whitening) for part in parts)
        train, val, test = by_epsilon[epsilon]
        fit = fit_network if model == "network" else fit_kernel_path
        used, predictors, failed = fit(arguments, model, hyperparameters, train, val)
        if not predictors:
            continue
        outputs = np.stack([predict(test.X) for predict in predictors])
        scores = score_outputs(outputs, test.y, ranking_metric(test), failed, model in RANDOM_MODELS)
        (row,) = score_rows({model: scores})
        yield row | {"dataset": arguments.dataset, "n": len(train.X), "hyperparameters": json.dumps(used)}


def fit_kernel_path(
    arguments: argparse.Namespace, model: str, hyperparameters: Hyperparameters, train: Samples, val: Samples
) -> tuple[Hyperparameters, list[Predictor], int]:
    """Return the hyperparameters with the best ridge, and the kernel regression; none if all matrices are singular."""
    predict = fit_ridges(model, hyperparameters, arguments.ridges, train, arguments.device)
    scores = {ridge: evaluate(outputs, val)[ranking_metric(val)] for ridge, outputs in predict(val.X).items()}
    if not scores:
        return hyperparameters, [], 0
    best = max(scores, key=lambda ridge: scores[ridge])
    return hyperparameters | {"ridge": best}, [lambda X: predict(X)[best]], 0


def fit_network(
    arguments: argparse.Namespace, model: str, hyperparameters: Hyperparameters, train: Samples, val: Samples
) -> tuple[Hyperparameters, list[Predictor], int]:
    """Return the hyperparameters with the best number of epochs, and a network of each seed that did not diverge."""
    # Imported here, since the other models do not need PyTorch.
    import torch

    from nngplab.pipeline.devices import resolve_device
    from nngplab.problems.challenge_networks import best_epoch, fit_networks, train_network

    torch.set_num_threads(1)
    names = ("challenge", arguments.dataset, "curve", len(train.X))
    seeds = [integer_seed(arguments.seed, *names, repeat) for repeat in range(arguments.seeds)]
    most = hyperparameters | {"epochs": arguments.epochs}
    _, training = train_network(most, train, seeds[0], val, resolve_device(arguments.device))
    used = hyperparameters | {"epochs": best_epoch(training, val)}
    predictors, learnt = fit_networks(used, train, seeds, arguments.device)
    return used, predictors.get(model, []), int(learnt["failed"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--selection", type=Path, required=True, help="samples for training and validation, NPZ")
    parser.add_argument("--test", type=Path, required=True, help="samples for the test, NPZ")
    parser.add_argument(
        "--selected", type=Path, nargs="+", required=True, help="hyper-parameters by data set and model, JSON"
    )
    parser.add_argument("--dataset", required=True, help="name of the data set")
    parser.add_argument("--n", type=int, required=True, help="number of training samples")
    parser.add_argument("--ridges", type=float, nargs="+", required=True, help="ridges to try")
    parser.add_argument("--epochs", type=int, required=True, help="largest number of passes over the training samples")
    parser.add_argument("--seed", type=int, required=True, help="root seed")
    parser.add_argument("--seeds", type=int, required=True, help="number of seeds with which a network is trained")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument("--threads", type=int, required=True, help="number of threads of BLAS")
    parser.add_argument("--output", type=Path, required=True, help="a row for each model, CSV")
    parser.add_argument("--cost", type=Path, required=True, help="seconds and memory, CSV")
    run(parser, main)
