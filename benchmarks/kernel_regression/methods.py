"""The compared methods, the setting that they solve, and the memory that they need.

Each method imports its packages in a function of its own, which is not timed.
"""

import importlib.util
import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.pipeline.files import write_json
from nngplab.regression.memory import available_memory

Array = npt.NDArray[Any]
# X (n, d), y (n, outputs) and X_test (m, d) -> dual coefficients (n, outputs) and predictions (m, outputs).
Solve = Callable[[Array, Array, Array], tuple[Array, Array]]

DTYPES = {"double": "float64", "single": "float32"}
GIB = 2**30
# The largest share of the available memory that a method may use. The rest is for the system and other processes.
MEMORY_SHARE = 0.9


@dataclass(frozen=True)
class Setting:
    """The numbers of training and test samples, features and outputs, the ridge, and whether half of them are flips."""

    n: int
    n_test: int
    d: int
    outputs: int
    ridge: float
    flips: bool

    def write(self, folder: Path) -> None:
        """Write the setting to a folder."""
        write_json(asdict(self), folder / "setting.json")

    @classmethod
    def read(cls, folder: Path) -> "Setting":
        """Read the setting from a folder."""
        return cls(**json.loads((folder / "setting.json").read_text(encoding="utf-8")))


def ours(ridge: float, **options: Any) -> Solve:
    from nngplab.kernels.acceleration import accelerated
    from nngplab.kernels.duals import DUALS
    from nngplab.regression.estimator import KernelRegression

    accelerated(DUALS["relu"])(np.zeros((1, 1)))  # imports Numba, and compiles

    def solve(X: Array, y: Array, X_test: Array) -> tuple[Array, Array]:
        model = KernelRegression("relu", ridge=ridge, **options).fit(X, y)
        return model.dual_coef_, model.predict(X_test)

    return solve


def ours_in_file(ridge: float) -> Solve:
    """Solve with the factor in a file in the folder for temporary files."""

    def solve(*arrays: Array) -> tuple[Array, Array]:
        with tempfile.TemporaryDirectory() as folder:
            return ours(ridge, storage=Path(folder) / "factor")(*arrays)

    return solve


def ours_on_processes(ridge: float) -> Solve:
    """Solve in as many processes as there are cores, each of which gets the same arguments."""
    from nngplab.regression.process_grid import process_grid

    process_grid()  # starts MPI
    return ours(ridge, solver="scalapack")


def ours_averaged(ridge: float) -> Solve:
    """Solve for the images of the first half of the rows and the kernel averaged over flips.

    The solution for the images and their flips is the same: half of the coefficients, for an image and for its flip.
    """
    from nngplab import NNGP, GroupAverage, KernelRegression, left_right_flips
    from nngplab.datasets.cifar10 import SHAPE

    def solve(X: Array, y: Array, X_test: Array) -> tuple[Array, Array]:
        half = len(X) // 2
        kernel = GroupAverage(NNGP("relu"), left_right_flips(SHAPE))
        model = KernelRegression(kernel, ridge=ridge / 2).fit(X[:half], y[:half])
        return np.tile(model.dual_coef_ / 2, (2, 1)), model.predict(X_test)

    return solve


def ours_on_gpu(ridge: float, **options: Any) -> Solve:
    import torch

    torch.zeros(1, device="cuda") @ torch.zeros(1, device="cuda")  # initialise CUDA before the timed part
    return ours(ridge, device="cuda", **options)


def numpy_solve(ridge: float) -> Solve:
    """Solve as the course does. In single precision, NumPy converts to double precision and rounds the solution."""

    def solve(X: Array, y: Array, X_test: Array) -> tuple[Array, Array]:
        K = numpy_gram(X, X)
        K.flat[:: len(K) + 1] += ridge
        a = np.linalg.solve(K, y)
        return a, numpy_gram(X_test, X) @ a

    return solve


def numpy_gram(X: Array, Z: Array) -> Array:
    return numpy_relu(unit_rows(X) @ unit_rows(Z).T)


def unit_rows(X: Array) -> Array:
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def numpy_relu(xi: Array) -> Array:
    """Return the normalised NNGP of ReLU by the formula of the problem set, for a whole matrix of cosines."""
    xi, pi = np.clip(xi, -1, 1), np.arccos(-np.ones((), xi.dtype))
    return (xi * (pi - np.arccos(xi)) + np.sqrt(1 - xi * xi)) / pi


def scikit_learn(ridge: float) -> Solve:
    """Solve with a precomputed Gram matrix, since scikit-learn calls a kernel function for each entry."""
    from sklearn.kernel_ridge import KernelRidge

    def solve(X: Array, y: Array, X_test: Array) -> tuple[Array, Array]:
        model = KernelRidge(alpha=ridge, kernel="precomputed").fit(numpy_gram(X, X), y)
        return model.dual_coef_, model.predict(numpy_gram(X_test, X))

    return solve


def torch_lu(ridge: float) -> Solve:
    import torch

    return plain_torch(ridge, torch.linalg.solve)


def torch_cholesky(ridge: float) -> Solve:
    import torch

    return plain_torch(ridge, lambda K, y: torch.cholesky_solve(y, torch.linalg.cholesky(K)))


def gpytorch_solve(ridge: float) -> Solve:
    """Solve with the default settings of GPyTorch's exact GP: conjugate gradients with a preconditioner.

    All outputs are columns of one system; a GPyTorch model would have one Gram matrix for each output.
    """
    import gpytorch
    import torch
    from linear_operator import to_linear_operator

    def conjugate_gradients(K: Any, y: Any) -> Any:
        # The preconditioner needs the ridge as a separate term.
        covariance = to_linear_operator(K).add_diagonal(torch.tensor(ridge, dtype=K.dtype))
        with gpytorch.settings.cg_tolerance(gpytorch.settings.eval_cg_tolerance.value()):
            return covariance.solve(y)

    return plain_torch(0, conjugate_gradients)


def plain_torch(ridge: float, solve_system: Callable[[Any, Any], Any]) -> Solve:
    import torch

    def gram(X: Any, Z: Any) -> Any:
        unit = torch.nn.functional.normalize
        xi = (unit(X) @ unit(Z).T).clamp(-1, 1)
        return (xi * (torch.pi - xi.arccos()) + (1 - xi * xi).sqrt()) / torch.pi

    def solve(*arrays: Array) -> tuple[Array, Array]:
        X, y, X_test = map(torch.from_numpy, arrays)
        K = gram(X, X)
        K.diagonal().add_(ridge)
        a = solve_system(K, y)
        return a.numpy(), (gram(X_test, X) @ a).numpy()

    return solve


def torch_in_place(ridge: float) -> Solve:
    """Compute the kernel, and then the factor, in the memory of one square matrix."""
    import torch

    def gram(X: Any, Z: Any) -> Any:
        K = X @ Z.T
        for block in K.split(max(1, 2**22 // len(Z))):
            xi = block.clamp_(-1, 1).clone()
            block.arccos_().neg_().add_(torch.pi).mul_(xi)
            block.add_(xi.square_().neg_().add_(1).sqrt_()).div_(torch.pi)
        return K

    def solve(*arrays: Array) -> tuple[Array, Array]:
        X, y, X_test = map(torch.from_numpy, arrays)
        X, X_test = (torch.nn.functional.normalize(rows) for rows in (X, X_test))
        K = gram(X, X)
        K.diagonal().add_(ridge)
        # The transpose equals K, and has the memory order of LAPACK; with another order, torch copies the matrix.
        L = torch.linalg.cholesky(K.mT, out=K.mT)
        half = torch.linalg.solve_triangular(L, y, upper=False)
        a = torch.linalg.solve_triangular(L.mT, half, upper=True)
        predictions = torch.cat([gram(rows, X) @ a for rows in X_test.split(256)])
        return a.numpy(), predictions.numpy()

    return solve


@dataclass(frozen=True)
class Method:
    """A method.

    Attributes:
        prepare: a function of the ridge that imports the packages and returns the function that is timed.
        squares: the approximate number of n x n matrices, in the precision of the method, in its peak memory.
    """

    prepare: Callable[[float], Solve]
    squares: float


# The method whose job is an MPI program.
SCALAPACK = "ours, ScaLAPACK"
METHODS = {
    ("ours", "double"): Method(partial(ours, precision="double"), 0.5),
    ("ours", "single"): Method(partial(ours, precision="single"), 0.5),
    **{("ours, refined", name): Method(partial(ours, precision=name, refine=True), 0.5) for name in DTYPES},
    ("ours, in a file", "double"): Method(ours_in_file, 0),
    (SCALAPACK, "double"): Method(ours_on_processes, 1),
    ("ours, averaged over flips", "double"): Method(ours_averaged, 0.125),
    **{("ours, GPU", precision): Method(partial(ours_on_gpu, precision=precision), 0) for precision in DTYPES},
    **{
        (name, precision): Method(prepare, squares)
        for name, prepare, squares in (
            ("torch.linalg.cholesky in place", torch_in_place, 1),
            ("torch.cholesky_solve", torch_cholesky, 3),
            ("torch.linalg.solve", torch_lu, 3),
            ("scikit-learn KernelRidge", scikit_learn, 3),
            ("GPyTorch", gpytorch_solve, 3),
        )
        for precision in DTYPES
    },
    ("numpy.linalg.solve", "double"): Method(numpy_solve, 3),
    ("numpy.linalg.solve", "single"): Method(numpy_solve, 4),
}
# The predictions of the first of these that finished are the reference for all others.
REFERENCES = [("numpy.linalg.solve", "double"), ("ours", "double"), ("ours, in a file", "double")]
OPTIONAL_PACKAGES = {"GPyTorch": "gpytorch"}


def peak_memory(method: tuple[str, str], setting: Setting) -> float:
    """Return an estimate of the peak memory in bytes: square matrices, the samples, and the samples with unit rows."""
    samples = 2 * (setting.n + setting.n_test) * setting.d
    return float(np.dtype(DTYPES[method[1]]).itemsize * (METHODS[method].squares * setting.n**2 + samples))


def obstacle(method: tuple[str, str], setting: Setting) -> str | None:
    """Return why a method cannot be run on this machine, or None."""
    if "GPU" in method[0] and not has_gpu():
        return "not run: PyTorch finds no GPU"
    if "flips" in method[0] and not setting.flips:
        return "not run: it is for images and their flips: --flips"
    if method[0] == SCALAPACK and not importlib.util.find_spec("mpi4py"):
        return "not run: MPI and ScaLAPACK are not installed: make mpi"
    package = OPTIONAL_PACKAGES.get(method[0])
    if package and not importlib.util.find_spec(package):
        return f"{package} is not installed: python -m pip install --editable '.[benchmarks]'"
    needed, available = peak_memory(method, setting), available_memory()
    if needed > MEMORY_SHARE * available:
        free = f"{MEMORY_SHARE:.0%} of the {available / GIB:.1f} GiB available"
        return f"not run: it needs about {needed / GIB:.1f} GiB, more than {free}"
    return None


def has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def output_file(method: tuple[str, str]) -> str:
    """Return the name of the file with the results of a method."""
    return re.sub(r"\W+", "_", " ".join(method)) + ".npz"
