"""The networks of the sheet: one hidden layer, no biases, f(x) = A phi(B x)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nngplab.errors import InputError

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": torch.relu, "identity": lambda x: x}


class OneHiddenLayer(nn.Module):
    """f(x) = A phi(B x) with A (d_out, k) and B (k, d_in), in PyTorch's default initialisation.

    That is, entries of B uniform in [-1, 1] / sqrt(d_in) and entries of A uniform in [-1, 1] / sqrt(k). The draw
    depends on `seed` alone. Problems 2b and 4 take phi = "relu", Problem 3 takes "identity".
    """

    def __init__(
        self, d_in: int, k: int, d_out: int, activation: str, seed: int, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise InputError(f"unknown activation {activation!r}: choose one of {', '.join(ACTIVATIONS)}")
        self.phi = activation
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.first = nn.Linear(d_in, k, bias=False, dtype=dtype)
            self.last = nn.Linear(k, d_out, bias=False, dtype=dtype)

    @property
    def A(self) -> Tensor:
        """The weights of the last layer, (d_out, k)."""
        return self.last.weight

    @property
    def B(self) -> Tensor:
        """The weights of the first layer, (k, d_in)."""
        return self.first.weight

    def hidden(self, x: Tensor) -> Tensor:
        """Return phi(B x) for each row of x (n, d_in): (n, k)."""
        return ACTIVATIONS[self.phi](self.first(x))

    def forward(self, x: Tensor) -> Tensor:
        """Return f(x) for each row of x (n, d_in): (n, d_out)."""
        outputs: Tensor = self.last(self.hidden(x))
        return outputs

    @torch.no_grad()
    def is_dead(self, x: Tensor) -> bool:
        """Return whether every ReLU is off for every row of x (n, d_in): then no gradient passes, now or later."""
        return self.phi == "relu" and not bool((self.first(x) > 0).any())


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
