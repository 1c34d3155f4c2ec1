"""Test one selected model of Problem 13, fitted anew to the training samples: the one program that sees test data."""

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
from nngplab.problems.challenge import Cost, Hyperparameters, Predictor, Samples, errors, read_selection, read_test
from nngplab.problems.challenge_kernels import KERNELS, fit_along, fit_feature_machine, fit_kernel, machine_predictor


def main(arguments: argparse.Namespace) -> None:
    cost = Cost()
    selected = json.loads(arguments.selected.read_text(encoding="utf-8"))[arguments.dataset]
    with threadpool_limits(arguments.threads, "blas"):
        train = read_selection(arguments.selection).train
        seed = integer_seed(arguments.seed, "challenge", arguments.dataset)
        predictors, learnt = fit_selected(arguments, selected, train, seed)
        test = read_test(arguments.test, arguments.selection)
        outputs = {name: predictor(test.X) for name, predictor in predictors.items()}
        if "direction" in learnt:
            learnt |= {"along_train": train.X @ learnt["direction"], "along_test": test.X @ learnt["direction"]}
    rows = [
        {"dataset": arguments.dataset, "model": name, "hyperparameters": json.dumps(selected[name]), "split": "test"}
        | errors(outputs[name], test)
        for name in predictors
    ]
    columns = ["dataset", "model", "hyperparameters", "split", "mse", "r2", "accuracy"]
    write_csv(pd.DataFrame(rows, columns=columns), arguments.table)
    write_npz(arguments.outputs, y_test=test.y, **outputs, **learnt)
    write_csv(cost.table(arguments.dataset, arguments.model, "test", len(predictors)), arguments.cost)


def fit_selected(
    arguments: argparse.Namespace, selected: dict[str, Any], train: Samples, seed: int
) -> tuple[dict[str, Predictor], dict[str, np.ndarray]]:
    """Return the predictors of a model, by name, and what it has learnt of the inputs, where they have one target.

    That is the average outer product of its gradients, feature_matrix (d, d); and for the feature machine the direction
    (d,) along which rfm_direction looks. A model none of whose candidates could be fitted has no predictor.
    """
    model, device = arguments.model, arguments.device
    if model not in selected:
        return {}, {}
    if model in KERNELS:
        return {model: fit_kernel(model, selected[model], train, device, arguments.checkpoint)}, {}
    if model == "network":
        return fit_network(selected[model], train, seed, device)
    machine = fit_feature_machine(selected["rfm"], train)
    direction = machine.leading_direction_
    predictors = {
        "rfm": machine_predictor(machine, train),
        "rfm_direction": fit_along(direction, selected["rfm_direction"], train),
    }
    return predictors, {} if train.classes else {"feature_matrix": machine.feature_matrix_, "direction": direction}


def fit_network(
    hyperparameters: Hyperparameters, train: Samples, seed: int, device: str
) -> tuple[dict[str, Predictor], dict[str, np.ndarray]]:
    # Imported only now: the other models need not wait for PyTorch.
    import torch

    from nngplab.networks.fully_connected import average_gradient_outer_product
    from nngplab.pipeline.devices import resolve_device
    from nngplab.problems.challenge_networks import network_predictor, train_network

    torch.set_num_threads(1)
    network, _ = train_network(hyperparameters, train, seed, device=resolve_device(device))
    learnt = {}
    if not train.classes:
        inputs = torch.from_numpy(train.X.astype(np.float32)).to(resolve_device(device))
        learnt = {"feature_matrix": average_gradient_outer_product(network, inputs).cpu().numpy()}
    return {"network": network_predictor(network, train)}, learnt


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--selection", type=Path, required=True, help="samples for training and validation, NPZ")
    parser.add_argument("--test", type=Path, required=True, help="samples for the test, NPZ")
    parser.add_argument("--selected", type=Path, required=True, help="hyper-parameters by data set and model, JSON")
    parser.add_argument("--dataset", required=True, help="name of the data set")
    parser.add_argument("--model", choices=["network", *KERNELS, "rfm"], required=True)
    parser.add_argument("--seed", type=int, required=True, help="root of all randomness")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument("--threads", type=int, required=True, help="for the factorisation of a large Gram matrix")
    parser.add_argument("--checkpoint", type=Path, help="where an interrupted factorisation resumes (default: nowhere)")
    parser.add_argument("--table", type=Path, required=True, help="errors on the test samples, CSV")
    parser.add_argument("--outputs", type=Path, required=True, help="outputs for the test samples, NPZ")
    parser.add_argument("--cost", type=Path, required=True, help="seconds and memory, CSV")
    run(parser, main)
