"""The data of the problem set: fetched or generated, verified, loaded."""

from nngplab._lazy import attach

# The public names are in __init__.pyi.
__getattr__, __dir__, __all__ = attach(__name__, __file__)
