"""Trainings of Problem 2b that are killed or interrupted."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.checkout import SCRIPTS
from tests.helpers.cifar10_images import write_images
from tests.helpers.fc_net import results, train, training_options
from tests.helpers.scripts import run_script


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_images(tmp_path_factory.mktemp("data"))


def test_a_killed_training_resumes_at_its_last_epoch_and_ends_in_the_same_bytes(data, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(data, whole, epochs=80)
    command = [sys.executable, SCRIPTS / "fc_net_train.py", *training_options(data, killed, epochs=80)]
    command = [*map(str, command), "--log", str(killed / "log" / "train.log")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (killed / "state/mse_0").exists():
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was killed before it ended"
    assert results(killed) == {}
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    log = (killed / "log/train.log").read_text()
    begun = int(log.partition("resuming from epoch ")[2].split()[0])
    assert 1 <= begun < 80
    assert f"epoch {begun + 1} of 80" in log
    assert f"epoch {begun} of 80" not in log
    assert results(killed) == results(whole)
    # A file that was being written when the process was killed may be left beside; the state itself is gone.
    assert not (killed / "state/mse_0").exists()


def test_the_checkpoint_of_another_training_is_not_used(data, tmp_path):
    """Interrupted by a full disk when the results are written, then started with another step size."""
    blocked = tmp_path / "mse_0.csv"
    blocked.mkdir()
    run_script("fc_net_train", *training_options(data, tmp_path, learning_rate=0.001), status=1)
    assert (tmp_path / "state/mse_0").exists()
    blocked.rmdir()
    output = run_script("fc_net_train", *training_options(data, tmp_path))
    assert "belongs to a run with other settings: training starts again" in output
    train(data, tmp_path / "expected")
    assert results(tmp_path) == results(tmp_path / "expected")
