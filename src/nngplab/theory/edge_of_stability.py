"""Gradient descent on the linear autoencoder from A = 0 (docs/theory/edge_of_stability.md)."""

import math
from typing import NamedTuple

import numpy as np
import scipy.integrate
import scipy.stats
import sympy
import torch
from torch import Tensor
from torch.autograd.functional import hessian

from nngplab.theory.identity import Array, Identity, in_float64, sampled, symbolic

_ALPHA, _BETA, _ETA, _HH, _ZZ = sympy.symbols(r"alpha beta eta \|h\|^2 \|z\|^2", positive=True)
_EPSILON, _R, _S, _A, _B = sympy.symbols("varepsilon r s a b", positive=True)


class _Run(NamedTuple):
    """A first layer B (k, d), the sample X = z as a column (d, 1), the step size, and the number of steps."""

    B: Array
    X: Array
    eta: float
    t: int

    @property
    def z(self) -> Array:
        return self.X[:, 0]

    @property
    def h(self) -> Array:
        return self.B @ self.z

    @property
    def s(self) -> float:
        return self.eta * float(self.z @ self.z)


def _run(rng: np.random.Generator) -> dict[str, _Run]:
    """Draw a run of different sizes k and d, with ||z|| near 1 and a step that keeps it bounded."""
    k, d = rng.permutation(np.arange(2, 6))[:2]
    X = rng.standard_normal((d, 1))
    B = rng.standard_normal((k, d)) / math.sqrt(k)
    X *= rng.uniform(0.7, 1.3) / np.linalg.norm(X)
    return {"run": _Run(B, X, rng.uniform(0.1, 0.4), int(rng.integers(2, 6)))}


def _loss(A: Tensor, B: Tensor, z: Tensor) -> Tensor:
    return (z - A @ B @ z).square().sum() / 2


def _trained(run: _Run) -> tuple[Array, Array]:
    """Return A and B after t steps of gradient descent by PyTorch."""
    A = torch.zeros(run.B.T.shape, dtype=torch.float64, requires_grad=True)
    B, z = torch.tensor(run.B, requires_grad=True), torch.tensor(run.z)
    for _ in range(run.t):
        gradients = torch.autograd.grad(_loss(A, B, z), [A, B])
        with torch.no_grad():
            for weight, gradient in zip((A, B), gradients, strict=True):
                weight -= run.eta * gradient
    return A.detach().numpy(), B.detach().numpy()


def _numbers(run: _Run) -> tuple[float, float]:
    """Return alpha and gamma after t steps."""
    zz, hh = float(run.z @ run.z), float(run.h @ run.h)
    alpha = gamma = 0.0
    for _ in range(run.t):
        beta = 1 + gamma * zz
        move = run.eta * (1 - alpha * beta * hh)
        alpha, gamma = alpha + move * beta, gamma + move * zz * alpha
    return alpha, gamma


def _read_off(run: _Run) -> Array:
    """Return alpha and gamma of the trained weights."""
    A, B = _trained(run)
    zz, hh = run.z @ run.z, run.h @ run.h
    return np.array([run.z @ A @ run.h / (zz * hh), run.h @ (B - run.B) @ run.z / (zz * hh)])


def _one_after_the_other(run: _Run) -> Array:
    """Return alpha and gamma if gamma follows the new alpha."""
    zz, hh = float(run.z @ run.z), float(run.h @ run.h)
    alpha = gamma = 0.0
    for _ in range(run.t):
        beta = 1 + gamma * zz
        move = run.eta * (1 - alpha * beta * hh)
        alpha += move * beta
        gamma += move * zz * alpha
    return np.array([alpha, gamma])


def _flat(A: Array, B: Array) -> Array:
    return np.concatenate([A.ravel(), B.ravel()])


def _of_two_numbers(run: _Run, B_grows: bool = True) -> Array:
    alpha, gamma = _numbers(run)
    return _flat(alpha * np.outer(run.z, run.h), run.B + B_grows * gamma * np.outer(run.h, run.z))


def _residual(run: _Run) -> Array:
    A, B = _trained(run)
    return run.z - A @ B @ run.z


def _epsilon(run: _Run, with_beta: bool = True) -> float:
    alpha, gamma = _numbers(run)
    beta = 1 + with_beta * gamma * float(run.z @ run.z)
    return 1 - alpha * beta * float(run.h @ run.h)


def _in_plane(run: _Run) -> Array:
    A, B = _trained(run)
    return math.sqrt(run.eta) * np.array([run.h @ B @ run.z, run.z @ A @ run.h]) / np.linalg.norm(run.h)


def _plane(run: _Run, sign: int = 1) -> Array:
    b, a = math.sqrt(run.eta) * float(np.linalg.norm(run.h)), 0.0
    for _ in range(run.t):
        move = run.s - a * b
        b, a = b + sign * move * a, a + move * b
    return np.array([b, a])


def _stepped() -> list[sympy.Expr]:
    """Return epsilon and r after a step of (S.3)."""
    epsilon = 1 - _ALPHA * _BETA * _HH
    alpha, beta = _ALPHA + _ETA * epsilon * _BETA, _BETA + _ETA * epsilon * _ZZ**2 * _ALPHA
    return [1 - alpha * beta * _HH, (beta**2 + alpha**2 * _ZZ**2) * _HH / _ZZ]


def _map(epsilon: sympy.Expr, r: sympy.Expr, s: sympy.Expr, square: int = 1) -> list[sympy.Expr]:
    return [
        epsilon * (1 - s * r - square * s**2 * epsilon * (1 - epsilon)),
        (1 + square * s**2 * epsilon**2) * r + 4 * s * epsilon * (1 - epsilon),
    ]


def _mapped(square: int = 1) -> list[sympy.Expr]:
    """Return the right side of (S.4) in the symbols of `_stepped`; without the squares of s for square = 0."""
    r = (_BETA**2 + _ALPHA**2 * _ZZ**2) * _HH / _ZZ
    return _map(1 - _ALPHA * _BETA * _HH, r, _ETA * _ZZ, square)


def _derivative() -> list[sympy.Expr]:
    step = sympy.Matrix([_B + (_S - _A * _B) * _A, _A + (_S - _A * _B) * _B])
    return list(step.jacobian([_B, _A]).subs(_S, _A * _B))


def _minimum(rng: np.random.Generator) -> dict[str, Array]:
    """Draw A and B of the form (S.1) with A B X = X."""
    run = _run(rng)["run"]
    beta = rng.uniform(0.5, 2)
    A = np.outer(run.z, run.h) / (beta * run.h @ run.h)
    return {"A": A, "B": run.B + (beta - 1) * np.outer(run.h, run.z) / (run.z @ run.z), "X": run.X}


def _largest_curvature(A: Array, B: Array, X: Array) -> float:
    """Return the largest eigenvalue of the Hessian in all weights, by automatic differentiation."""
    parts = A.size, B.size

    def loss(weights: Tensor) -> Tensor:
        first, second = weights.split(parts)
        return _loss(first.view(A.shape), second.view(B.shape), torch.tensor(X[:, 0]))

    return float(torch.linalg.eigvalsh(hessian(loss, torch.tensor(_flat(A, B))))[-1])


def _curvature(A: Array, B: Array, X: Array, of_A: int = 1) -> float:
    return float(np.sum((B @ X) ** 2) + of_A * np.sum(X**2) * np.linalg.norm(A, 2) ** 2)


def _after_flow(run: _Run) -> float:
    """Return the curvature (S.7) of the minimum that gradient flow reaches."""
    k, d = run.B.shape

    def slope(time: float, weights: Array) -> Array:  # noqa: ARG001
        A, B = weights[: d * k].reshape(d, k), weights[d * k :].reshape(k, d)
        residual = run.z - A @ (B @ run.z)
        return _flat(np.outer(residual, B @ run.z), np.outer(A.T @ residual, run.z))

    start = _flat(np.zeros((d, k)), run.B)
    end = scipy.integrate.solve_ivp(slope, (0, 25), start, "DOP853", rtol=1e-9, atol=1e-11).y[:, -1]
    return _curvature(end[: d * k].reshape(d, k), end[d * k :].reshape(k, d), run.X)


def _limit(run: _Run, factor: int = 4) -> float:
    return math.sqrt(float(run.h @ run.h) ** 2 + factor * float(run.z @ run.z) ** 2)


def _sizes(rng: np.random.Generator) -> dict[str, float | int]:
    return {"d": int(rng.integers(2, 5)), "k": int(rng.integers(5, 8)), "eta": rng.uniform(0.3, 0.5)}


def _converging(rng: np.random.Generator, samples: int, d: int, k: int, eta: float) -> Array:
    """Draw whether runs meet both conditions, (samples,)."""
    z, B = rng.standard_normal((samples, d, 1)), rng.standard_normal((samples, k, d)) / math.sqrt(k)
    zz, hh = np.sum(z**2, axis=(1, 2)), np.sum((B @ z) ** 2, axis=(1, 2))
    s = eta * zz
    return ((s < 1) & (s * (hh / zz + s) < 4)).astype(np.float64)


def _integral(d: int, k: int, eta: float, factor: float) -> float:
    def integrand(s: float) -> float:
        return float(scipy.stats.chi2.cdf(factor * (4 / s - s), k) * scipy.stats.chi2.pdf(s / eta, d) / eta)

    return float(scipy.integrate.quad(integrand, 0, 1)[0])


def _conserved(epsilon: sympy.Expr, r: sympy.Expr) -> sympy.Expr:
    return _S * r + _S**2 * epsilon - 4


def _imbalance(epsilon: sympy.Expr, r: sympy.Expr) -> sympy.Expr:
    return r**2 - 4 * (1 - epsilon) ** 2


_NEXT_R = r"r_{t+1} = (1 + s^2 \varepsilon_t^2) r_t + 4 s \varepsilon_t (1 - \varepsilon_t)"

IDENTITIES = [
    Identity(
        label="S.1",
        statement=r"A^{(t)} = \alpha_t z h^{\mathsf T}, \quad B^{(t)} = B^{(0)} + \gamma_t h z^{\mathsf T}",
        false_statement=r"A^{(t)} = \alpha_t z h^{\mathsf T}, \quad B^{(t)} = B^{(0)}",
        check=in_float64(
            "autograd",
            _run,
            lambda run: _flat(*_trained(run)),
            _of_two_numbers,
            lambda run: _of_two_numbers(run, B_grows=False),
        ),
    ),
    Identity(
        label="S.2",
        statement=r"z - A B z = \varepsilon z, \quad \varepsilon = 1 - \alpha \beta \lVert h \rVert^2",
        false_statement=r"z - A B z = \varepsilon z, \quad \varepsilon = 1 - \alpha \lVert h \rVert^2",
        check=in_float64(
            "autograd",
            _run,
            _residual,
            lambda run: _epsilon(run) * run.z,
            lambda run: _epsilon(run, with_beta=False) * run.z,
        ),
    ),
    Identity(
        label="S.3",
        statement=r"\alpha_{t+1} = \alpha_t + \eta \, \varepsilon_t \beta_t, \quad "
        r"\gamma_{t+1} = \gamma_t + \eta \, \varepsilon_t \lVert z \rVert^2 \alpha_t",
        false_statement=r"\alpha_{t+1} = \alpha_t + \eta \, \varepsilon_t \beta_t, \quad "
        r"\gamma_{t+1} = \gamma_t + \eta \, \varepsilon_t \lVert z \rVert^2 \alpha_{t+1}",
        check=in_float64("autograd", _run, _read_off, lambda run: np.array(_numbers(run)), _one_after_the_other),
    ),
    Identity(
        label="S.4",
        statement=r"\varepsilon_{t+1} = \varepsilon_t \left( 1 - s r_t - s^2 \varepsilon_t (1 - \varepsilon_t) "
        rf"\right), \quad {_NEXT_R}",
        false_statement=r"\varepsilon_{t+1} = \varepsilon_t \left( 1 - s r_t \right), \quad "
        r"r_{t+1} = r_t + 4 s \varepsilon_t (1 - \varepsilon_t)",
        check=symbolic(_stepped, _mapped, lambda: _mapped(square=0)),
    ),
    Identity(
        label="S.5",
        statement=r"b_{t+1} = b_t + (s - a_t b_t) a_t, \quad a_{t+1} = a_t + (s - a_t b_t) b_t",
        false_statement=r"b_{t+1} = b_t - (s - a_t b_t) a_t, \quad a_{t+1} = a_t + (s - a_t b_t) b_t",
        check=in_float64("autograd", _run, _in_plane, _plane, lambda run: _plane(run, -1)),
    ),
    Identity(
        label="S.6",
        statement=r"\frac{\partial (b_{t+1}, a_{t+1})}{\partial (b_t, a_t)} = I - \begin{pmatrix} a \\ b \end{pmatrix} "
        r"\begin{pmatrix} a & b \end{pmatrix} \quad (a b = s)",
        false_statement=r"\frac{\partial (b_{t+1}, a_{t+1})}{\partial (b_t, a_t)} = I - \begin{pmatrix} b \\ a "
        r"\end{pmatrix} \begin{pmatrix} b & a \end{pmatrix} \quad (a b = s)",
        check=symbolic(
            _derivative,
            lambda: [1 - _A**2, -_A * _B, -_A * _B, 1 - _B**2],
            lambda: [1 - _B**2, -_A * _B, -_A * _B, 1 - _A**2],
        ),
    ),
    Identity(
        label="S.7",
        statement=r"\lambda_{\max}(\nabla^2 \mathcal{L}) = \lVert B z \rVert^2 + \lVert z \rVert^2 \lVert A \rVert^2",
        false_statement=r"\lambda_{\max}(\nabla^2 \mathcal{L}) = \lVert B z \rVert^2",
        check=in_float64(
            "autograd", _minimum, _largest_curvature, _curvature, lambda A, B, X: _curvature(A, B, X, of_A=0)
        ),
    ),
    Identity(
        label="S.8",
        statement=r"F_{t+1} - 4 = (F_t - 4) \left( 1 - s^2 \varepsilon_t (1 - \varepsilon_t) \right)",
        false_statement=r"F_{t+1} - 4 = (F_t - 4) \left( 1 - s^2 \varepsilon_t^2 \right)",
        check=symbolic(
            lambda: _conserved(*_map(_EPSILON, _R, _S)),
            lambda: _conserved(_EPSILON, _R) * (1 - _S**2 * _EPSILON * (1 - _EPSILON)),
            lambda: _conserved(_EPSILON, _R) * (1 - _S**2 * _EPSILON**2),
        ),
    ),
    Identity(
        label="S.9",
        statement=r"r_{t+1}^2 - 4 (1 - \varepsilon_{t+1})^2 = (1 - s^2 \varepsilon_t^2)^2 "
        r"\left( r_t^2 - 4 (1 - \varepsilon_t)^2 \right)",
        false_statement=r"r_{t+1}^2 - 4 (1 - \varepsilon_{t+1})^2 = r_t^2 - 4 (1 - \varepsilon_t)^2",
        check=symbolic(
            lambda: _imbalance(*_map(_EPSILON, _R, _S)),
            lambda: (1 - _S**2 * _EPSILON**2) ** 2 * _imbalance(_EPSILON, _R),
            lambda: _imbalance(_EPSILON, _R),
        ),
    ),
    Identity(
        label="S.10",
        statement=r"\lim_{\eta \to 0} \lambda_{\max} = \sqrt{\lVert h \rVert^4 + 4 \lVert z \rVert^4}",
        false_statement=r"\lim_{\eta \to 0} \lambda_{\max} = \sqrt{\lVert h \rVert^4 + \lVert z \rVert^4}",
        check=in_float64("gradient flow", _run, _after_flow, _limit, lambda run: _limit(run, 1), tolerance=1e-6),
    ),
    Identity(
        label="S.11",
        statement=r"\mathbb{P}\left( s < 1, \; s (\rho + s) < 4 \right) = \int_0^1 G_k\left( k \left( \frac{4}{s} - s "
        r"\right) \right) p_d\left( \frac{s}{\eta} \right) \frac{\mathrm{d}s}{\eta}",
        false_statement=r"\mathbb{P}\left( s < 1, \; s (\rho + s) < 4 \right) = \int_0^1 G_k\left( \frac{4}{s} - s "
        r"\right) p_d\left( \frac{s}{\eta} \right) \frac{\mathrm{d}s}{\eta}",
        check=sampled(
            _sizes,
            _converging,
            lambda d, k, eta: _integral(d, k, eta, k),
            lambda d, k, eta: _integral(d, k, eta, 1),
        ),
    ),
]
