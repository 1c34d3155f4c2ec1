"""Gradient descent and what became of it: each outcome really reached, the same bytes again, killed and taken up."""

import hashlib
import os
import pickle
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nngplab.networks.fully_connected import FullyConnected, OneHiddenLayer
from nngplab.networks.training import (
    TrainingCheckpoint,
    TrainingOutcome,
    TrainingRun,
    full_batch,
    randomly_mirrored,
    save_torch,
    shuffled_batches,
    train,
)

D, K = 6, 8


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def half_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    return 0.5 * ((outputs - targets) ** 2).sum()


def autoencode(
    eta: float, epochs: int, activation: str = "relu", fill: float | None = None, **options: Any
) -> tuple[TrainingRun, OneHiddenLayer]:
    """Autoencode one sample by plain gradient descent, as Problems 3 and 4 do."""
    net = OneHiddenLayer(D, K, D, activation, seed=0, dtype=torch.float64)
    if fill is not None:
        with torch.no_grad():
            net.A.fill_(fill)
            net.B.fill_(fill)
    z = torch.from_numpy(np.random.default_rng(1).normal(size=(1, D)))
    optimiser = torch.optim.SGD(net.parameters(), lr=eta)

    def measure() -> dict[str, float]:
        with torch.no_grad():
            return {"loss": half_squared_error(net(z), z).item()}

    return train(net, half_squared_error, full_batch(z, z), optimiser, epochs, measure, **options), net


class TestOutcomes:
    def test_converged_and_stopped_there(self):
        training, net = autoencode(0.1, 5000, target=1e-10)
        assert training.outcome == TrainingOutcome.CONVERGED
        assert training.losses[-1] <= 1e-10 < training.losses[-2]
        assert training.epochs < 5000
        assert not net.is_dead(torch.ones(1, D, dtype=torch.float64))

    def test_converged_with_all_epochs_used(self):
        training, _ = autoencode(0.1, 400, target=1e-10, stop_at_target=False)
        assert training.outcome == TrainingOutcome.CONVERGED
        assert training.epochs == 400
        assert training.losses[200] <= 1e-10

    def test_diverged_by_overflow(self):
        """A step size so large that the first step overshoots; the run ends where the loss has left all bounds."""
        training, _ = autoencode(10.0, 1000, "identity", target=1e-10)
        assert training.outcome == TrainingOutcome.DIVERGED
        assert training.epochs < 20
        assert not training.losses[-1] <= 1e6 * training.losses[0]
        assert all(loss <= 1e6 * training.losses[0] for loss in training.losses[:-1])

    def test_diverged_in_one_step_to_a_loss_that_is_no_number(self):
        training, _ = autoencode(1e200, 1000, "identity")
        assert training.outcome == TrainingOutcome.DIVERGED
        assert not np.isfinite(training.losses[-1])
        assert training.epochs == 1

    def test_dead_in_the_step_after_the_last_unit_was_switched_off(self):
        """For one sample, a step that is too large leaves every ReLU off: the loss then is that of f = 0, for ever."""
        training, net = autoencode(1.0, 1000, target=1e-10)
        z = torch.from_numpy(np.random.default_rng(1).normal(size=(1, D)))
        assert training.outcome == TrainingOutcome.DEAD
        assert net.is_dead(z)
        assert training.losses[-1] == training.losses[-2] == half_squared_error(torch.zeros_like(z), z).item()
        assert training.losses[-3] != training.losses[-2]

    def test_stalled_at_the_saddle_at_zero(self):
        """Problem 3a: with A = B = 0 both gradients are zero."""
        training, net = autoencode(0.1, 10, "identity", fill=0.0, target=1e-10)
        assert training.outcome == TrainingOutcome.STALLED
        assert training.epochs == 10
        assert set(training.losses) == {training.losses[0]}
        assert not net.A.any()
        assert not net.B.any()

    def test_stalled_where_the_loss_no_longer_falls(self):
        """Fitted to the last digit: the gradient is rounding, and a target below that is out of reach."""
        # Below 0, for as the last digits of one CPU come out, the loss may be exactly 0.
        training, _ = autoencode(0.1, 5000, target=-1.0)
        assert training.outcome == TrainingOutcome.STALLED
        assert training.losses[-1] < 1e-28

    def test_a_step_size_at_which_it_oscillates_has_stalled(self):
        """On f = x w with a curvature of 2 / eta, gradient descent jumps from one side to the other for ever."""
        net = OneHiddenLayer(1, 1, 1, "identity", seed=0, dtype=torch.float64)
        x = torch.ones(1, 1, dtype=torch.float64)
        with torch.no_grad():
            net.B.fill_(1.0)
            net.A.fill_(0.5)
        only_last_layer = torch.optim.SGD([net.A], lr=2.0)
        measure = lambda: {"loss": half_squared_error(net(x), x).item()}  # noqa: E731
        training = train(net, half_squared_error, full_batch(x, x), only_last_layer, 50, measure)
        assert training.outcome == TrainingOutcome.STALLED
        assert set(training.losses) == {0.125}

    def test_out_of_steps(self):
        training, _ = autoencode(1e-4, 10, target=1e-10)
        assert training.outcome == TrainingOutcome.OUT_OF_STEPS
        assert training.epochs == 10
        assert training.losses == sorted(training.losses, reverse=True)

    def test_without_a_target_nothing_converges(self):
        training, _ = autoencode(0.01, 5)
        assert training.outcome == TrainingOutcome.OUT_OF_STEPS


class TestGradientDescent:
    def test_two_steps_by_hand(self):
        """Problem 1 for the linear network: A += eta (z - ABz)(Bz)ᵀ, B += eta Aᵀ (z - ABz) zᵀ, at the same time."""
        training, net = autoencode(0.05, 2, "identity")
        start = OneHiddenLayer(D, K, D, "identity", seed=0, dtype=torch.float64)
        A, B = start.A.detach().numpy(), start.B.detach().numpy()
        z = np.random.default_rng(1).normal(size=(D, 1))
        losses = []
        for _ in range(2):
            residual = z - A @ B @ z
            losses.append(0.5 * float((residual**2).sum()))
            A, B = A + 0.05 * residual @ (B @ z).T, B + 0.05 * A.T @ residual @ z.T
        np.testing.assert_allclose(net.A.detach().numpy(), A, rtol=1e-12)
        np.testing.assert_allclose(net.B.detach().numpy(), B, rtol=1e-12)
        np.testing.assert_allclose(training.losses[:2], losses, rtol=1e-12)


class TestDeepNetworks:
    X = torch.from_numpy(np.random.default_rng(0).normal(size=(40, 4)))
    y = X.mean(dim=1, keepdim=True)

    def train(self, net: FullyConnected, **options: Any) -> TrainingRun:
        """Fit the mean of four features in small batches with AdamW."""
        optimiser = torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.01)

        @torch.no_grad()
        def measure() -> dict[str, float]:
            return {"loss": half_squared_error(net(self.X), self.y).item()}

        batches = shuffled_batches(self.X, self.y, 8, 0)
        return train(net, half_squared_error, batches, optimiser, 200, measure, **options)

    @pytest.mark.parametrize("bias", [False, True])
    @pytest.mark.parametrize("depth", [1, 3])
    def test_converged(self, depth, bias):
        nets = [FullyConnected(4, 16, depth, 1, "relu", 0, bias, torch.float64) for _ in range(2)]
        training, again = (self.train(net, target=1e-3) for net in nets)
        assert training.outcome == TrainingOutcome.CONVERGED
        assert training == again
        assert all(torch.equal(*pair) for pair in zip(*(net.parameters() for net in nets), strict=True))

    def test_dead_where_one_layer_is_off(self):
        net = FullyConnected(4, 16, 3, 1, "relu", 0, dtype=torch.float64)
        with torch.no_grad():
            net.hidden_2.weight.fill_(-1.0)
        training = self.train(net)
        assert training.outcome == TrainingOutcome.DEAD
        assert training.epochs == 1
        assert net.is_dead(self.X)


class TestBatches:
    INPUTS = torch.arange(2 * 3 * 4 * 10, dtype=torch.float32).view(10, -1)

    def test_each_sample_once_an_epoch_with_its_target(self):
        batches = shuffled_batches(self.INPUTS, torch.arange(10), 4, seed=88)
        orders = []
        for epoch in range(3):
            inputs, targets = zip(*batches(epoch), strict=True)
            assert [len(some) for some in targets] == [4, 4, 2]
            order = torch.cat(targets)
            assert sorted(order.tolist()) == list(range(10))
            assert torch.equal(torch.cat(inputs), self.INPUTS[order])
            orders.append(tuple(order.tolist()))
        assert len(set(orders)) == 3

    def test_the_order_depends_on_seed_and_epoch_alone(self):
        def order(seed: int, epoch: int) -> list[int]:
            return torch.cat([y for _, y in shuffled_batches(self.INPUTS, torch.arange(10), 3, seed)(epoch)]).tolist()

        assert order(88, 5) == order(88, 5)
        assert order(88, 5) != order(89, 5)

    def test_mirrored_images(self):
        inputs = torch.arange(200 * 24, dtype=torch.float32).view(200, 24)
        before = inputs.clone()
        batches = randomly_mirrored(full_batch(inputs, torch.arange(200)), (2, 3, 4), seed=88)
        flipped = inputs.view(200, 2, 3, 4).numpy()[..., ::-1].reshape(200, 24)
        shares = []
        for epoch in (0, 1, 0):
            ((images, targets),) = batches(epoch)
            assert torch.equal(targets, torch.arange(200))
            turned = (images.numpy() == flipped).all(axis=1)
            assert (turned | (images == inputs).all(dim=1).numpy()).all()
            shares.append(turned)
        assert all(70 < share.sum() < 130 for share in shares)
        assert (shares[0] == shares[2]).all()
        assert (shares[0] != shares[1]).any()
        assert torch.equal(inputs, before), "the data themselves stay as they are"


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
    """That training in a subprocess."""

    def __init__(self, folder: Path, device: str = "cpu"):
        folder.mkdir()
        self.folder, self.state, self.device = folder, folder / "state", device

    def start(self, pause: float = 0.0) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PROGRAM, str(self.folder), str(pause), self.device]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def finish(self) -> None:
        process = self.start()
        _, told = process.communicate(timeout=120)
        assert process.returncode == 0, told

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


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> tuple[bytes, bytes]:
    small = Small(tmp_path_factory.mktemp("small") / "unbroken")
    small.finish()
    return small.results()


class TestKilled:
    def test_a_training_killed_again_and_again_ends_in_the_same_bytes(self, unbroken, tmp_path):
        small = Small(tmp_path / "killed")
        done = [small.kill_after(epochs) for epochs in (2, 5)]
        assert 2 <= done[0] < 5 <= done[1] < 12
        small.finish()
        assert small.results() == unbroken

    def test_two_unbroken_ones_end_in_the_same_bytes_and_have_nothing_left_to_do(self, unbroken, tmp_path):
        small = Small(tmp_path / "again")
        small.finish()
        assert small.results() == unbroken
        state = small.state.read_bytes()
        small.finish()
        assert small.results() == unbroken
        assert small.state.read_bytes() == state

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
    def test_on_a_gpu_too(self, tmp_path):
        whole, killed = Small(tmp_path / "whole", "cuda"), Small(tmp_path / "killed", "cuda")
        whole.finish()
        killed.kill_after(4)
        killed.finish()
        assert killed.results() == whole.results()


class Bomb:
    """A pickle that, loaded, makes a folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


class TestCheckpoint:
    def run(self, folder: Path, epochs: int = 6, stop: int | None = None, eta: float = 0.01) -> tuple[TrainingRun, Any]:
        checkpoint = TrainingCheckpoint(folder / "state", {"eta": eta, "epochs": epochs})
        if stop is None:
            return autoencode(eta, epochs, checkpoint=checkpoint)

        def stopping(training: TrainingRun, parts: dict[str, Any]) -> None:
            save(training, parts)
            if training.epochs == stop:
                raise KeyboardInterrupt

        save = checkpoint.save
        object.__setattr__(checkpoint, "save", stopping)
        with pytest.raises(KeyboardInterrupt):
            autoencode(eta, epochs, checkpoint=checkpoint)
        return TrainingRun(), None

    def test_it_goes_on_from_the_last_epoch(self, tmp_path, caplog):
        self.run(tmp_path, stop=4)
        caplog.clear()
        with caplog.at_level("INFO", "nngplab"):
            training, net = self.run(tmp_path)
        whole, expected = autoencode(0.01, 6)
        assert [line.split(" of ")[0] for line in caplog.messages] == ["resuming from epoch 4", *self.lines(5, 6)]
        assert training == whole
        assert torch.equal(net.A, expected.A)
        assert torch.equal(net.B, expected.B)

    def lines(self, *epochs: int) -> list[str]:
        return [f"state: epoch {epoch}" for epoch in epochs]

    def anew(self, folder: Path, caplog, why: str) -> None:
        """Run with the file there is; the training must start anew and say why."""
        caplog.clear()
        with caplog.at_level("INFO", "nngplab"):
            training, net = self.run(folder)
        assert why in caplog.messages[0]
        assert caplog.messages[0].endswith("training starts again")
        assert [line.split(" of ")[0] for line in caplog.messages[1:]] == self.lines(*range(1, 7))
        whole, expected = autoencode(0.01, 6)
        assert training == whole
        assert torch.equal(net.A, expected.A)

    def test_one_of_another_training_is_left_unread(self, tmp_path, caplog):
        self.run(tmp_path, stop=4, eta=0.02)
        self.anew(tmp_path, caplog, "belongs to a run with other settings")

    def test_any_wrong_byte_is_noticed(self, tmp_path, caplog):
        """`torch.load` alone would take a wrong byte in a tensor for what it says."""
        self.run(tmp_path, stop=4)
        content = (tmp_path / "state").read_bytes()
        for position in np.random.default_rng(0).integers(len(content), size=20):
            damaged = bytearray(content)
            damaged[position] ^= 1
            (tmp_path / "state").write_bytes(damaged)
            self.anew(tmp_path, caplog, "cannot be used (its checksum is wrong)")

    @pytest.mark.parametrize("content", [b"", b"half a fi", b"\x80\x02}.", bytes(5000)])
    def test_a_file_that_is_none_of_ours(self, tmp_path, caplog, content):
        (tmp_path / "state").write_bytes(content)
        self.anew(tmp_path, caplog, "cannot be used")

    def test_a_file_of_torch_that_is_none_of_ours(self, tmp_path, caplog):
        save_torch({"weights": torch.ones(3)}, tmp_path / "state")
        self.anew(tmp_path, caplog, "cannot be used")

    @pytest.mark.parametrize("state", [{"weights": torch.ones(3)}, [1, 2], torch.ones(3)])
    def test_a_file_with_a_right_checksum_that_holds_something_else(self, tmp_path, caplog, state):
        save_torch(state, tmp_path / "other")
        self.seal(tmp_path, (tmp_path / "other").read_bytes())
        self.anew(tmp_path, caplog, "cannot be used (it does not hold the state of a training run)")

    @pytest.mark.filterwarnings("ignore:Detected pickle protocol")
    @pytest.mark.parametrize("protocol", [2, 4])
    def test_a_hostile_pickle_is_refused(self, tmp_path, caplog, protocol):
        """Its checksum is right, so that it gets as far as being loaded."""
        touched = tmp_path / "touched"
        bomb = {"settings": Bomb(touched)}
        self.seal(tmp_path, pickle.dumps(bomb, protocol))
        self.anew(tmp_path, caplog, "cannot be used (UnpicklingError)")
        torch.save(bomb, tmp_path / "zip")
        self.seal(tmp_path, (tmp_path / "zip").read_bytes())
        self.anew(tmp_path, caplog, "cannot be used (UnpicklingError)")
        assert not touched.exists()
        pickle.loads(pickle.dumps(bomb, protocol))
        assert touched.exists(), "elsewhere it does what it came for"

    def seal(self, folder: Path, content: bytes) -> None:
        (folder / "state").write_bytes(hashlib.sha256(content).digest() + content)

    def test_one_that_cannot_be_written_leaves_the_former_one(self, tmp_path, monkeypatch):
        self.run(tmp_path, stop=4)
        before = (tmp_path / "state").read_bytes()

        def full(self: Path, content: bytes) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left"):
            self.run(tmp_path)
        assert (tmp_path / "state").read_bytes() == before
        assert [path.name for path in tmp_path.iterdir()] == ["state"]


class TestSaveTorch:
    def test_the_same_tensors_give_the_same_bytes_whatever_the_name(self, tmp_path):
        for name in ("a.pt", "b.pt"):
            save_torch({"weights": torch.arange(5.0), "seed": 88}, tmp_path / name)
        assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()
        read = torch.load(tmp_path / "a.pt", weights_only=True)
        assert read["seed"] == 88
        assert torch.equal(read["weights"], torch.arange(5.0))


class TestProgress:
    def test_plain_lines_where_there_is_no_terminal(self, tmp_path, caplog):
        with caplog.at_level("INFO", "nngplab"):
            autoencode(0.01, 2, checkpoint=TrainingCheckpoint(tmp_path / "mse_0", {}))
        assert len(caplog.messages) == 2
        for epoch, line in enumerate(caplog.messages, start=1):
            assert line.startswith(f"mse_0: epoch {epoch} of 2: loss ")
            assert not {"\r", "\x1b"} & set(line)

    def test_a_training_without_a_checkpoint_is_silent(self, caplog, capfd):
        with caplog.at_level("INFO", "nngplab"):
            autoencode(0.01, 2)
        assert caplog.messages == []
        assert capfd.readouterr() == ("", "")

    def test_a_bar_with_loss_and_remaining_time_on_a_terminal(self, tmp_path):
        main, terminal = pty.openpty()
        termios.tcsetwinsize(terminal, (24, 100))
        (tmp_path / "small").mkdir()
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / "small"), "0.05", "cpu"]
        subprocess.run(command, stderr=terminal, check=True)
        os.close(terminal)
        shown = b""
        try:
            while chunk := os.read(main, 65536):
                shown += chunk
        except OSError:  # Linux tells the end of a pseudo-terminal so
            pass
        bars = [bar for bar in shown.decode().split("\r") if bar.startswith("state:")]
        assert re.fullmatch(r"state: +0%.* 0/12 \[00:00<\?, .*", bars[0])
        assert re.fullmatch(r"state: 100%.* 12/12 \[\d\d:\d\d<00:00, .*epoch/s, loss \d.*", bars[-1])
        assert any(re.search(r"<\d\d:\d\d", bar) for bar in bars[1:-1]), "the remaining time"
