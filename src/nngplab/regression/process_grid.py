"""The processes of an MPI program in a grid, and the ScaLAPACK that they call."""

import ctypes
import functools
import importlib
import math
import os
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from nngplab.errors import InputError
from nngplab.regression import tiles

Array = npt.NDArray[Any]
Result = TypeVar("Result")

# The libraries of a ScaLAPACK, each after those that it needs, with `:` between them.
VARIABLE = "NNGPLAB_SCALAPACK"
# What launchers set to the number of processes that they have started.
_STARTED = ("SLURM_NTASKS", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE")
_INSTALL = f"run `pip install nngp-lab[mpi]`, or install mpi4py and set {VARIABLE} to the ScaLAPACK of your cluster"


class ProcessGrid:
    """All processes of this MPI program, in rows and columns, row by row, and the ScaLAPACK that they use.

    Args:
        comm: the communicator of mpi4py.
        vendor: the name of its MPI.

    Attributes:
        comm: the communicator.
        shape: the numbers of rows and columns, as near to each other as the number of processes allows.
        row: the row of this process.
        column: its column.
        library: the ScaLAPACK, after `load`.
        context: the number that its BLACS has given to the grid.
    """

    library: "Scalapack | None" = None
    context: int

    def __init__(self, comm: Any, vendor: str) -> None:
        self.comm = comm
        self._vendor = vendor
        rows = max(r for r in range(1, math.isqrt(comm.size) + 1) if comm.size % r == 0)
        self.shape = rows, comm.size // rows
        self.row, self.column = divmod(comm.rank, self.shape[1])

    def load(self, entries: int) -> "Scalapack":
        """Return a ScaLAPACK for matrices of which a process has at most so many entries.

        Raises:
            InputError: if a library or a routine is missing, or has integers that are too small.
        """
        large = entries >= 2**31
        if self.library is None:
            self.library = Scalapack(self._vendor, large)
            context = self.library.integer(0)
            self.library.call("blacs_get", 0, 0, context)
            self.library.call("blacs_gridinit", context, b"Row", *self.shape)
            self.context = context.value
        if large and self.library.integer is ctypes.c_int32:
            raise InputError(
                f"a process has {entries:,} entries of the matrix, and the ScaLAPACK that this program has loaded can "
                f"have up to 2,147,483,647: start more processes, or set {VARIABLE} to one with integers of 64 bits"
            )
        return self.library

    def sum(self, values: Array) -> Array:
        """Return the sum of the arrays of all processes, the same bits in each of them."""
        values = np.ascontiguousarray(values)
        total = np.empty_like(values)
        self.comm.Reduce(values, total)
        self.comm.Bcast(total)
        return total

    def together(self, work: Callable[[], Result]) -> Result:
        """Return what `work` returns; if it fails in a process, every process raises the error of the first one.

        Otherwise the others would wait for ever for the one that failed.
        """
        failure: Exception | None = None
        try:
            found = work()
        except Exception as error:
            failure = error
        described = (
            None if failure is None else (isinstance(failure, InputError), f"{type(failure).__name__}: {failure}")
        )
        described_all = self.comm.allgather(described)
        failed = [(rank, *each) for rank, each in enumerate(described_all) if each]
        if not failed:
            return found
        rank, expected, message = failed[0]
        if failure is not None and rank == self.comm.rank:
            raise failure
        if expected:
            raise InputError(message.split(": ", 1)[1])
        raise RuntimeError(f"process {rank} of {self.comm.size} failed: {message}")


@functools.cache
def process_grid() -> ProcessGrid:
    """Return the grid of all processes. MPI starts with the first call.

    Raises:
        InputError: if a library is missing, or if the launcher has started programs of one process each.
    """
    # Not at the top: the import starts MPI, which ends the process in shells where it cannot start.
    try:
        MPI = importlib.import_module("mpi4py.MPI")
    except (ImportError, RuntimeError) as error:  # the latter without an MPI
        raise InputError(f"solver 'scalapack' needs mpi4py and an MPI ({error}): {_INSTALL}") from error
    check_started(MPI.COMM_WORLD.size, MPI.Get_library_version())
    return ProcessGrid(MPI.COMM_WORLD, MPI.get_vendor()[0])


def check_started(size: int, version: str) -> None:
    """Refuse to fit in each of several processes that know nothing of each other.

    Args:
        size: the number of processes that MPI sees.
        version: what it calls itself.

    Raises:
        InputError: if it sees one, and the launcher has started several.
    """
    for name in _STARTED:
        if size == 1 and int(os.environ.get(name) or 1) > 1:
            raise InputError(
                f"each program is alone, and {name} is {os.environ[name]}: the launcher does not fit the MPI of mpi4py"
                f", {' '.join(version.splitlines()[0].split())}: use the mpiexec of this MPI, or srun with a --mpi of "
                "`srun --mpi=list` that fits, such as pmi2 for MPICH"
            )


class Scalapack:
    """The routines of a ScaLAPACK with its BLACS, which are those of `NNGPLAB_SCALAPACK` or of the package mkl.

    Args:
        vendor: the name of the MPI that the process uses.
        large: take that of mkl with integers of 64 bits.

    Attributes:
        integer: its integers, of 32 or 64 bits.

    Raises:
        InputError: if a library or a routine is missing.
    """

    def __init__(self, vendor: str, large: bool) -> None:
        # PyTorch calls a BLAS of the same names with integers of 32 bits: its own only if it comes before this one.
        if large and find_spec("torch"):
            importlib.import_module("torch")
        paths = os.environ[VARIABLE].split(":") if os.environ.get(VARIABLE) else _libraries_of_mkl(vendor, large)
        # A BLACS, or a part of MKL, does not say which libraries it needs, and finds only what is global.
        for path in [*_mapped_mpi(), *paths]:
            try:
                ctypes.CDLL(path, ctypes.RTLD_GLOBAL | os.RTLD_LAZY)
            except OSError as error:
                raise InputError(f"a library of ScaLAPACK cannot be loaded ({error}): correct {VARIABLE}") from error
        self._library = ctypes.CDLL(None)  # all that is global
        numroc, probe = self._routine("numroc"), 2**32 + 1
        numroc.restype = ctypes.c_int64
        # Integers of 32 bits are the lower half of this number.
        found = numroc(*(ctypes.byref(ctypes.c_int64(value)) for value in (probe, 1, 0, 0, 1)))
        self.integer: Any = ctypes.c_int64 if found == probe else ctypes.c_int32
        if hasattr(self._library, "MKL_Set_Num_Threads"):
            self._library.MKL_Set_Num_Threads(tiles.blas_threads())

    def call(self, name: str, *arguments: Any) -> None:
        """Call a routine as Fortran does: with the address of each argument, and the lengths of texts at the end."""
        texts = [ctypes.c_size_t(len(each)) for each in arguments if isinstance(each, bytes)]
        self._routine(name)(*map(self._address, arguments), *texts)

    def descriptor(self, shape: tuple[int, int], block: tuple[int, int], context: int, rows: int) -> Array:
        """Return ScaLAPACK's description of a matrix that begins at the first process.

        Args:
            shape: its numbers of rows and columns.
            block: those of its blocks.
            context: the grid.
            rows: the rows that this process holds.
        """
        found = np.zeros(9, self.integer)
        self.call("descinit", found, *shape, *block, 0, 0, context, max(1, rows), self.integer(0))
        return found

    def _routine(self, name: str) -> Any:
        try:
            return getattr(self._library, f"{name}_")
        except AttributeError as error:
            raise InputError(f"the libraries of ScaLAPACK have no routine {name}: correct {VARIABLE}") from error

    def _address(self, argument: Any) -> Any:
        if isinstance(argument, np.ndarray):
            return ctypes.c_void_p(argument.ctypes.data)
        if isinstance(argument, bytes):
            return ctypes.c_char_p(argument)
        return ctypes.byref(self.integer(argument) if isinstance(argument, int) else argument)


def _libraries_of_mkl(vendor: str, large: bool) -> list[str]:
    """Return the paths of MKL's ScaLAPACK, and of what it needs, with integers of 64 bits if it is to be large."""
    found: dict[str, str] = {}
    for package in ("intel-openmp", "mkl"):
        try:
            found |= {
                path.name.split(".")[0]: str(path.locate()) for path in files(package) or () if ".so" in path.name
            }
        except PackageNotFoundError as error:
            raise InputError(f"solver 'scalapack' needs the package {package}: {_INSTALL}") from error
    mpi, model = "openmpi" if vendor == "Open MPI" else "intelmpi", "ilp64" if large else "lp64"
    # Threads that one OpenMP starts have wrong numbers in another, and then matrices have wrong entries. So if PyTorch
    # has loaded that of GNU, it is the one.
    loaded = ctypes.CDLL(None)
    gnu = hasattr(loaded, "GOMP_parallel") and not hasattr(loaded, "__kmpc_fork_call")
    threads, openmp = ("gnu_thread", []) if gnu else ("intel_thread", [found["libiomp5"]])
    names = ["core", threads, f"intel_{model}", f"blacs_{mpi}_{model}", f"scalapack_{model}"]
    return [*openmp, *(found[f"libmkl_{name}"] for name in names)]


def _mapped_mpi() -> list[str]:
    """Return the paths of the MPI that mpi4py has loaded."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return sorted({line.split(maxsplit=5)[5] for line in lines if "/libmpi" in line})
