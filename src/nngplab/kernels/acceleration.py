"""When to compile the formulas of a kernel."""

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

from nngplab.kernels.dual import Dual

# From so many samples on, compiled formulas save about what the import of the compiler takes, some tenths of a second.
MANY = 4096


@lru_cache(maxsize=128)
def accelerated(dual: Dual) -> Dual:
    """Return the dual with compiled formulas, or the dual itself where Numba is not installed.

    The values are the same but for rounding.
    """
    try:
        from nngplab.kernels.compiled import compiled
    except ImportError:
        return dual
    return compiled(dual)


def compiler_version() -> str:
    """Return the version of Numba, on which the last digits of large Gram matrices depend; empty if it is not there."""
    try:
        return version("numba")
    except PackageNotFoundError:
        return ""
