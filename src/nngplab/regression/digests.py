"""Digests of what a fit depends on, the same in each process."""

import hashlib
import pickle
from typing import Any

import numpy as np
import scipy.sparse

from nngplab.errors import InputError
from nngplab.kernels.base import Kernel
from nngplab.kernels.objects import Function


def kernel_digest(kernel: Kernel) -> str:
    """Return a digest of a kernel and its parameters.

    Raises:
        InputError: for a `Function`, and a kernel that cannot be pickled.
    """
    if any(isinstance(value, Function) for value in [kernel, *kernel.get_params().values()]):
        raise InputError(f"storage: kernel {kernel!r} is a function, whose name does not say what it computes")
    try:
        return hashlib.sha256(pickle.dumps(kernel)).hexdigest()
    except (pickle.PicklingError, AttributeError) as error:
        raise InputError(f"storage: kernel {kernel!r} cannot be saved: {error}") from error


def digest(*values: Any) -> str:
    """Return a digest of arrays, sparse matrices and None."""
    found = hashlib.sha256()
    for value in values:
        for array in (value.indptr, value.indices, value.data) if scipy.sparse.issparse(value) else (value,):
            found.update(b"None" if array is None else np.ascontiguousarray(array).tobytes())
    return found.hexdigest()
