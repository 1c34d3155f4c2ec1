"""The training loop of all problems, with checkpoints and the outcome of each training run.

With `full_batch` and plain gradient descent as the optimiser, an epoch is one step.
"""

import hashlib
import io
import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from nngplab.errors import InputError
from nngplab.networks.fully_connected import FullyConnected
from nngplab.pipeline.files import atomic_write
from nngplab.pipeline.progress import Progress
from nngplab.pipeline.seeds import integer_seed

log = logging.getLogger("nngplab.networks.training")

Batches = Callable[[int], Iterable[tuple[Tensor, Tensor]]]
Loss = Callable[[Tensor, Tensor], Tensor]
Measure = Callable[[], dict[str, float]]

# A run has diverged if its loss is more than this many times the initial loss.
DIVERGENCE_FACTOR = 1e6
# A run has stalled if its loss fell by a smaller share than this over its last tenth.
STALL_TOLERANCE = 1e-9


class TrainingOutcome(StrEnum):
    """How a training run ended.

    >>> str(TrainingOutcome.CONVERGED)
    'converged'
    """

    CONVERGED = "converged"  # the loss reached the target
    DIVERGED = "diverged"  # the loss is not finite, or exceeds DIVERGENCE_FACTOR times the initial loss
    DEAD = "dead"  # in some layer all ReLUs are off for all samples: all gradients are zero from now on
    STALLED = "stalled"  # the gradient is zero, or the loss no longer falls, above the target
    OUT_OF_STEPS = "out of steps"  # the loss was still falling after the last epoch


@dataclass
class TrainingRun:
    """The history and the outcome of a training run.

    Attributes:
        history: the measurements before the first epoch, then those after each epoch.
        outcome: how the run ended; None while it runs.

    >>> run = TrainingRun([{"loss": 1.0}, {"loss": 0.5}], TrainingOutcome.OUT_OF_STEPS)
    >>> run.epochs, run.last_loss
    (1, 0.5)
    >>> run
    <TrainingRun: out of steps after epoch 1>
    """

    history: list[dict[str, float]] = field(default_factory=list)
    outcome: TrainingOutcome | None = None

    def __repr__(self) -> str:
        state = f"{self.outcome or 'running'} after epoch {self.epochs}" if self.history else "not started"
        return f"<TrainingRun: {state}>"

    @property
    def epochs(self) -> int:
        """The number of finished epochs."""
        return len(self.history) - 1

    @property
    def losses(self) -> list[float]:
        """The training loss after 0, 1, 2, ... epochs."""
        return [measured["loss"] for measured in self.history]

    @property
    def last_loss(self) -> float:
        """The training loss after the last finished epoch."""
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
    checkpoint: "TrainingCheckpoint | None" = None,
) -> TrainingRun:
    """Train a network in place.

    A run that diverges or dies ends early. On one thread, the same arguments give the same weights, bit for bit.

    Args:
        network: the network; its weights are changed.
        loss: a function of (outputs, targets) that returns the loss of a batch, a scalar.
        batches: a function of the number of an epoch, from 0, that returns its batches (inputs, targets).
        optimiser: the optimiser of the weights; `torch.optim.SGD` without momentum is plain gradient descent.
        epochs: the largest number of passes over the data.
        measure: a function that returns the measurements for the history; its entry "loss" is the loss of all
            training data.
        schedule: a learning rate schedule, stepped after each update.
        target: the run has converged if the training loss is at most this.
        stop_at_target: whether to end the run at the target; otherwise, all epochs are used, and the last loss counts.
        checkpoint: the file in which the state is saved after each epoch, and from which the run is resumed.

    >>> from nngplab.networks import FullyConnected
    >>> X = torch.eye(4)
    >>> y = X[:, :1]
    >>> network = FullyConnected(d_in=4, k=32, depth=1, d_out=1, activation="relu", seed=0)
    >>> optimiser = torch.optim.SGD(network.parameters(), lr=0.5)
    >>> loss = torch.nn.functional.mse_loss
    >>> def measure():
    ...     return {"loss": loss(network(X), y).item()}
    >>> run = train(network, loss, full_batch(X, y), optimiser, epochs=1000, measure=measure, target=1e-6)
    >>> str(run.outcome)
    'converged'
    """
    run = TrainingRun()
    state: dict[str, Any] = {"network": network, "optimiser": optimiser}
    if schedule is not None:
        state["schedule"] = schedule
    if checkpoint is not None:
        checkpoint.restore(run, state)
    if not run.history:
        run.history.append(measure())

    progress = Progress(epochs, "epoch", run.epochs, at_most=target is not None and stop_at_target)
    while run.outcome is None and run.epochs < epochs:
        has_gradient = _train_one_epoch(network, loss, batches(run.epochs), optimiser, schedule)
        is_dead = not has_gradient and all(network.is_dead(inputs) for inputs, _ in batches(run.epochs))
        run.history.append(measure())
        run.outcome = _outcome(run, epochs, has_gradient, is_dead, target, stop_at_target)
        if checkpoint is not None:
            checkpoint.save(run, state)
            measured = ", ".join(f"{key} {value:.4g}" for key, value in run.history[-1].items())
            log.info("epoch %d of %d: %s", run.epochs, epochs, measured, extra={"only_in_file": True})
        progress.update(run.epochs)
    return run


@dataclass(frozen=True)
class TrainingCheckpoint:
    """The state of a training run in a file, from which a killed run is resumed after its last epoch.

    The file starts with the SHA-256 of the rest, since `torch.load` does not notice a wrong byte in a tensor.

    Attributes:
        path: the file.
        settings: all parameters of the run, as strings, numbers, lists and dictionaries. A file with other settings
            belongs to another run and is not used.

    >>> import tempfile
    >>> from nngplab.networks import FullyConnected
    >>> network = FullyConnected(d_in=4, k=8, depth=1, d_out=1, activation="relu", seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = TrainingCheckpoint(Path(folder) / "run.pt", settings={"seed": 0})
    ...     checkpoint.save(TrainingRun([{"loss": 1.0}]), {"network": network})
    ...     run = TrainingRun()
    ...     checkpoint.restore(run, {"network": network})
    >>> run.losses
    [1.0]
    """

    path: Path
    settings: dict[str, Any]

    def restore(self, run: TrainingRun, state: dict[str, Any]) -> None:
        """Load the file, if it exists and has the same settings, into a run and its network, optimiser and schedule."""
        if not self.path.exists():
            return
        try:
            saved = self._read()
        except Exception as error:
            # A damaged file, or one of another format, can raise almost any exception.
            reason = error if isinstance(error, InputError) else type(error).__name__
            log.warning("%s cannot be used (%s): training starts again", self.path, reason)
            return
        if saved["settings"] != self.settings:
            log.info("%s belongs to a run with other settings: training starts again", self.path)
            return
        run.history = saved["history"]
        run.outcome = TrainingOutcome(saved["outcome"]) if saved["outcome"] else None
        for name, part in state.items():
            part.load_state_dict(saved[name])
        log.info("resuming from epoch %d of %s", run.epochs, self.path)

    def save(self, run: TrainingRun, state: dict[str, Any]) -> None:
        """Write the file atomically."""
        saved = {name: part.state_dict() for name, part in state.items()}
        outcome = str(run.outcome) if run.outcome else None
        content = io.BytesIO()
        torch.save({**saved, "settings": self.settings, "history": run.history, "outcome": outcome}, content)
        with atomic_write(self.path) as temporary:
            temporary.write_bytes(hashlib.sha256(content.getvalue()).digest() + content.getvalue())

    def _read(self) -> dict[str, Any]:
        content = self.path.read_bytes()
        digest, content = content[:32], content[32:]
        if hashlib.sha256(content).digest() != digest:
            raise InputError("its checksum is wrong")
        # The checksum does not protect from a pickle that runs code; weights_only does.
        saved: Any = torch.load(io.BytesIO(content), weights_only=True)
        if not isinstance(saved, dict) or "settings" not in saved:
            raise InputError("it does not hold the state of a training run")
        return saved


def save_torch(value: Any, path: Path) -> None:
    """Write tensors in containers for `torch.load(weights_only=True)`. The same tensors give the same bytes."""
    # Given a path, torch.save writes its name into the file; given an open file, it does not.
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        torch.save(value, file)


def full_batch(inputs: Tensor, targets: Tensor) -> Batches:
    """Return the batches of plain gradient descent: each epoch is one batch of all data.

    >>> batches = full_batch(torch.ones(4, 2), torch.zeros(4))
    >>> [len(inputs) for inputs, targets in batches(0)]
    [4]
    """
    return lambda _: [(inputs, targets)]


def shuffled_batches(inputs: Tensor, targets: Tensor, size: int, seed: int) -> Batches:
    """Return the batches of stochastic gradient descent: all data once in each epoch, in random order.

    The order depends on the seed and the number of the epoch alone, so a resumed run gets the same batches.

    >>> batches = shuffled_batches(torch.arange(5), torch.zeros(5), size=2, seed=0)
    >>> [len(inputs) for inputs, targets in batches(0)]
    [2, 2, 1]
    """

    def batches(epoch: int) -> Iterable[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(integer_seed(seed, "batches", epoch))
        order = torch.randperm(len(inputs), generator=generator).to(inputs.device)
        return ((inputs[chosen], targets[chosen]) for chosen in order.split(size))

    return batches


def randomly_mirrored(batches: Batches, shape: tuple[int, ...], seed: int) -> Batches:
    """Return the batches with each input mirrored left-right with probability 1/2.

    The choice depends on the seed and the number of the epoch alone.

    Args:
        batches: batches of flattened images.
        shape: the shape of an image; its last axis is mirrored.
        seed: the seed of the choice.
    """

    def mirrored_batches(epoch: int) -> Iterable[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(integer_seed(seed, "mirrored", epoch))
        for inputs, targets in batches(epoch):
            images = inputs.view(-1, *shape)
            chosen = (torch.rand(len(images), generator=generator) < 0.5).to(inputs.device)
            yield torch.where(chosen.view(-1, *(1 for _ in shape)), images.flip(-1), images).flatten(1), targets

    return mirrored_batches


def _train_one_epoch(
    network: FullyConnected,
    loss: Loss,
    batches: Iterable[tuple[Tensor, Tensor]],
    optimiser: Optimizer,
    schedule: LRScheduler | None,
) -> bool:
    """Update the weights once for each batch; return whether any gradient was not zero."""
    has_gradient = False
    for inputs, targets in batches:
        optimiser.zero_grad()
        loss(network(inputs), targets).backward()
        optimiser.step()
        if schedule is not None:
            schedule.step()
        has_gradient = has_gradient or any(
            bool(weights.grad.any()) for weights in network.parameters() if weights.grad is not None
        )
    return has_gradient


def _outcome(
    run: TrainingRun, epochs: int, has_gradient: bool, is_dead: bool, target: float | None, stop_at_target: bool
) -> TrainingOutcome | None:
    """Return the outcome of a run after an epoch, or None if the run goes on."""
    is_last = run.epochs == epochs
    if is_dead:
        return TrainingOutcome.DEAD
    if not math.isfinite(run.last_loss) or run.last_loss > DIVERGENCE_FACTOR * run.history[0]["loss"]:
        return TrainingOutcome.DIVERGED
    if target is not None and run.last_loss <= target and (stop_at_target or is_last):
        return TrainingOutcome.CONVERGED
    if is_last:
        return TrainingOutcome.OUT_OF_STEPS if has_gradient and _is_falling(run.losses) else TrainingOutcome.STALLED
    return None


def _is_falling(losses: list[float]) -> bool:
    before = losses[-1 - max(1, len(losses) // 10)]
    return losses[-1] < before * (1 - STALL_TOLERANCE)
