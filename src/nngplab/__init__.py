"""Neural networks and their NNGP kernels: the library behind the pipeline of Problem Set 3 of MIT 6.S088."""

from nngplab._lazy import attach

# The public names are in __init__.pyi.
__getattr__, __dir__, __all__ = attach(__name__, __file__)
