"""Tensors of PyTorch in, tensors out; without PyTorch, nothing of it is imported."""

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.errors import InputError


def as_array(values: Any) -> Any:
    """Return a tensor as an array of NumPy, which shares its memory where it can; anything else as it is.

    Raises:
        InputError: for a sparse tensor.
    """
    if not is_tensor(values):
        return values
    if values.layout != sys.modules["torch"].strided:
        raise InputError("a sparse tensor is not supported: give X.to_dense(), or a sparse array of SciPy")
    values = values.detach().cpu().resolve_conj()
    return (values.float() if values.dtype == sys.modules["torch"].bfloat16 else values).numpy()


def like(array: npt.NDArray[Any], given: Any) -> Any:
    """Return an array of floats as it is, or, if a tensor was given, as a tensor of its dtype on its device.

    For a tensor of integers the dtype is float64.
    """
    if not is_tensor(given):
        return array
    torch = sys.modules["torch"]
    return torch.from_numpy(array).to(given.device, given.dtype if given.is_floating_point() else torch.float64)


def labels_like(labels: npt.NDArray[Any], given: Any) -> Any:
    """Return labels as they are, or, if they are numbers and a tensor was given, as a tensor on its device."""
    if not is_tensor(given) or not (np.issubdtype(labels.dtype, np.number) or labels.dtype == np.bool_):
        return labels
    return sys.modules["torch"].from_numpy(labels).to(given.device)


def is_tensor(values: Any) -> bool:
    """Return whether a value is a tensor of PyTorch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(values, torch.Tensor)
