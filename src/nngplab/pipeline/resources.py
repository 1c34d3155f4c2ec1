"""Estimates of the memory and the run time of jobs, for the `resources` of the Snakemake rules.

Operations are floating-point operations: a multiplication and an addition are two. Only the terms of highest order
count. Sources: Golub and Van Loan 2013, "Matrix Computations", 4th edition, for products (Section 1.1), the Cholesky
factorisation (Section 4.2) and the symmetric QR algorithm (Section 8.3); Kaplan et al. 2020, "Scaling Laws for Neural
Language Models", arXiv:2001.08361, Section 2.1, for training.

Every Snakemake process imports this module, one for each job on a cluster. So it imports nothing.
"""


def matrix_mb(rows: float, columns: float) -> float:
    """Return the memory of a matrix of float64, in MB."""
    return 8 * rows * columns / 1e6


def triangle_mb(n: float) -> float:
    """Return the memory of the lower triangle of an n x n matrix of float64, in MB."""
    return matrix_mb(n, n) / 2


def matmul_operations(m: float, k: float, n: float) -> float:
    """Return the operations of the product of an m x k and a k x n matrix."""
    return 2 * m * k * n


def cholesky_operations(n: float) -> float:
    """Return the operations of the Cholesky factorisation of an n x n matrix."""
    return n**3 / 3


def eigen_operations(n: float) -> float:
    """Return the operations of all eigenvalues and eigenvectors of a symmetric n x n matrix."""
    return 9 * n**3


def regression_operations(n: float, d: float, n_test: float) -> float:
    """Return the operations of a kernel regression on n samples of d features, with its outputs for n_test others."""
    return matmul_operations(n + n_test, d, n) + cholesky_operations(n)


def feature_machine_operations(n: float, d: float, iterations: int) -> float:
    """Return the operations of a recursive feature machine on n samples of d features.

    Each iteration is a kernel regression with its gradient for each sample, the average outer product of the gradients,
    and the product of the samples with the feature matrix.
    """
    return iterations * (regression_operations(n, d, n) + 2 * matmul_operations(d, n, d))


def training_operations(weights: float, samples: float) -> float:
    """Return the operations of the training of a fully connected network.

    For each weight and sample these are two for the outputs, four for the gradient, and two to measure the loss.

    Args:
        weights: the number of weights of the network.
        samples: the number of samples, each counted once an epoch.
    """
    return 8 * weights * samples


def seconds(operations: float, rate: float = 3e10) -> int:
    """Return about how long a job takes: its start, and the operations at a rate, on one core of a recent machine.

    The rates in the rules were measured with the default configuration, two jobs at a time on two cores.

    Args:
        operations: the floating-point operations.
        rate: how many of them are done in a second: 1e11 in large products of float32, 3e10 in float64 with much else
            beside the products.

    >>> from nngplab.pipeline.resources import seconds
    >>> seconds(3e11)
    13
    """
    return round(3 + operations / rate)


def minutes(operations: float) -> float:
    """Return a limit of the run time of a job: ten minutes, and the operations at 5e9 a second, as on one old core."""
    return 10 + operations / 5e9 / 60
