"""Kernels: objects with their parameters, the functions behind them, and dual activations."""

from nngplab._lazy import attach

# The public names are in __init__.pyi.
__getattr__, __dir__, __all__ = attach(__name__, __file__)
