"""Published accuracies of fully connected networks and of their kernels on CIFAR-10, beside those of Problem 13."""

from typing import Any

# Lee, Bahri, Novak, Schoenholz, Pennington, Sohl-Dickstein 2018, "Deep neural networks as Gaussian processes", ICLR,
# arXiv:1711.00165, Table 1: ReLU, the best depth and width by validation, images without flips and whitening.
PUBLISHED: list[dict[str, Any]] = [
    {"source": "Lee et al. 2018", "model": model, "n": n, "depth": depth, "value": value}
    for model, n, depth, value in (
        ("network", 1_000, None, 0.3225),
        ("network", 10_000, None, 0.4545),
        ("network", 45_000, None, 0.5313),
        ("deep_nngp", 1_000, 7, 0.3608),
        ("deep_nngp", 10_000, 5, 0.4780),
        ("deep_nngp", 45_000, 3, 0.5566),
    )
]
