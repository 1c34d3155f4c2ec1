"""Fit one selected model of Problem 13 again, and evaluate it on the test samples, which no other script reads.

A network is trained with several seeds, of which the first is that of the selection.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv, write_npz
from nngplab.pipeline.seeds import integer_seed
from nngplab.problems.challenge import (
    CostMeter,
    Predictor,
    Samples,
    evaluate,
    read_selection,
    read_test,
)
from nngplab.problems.challenge_images import prepare
from nngplab.problems.challenge_kernels import (
    KERNELS,
    feature_machine_predictor,
    fit_along_direction,
    fit_feature_machine,
    fit_kernel,
)


def main(arguments: argparse.Namespace) -> None:
    cost = CostMeter()
    selected = json.loads(arguments.selected.read_text(encoding="utf-8"))[arguments.dataset]
    with threadpool_limits(arguments.threads, "blas"):
        selection = read_selection(arguments.selection)
        chosen = selected.get(arguments.model, {})
        samples = selection.together if arguments.with_validation else selection.train
        train = prepare(samples, chosen, arguments.whitening)
        predictors, learnt = fit_selected(arguments, selected, train)
        test = prepare(read_test(arguments.test, arguments.selection), chosen, arguments.whitening)
        outputs = {name: [predict(test.X) for predict in seeds] for name, seeds in predictors.items()}
        if "direction" in learnt:
            learnt |= {"along_train": selection.train.X @ learnt["direction"]}
            learnt |= {"along_test": test.X @ learnt["direction"], "y_val": selection.val.y}
            learnt |= {f"{name}_val": predict(selection.val.X) for name, (predict, *_) in predictors.items()}
    rows = [
        {"dataset": arguments.dataset, "model": name, "hyperparameters": json.dumps(selected[name]), "split": "test"}
        | mean_metrics([evaluate(of_seed, test) for of_seed in seeds])
        for name, seeds in outputs.items()
    ]
    columns = ["dataset", "model", "hyperparameters", "split", "mse", "r2", "accuracy"]
    write_csv(pd.DataFrame(rows, columns=columns), arguments.table)
    first = {name: seeds[0] for name, seeds in outputs.items()}
    write_npz(arguments.outputs, y_test=test.y, **first, **all_seeds(outputs), **learnt)
    fits = sum(map(len, predictors.values())) + int(learnt.get("failed", 0))
    write_csv(cost.table(arguments.dataset, arguments.model, "test", fits), arguments.cost)


def mean_metrics(metrics: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each metric over the seeds."""
    return {name: float(np.mean([of_seed[name] for of_seed in metrics])) for name in metrics[0]}


def all_seeds(outputs: dict[str, list[np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the outputs of the network with each seed (seeds, n, outputs), as `network_seeds`."""
    return {f"{name}_seeds": np.stack(seeds) for name, seeds in outputs.items() if name == "network"}


def fit_selected(
    arguments: argparse.Namespace, selected: dict[str, Any], train: Samples
) -> tuple[dict[str, list[Predictor]], dict[str, np.ndarray]]:
    """Fit a model, unless none of its candidates could be fitted.

    Returns:
        The predictors of the model by name, for each seed, and further arrays: for networks, how many trainings
        `failed`; for regression, what was learned of the features, which is the average gradient outer product
        `feature_matrix` (d, d), and for the feature machine the `direction` (d,) of rfm_direction.
    """
    model, device = arguments.model, arguments.device
    if model not in selected:
        return {}, {}
    if model in KERNELS:
        return {model: [fit_kernel(model, selected[model], train, device, arguments.storage)]}, {}
    if model == "network":
        names = ("challenge", arguments.dataset)
        further = [integer_seed(arguments.seed, *names, "repeat", repeat) for repeat in range(1, arguments.seeds)]
        # Imported here, since the other models do not need PyTorch.
        from nngplab.problems.challenge_networks import fit_networks

        return fit_networks(selected[model], train, [integer_seed(arguments.seed, *names), *further], device)
    machine = fit_feature_machine(selected["rfm"], train)
    direction = machine.leading_direction_
    predictors = {
        "rfm": [feature_machine_predictor(machine, train)],
        "rfm_direction": [fit_along_direction(direction, selected["rfm_direction"], train)],
    }
    return predictors, {} if train.classes else {"feature_matrix": machine.feature_matrix_, "direction": direction}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--selection", type=Path, required=True, help="samples for training and validation, NPZ")
    parser.add_argument("--test", type=Path, required=True, help="samples for the test, NPZ")
    parser.add_argument("--selected", type=Path, required=True, help="hyper-parameters by data set and model, JSON")
    parser.add_argument("--with-validation", action="store_true", help="fit the model to the validation samples too")
    parser.add_argument("--whitening", type=Path, nargs="+", default=[], help="files of challenge_whitening.py")
    parser.add_argument("--dataset", required=True, help="name of the data set")
    parser.add_argument("--model", choices=["network", *KERNELS, "rfm"], required=True, help="name of the model")
    parser.add_argument("--seed", type=int, required=True, help="root seed")
    parser.add_argument("--seeds", type=int, required=True, help="number of seeds with which a network is trained")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument("--threads", type=int, required=True, help="number of threads of BLAS")
    parser.add_argument("--storage", type=Path, help="a file for the factor, in which a fit resumes (default: none)")
    parser.add_argument("--table", type=Path, required=True, help="metrics on the test samples, CSV")
    parser.add_argument("--outputs", type=Path, required=True, help="outputs for the test samples, NPZ")
    parser.add_argument("--cost", type=Path, required=True, help="seconds and memory, CSV")
    run(parser, main)
