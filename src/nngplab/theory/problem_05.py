"""Problem 5: the dual activation of the identity (docs/theory/problem_05.md)."""

import sympy

from nngplab.theory.gaussian_pair import XI, U, V, density, density_given_v, mean, mean_given_v
from nngplab.theory.identity import Identity, normal_density, symbolic


def _quadratic_form() -> sympy.Expr:
    pair = sympy.Matrix([U, V])
    return (pair.T * sympy.Matrix([[1, XI], [XI, 1]]).inv() * pair)[0]


IDENTITIES = [
    Identity(
        label="5.1",
        statement=r"\begin{bmatrix} u & v \end{bmatrix} \Lambda^{-1} \begin{bmatrix} u \\ v \end{bmatrix} "
        r"= \frac{(u - \xi v)^2}{1 - \xi^2} + v^2",
        false_statement=r"\begin{bmatrix} u & v \end{bmatrix} \Lambda^{-1} \begin{bmatrix} u \\ v \end{bmatrix} "
        r"= \frac{(u - \xi v)^2 + v^2}{1 - \xi^2}",
        check=symbolic(
            _quadratic_form,
            lambda: (U - XI * V) ** 2 / (1 - XI**2) + V**2,
            lambda: ((U - XI * V) ** 2 + V**2) / (1 - XI**2),
        ),
    ),
    Identity(
        label="5.2",
        statement=r"\frac{1}{2 \pi \sqrt{1 - \xi^2}} e^{-(u^2 + v^2 - 2 u v \xi) / (2 (1 - \xi^2))} "
        r"= \frac{1}{\sqrt{2 \pi (1 - \xi^2)}} e^{-(u - \xi v)^2 / (2 (1 - \xi^2))} "
        r"\cdot \frac{1}{\sqrt{2 \pi}} e^{-v^2 / 2}",
        false_statement=r"\frac{1}{2 \pi \sqrt{1 - \xi^2}} e^{-(u^2 + v^2 - 2 u v \xi) / (2 (1 - \xi^2))} "
        r"= \frac{1}{\sqrt{2 \pi}} e^{-u^2 / 2} \cdot \frac{1}{\sqrt{2 \pi}} e^{-v^2 / 2}",
        check=symbolic(
            density,
            lambda: density_given_v() * normal_density(V),
            lambda: normal_density(U) * normal_density(V),
        ),
    ),
    Identity(
        label="5.3",
        statement=r"\int_{\mathbb{R}} u \, \frac{1}{\sqrt{2 \pi (1 - \xi^2)}} "
        r"e^{-(u - \xi v)^2 / (2 (1 - \xi^2))} du = \xi v",
        false_statement=r"\int_{\mathbb{R}} u \, \frac{1}{\sqrt{2 \pi (1 - \xi^2)}} "
        r"e^{-(u - \xi v)^2 / (2 (1 - \xi^2))} du = \xi v \sqrt{1 - \xi^2}",
        check=symbolic(lambda: mean_given_v(U), lambda: XI * V, lambda: XI * V * sympy.sqrt(1 - XI**2)),
    ),
    Identity(
        label="5.4",
        statement=r"\int_{\mathbb{R}} \xi v^2 \, \frac{1}{\sqrt{2 \pi}} e^{-v^2 / 2} dv = \xi",
        false_statement=r"\int_{\mathbb{R}} \xi v^2 \, \frac{1}{\sqrt{2 \pi}} e^{-v^2 / 2} dv "
        r"= \frac{\xi}{2}",
        check=symbolic(
            lambda: sympy.integrate(XI * V**2 * normal_density(V), (V, -sympy.oo, sympy.oo)),
            lambda: XI,
            lambda: XI / 2,
        ),
    ),
    Identity(
        label="5.5",
        statement=r"\check{\phi}(\xi) = \frac{1}{2 \pi \sqrt{1 - \xi^2}} \int_{\mathbb{R}} "
        r"\int_{\mathbb{R}} u v \, e^{-(u^2 + v^2 - 2 u v \xi) / (2 (1 - \xi^2))} du \, dv = \xi",
        false_statement=r"\check{\phi}(\xi) = \xi^2",
        check=symbolic(lambda: mean(U * V), lambda: XI, lambda: XI**2),
    ),
    Identity(
        label="5.6",
        statement=r"\begin{bmatrix} u & v \end{bmatrix} \Lambda^{-1} \begin{bmatrix} u \\ v \end{bmatrix} "
        r"= \frac{(u + v)^2}{2 + 2 \xi} + \frac{(u - v)^2}{2 - 2 \xi}",
        false_statement=r"\begin{bmatrix} u & v \end{bmatrix} \Lambda^{-1} \begin{bmatrix} u \\ v \end{bmatrix} "
        r"= \frac{(u + v)^2}{1 + \xi} + \frac{(u - v)^2}{1 - \xi}",
        check=symbolic(
            _quadratic_form,
            lambda: (U + V) ** 2 / (2 + 2 * XI) + (U - V) ** 2 / (2 - 2 * XI),
            lambda: (U + V) ** 2 / (1 + XI) + (U - V) ** 2 / (1 - XI),
        ),
    ),
    Identity(
        label="5.7",
        statement=r"\mathbb{E}[(u + v)^2] = 2 + 2 \xi",
        false_statement=r"\mathbb{E}[(u + v)^2] = 2",
        check=symbolic(lambda: mean((U + V) ** 2), lambda: 2 + 2 * XI, lambda: sympy.Integer(2)),
    ),
    Identity(
        label="5.8",
        statement=r"\mathbb{E}[(u - v)^2] = 2 - 2 \xi",
        false_statement=r"\mathbb{E}[(u - v)^2] = 2 + 2 \xi",
        check=symbolic(lambda: mean((U - V) ** 2), lambda: 2 - 2 * XI, lambda: 2 + 2 * XI),
    ),
]
