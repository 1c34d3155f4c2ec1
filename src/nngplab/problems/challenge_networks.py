"""Fully connected networks on the data of the course challenge (Problem 13)."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from nngplab.datasets.cifar10 import SHAPE
from nngplab.networks.fully_connected import FullyConnected, average_gradient_outer_product
from nngplab.networks.training import TrainingOutcome, TrainingRun, randomly_mirrored, shuffled_batches, train
from nngplab.pipeline.devices import resolve_device
from nngplab.problems.challenge import (
    Hyperparameters,
    Predictor,
    Samples,
    evaluate,
    ranking_metric,
    rescale_outputs,
    standardise_targets,
)

Array = npt.NDArray[Any]

CPU = torch.device("cpu")


def train_network(
    hyperparameters: Hyperparameters,
    samples: Samples,
    seed: int,
    val: Samples | None = None,
    device: torch.device = CPU,
) -> tuple[FullyConnected, TrainingRun]:
    """Train a ReLU network with biases by AdamW on the squared error.

    Args:
        hyperparameters: `k`, `depth`, `learning_rate`, `weight_decay`, `batch_size` and `epochs`. With `flips`, the
            samples are images, each of which is mirrored left-right with probability 1/2 whenever it is in a batch.
        samples: the training samples.
        seed: the seed of the initial weights and of the batches.
        val: validation samples, which do not change the training.
        device: the device.

    Returns:
        The network, and its training run. The history of the run has the metrics train_mse, train_r2 and
        train_accuracy after each epoch, and with `val` also val_mse, val_r2 and val_accuracy.
    """
    X, y = _to_tensor(samples.X, device), _to_tensor(standardise_targets(samples), device)
    network = FullyConnected(
        X.shape[1], hyperparameters["k"], hyperparameters["depth"], y.shape[1], "relu", seed, bias=True
    ).to(device)
    optimiser = torch.optim.AdamW(
        network.parameters(),
        lr=hyperparameters["learning_rate"],
        weight_decay=hyperparameters["weight_decay"],
        fused=True,
    )
    predictor = network_predictor(network, samples)
    splits = {"train": samples} if val is None else {"train": samples, "val": val}

    def measure() -> dict[str, float]:
        metrics = {
            f"{split}_{name}": value
            for split, part in splits.items()
            for name, value in evaluate(predictor(part.X), part).items()
        }
        return {"loss": metrics["train_mse"], **metrics}

    batches = shuffled_batches(X, y, hyperparameters["batch_size"], seed)
    if hyperparameters.get("flips"):
        batches = randomly_mirrored(batches, SHAPE, seed)
    run = train(network, nn.functional.mse_loss, batches, optimiser, hyperparameters["epochs"], measure)
    return network, run


def best_epoch(run: TrainingRun, val: Samples) -> int:
    """Return the epoch with the best score on the validation samples: the last one if the training diverged or died."""
    if run.outcome in (TrainingOutcome.DIVERGED, TrainingOutcome.DEAD):
        return run.epochs
    return max(range(1, run.epochs + 1), key=lambda epoch: run.history[epoch][f"val_{ranking_metric(val)}"])


def fit_networks(
    hyperparameters: Hyperparameters, train: Samples, seeds: list[int], device: str
) -> tuple[dict[str, list[Predictor]], dict[str, Array]]:
    """Train a network with each seed.

    Returns:
        The predictors of those networks that did not diverge, as "network"; and further arrays: how many of them
        `failed`, and for regression the average gradient outer product `feature_matrix` (d, d) of the first one.
    """
    # The last digits of a sum depend on the number of threads.
    torch.set_num_threads(1)
    place = resolve_device(device)
    runs = [train_network(hyperparameters, train, seed, device=place) for seed in seeds]
    networks = [network for network, run in runs if run.outcome != TrainingOutcome.DIVERGED]
    learnt = {"failed": np.array(len(runs) - len(networks))}
    if networks and not train.classes:
        inputs = _to_tensor(train.X, place)
        learnt["feature_matrix"] = average_gradient_outer_product(networks[0], inputs).cpu().numpy()
    predictors = [network_predictor(network, train) for network in networks]
    return {"network": predictors} if predictors else {}, learnt


def network_predictor(network: FullyConnected, samples: Samples) -> Predictor:
    """Return the function from inputs (n, d) to outputs of a network trained on the standardised targets of samples."""
    device = next(network.parameters()).device

    @torch.no_grad()
    def predict(X: Array) -> Array:
        return rescale_outputs(network(_to_tensor(X, device)).double().cpu().numpy(), samples)

    return predict


def _to_tensor(array: Array, device: torch.device) -> Tensor:
    return torch.from_numpy(array.astype(np.float32)).to(device)
