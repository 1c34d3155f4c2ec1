"""The device on which PyTorch computes."""

from typing import TYPE_CHECKING

from nngplab.errors import InputError

if TYPE_CHECKING:
    import torch


def gpu_named(device: str) -> "torch.device | None":
    """Return the GPU that a device names, None for the CPU; without PyTorch, "auto" is the CPU.

    Raises:
        InputError: if a CUDA device is asked for and there is none, or no PyTorch.
    """
    if device == "cpu":
        return None
    try:
        import torch  # noqa: F401 - it takes seconds to start
    except ModuleNotFoundError as error:
        if device == "auto":
            return None
        raise InputError(
            f"device is {device}, which needs PyTorch: run `pip install nngp-lab[torch]`, or set device to cpu"
        ) from error
    found = resolve_device(device)
    return None if found.type == "cpu" else found


def resolve_device(device: str) -> "torch.device":
    """Return the device that the configuration names; "auto" is the GPU if there is one, else the CPU.

    Raises:
        InputError: if a CUDA device is asked for and PyTorch finds none.
    """
    import torch

    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"device is {device}, but PyTorch finds no CUDA device on this machine: use auto or cpu")
    return torch.device(device)
