"""The error for bad input."""


class InputError(ValueError):
    """Bad input, described in one line: what is wrong, where, and what to do.

    Scripts print its message without a traceback (`nngplab.pipeline.cli.run`).

    >>> from nngplab import Laplace
    >>> Laplace(bandwidth=-1)([[1.0, 2.0]])
    Traceback (most recent call last):
        ...
    nngplab.errors.InputError: the bandwidth is -1: it must be a finite number above 0
    """
