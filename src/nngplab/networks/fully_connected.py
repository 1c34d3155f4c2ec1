"""Fully connected networks: those of the sheet, with one hidden layer and no biases, f(x) = A phi(B x), and deeper."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from nngplab.errors import InputError

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": torch.relu, "identity": lambda x: x}
# Rows whose gradients are there at once.
GRADIENT_ROWS = 2048


class FullyConnected(nn.Module):
    """A network with `depth` hidden layers of k units each, in PyTorch's default initialisation.

    For two hidden layers, f(x) = W3 phi(W2 phi(W1 x)). With `bias`, a vector is added after each product. All entries
    are uniform in [-1, 1] / sqrt(inputs of their layer); the draw depends on `seed` alone.

    Raises:
        InputError: for an unknown activation, or a depth below 1.
    """

    first: nn.Linear
    last: nn.Linear

    def __init__(
        self,
        d_in: int,
        k: int,
        depth: int,
        d_out: int,
        activation: str,
        seed: int,
        bias: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise InputError(f"unknown activation {activation!r}: choose one of {', '.join(ACTIVATIONS)}")
        if depth < 1:
            raise InputError(f"the depth is {depth!r}: a network has at least 1 hidden layer")
        self.phi = activation
        names = ["first", *(f"hidden_{layer}" for layer in range(2, depth + 1)), "last"]
        sizes = pairwise([d_in, *[k] * depth, d_out])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for name, (ins, outs) in zip(names, sizes, strict=True):
                self.add_module(name, nn.Linear(ins, outs, bias=bias, dtype=dtype))

    def hidden(self, x: Tensor) -> Tensor:
        """Return the last hidden layer for each row of x (n, d_in): (n, k)."""
        *_, inputs = self._inputs_of_units(x)
        return ACTIVATIONS[self.phi](inputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return f(x) for each row of x (n, d_in): (n, d_out)."""
        outputs: Tensor = self.last(self.hidden(x))
        return outputs

    @torch.no_grad()
    def is_dead(self, x: Tensor) -> bool:
        """Return whether in some hidden layer every ReLU is off for every row of x (n, d_in).

        Then f is the same for every row, and no gradient passes to that layer or through it, now or later; without
        biases, none passes to any weight.
        """
        return self.phi == "relu" and any(not bool((inputs > 0).any()) for inputs in self._inputs_of_units(x))

    def _inputs_of_units(self, x: Tensor) -> Iterator[Tensor]:
        """Yield what each hidden layer's units are given, before phi."""
        *layers, _ = self.children()
        for layer in layers:
            inputs = layer(x)
            yield inputs
            x = ACTIVATIONS[self.phi](inputs)


class OneHiddenLayer(FullyConnected):
    """f(x) = A phi(B x) with A (d_out, k) and B (k, d_in): one hidden layer, no biases.

    Problems 2b and 4 take phi = "relu", Problem 3 takes "identity".
    """

    def __init__(
        self, d_in: int, k: int, d_out: int, activation: str, seed: int, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__(d_in, k, 1, d_out, activation, seed, dtype=dtype)

    @property
    def A(self) -> Tensor:
        """The weights of the last layer, (d_out, k)."""
        return self.last.weight

    @property
    def B(self) -> Tensor:
        """The weights of the first layer, (k, d_in)."""
        return self.first.weight


def average_gradient_outer_product(network: nn.Module, X: Tensor) -> Tensor:
    """Return the mean over the rows of X (n, d) of the outer product of the network's gradients there: (d, d).

    The gradients are those of the outputs with respect to the input; their products are summed over the outputs. The
    leading eigenvectors are the directions of the input that move the outputs most (Radhakrishnan et al. 2024,
    "Mechanism for feature learning in neural networks and backpropagation-free machine learning models").
    """
    products = X.new_zeros(X.shape[1], X.shape[1])
    for rows in X.split(GRADIENT_ROWS):
        inputs = rows.detach().requires_grad_()
        # Each output depends on its own row alone, so that the gradient of the sum holds that of each row.
        for total in network(inputs).sum(dim=0):
            (gradients,) = torch.autograd.grad(total, inputs, retain_graph=True)
            products += gradients.mT @ gradients
    return products / len(X)
