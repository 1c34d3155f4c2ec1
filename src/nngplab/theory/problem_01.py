"""Problem 1: gradient descent on f(x) = A B x (docs/theory/problem_01.md)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.functional import jvp

from nngplab.theory.identity import Array, Check, Identity, in_float64


class _Net(NamedTuple):
    """A network with m outputs and its data: A (m, k), B (k, d), X (d, n) and y (m, n), and a learning rate."""

    A: Array
    B: Array
    X: Array
    y: Array
    eta: float

    @property
    def R(self) -> Array:
        """The residual, (m, n)."""
        return self.y - self.A @ self.B @ self.X


def _net_with_outputs(rng: np.random.Generator, m: int) -> dict[str, _Net]:
    """Draw a network with three different sizes, so that products of matrices in a wrong order do not exist."""
    k, d, n = rng.permutation(np.arange(2, 8))[:3]
    A, B, X, y = (rng.standard_normal(shape) for shape in ((m, k), (k, d), (d, n), (m, n)))
    return {"net": _Net(A, B, X, y, eta=rng.uniform(0.05, 0.2))}


def _net(rng: np.random.Generator) -> dict[str, _Net]:
    return _net_with_outputs(rng, m=1)


def _net_with_any_outputs(rng: np.random.Generator) -> dict[str, _Net]:
    return _net_with_outputs(rng, m=int(rng.integers(1, 4)))


def _outputs_by_index(net: _Net) -> Array:
    (k, d), n = net.B.shape, net.X.shape[1]
    hidden = [[sum(net.B[i, j] * net.X[j, s] for j in range(d)) for s in range(n)] for i in range(k)]
    return np.array([[sum(net.A[0, i] * hidden[i][s] for i in range(k)) for s in range(n)]])


def _loss(A: Tensor, B: Tensor, net: _Net) -> Tensor:
    return (torch.tensor(net.y) - A @ B @ torch.tensor(net.X)).square().sum() / 2


def _gradients(net: _Net) -> tuple[Array, Array]:
    """Return the gradients of the loss with respect to A and B, by reverse-mode automatic differentiation."""
    A, B = (torch.tensor(weight, requires_grad=True) for weight in (net.A, net.B))
    gradients = torch.autograd.grad(_loss(A, B, net), [A, B])
    return gradients[0].numpy(), gradients[1].numpy()


def _stepped(net: _Net) -> tuple[Array, Array]:
    """Return the weights after a step of gradient descent by PyTorch."""
    A, B = (torch.tensor(weight, requires_grad=True) for weight in (net.A, net.B))
    optimiser = torch.optim.SGD([A, B], lr=net.eta)
    _loss(A, B, net).backward()
    optimiser.step()
    return A.detach().numpy(), B.detach().numpy()


def _stepped_in_turn(net: _Net) -> Array:
    """Return B after a wrong step, which uses the updated A and its residual."""
    A = net.A + net.eta * net.R @ net.X.T @ net.B.T
    return net.B + net.eta * A.T @ net._replace(A=A).R @ net.X.T


def _differential(net: _Net) -> Array:
    """Return the differential of the loss for dA = sin(A) and dB = cos(B), by automatic differentiation."""
    weights = torch.tensor(net.A), torch.tensor(net.B)
    changes = torch.tensor(np.sin(net.A)), torch.tensor(np.cos(net.B))
    return jvp(lambda A, B: _loss(A, B, net), weights, changes)[1].numpy()


def _or_undefined(side: Callable[[_Net], Array]) -> Callable[[_Net], Array]:
    """Return the side, with infinity for products of matrices that do not exist."""

    def evaluate(net: _Net) -> Array:
        try:
            return side(net)
        except ValueError:
            return np.array(np.inf)

    return evaluate


def _by_autograd(
    left: Callable[[_Net], Array],
    right: Callable[[_Net], Array],
    false: Callable[[_Net], Array],
    draw: Callable[[np.random.Generator], dict[str, _Net]] = _net,
) -> Check:
    return in_float64("autograd", draw, left, right, _or_undefined(false))


IDENTITIES = [
    Identity(
        label="1.1",
        statement=r"f_{\mathbf{w}}(X)_s = \sum_{i=1}^{k} A_i \sum_{j=1}^{d} B_{ij} X_{js} = (A B X)_s, "
        r"\quad A \in \mathbb{R}^{1 \times k}, \; B \in \mathbb{R}^{k \times d}",
        false_statement=r"f_{\mathbf{w}}(X)_s = (A B X)_s, \quad A \in \mathbb{R}^{1 \times k}, \; "
        r"B \in \mathbb{R}^{d \times n}",
        check=in_float64(
            "sums over each index",
            _net,
            _outputs_by_index,
            lambda net: net.A @ net.B @ net.X,
            _or_undefined(lambda net: net.A @ np.ones(net.X.shape) @ net.X),
        ),
    ),
    Identity(
        label="1.2",
        statement=r"\frac{\partial \mathcal{L}}{\partial A_i} = -\sum_{s=1}^{n} R_s \sum_{j=1}^{d} B_{ij} X_{js}",
        false_statement=r"\frac{\partial \mathcal{L}}{\partial A_i} = -2 \sum_{s=1}^{n} R_s \sum_{j=1}^{d} "
        r"B_{ij} X_{js}",
        check=_by_autograd(
            lambda net: _gradients(net)[0],
            lambda net: -np.einsum("os,ij,js->oi", net.R, net.B, net.X),
            lambda net: -2 * np.einsum("os,ij,js->oi", net.R, net.B, net.X),
        ),
    ),
    Identity(
        label="1.3",
        statement=r"\frac{\partial \mathcal{L}}{\partial B_{ij}} = -\sum_{s=1}^{n} R_s A_i X_{js}",
        false_statement=r"\frac{\partial \mathcal{L}}{\partial B_{ij}} = -\sum_{s=1}^{n} R_s X_{js}",
        check=_by_autograd(
            lambda net: _gradients(net)[1],
            lambda net: -np.einsum("os,oi,js->ij", net.R, net.A, net.X),
            lambda net: -np.einsum("os,oi,js->ij", net.R, np.ones_like(net.A), net.X),
        ),
    ),
    Identity(
        label="1.4",
        statement=r"\nabla_A \mathcal{L} = -R X^{\mathsf T} B^{\mathsf T}",
        false_statement=r"\nabla_A \mathcal{L} = -R X^{\mathsf T} B",
        check=_by_autograd(
            lambda net: _gradients(net)[0],
            lambda net: -net.R @ net.X.T @ net.B.T,
            lambda net: -net.R @ net.X.T @ net.B,
        ),
    ),
    Identity(
        label="1.5",
        statement=r"\nabla_B \mathcal{L} = -A^{\mathsf T} R X^{\mathsf T}",
        false_statement=r"\nabla_B \mathcal{L} = -X R^{\mathsf T} A",
        check=_by_autograd(
            lambda net: _gradients(net)[1],
            lambda net: -net.A.T @ net.R @ net.X.T,
            lambda net: -net.X @ net.R.T @ net.A,
        ),
    ),
    Identity(
        label="1.6",
        statement=r"A^{(t+1)} = A^{(t)} + \eta \left( y - A^{(t)} B^{(t)} X \right) X^{\mathsf T} "
        r"{B^{(t)}}^{\mathsf T}",
        false_statement=r"A^{(t+1)} = A^{(t)} - \eta \left( y - A^{(t)} B^{(t)} X \right) X^{\mathsf T} "
        r"{B^{(t)}}^{\mathsf T}",
        check=_by_autograd(
            lambda net: _stepped(net)[0],
            lambda net: net.A + net.eta * net.R @ net.X.T @ net.B.T,
            lambda net: net.A - net.eta * net.R @ net.X.T @ net.B.T,
        ),
    ),
    Identity(
        label="1.7",
        statement=r"B^{(t+1)} = B^{(t)} + \eta \, {A^{(t)}}^{\mathsf T} \left( y - A^{(t)} B^{(t)} X \right) "
        r"X^{\mathsf T}",
        false_statement=r"B^{(t+1)} = B^{(t)} + \eta \, {A^{(t+1)}}^{\mathsf T} \left( y - A^{(t+1)} B^{(t)} X \right) "
        r"X^{\mathsf T}",
        check=_by_autograd(
            lambda net: _stepped(net)[1],
            lambda net: net.B + net.eta * net.A.T @ net.R @ net.X.T,
            _stepped_in_turn,
        ),
    ),
    Identity(
        label="1.8",
        statement=r"\mathrm{d}\mathcal{L} = -\mathrm{tr}\left( R X^{\mathsf T} \left( \mathrm{d}A \, B "
        r"+ A \, \mathrm{d}B \right)^{\mathsf T} \right)",
        false_statement=r"\mathrm{d}\mathcal{L} = -\mathrm{tr}\left( R X^{\mathsf T} \left( \mathrm{d}A \, "
        r"\mathrm{d}B \right)^{\mathsf T} \right)",
        check=_by_autograd(
            _differential,
            lambda net: -np.trace(net.R @ net.X.T @ (np.sin(net.A) @ net.B + net.A @ np.cos(net.B)).T),
            lambda net: -np.trace(net.R @ net.X.T @ (np.sin(net.A) @ np.cos(net.B)).T),
            _net_with_any_outputs,
        ),
    ),
    Identity(
        label="1.9",
        statement=r"A^{\mathsf T} \nabla_A \mathcal{L} = (\nabla_B \mathcal{L}) B^{\mathsf T}",
        false_statement=r"A^{\mathsf T} \nabla_A \mathcal{L} = B (\nabla_B \mathcal{L})^{\mathsf T}",
        check=_by_autograd(
            lambda net: net.A.T @ _gradients(net)[0],
            lambda net: _gradients(net)[1] @ net.B.T,
            lambda net: net.B @ _gradients(net)[1].T,
            _net_with_any_outputs,
        ),
    ),
]
