"""Kernels: dual activations, Gram matrices and kernel objects."""

from nngplab._lazy import attach

__getattr__, __all__ = attach(
    __name__,
    {
        "duals": ["DUALS", "Dual"],
        "tabulated": ["dual_of"],
        "gram": ["laplace", "linear", "nngp", "ntk"],
    },
)
