"""Kernels: objects with their parameters, the functions behind them, and dual activations."""

from nngplab._lazy import attach

__getattr__, __all__ = attach(
    __name__,
    {
        "base": ["Kernel"],
        "dual": ["Dual"],
        "duals": ["DUALS", "exponential", "leaky_relu"],
        "gram": ["laplace", "linear", "nngp", "ntk"],
        "objects": ["NNGP", "NTK", "Function", "Laplace", "Linear", "as_kernel"],
        "polynomials": ["hermite", "monomial"],
        "tabulated": ["dual_by_quadrature", "dual_of", "hermite_coefficients"],
    },
)
