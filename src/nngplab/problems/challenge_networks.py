"""Fully connected networks on the data of the course challenge (sheet, Problem 13)."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from nngplab.networks.fully_connected import FullyConnected
from nngplab.networks.training import TrainingRun, shuffled_batches, train
from nngplab.problems.challenge import Hyperparameters, Predictor, Samples, errors, standardised, unscaled

Array = npt.NDArray[Any]

CPU = torch.device("cpu")


def train_network(
    hyperparameters: Hyperparameters,
    samples: Samples,
    seed: int,
    val: Samples | None = None,
    device: torch.device = CPU,
) -> tuple[FullyConnected, TrainingRun]:
    """Train a ReLU network with biases by AdamW on the squared error, for `hyperparameters["epochs"]` epochs.

    The same arguments give the same network after the same number of epochs, whether or not `val` is measured. The
    history has, after each epoch, train_mse, train_r2 and train_accuracy, and the same for `val` where it is given.
    """
    X, y = _tensor(samples.X, device), _tensor(standardised(samples), device)
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
    parts = {"train": samples} if val is None else {"train": samples, "val": val}

    def measure() -> dict[str, float]:
        measured = {split: errors(predictor(part.X), part) for split, part in parts.items()}
        named = {f"{split}_{name}": value for split in parts for name, value in measured[split].items()}
        return {"loss": named["train_mse"], **named}

    batches = shuffled_batches(X, y, hyperparameters["batch_size"], seed)
    training = train(network, nn.functional.mse_loss, batches, optimiser, hyperparameters["epochs"], measure)
    return network, training


def network_predictor(network: FullyConnected, samples: Samples) -> Predictor:
    """Return the function from inputs (n, d) to outputs of a network trained on the standardised targets of samples."""
    device = next(network.parameters()).device

    @torch.no_grad()
    def outputs(X: Array) -> Array:
        return unscaled(network(_tensor(X, device)).double().cpu().numpy(), samples)

    return outputs


def _tensor(array: Array, device: torch.device) -> Tensor:
    return torch.from_numpy(array.astype(np.float32)).to(device)
