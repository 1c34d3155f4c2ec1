"""Names in words of activations, kernels, models and data sets, for figures and pages.

The name of an activation with a closed form stands at its dual, in `nngplab.kernels.duals`.
"""

from nngplab.kernels.duals import DUALS

DATASETS = {"course": "course challenge", "cifar10": "CIFAR-10"}
_BASELINES = {"laplace": "Laplace kernel", "linear": "linear kernel", "zero": "zero predictor"}
_DEEP = {"ntk": "ReLU NTK", "relu_depth3": "ReLU NNGP of depth 3"}
# The models of Problem 13 that are not named after an activation or a kernel.
_MODELS = {
    "network": "network",
    "nngp": "ReLU NNGP",
    "deep_nngp": "deep ReLU NNGP",
    "rfm": "feature machine",
    "rfm_direction": "its direction alone",
}


def activation_label(activation: str) -> str:
    """Return the name in words of an activation."""
    return DUALS[activation].label if activation in DUALS else activation.replace("_", " ")


def kernel_label(kernel: str) -> str:
    """Return the name in words of a kernel or baseline; "relu" is the ReLU NNGP."""
    return (_BASELINES | _DEEP).get(kernel) or f"{activation_label(kernel)} NNGP"


def model_label(model: str) -> str:
    """Return the name in words of a model of Problem 13."""
    return _MODELS.get(model) or kernel_label(model)
