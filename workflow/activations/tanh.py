"""The hyperbolic tangent: an example of an activation in a file of its own (docs/activations.md)."""

import numpy as np


def tanh(x):
    """Return the hyperbolic tangent, elementwise."""
    return np.tanh(x)
