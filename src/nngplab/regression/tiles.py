"""How a large matrix is cut into tiles, and the threads that compute them."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy  # noqa: F401
import scipy.linalg  # noqa: F401
from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")

# The BLAS libraries of NumPy and SciPy, which the imports above have loaded.
BLAS = ThreadpoolController().select(user_api="blas")

# The rows of a diagonal block that is inverted. Below that, products lose speed; above, the inverse is more work.
BLOCK = 128


def tile_size(n: int) -> int:
    """Return the number of rows of a tile for a matrix of n rows; with fewer rows, the matrix is one tile.

    Large enough for BLAS to run at full speed; small enough for threads to be busy to the end, and for what the
    diagonal tiles have beyond the triangle to be a small share of the memory.
    """
    return 512 if n <= 8_192 else 1024


def slices(n: int, size: int) -> list[slice]:
    """Cut range(n) into slices of `size`, of which the last may be shorter."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def blas_threads() -> int:
    """Return how many threads BLAS may use: all cores, or what its environment or `threadpoolctl` says."""
    return max((library["num_threads"] for library in BLAS.info()), default=1)


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return function(item) for each item, from as many threads as BLAS may use, each with BLAS on one core."""
    items, threads = list(items), blas_threads()
    with BLAS.limit(limits=1):
        if min(threads, len(items)) < 2:
            return [function(item) for item in items]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(function, items))
