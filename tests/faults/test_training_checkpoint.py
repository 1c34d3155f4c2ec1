"""Trainings that are killed and resumed, and checkpoints that are damaged."""

import hashlib
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nngplab.networks.training import (
    TrainingCheckpoint,
    TrainingRun,
    save_torch,
)
from tests.helpers.training import Small, autoencode

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, warm) -> tuple[bytes, bytes]:
    small = Small(tmp_path_factory.mktemp("small") / "unbroken", warm)
    small.finish()
    return small.results()


class TestKilled:
    def test_a_training_killed_twice_ends_in_the_same_bytes(self, unbroken, warm, tmp_path):
        small = Small(tmp_path / "killed", warm)
        done = [small.kill_after(epochs) for epochs in (2, 5)]
        assert 2 <= done[0] < 5 <= done[1] < 12
        small.finish()
        assert small.results() == unbroken

    def test_two_trainings_end_in_the_same_bytes_and_a_finished_one_does_nothing(self, unbroken, warm, tmp_path):
        small = Small(tmp_path / "again", warm)
        small.finish()
        assert small.results() == unbroken
        state = small.state.read_bytes()
        small.finish()
        assert small.results() == unbroken
        assert small.state.read_bytes() == state

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
    def test_on_a_gpu_too(self, warm, tmp_path):
        whole, killed = (Small(tmp_path / name, warm, "cuda") for name in ("whole", "killed"))
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

    def test_it_resumes_at_the_last_epoch(self, tmp_path, caplog):
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
        return [f"epoch {epoch}" for epoch in epochs]

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
