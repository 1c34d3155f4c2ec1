"""Names in words, for figures and pages."""

_ACTIVATIONS = {
    "relu": "ReLU",
    "leaky_relu": "leaky ReLU",
    "absolute": "absolute value",
    "gaussian": "Gaussian",
    "gelu": "GELU",
    "monomial_2": "square",
    "monomial_3": "cube",
    "hermite_2": "Hermite 2",
    "hermite_3": "Hermite 3",
}
_NO_ACTIVATIONS = {"laplace": "Laplace kernel", "linear": "linear kernel", "zero": "zero predictor"}
# The models of Problem 13 that are no kernels.
_MODELS = {
    "network": "network",
    "nngp": "ReLU NNGP",
    "rfm": "feature machine",
    "rfm_direction": "its direction alone",
}
DATASETS = {"course": "course challenge", "cifar10": "CIFAR-10"}


def activation_label(activation: str) -> str:
    """Return the name in words of an activation."""
    return _ACTIVATIONS.get(activation, activation.replace("_", " "))


def kernel_label(kernel: str) -> str:
    """Return the name in words of a kernel or baseline: "relu" is the ReLU NNGP."""
    return _NO_ACTIVATIONS.get(kernel, f"{activation_label(kernel)} NNGP")


def model_label(model: str) -> str:
    """Return the name in words of a model of Problem 13."""
    return _MODELS.get(model) or kernel_label(model)
