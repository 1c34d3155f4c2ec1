"""Small trainings, in this process and in one that can be killed."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.networks.training import (
    TrainingCheckpoint,
    TrainingRun,
    full_batch,
    train,
)

D, K = 6, 8


def half_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    return 0.5 * ((outputs - targets) ** 2).sum()


def autoencode(
    eta: float, epochs: int, activation: str = "relu", fill: float | None = None, pause: float = 0.0, **options: Any
) -> tuple[TrainingRun, OneHiddenLayer]:
    """Autoencode one sample by plain gradient descent, as Problems 3 and 4 do, with a pause in each epoch."""
    net = OneHiddenLayer(D, K, D, activation, seed=0, dtype=torch.float64)
    if fill is not None:
        with torch.no_grad():
            net.A.fill_(fill)
            net.B.fill_(fill)
    z = torch.from_numpy(np.random.default_rng(1).normal(size=(1, D)))
    optimiser = torch.optim.SGD(net.parameters(), lr=eta)

    def measure() -> dict[str, float]:
        time.sleep(pause)
        with torch.no_grad():
            return {"loss": half_squared_error(net(z), z).item()}

    return train(net, half_squared_error, full_batch(z, z), optimiser, epochs, measure, **options), net


# A training like that of Problem 2b in small: batches in random order, Adam, one-cycle schedule, a checkpoint.
PROGRAM = """
import json, sys, time, torch
from pathlib import Path
from nngplab.networks.fully_connected import OneHiddenLayer
from nngplab.networks.training import TrainingCheckpoint, save_torch, shuffled_batches, train

folder, pause, device = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
torch.set_num_threads(1)
random = torch.Generator().manual_seed(0)
X = torch.randn(300, 20, generator=random).to(device)
y = torch.randint(0, 4, (300,), generator=random).to(device)
net = OneHiddenLayer(20, 16, 4, "relu", seed=88).to(device)
optimiser = torch.optim.Adam(net.parameters(), lr=0.01, fused=True)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, 12 * 10)

def measure():
    time.sleep(pause)
    with torch.no_grad():
        return {"loss": torch.nn.functional.cross_entropy(net(X), y).item()}

batches = shuffled_batches(X, y, 32, seed=88)
checkpoint = TrainingCheckpoint(folder / "state", {"seed": 88, "n": 300, "device": device})
loss = torch.nn.functional.cross_entropy
training = train(net, loss, batches, optimiser, 12, measure, schedule, checkpoint=checkpoint)
save_torch(net.state_dict(), folder / "weights.pt")
(folder / "history.json").write_text(json.dumps([training.history, training.outcome]))
"""


class Small:
    """That training in a subprocess; one that is not killed starts quickly, with the programs of `warm`."""

    def __init__(self, folder: Path, warm: Path, device: str = "cpu"):
        folder.mkdir()
        self.folder, self.warm, self.state, self.device = folder, warm, folder / "state", device

    def start(self, python: str | Path = sys.executable, pause: float = 0.0) -> subprocess.Popen[str]:
        command = [str(python), "-c", PROGRAM, str(self.folder), str(pause), self.device]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def finish(self) -> None:
        process = self.start(self.warm / "python")
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors

    def kill_after(self, epochs: int) -> int:
        """Kill the training once the state of so many epochs is on disk; return the epochs really done by then."""
        process = self.start(pause=0.1)
        while process.poll() is None and self.epochs() < epochs:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it was killed before it ended"
        return self.epochs()

    def epochs(self) -> int:
        # Written whole, the file can be read at any time.
        return len(TrainingCheckpoint(self.state, {})._read()["history"]) - 1 if self.state.exists() else 0

    def results(self) -> tuple[bytes, bytes]:
        return (self.folder / "weights.pt").read_bytes(), (self.folder / "history.json").read_bytes()
