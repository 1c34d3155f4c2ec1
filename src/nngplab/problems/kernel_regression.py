"""Problem 11: its kernels by name."""

from pathlib import Path

from nngplab.kernels.base import Kernel
from nngplab.kernels.objects import NNGP, NTK, Laplace, as_kernel

# Not in the problem set: kernels that are compared with the theory only.
_FURTHER = {"ntk": NTK("relu"), "relu_depth3": NNGP("relu", depth=3)}


def kernel_named(name: str, activation_file: Path | None = None, laplace_L: float | None = None) -> Kernel:
    """Return a kernel of Problem 11.

    Args:
        name: that of an activation, which stands for its NNGP kernel, "laplace", "linear", "ntk" or "relu_depth3".
        activation_file: the file of the activation; None for one with a closed form.
        laplace_L: the rate L of the Laplace kernel exp(-L |x - z|), which no other kernel needs.

    Raises:
        InputError: if there is no such kernel.

    >>> kernel_named("relu_depth3")
    NNGP(depth=3)
    """
    # Within the function, so that an error in the code of an activation is one line too.
    from nngplab.kernels.activations import dual_named

    if name == "laplace" and laplace_L is not None:
        return Laplace(bandwidth=1 / laplace_L)
    if activation_file:
        return NNGP(dual_named(name, activation_file))
    return _FURTHER.get(name) or as_kernel(name)
