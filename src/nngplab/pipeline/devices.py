"""The device on which PyTorch computes."""

import torch

from nngplab.errors import InputError


def resolve_device(device: str) -> torch.device:
    """Return the device that the configuration names; "auto" is the GPU if there is one, else the CPU.

    Raises:
        InputError: if a CUDA device is asked for and PyTorch finds none.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"device is {device}, but PyTorch finds no CUDA device on this machine: use auto or cpu")
    return torch.device(device)
