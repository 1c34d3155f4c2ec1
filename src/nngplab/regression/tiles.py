"""How a large matrix is cut into tiles, and the threads that compute them."""

import math
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock, local
from typing import Any, TypeVar

import numpy  # noqa: F401
import scipy.linalg  # noqa: F401
from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")

# The BLAS libraries of NumPy and SciPy, which the imports above have loaded.
BLAS = ThreadpoolController().select(user_api="blas").lib_controllers
# OpenMP has a number of threads for each thread. The other libraries have one for the process.
_OF_THREAD = [library for library in BLAS if getattr(library, "threading_layer", "") == "openmp"]
_OF_PROCESS = [library for library in BLAS if library not in _OF_THREAD]

# The rows of a diagonal block that is inverted. Below that, products lose speed; above, the inverse is more work.
BLOCK = 128


class _BlasLimit:
    """The limit of BLAS to one thread, which all computations of this process that need it share.

    The number of threads belongs to the process. If each computation set and restored it, the last of several at once
    would restore the one thread that it found. So the first sets the limit, and the last removes it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._holders: set[object] = set()
        self._before: list[int] = []

    @contextmanager
    def held(self) -> Iterator[None]:
        holder, of_thread = object(), _numbers(_OF_THREAD)
        try:
            _set_numbers(_OF_THREAD, [1] * len(_OF_THREAD))
            with self._lock:
                now = _numbers(_OF_PROCESS)
                pairs = zip(now, self._before or now, strict=True)
                # While the limit holds, any other number than one is one that someone else has set.
                self._before = [before if self._holders and number == 1 else number for number, before in pairs]
                self._holders.add(holder)
                _set_numbers(_OF_PROCESS, [1] * len(now))
            yield
        finally:
            self.release(holder)
            _set_numbers(_OF_THREAD, of_thread)

    def release(self, *holders: object) -> None:
        """Remove holders; if none is left, give each library its threads back, unless others have set a number."""
        with self._lock:
            self._holders.difference_update(holders)
            if not self._holders and self._before:
                pairs = zip(_numbers(_OF_PROCESS), self._before, strict=True)
                _set_numbers(_OF_PROCESS, [before if number == 1 else number for number, before in pairs])
                self._before = []

    def release_all(self) -> None:
        """Remove all holders, in a new process that has none of the threads in which they were."""
        self._lock = Lock()
        self.release(*self._holders)

    def threads(self) -> int:
        """Return how many threads BLAS has, or had before the limit."""
        with self._lock:
            return max((self._before or _numbers(_OF_PROCESS)) + _numbers(_OF_THREAD), default=1)


def _numbers(libraries: list[Any]) -> list[int]:
    return [library.num_threads for library in libraries]


def _set_numbers(libraries: list[Any], numbers: list[int]) -> None:
    for library, number in zip(libraries, numbers, strict=True):
        # From version 3.8, set_num_threads does nothing while another thread of the process is using threadpoolctl.
        getattr(library, "_real_set_num_threads", library.set_num_threads)(number)


_LIMIT = _BlasLimit()
os.register_at_fork(after_in_child=_LIMIT.release_all)

# Of each thread: whether it computes an item of `in_threads`, or a tile, so that it starts no further threads.
_WORKER = local()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread, so that the last digits of what it computes do not depend on their number."""
    with _LIMIT.held():
        yield


def tile_size(n: int) -> int:
    """Return the number of rows of a tile for a matrix of n rows; with fewer rows, the matrix is one tile.

    Large enough for BLAS to run at full speed: 256 rows take a tenth more time on one core than 1,024. Small enough for
    all cores of the machine to be busy (`benchmarks/scaling.py`), and for what the diagonal tiles have beyond the
    triangle to be a small share of the memory. The last digits of results depend on it, so it depends on the machine,
    and not on the number of threads.
    """
    cores = os.cpu_count() or 1
    if math.ceil(n / 1024) >= 4 * cores:
        return 1024
    return 512 if math.ceil(n / 512) >= 2 * cores else 256


def slices(n: int, size: int) -> list[slice]:
    """Cut range(n) into slices of `size`, of which the last may be shorter."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def blas_threads() -> int:
    """Return how many threads a computation may start: all cores, or what BLAS's environment or `threadpoolctl` says.

    Within a thread of another computation it is one.
    """
    return 1 if getattr(_WORKER, "busy", False) else _LIMIT.threads()


def _start_worker() -> None:
    _WORKER.busy = True
    _set_numbers(_OF_THREAD, [1] * len(_OF_THREAD))


@contextmanager
def pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Yield an executor of some threads, in which BLAS runs on one core, and which start no others."""
    with one_blas_thread(), ThreadPoolExecutor(threads, initializer=_start_worker) as found:
        yield found


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return function(item) for each item, from as many threads as BLAS may use, each with BLAS on one core."""
    items, threads = list(items), blas_threads()
    with pool(max(1, min(threads, len(items)))) as found:
        return list(found.map(function, items))
