"""Minimum-norm regression on random features, and its limit, the NNGP (docs/theory/minimum_norm.md)."""

from typing import NamedTuple

import numpy as np

from nngplab.kernels.duals import DUALS
from nngplab.networks.random_features import hidden_features, minimum_norm_fit
from nngplab.theory.identity import Array, Identity, in_float64, sampled

_STEPS = 20
_NARROW = 3


class _RandomFeatureModel(NamedTuple):
    """Training inputs X (n, d), labels y (n,), a test input x (d,), a first layer B (k, d), and steps of training t."""

    X: Array
    y: Array
    x: Array
    B: Array
    t: int

    @property
    def F(self) -> Array:
        """The features of the training inputs, (k, n)."""
        return hidden_features(self.X, self.B[np.newaxis])[0]

    @property
    def K_k(self) -> Array:
        """The Gram matrix of the features, (n, n)."""
        return self.F.T @ self.F

    @property
    def kappa_k(self) -> Array:
        """The kernel of the features between the test input and the training inputs, (n,)."""
        return self.F.T @ hidden_features(self.x[np.newaxis], self.B[np.newaxis])[0, :, 0]

    @property
    def K(self) -> Array:
        """The Gram matrix of the NNGP, (n, n)."""
        return DUALS["relu"](self.X @ self.X.T)

    @property
    def kappa(self) -> Array:
        """The NNGP between the test input and the training inputs, (n,)."""
        return DUALS["relu"](self.X @ self.x)

    @property
    def step_size(self) -> float:
        """Half of the largest step size for which convergence of gradient descent is guaranteed."""
        return 1 / float(np.trace(self.K_k))


def _draw_model(rng: np.random.Generator) -> dict[str, _RandomFeatureModel]:
    inputs = _unit_rows(rng.standard_normal((5, 4)))
    y, B = rng.standard_normal(4), rng.standard_normal((50, 4))
    return {"model": _RandomFeatureModel(inputs[1:], y, inputs[0], B, _STEPS)}


def _unit_rows(X: Array) -> Array:
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def _gradient_descent(model: _RandomFeatureModel) -> Array:
    a = np.zeros(len(model.B))
    for _ in range(model.t):
        a = a + model.step_size * model.F @ (model.y - model.F.T @ a)
    return a


def _gradient_descent_solved(model: _RandomFeatureModel, steps: int) -> Array:
    power = np.linalg.matrix_power(np.eye(len(model.y)) - model.step_size * model.K_k, steps)
    return model.F @ (np.eye(len(model.y)) - power) @ np.linalg.solve(model.K_k, model.y)


def _minimum_norm(model: _RandomFeatureModel) -> Array:
    return minimum_norm_fit(model.F[np.newaxis], model.y)[0]


def _network_output(model: _RandomFeatureModel) -> float:
    """Return the output at x of the network whose last layer is the minimum-norm solution."""
    features = hidden_features(model.x[np.newaxis], model.B[np.newaxis])[0, :, 0]
    return float(features @ _minimum_norm(model))


def _difference_to_limit(model: _RandomFeatureModel, sign: int) -> float:
    Delta, delta = model.K_k - model.K, model.kappa_k - model.kappa
    left = delta - sign * Delta @ np.linalg.solve(model.K, model.kappa)
    return float(left @ np.linalg.solve(model.K_k, model.y))


def _two_inputs(rng: np.random.Generator) -> dict[str, Array | int]:
    """Draw two inputs at an angle of up to 65 degrees, at which a narrow network is far from a kernel of zero."""
    x, z = _unit_rows(rng.standard_normal((2, 3)))
    return {"x": x, "z": _unit_rows((x + 0.9 * z)[np.newaxis])[0], "k": _NARROW}


def _kernels(rng: np.random.Generator, samples: int, x: Array, z: Array, k: int) -> Array:
    """Draw values (samples,) of kappa_k(x, z)."""
    features = hidden_features(np.stack([x, z]), rng.standard_normal((samples, k, len(x))))
    return np.sum(features[:, :, 0] * features[:, :, 1], axis=1)


def _squared_deviations(rng: np.random.Generator, samples: int, x: Array, z: Array, k: int) -> Array:
    return (_kernels(rng, samples, x, z, k) - _nngp(x, z)) ** 2


def _nngp(x: Array, z: Array) -> float:
    """Return kappa(x, z) by the formula of (M.4)."""
    xi = x @ z
    return float((xi * (np.pi - np.arccos(xi)) + np.sqrt(1 - xi**2)) / np.pi)


def _variance_of_a_term(x: Array, z: Array) -> float:
    """Return the bracket of (M.5)."""
    theta = np.arccos(x @ z)
    second_degree = 3 * np.sin(theta) * np.cos(theta) + (np.pi - theta) * (1 + 2 * np.cos(theta) ** 2)
    return float(2 / np.pi * second_degree - _nngp(x, z) ** 2)


IDENTITIES = [
    Identity(
        label="M.1",
        statement=r"a^{(t)} = F \left( I - (I - \eta K_k)^t \right) K_k^{-1} y",
        false_statement=r"a^{(t)} = F \left( I - (I - \eta K_k)^{t+1} \right) K_k^{-1} y",
        check=in_float64(
            "iteration",
            _draw_model,
            _gradient_descent,
            lambda model: _gradient_descent_solved(model, model.t),
            lambda model: _gradient_descent_solved(model, model.t + 1),
        ),
    ),
    Identity(
        label="M.2",
        statement=r"\underset{F^{\mathsf T} a = y}{\mathrm{arg\,min}} \; \lVert a \rVert = F K_k^{-1} y",
        false_statement=r"\underset{F^{\mathsf T} a = y}{\mathrm{arg\,min}} \; \lVert a \rVert = F (K_k + I)^{-1} y",
        check=in_float64(
            "singular values",
            _draw_model,
            _minimum_norm,
            lambda model: model.F @ np.linalg.solve(model.K_k, model.y),
            lambda model: model.F @ np.linalg.solve(model.K_k + np.eye(len(model.y)), model.y),
        ),
    ),
    Identity(
        label="M.3",
        statement=r"f_k(x) = \kappa_k(x)^{\mathsf T} K_k^{-1} y",
        false_statement=r"f_k(x) = \kappa_k(x)^{\mathsf T} y",
        check=in_float64(
            "singular values",
            _draw_model,
            _network_output,
            lambda model: model.kappa_k @ np.linalg.solve(model.K_k, model.y),
            lambda model: model.kappa_k @ model.y,
        ),
    ),
    Identity(
        label="M.4",
        statement=r"\mathbb{E}[\kappa_k(x, \tilde{x})] = 2 \, \mathbb{E}[\phi(u) \phi(v)] = \frac{1}{\pi} \left( "
        r"\xi (\pi - \arccos \xi) + \sqrt{1 - \xi^2} \right) = \kappa(x, \tilde{x})",
        false_statement=r"\mathbb{E}[\kappa_k(x, \tilde{x})] = \frac{1}{2 \pi} \left( "
        r"\xi (\pi - \arccos \xi) + \sqrt{1 - \xi^2} \right)",
        check=sampled(
            _two_inputs,
            _kernels,
            lambda x, z, k: _nngp(x, z),  # noqa: ARG005
            lambda x, z, k: _nngp(x, z) / 2,  # noqa: ARG005
        ),
    ),
    Identity(
        label="M.5",
        statement=r"\mathrm{Var}[\kappa_k(x, \tilde{x})] = \frac{1}{k} \left( \frac{2}{\pi} \left( "
        r"3 \sin \theta \cos \theta + (\pi - \theta) (1 + 2 \cos^2 \theta) \right) - \kappa(x, \tilde{x})^2 \right)",
        false_statement=r"\mathrm{Var}[\kappa_k(x, \tilde{x})] = \frac{1}{k^2} \left( \frac{2}{\pi} \left( "
        r"3 \sin \theta \cos \theta + (\pi - \theta) (1 + 2 \cos^2 \theta) \right) - \kappa(x, \tilde{x})^2 \right)",
        check=sampled(
            _two_inputs,
            _squared_deviations,
            lambda x, z, k: _variance_of_a_term(x, z) / k,
            lambda x, z, k: _variance_of_a_term(x, z) / k**2,
        ),
    ),
    Identity(
        label="M.6",
        statement=r"f_k(x) - f(x) = \left( \delta - \Delta K^{-1} \kappa(x) \right)^{\mathsf T} K_k^{-1} y",
        false_statement=r"f_k(x) - f(x) = \left( \delta + \Delta K^{-1} \kappa(x) \right)^{\mathsf T} K_k^{-1} y",
        check=in_float64(
            "singular values",
            _draw_model,
            lambda model: _network_output(model) - model.kappa @ np.linalg.solve(model.K, model.y),
            lambda model: _difference_to_limit(model, sign=1),
            lambda model: _difference_to_limit(model, sign=-1),
        ),
    ),
]
