"""What homogeneity says of the Jacobian at a fixed point (docs/theory/homogeneous_networks.md)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.functional import jacobian, jvp

from nngplab.theory.identity import Array, Identity, in_float64

Activation = Callable[[Tensor], Tensor]


class _Autoencoder(NamedTuple):
    """The weights of f(x) = A phi(B x): A (d, k) and B (k, d)."""

    A: Array
    B: Array

    def __call__(self, x: Array, phi: Activation = torch.relu) -> Array:
        return self.output(torch.tensor(x), phi).numpy()

    def output(self, x: Tensor, phi: Activation = torch.relu) -> Tensor:
        return torch.tensor(self.A) @ phi(torch.tensor(self.B) @ x)

    def times(self, x: Array, phi: Activation = torch.relu) -> Array:
        """Return J(x) x by automatic differentiation."""
        return jvp(lambda at: self.output(at, phi), torch.tensor(x), torch.tensor(x))[1].numpy()

    def jacobian(self, x: Array) -> Array:
        return jacobian(self.output, torch.tensor(x)).numpy()


def _weights(rng: np.random.Generator) -> _Autoencoder:
    d, k = int(rng.integers(3, 6)), int(rng.integers(15, 25))
    return _Autoencoder(rng.standard_normal((d, k)) / k, rng.standard_normal((k, d)))


def _at_any_input(rng: np.random.Generator) -> dict[str, _Autoencoder | Array | float]:
    net = _weights(rng)
    return {"net": net, "x": rng.standard_normal(len(net.A)), "c": rng.uniform(0.2, 3)}


def _with_a_degree(rng: np.random.Generator) -> dict[str, _Autoencoder | Array | float]:
    return _at_any_input(rng) | {"p": rng.uniform(1.2, 3)}


def _fit(rng: np.random.Generator) -> tuple[_Autoencoder, Array]:
    """Draw two images, the columns of Z (d, 2), and the network with the least A that fits them exactly."""
    net = _weights(rng)
    Z = rng.standard_normal((len(net.A), 2))
    return net._replace(A=Z @ np.linalg.pinv(np.maximum(net.B @ Z, 0))), Z


def _fitted(rng: np.random.Generator) -> dict[str, _Autoencoder | Array]:
    net, Z = _fit(rng)
    return {"net": net, "Z": Z}


def _almost_fitted(rng: np.random.Generator) -> dict[str, _Autoencoder | Array]:
    net, Z = _fit(rng)
    return {"net": net._replace(A=net.A + 0.01 * rng.standard_normal(net.A.shape)), "Z": Z}


def _at_the_images(net: _Autoencoder, Z: Array) -> Array:
    return np.array([net.times(image) for image in Z.T])


def _eigenvalues(net: _Autoencoder, Z: Array) -> tuple[Array, Array]:
    """Return the eigenvalues at the first image, with the left eigenvectors as rows."""
    values, vectors = np.linalg.eig(net.jacobian(Z[:, 0]).T)
    return values, vectors.T


def _from_error(net: _Autoencoder, Z: Array, sign: int = 1) -> Array:
    image = Z[:, 0]
    left = _eigenvalues(net, Z)[1]
    return 1 + sign * (left @ (net(image) - image)) / (left @ image)


def _power(p: float) -> Activation:
    return lambda u: torch.relu(u) ** p


def _scaled(net: _Autoencoder, x: Array, c: float, p: float) -> Array:
    return np.concatenate([net(c * x, _power(p)), net.times(x, _power(p))])


def _by_degree(net: _Autoencoder, x: Array, c: float, p: float, factor: float) -> Array:
    return np.concatenate([c**p * net(x, _power(p)), factor * net(x, _power(p))])


def _smooth(net: _Autoencoder, x: Array) -> Array:
    """Return J(x) x - f(x) for tanh and sine."""
    return np.concatenate([net.times(x, phi) - net(x, phi) for phi in (torch.tanh, torch.sin)])


def _by_slopes(net: _Autoencoder, x: Array, of_u: Callable[[Array], Array]) -> Array:
    u = net.B @ x
    pairs = ((1 / np.cosh(u) ** 2, np.tanh(u)), (np.cos(u), np.sin(u)))
    return np.concatenate([net.A @ (slope * of_u(u) - value) for slope, value in pairs])


IDENTITIES = [
    Identity(
        label="H.1",
        statement=r"f(c x) = c f(x) \quad (c \ge 0)",
        false_statement=r"f(c x) = c^2 f(x) \quad (c \ge 0)",
        check=in_float64(
            "ReLU networks",
            _at_any_input,
            lambda net, x, c: net(c * x),
            lambda net, x, c: c * net(x),
            lambda net, x, c: c**2 * net(x),
        ),
    ),
    Identity(
        label="H.2",
        statement=r"J(x) \, x = f(x)",
        false_statement=r"J(x) \, x = x",
        check=in_float64(
            "autograd, ReLU networks",
            _at_any_input,
            lambda net, x, c: net.times(x),  # noqa: ARG005
            lambda net, x, c: net(x),  # noqa: ARG005
            lambda net, x, c: x,  # noqa: ARG005
        ),
    ),
    Identity(
        label="H.3",
        statement=r"f(z) = z \quad \Rightarrow \quad J(z) \, z = z",
        false_statement=r"f(z) = z \quad \Rightarrow \quad J(z) \, z = 0",
        check=in_float64(
            "autograd, ReLU networks that fit two images",
            _fitted,
            _at_the_images,
            lambda net, Z: Z.T,  # noqa: ARG005
            lambda net, Z: np.zeros_like(Z.T),  # noqa: ARG005
        ),
    ),
    Identity(
        label="H.4",
        statement=r"\lambda = 1 + \frac{w^{\mathsf T} e}{w^{\mathsf T} z}",
        false_statement=r"\lambda = 1 - \frac{w^{\mathsf T} e}{w^{\mathsf T} z}",
        check=in_float64(
            "autograd, all eigenvalues at an image",
            _almost_fitted,
            lambda net, Z: _eigenvalues(net, Z)[0],
            _from_error,
            lambda net, Z: _from_error(net, Z, -1),
            tolerance=1e-7,
        ),
    ),
    Identity(
        label="H.5",
        statement=r"f(c x) = c^p f(x), \quad J(x) \, x = p f(x) \quad (c > 0)",
        false_statement=r"f(c x) = c^p f(x), \quad J(x) \, x = f(x) \quad (c > 0)",
        check=in_float64(
            "autograd, powers of ReLU",
            _with_a_degree,
            _scaled,
            lambda net, x, c, p: _by_degree(net, x, c, p, p),
            lambda net, x, c, p: _by_degree(net, x, c, p, 1),
        ),
    ),
    Identity(
        label="H.6",
        statement=r"J(x) \, x - f(x) = A \left( \phi'(u) u - \phi(u) \right)",
        false_statement=r"J(x) \, x - f(x) = A \left( \phi'(u) - \phi(u) \right)",
        check=in_float64(
            "autograd, tanh and sine",
            _at_any_input,
            lambda net, x, c: _smooth(net, x),  # noqa: ARG005
            lambda net, x, c: _by_slopes(net, x, lambda u: u),  # noqa: ARG005
            lambda net, x, c: _by_slopes(net, x, np.ones_like),  # noqa: ARG005
        ),
    ),
]
