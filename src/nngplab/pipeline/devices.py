"""Which device a computation with PyTorch runs on."""

import torch

from nngplab.errors import InputError


def resolve_device(device: str) -> torch.device:
    """Return the device that a configuration names; "auto" is the GPU where there is one, else the CPU.

    Raises:
        InputError: if the device named is not on this machine.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"device is {device}, but PyTorch sees no CUDA device here; set device to auto or cpu")
    return torch.device(device)
