"""One gradient-descent loop for every problem of the sheet, and what became of the training.

With one batch that holds all the data, and plain gradient descent for the optimiser, an epoch is a step.
"""

import hashlib
import io
import logging
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from tqdm import tqdm

from nngplab.errors import InputError
from nngplab.networks.fully_connected import FullyConnected
from nngplab.pipeline.files import atomic_write
from nngplab.pipeline.seeds import integer_seed

log = logging.getLogger("nngplab.networks.training")

Batches = Callable[[int], Iterable[tuple[Tensor, Tensor]]]
Loss = Callable[[Tensor, Tensor], Tensor]
Measure = Callable[[], dict[str, float]]

# A loss this many times that at the start does not come back.
DIVERGENCE = 1e6
# A training whose loss fell by a smaller share than this over its last tenth has stopped.
STANDSTILL = 1e-9


class Outcome(StrEnum):
    """What became of a training."""

    CONVERGED = "converged"  # the loss reached the target
    DIVERGED = "diverged"  # the loss overflowed, or grew to more than DIVERGENCE times that at the start
    DEAD = "dead"  # every ReLU is off for every sample: each gradient is zero, and will be for ever
    STALLED = "stalled"  # the gradient is zero, or the loss no longer falls, above the target
    OUT_OF_STEPS = "out of steps"  # still moving when the epochs ended


@dataclass
class Training:
    """The course of a training: `history[t]` is what was measured after t epochs, `history[0]` before the first."""

    history: list[dict[str, float]] = field(default_factory=list)
    outcome: Outcome | None = None

    @property
    def epochs(self) -> int:
        """The number of epochs done."""
        return len(self.history) - 1

    @property
    def losses(self) -> list[float]:
        """The training loss after 0, 1, 2, ... epochs."""
        return [measured["loss"] for measured in self.history]

    @property
    def last_loss(self) -> float:
        """The training loss now."""
        return self.history[-1]["loss"]


def train(
    network: FullyConnected,
    loss: Loss,
    batches: Batches,
    optimiser: Optimizer,
    epochs: int,
    measure: Measure,
    schedule: LRScheduler | None = None,
    target: float | None = None,
    stop_at_target: bool = True,
    checkpoint: "Checkpoint | None" = None,
) -> Training:
    """Train a network, in place, and say what became of it.

    A training that diverges or dies ends there. On one thread, the same arguments give the same weights, bit for bit.

    Args:
        network: the network; its weights are changed.
        loss: (outputs, targets) -> the loss of a batch, a scalar.
        batches: the number of an epoch -> its batches (inputs, targets).
        optimiser: over the weights of the network; `torch.optim.SGD` without momentum is plain gradient descent.
        epochs: passes over the data at most.
        measure: what to note before the first epoch and after each; its entry "loss" is that over all training data.
        schedule: stepped after each update.
        target: the training loss at or below which the training has converged.
        stop_at_target: end there; otherwise use all epochs, and judge by the last loss.
        checkpoint: where to note the state after each epoch, and to go on from.
    """
    training = Training()
    parts: dict[str, Any] = {"network": network, "optimiser": optimiser}
    if schedule is not None:
        parts["schedule"] = schedule
    if checkpoint is not None:
        checkpoint.load_into(training, parts)
    if not training.history:
        training.history.append(measure())

    with _progress(checkpoint, training, epochs) as show:
        while training.outcome is None and training.epochs < epochs:
            moved = _one_epoch(network, loss, batches(training.epochs), optimiser, schedule)
            training.history.append(measure())
            reached = target is not None and training.last_loss <= target
            if not moved and all(network.is_dead(inputs) for inputs, _ in batches(training.epochs - 1)):
                training.outcome = Outcome.DEAD
            elif _diverged(training):
                training.outcome = Outcome.DIVERGED
            elif reached and (stop_at_target or training.epochs == epochs):
                training.outcome = Outcome.CONVERGED
            elif training.epochs == epochs:
                training.outcome = Outcome.OUT_OF_STEPS if moved and _falls(training.losses) else Outcome.STALLED
            if checkpoint is not None:
                checkpoint.save(training, parts)
            show()
    return training


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training in a file, so that a killed one goes on from its last epoch.

    The file is the SHA-256 of what follows, since `torch.load` does not notice a wrong byte in a tensor, then that.

    Attributes:
        path: the file.
        settings: all that the training is made of, in plain texts, numbers, lists and dictionaries; a file with other
            settings is of another training, and left unread.
    """

    path: Path
    settings: dict[str, Any]

    def load_into(self, training: Training, parts: dict[str, Any]) -> None:
        """Bring a training and its parts to the state in the file, if there is one that fits."""
        if not self.path.exists():
            return
        try:
            state = self._read()
        except Exception as error:
            # A damaged or foreign file can fail in nearly any way.
            reason = error if isinstance(error, InputError) else type(error).__name__
            log.warning("%s cannot be used (%s): training starts anew", self.path, reason)
            return
        if state["settings"] != self.settings:
            log.info("%s is of a training with other settings: training starts anew", self.path)
            return
        training.history = state["history"]
        training.outcome = Outcome(state["outcome"]) if state["outcome"] else None
        for name, part in parts.items():
            part.load_state_dict(state[name])
        log.info("going on from epoch %d of %s", training.epochs, self.path)

    def save(self, training: Training, parts: dict[str, Any]) -> None:
        """Write the state, whole or not at all."""
        state = {name: part.state_dict() for name, part in parts.items()}
        outcome = str(training.outcome) if training.outcome else None
        content = io.BytesIO()
        torch.save({**state, "settings": self.settings, "history": training.history, "outcome": outcome}, content)
        with atomic_write(self.path) as beside:
            beside.write_bytes(hashlib.sha256(content.getvalue()).digest() + content.getvalue())

    def _read(self) -> dict[str, Any]:
        content = self.path.read_bytes()
        digest, content = content[:32], content[32:]
        if hashlib.sha256(content).digest() != digest:
            raise InputError("its checksum is wrong")
        # A checksum keeps nobody from writing a pickle that runs code; weights_only does.
        state: Any = torch.load(io.BytesIO(content), weights_only=True)
        if not isinstance(state, dict) or "settings" not in state:
            raise InputError("it holds no state of a training")
        return state


def save_torch(value: Any, path: Path) -> None:
    """Write tensors in containers, readable with `torch.load(weights_only=True)`; the same ones give the same bytes."""
    # Given a path, torch.save writes its name into the file; given an open file, it does not.
    with atomic_write(path) as beside, beside.open("wb") as file:
        torch.save(value, file)


def full_batch(inputs: Tensor, targets: Tensor) -> Batches:
    """Return the batches of plain gradient descent: all the data at once."""
    return lambda _: [(inputs, targets)]


def shuffled_batches(inputs: Tensor, targets: Tensor, size: int, seed: int) -> Batches:
    """Return the batches of stochastic gradient descent: all the data once an epoch, in an order new in each.

    The order depends on `seed` and the epoch alone, so that a training taken up again goes on as it would have.
    """

    def of_epoch(epoch: int) -> Iterable[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(integer_seed(seed, "batches", epoch))
        order = torch.randperm(len(inputs), generator=generator).to(inputs.device)
        return ((inputs[some], targets[some]) for some in order.split(size))

    return of_epoch


def mirrored(batches: Batches, shape: tuple[int, ...], seed: int) -> Batches:
    """Return batches in which each input, an image of this shape made flat, is left-right mirrored at probability 1/2.

    Which are mirrored depends on `seed` and the epoch alone.
    """

    def of_epoch(epoch: int) -> Iterable[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(integer_seed(seed, "mirrored", epoch))
        for inputs, targets in batches(epoch):
            images = inputs.view(-1, *shape)
            chosen = (torch.rand(len(images), generator=generator) < 0.5).to(inputs.device)
            yield torch.where(chosen.view(-1, *(1 for _ in shape)), images.flip(-1), images).flatten(1), targets

    return of_epoch


def _one_epoch(
    network: FullyConnected,
    loss: Loss,
    batches: Iterable[tuple[Tensor, Tensor]],
    optimiser: Optimizer,
    schedule: LRScheduler | None,
) -> bool:
    """Go through the batches once; return whether any gradient was other than zero."""
    moved = False
    for inputs, targets in batches:
        optimiser.zero_grad()
        loss(network(inputs), targets).backward()
        optimiser.step()
        if schedule is not None:
            schedule.step()
        moved = moved or any(bool(weights.grad.any()) for weights in network.parameters() if weights.grad is not None)
    return moved


def _diverged(training: Training) -> bool:
    loss = training.last_loss
    return not math.isfinite(loss) or loss > DIVERGENCE * training.history[0]["loss"]


def _falls(losses: list[float]) -> bool:
    before = losses[-1 - max(1, len(losses) // 10)]
    return losses[-1] < before * (1 - STANDSTILL)


@contextmanager
def _progress(checkpoint: Checkpoint | None, training: Training, epochs: int) -> Iterator[Callable[[], None]]:
    """With a checkpoint, show a bar on a terminal, and log a line an epoch (only to the file where the bar is seen)."""
    name = checkpoint.path.stem if checkpoint else None
    on_terminal = sys.stderr.isatty()
    with tqdm(
        total=epochs, initial=training.epochs, unit="epoch", desc=name, disable=not (name and on_terminal)
    ) as bar:

        def show() -> None:
            if name:
                measured = ", ".join(f"{what} {value:.4g}" for what, value in training.history[-1].items())
                bar.set_postfix_str(measured, refresh=False)
                bar.update()
                line = f"epoch {training.epochs} of {epochs}: {measured}"
                log.info("%s: %s", name, line, extra={"only_in_file": on_terminal})

        yield show
