"""The networks: their formulas, their initialisation, and their gradients against Problem 1 and differences."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nngplab.errors import InputError
from nngplab.networks import fully_connected as networks
from nngplab.networks.fully_connected import FullyConnected, OneHiddenLayer, average_gradient_outer_product
from nngplab.pipeline.devices import resolve_device

D_IN, K, D_OUT, N = 7, 5, 3, 11


def network(activation: str, seed: int = 0) -> OneHiddenLayer:
    return OneHiddenLayer(D_IN, K, D_OUT, activation, seed, dtype=torch.float64)


def data(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    random = np.random.default_rng(seed)
    return torch.from_numpy(random.normal(size=(N, D_IN))), torch.from_numpy(random.normal(size=(N, D_OUT)))


def half_squared_error(net: OneHiddenLayer, X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
    """The loss of the problem set, 1/2 ||y - f(X)||²."""
    return 0.5 * ((Y - net(X)) ** 2).sum()


class TestFormula:
    @pytest.mark.parametrize(
        ("activation", "phi"),
        [("relu", lambda h: np.maximum(h, 0)), ("tanh", np.tanh), ("sine", np.sin), ("identity", lambda h: h)],
    )
    def test_against_numpy(self, activation, phi):
        net, (X, _) = network(activation), data(1)
        A, B = net.A.detach().numpy(), net.B.detach().numpy()
        assert (A.shape, B.shape) == ((D_OUT, K), (K, D_IN))
        np.testing.assert_allclose(net(X).detach().numpy(), (A @ phi(B @ X.numpy().T)).T, rtol=1e-12)
        np.testing.assert_allclose(net.hidden(X).detach().numpy(), phi(B @ X.numpy().T).T, rtol=1e-12)

    def test_there_are_no_other_weights(self):
        assert [name for name, _ in network("relu").named_parameters()] == ["first.weight", "last.weight"]

    @given(st.floats(0, 1e3), st.integers(0, 1000))
    def test_relu_without_biases_is_homogeneous(self, c, seed):
        net, (X, _) = network("relu"), data(seed)
        torch.testing.assert_close(net(c * X), c * net(X), rtol=1e-9, atol=1e-9)

    def test_an_unknown_activation(self):
        with pytest.raises(InputError, match="unknown activation 'gelu': choose one of relu, tanh, sine, identity"):
            network("gelu")


class TestInitialisation:
    def test_it_is_that_of_pytorch(self):
        """`torch.nn.Linear` draws uniformly from [-1, 1] / sqrt(inputs)."""
        torch.manual_seed(88)
        first = torch.nn.Linear(400, 300, bias=False)
        last = torch.nn.Linear(300, 200, bias=False)
        net = OneHiddenLayer(400, 300, 200, "relu", seed=88)
        assert torch.equal(net.B, first.weight)
        assert torch.equal(net.A, last.weight)
        for weights, fan_in in ((net.B, 400), (net.A, 300)):
            assert weights.abs().max().item() <= fan_in**-0.5
            assert weights.std().item() == pytest.approx((3 * fan_in) ** -0.5, rel=0.02)

    def test_it_depends_on_the_seed_alone_and_leaves_the_generator_of_pytorch_as_it_was(self):
        torch.manual_seed(1)
        state = torch.get_rng_state()
        one = network("relu", seed=88)
        assert torch.equal(torch.get_rng_state(), state)
        torch.rand(10)
        again, other = network("relu", seed=88), network("relu", seed=89)
        assert torch.equal(one.B, again.B)
        assert torch.equal(one.A, again.A)
        assert not torch.equal(one.B, other.B)


class TestGradients:
    @given(st.integers(0, 2**31))
    def test_linear_against_the_update_rules_of_problem_1(self, seed):
        """dL/dA = -(Y - ABX) Xᵀ Bᵀ and dL/dB = -Aᵀ (Y - ABX) Xᵀ, with samples in the columns of X and Y."""
        net, (X, Y) = network("identity", seed), data(seed)
        half_squared_error(net, X, Y).backward()
        A, B = net.A.detach(), net.B.detach()
        residual = Y.T - A @ B @ X.T
        torch.testing.assert_close(net.A.grad, -residual @ X @ B.T, rtol=1e-9, atol=1e-11)
        torch.testing.assert_close(net.B.grad, -A.T @ residual @ X, rtol=1e-9, atol=1e-11)

    def test_a_step_of_gradient_descent_is_the_update_rule_of_problem_1(self):
        net, (X, Y), eta = network("identity"), data(2), 1e-2
        A, B = net.A.detach().clone(), net.B.detach().clone()
        half_squared_error(net, X, Y).backward()
        torch.optim.SGD(net.parameters(), lr=eta).step()
        torch.testing.assert_close(net.A.detach(), A + eta * (Y.T - A @ B @ X.T) @ X @ B.T)
        torch.testing.assert_close(net.B.detach(), B + eta * A.T @ (Y.T - A @ B @ X.T) @ X)

    @pytest.mark.parametrize("activation", ["relu", "tanh", "sine", "identity"])
    @pytest.mark.parametrize("seed", range(3))
    def test_against_finite_differences(self, activation, seed):
        net, (X, Y), h = network(activation, seed), data(seed), 1e-6
        half_squared_error(net, X, Y).backward()
        # Differences across a kink would mean nothing: no unit may switch between the two points.
        assert activation == "identity" or (X @ net.B.T).abs().min() > h * X.abs().max()
        for weights in (net.A, net.B):
            for index in np.ndindex(*weights.shape):
                with torch.no_grad():
                    middle = weights[index].item()
                    losses = []
                    for shifted in (middle + h, middle - h):
                        weights[index] = shifted
                        losses.append(half_squared_error(net, X, Y).item())
                    weights[index] = middle
                difference = (losses[0] - losses[1]) / (2 * h)
                assert weights.grad[index].item() == pytest.approx(difference, rel=1e-6, abs=1e-6)


class TestDead:
    def test_dead_only_if_no_unit_is_on_for_any_sample(self):
        net, X = network("relu"), torch.eye(D_IN, dtype=torch.float64)
        with torch.no_grad():
            net.B.fill_(-1.0)
        assert net.is_dead(X)
        half_squared_error(net, X, torch.ones(D_IN, D_OUT, dtype=torch.float64)).backward()
        assert not net.A.grad.any()
        assert not net.B.grad.any()
        with torch.no_grad():
            net.B[2, 4] = 1e-9
        assert not net.is_dead(X)

    def test_a_linear_network_does_not_die(self):
        net = network("identity")
        with torch.no_grad():
            net.B.zero_()
        assert not net.is_dead(data(0)[0])


class TestFullyConnected:
    @pytest.mark.parametrize("bias", [False, True])
    @pytest.mark.parametrize("depth", [1, 2, 4])
    def test_against_numpy(self, depth, bias):
        net, (X, _) = FullyConnected(D_IN, K, depth, D_OUT, "relu", 0, bias, torch.float64), data(1)
        weights = [weights.detach().numpy() for weights in net.parameters()]
        layers = list(zip(weights[::2], weights[1::2], strict=True)) if bias else [(W, 0.0) for W in weights]
        assert [W.shape for W, _ in layers] == [(K, D_IN), *[(K, K)] * (depth - 1), (D_OUT, K)]
        *hidden, (W_last, b_last) = layers
        values = X.numpy()
        for W, b in hidden:
            values = np.maximum(values @ W.T + b, 0)
        np.testing.assert_allclose(net.hidden(X).detach().numpy(), values, rtol=1e-12)
        np.testing.assert_allclose(net(X).detach().numpy(), values @ W_last.T + b_last, rtol=1e-12)

    def test_one_hidden_layer_is_that_of_the_problem_set(self):
        """The weights, their names and their order, so that the files and the optimisers of both are the same."""
        net = FullyConnected(D_IN, K, 1, D_OUT, "relu", seed=88)
        reference = OneHiddenLayer(D_IN, K, D_OUT, "relu", seed=88)
        for (name, weights), (expected_name, expected) in zip(
            net.state_dict().items(), reference.state_dict().items(), strict=True
        ):
            assert name == expected_name
            assert torch.equal(weights, expected)

    def test_the_initialisation_is_that_of_pytorch(self):
        torch.manual_seed(88)
        expected = [torch.nn.Linear(40, 30), torch.nn.Linear(30, 30), torch.nn.Linear(30, 20)]
        net = FullyConnected(40, 30, 2, 20, "relu", seed=88, bias=True)
        wanted = [weights for layer in expected for weights in layer.parameters()]
        assert all(torch.equal(*pair) for pair in zip(net.parameters(), wanted, strict=True))

    @pytest.mark.parametrize("depth", [0, -1])
    def test_no_hidden_layer(self, depth):
        with pytest.raises(InputError, match=f"the depth is {depth}: a network has at least 1 hidden layer"):
            FullyConnected(D_IN, K, depth, D_OUT, "relu", seed=0)

    @pytest.mark.parametrize("layer", ["first", "hidden_2", "hidden_3"])
    def test_dead_if_any_layer_is_off(self, layer):
        """Biases switch the layer off; then only those behind it still move, and the output is one for all rows."""
        net, (X, Y) = FullyConnected(D_IN, K, 3, D_OUT, "relu", 0, bias=True, dtype=torch.float64), data(0)
        assert not net.is_dead(X)
        with torch.no_grad():
            getattr(net, layer).bias.fill_(-100.0)
        assert net.is_dead(X)
        half_squared_error(net, X, Y).backward()
        names = [name for name, _ in net.named_children()]
        for name in names[: names.index(layer) + 1]:
            assert not any(weights.grad.any() for weights in getattr(net, name).parameters())
        assert net(X).unique(dim=0).shape[0] == 1


class TestAverageGradientOuterProduct:
    def test_linear(self):
        """Each gradient of f(x) = ABx is a row of AB."""
        net, (X, _) = network("identity"), data(0)
        AB = net.A @ net.B
        torch.testing.assert_close(average_gradient_outer_product(net, X), AB.mT @ AB, rtol=1e-12, atol=1e-14)

    def test_one_relu(self):
        """f(x) = a relu(b.x) has the gradient a b where b.x > 0, and none elsewhere."""
        net, (X, _) = OneHiddenLayer(D_IN, 1, 1, "relu", seed=0, dtype=torch.float64), data(0)
        on = (net.hidden(X) > 0).double().mean()
        assert 0 < on < 1
        expected = on * net.A**2 * net.B.mT @ net.B
        torch.testing.assert_close(average_gradient_outer_product(net, X), expected, rtol=1e-12, atol=1e-14)

    @pytest.mark.parametrize("rows", [1, 4, N])
    def test_deep_with_several_outputs_against_jacobians(self, monkeypatch, rows):
        monkeypatch.setattr(networks, "GRADIENT_BATCH_SIZE", rows)
        net, (X, _) = FullyConnected(D_IN, K, 3, D_OUT, "relu", 0, bias=True, dtype=torch.float64), data(0)
        J = torch.stack([torch.autograd.functional.jacobian(net, x) for x in X])
        expected = torch.einsum("noi,noj->ij", J, J) / N
        torch.testing.assert_close(average_gradient_outer_product(net, X), expected, rtol=1e-12, atol=1e-14)

    def test_it_leaves_no_gradients_behind(self):
        net, (X, _) = network("relu"), data(0)
        products = average_gradient_outer_product(net, X)
        assert not products.requires_grad
        assert not X.requires_grad
        assert all(weights.grad is None for weights in net.parameters())


class TestDevice:
    def test_auto_is_the_gpu_where_there_is_one(self, monkeypatch):
        for available, kind in ((True, "cuda"), (False, "cpu")):
            monkeypatch.setattr(torch.cuda, "is_available", lambda available=available: available)
            assert resolve_device("auto") == torch.device(kind)
        assert resolve_device("cpu") == torch.device("cpu")

    def test_a_gpu_that_is_not_there(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(InputError, match="PyTorch finds no CUDA device on this machine: use auto or cpu"):
            resolve_device("cuda")
