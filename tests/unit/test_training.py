"""Gradient descent and what became of it: each outcome really reached, the same bytes again, killed and taken up."""

from typing import Any

import numpy as np
import pytest
import torch

from nngplab.networks.fully_connected import FullyConnected, OneHiddenLayer
from nngplab.networks.training import (
    TrainingCheckpoint,
    TrainingOutcome,
    TrainingRun,
    full_batch,
    randomly_mirrored,
    shuffled_batches,
    train,
)
from nngplab.pipeline import progress
from tests.helpers.training import D, K, autoencode, half_squared_error

pytestmark = pytest.mark.usefixtures("one_thread")


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
        training, _ = autoencode(0.1, 1000, target=-1.0)
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


class TestProgress:
    def test_a_line_for_each_epoch_goes_to_the_log_file(self, tmp_path, caplog):
        with caplog.at_level("INFO", "nngplab"):
            autoencode(0.01, 2, checkpoint=TrainingCheckpoint(tmp_path / "mse_0", {}))
        assert len(caplog.messages) == 2
        for epoch, (line, record) in enumerate(zip(caplog.messages, caplog.records, strict=True), start=1):
            assert line.startswith(f"epoch {epoch} of 2: loss ")
            assert record.only_in_file

    def test_a_short_training_without_a_checkpoint_is_silent(self, caplog, capfd):
        with caplog.at_level("INFO", "nngplab"):
            autoencode(0.01, 2)
        assert caplog.messages == []
        assert capfd.readouterr() == ("", "")

    def test_a_long_training_says_how_much_is_left(self, caplog, monkeypatch):
        monkeypatch.setattr(progress, "SHORTEST", 0)
        with caplog.at_level("INFO", "nngplab"):
            autoencode(0.01, 4)
        assert [line.partition(",")[0] for line in caplog.messages] == [f"epoch {epoch} of 4" for epoch in (1, 2, 3)]
