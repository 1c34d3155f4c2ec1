"""The theory: each numbered equation of docs/theory as an identity with a check, and predictions of errors."""

from nngplab._lazy import attach

# The public names are in __init__.pyi.
__getattr__, __dir__, __all__ = attach(__name__, __file__)
