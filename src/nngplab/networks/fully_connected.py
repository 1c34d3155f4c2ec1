"""Fully connected networks: one hidden layer without biases, f(x) = A phi(B x), as in the problem set, or more."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from nngplab.errors import InputError

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sine": torch.sin,
    "identity": lambda x: x,
}
# Rows whose gradients are in memory at a time.
GRADIENT_BATCH_SIZE = 2048


class FullyConnected(nn.Module):
    """A network with `depth` hidden layers of k units each, in PyTorch's default initialisation.

    For two hidden layers, f(x) = W3 phi(W2 phi(W1 x)). The entries of a layer with m inputs are uniform in
    [-1, 1] / sqrt(m).

    Args:
        d_in: number of inputs.
        k: number of units in each hidden layer.
        depth: number of hidden layers.
        d_out: number of outputs.
        activation: the name of phi, a key of `ACTIVATIONS`.
        seed: the seed of the initial weights.
        bias: whether each layer adds a bias.
        dtype: the type of the weights.

    Raises:
        InputError: if the activation is unknown, or the depth is below 1.

    >>> network = FullyConnected(d_in=3, k=8, depth=2, d_out=1, activation="relu", seed=0)
    >>> network(torch.ones(5, 3)).shape
    torch.Size([5, 1])
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
        self.activation = activation
        names = ["first", *(f"hidden_{layer}" for layer in range(2, depth + 1)), "last"]
        sizes = pairwise([d_in, *[k] * depth, d_out])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for name, (inputs, outputs) in zip(names, sizes, strict=True):
                self.add_module(name, nn.Linear(inputs, outputs, bias=bias, dtype=dtype))

    def hidden(self, x: Tensor) -> Tensor:
        """Return the last hidden layer for each row of x (n, d_in): (n, k)."""
        *_, last = self._preactivations(x)
        return ACTIVATIONS[self.activation](last)

    def forward(self, x: Tensor) -> Tensor:
        """Return f(x) for each row of x (n, d_in): (n, d_out)."""
        outputs: Tensor = self.last(self.hidden(x))
        return outputs

    @torch.no_grad()
    def is_dead(self, x: Tensor) -> bool:
        """Return whether in some hidden layer all ReLUs are off for all rows of x (n, d_in).

        Then f is the same for all rows, and the gradients of this layer and of the layers before it are zero, and stay
        zero. Without biases, all gradients are zero.
        """
        return self.activation == "relu" and any(not bool((values > 0).any()) for values in self._preactivations(x))

    def _preactivations(self, x: Tensor) -> Iterator[Tensor]:
        """Yield the inputs of the activation in each hidden layer, (n, k)."""
        *layers, _ = self.children()
        for layer in layers:
            preactivations = layer(x)
            yield preactivations
            x = ACTIVATIONS[self.activation](preactivations)


class OneHiddenLayer(FullyConnected):
    """The network f(x) = A phi(B x) with A (d_out, k) and B (k, d_in): one hidden layer, no biases.

    Problem 2b uses phi = "relu", Problem 3 "identity", and Problem 4, which names no activation, "relu" and others.

    >>> network = OneHiddenLayer(d_in=3, k=8, d_out=2, activation="relu", seed=0)
    >>> network.A.shape, network.B.shape
    (torch.Size([2, 8]), torch.Size([8, 3]))
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
    """Return the average gradient outer product of a network over the rows of X (n, d): (d, d).

    The gradients are those of the outputs with respect to the inputs; their outer products are averaged over the rows
    and summed over the outputs. The leading eigenvectors are the input directions that change the outputs most
    (Radhakrishnan et al. 2024, "Mechanism for feature learning in neural networks and backpropagation-free machine
    learning models").

    >>> network = nn.Linear(2, 1, bias=False)
    >>> _ = network.weight.data.copy_(torch.tensor([[1.0, 2.0]]))
    >>> average_gradient_outer_product(network, torch.zeros(5, 2))
    tensor([[1., 2.],
            [2., 4.]])
    """
    products = X.new_zeros(X.shape[1], X.shape[1])
    for rows in X.split(GRADIENT_BATCH_SIZE):
        inputs = rows.detach().requires_grad_()
        # The outputs of a row depend on this row alone, so the gradient of their sum over the rows holds one row each.
        for total in network(inputs).sum(dim=0):
            (gradients,) = torch.autograd.grad(total, inputs, retain_graph=True)
            products += gradients.mT @ gradients
    return products / len(X)
