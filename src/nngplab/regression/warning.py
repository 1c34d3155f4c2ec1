"""Warnings that point to the line of the user's program that led to them."""

import sys
import warnings

_PACKAGES = {"nngplab", "contextlib", "numpy"}


def warn(message: str, category: type[Warning]) -> None:
    """Issue a warning at the innermost call that comes from outside this library."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in _PACKAGES:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
