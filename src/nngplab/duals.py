"""The former place of the duals, which are in `nngplab.kernels.duals` and `nngplab.kernels.tabulated` now."""

from nngplab.kernels.dual import Dual
from nngplab.kernels.duals import DUALS, exponential, hermite, leaky_relu, monomial
from nngplab.kernels.tabulated import dual_and_error, dual_by_quadrature, dual_of, hermite_coefficients

__all__ = [
    "DUALS",
    "Dual",
    "dual_and_error",
    "dual_by_quadrature",
    "dual_of",
    "exponential",
    "hermite",
    "hermite_coefficients",
    "leaky_relu",
    "monomial",
]
