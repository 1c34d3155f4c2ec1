"""Estimates of the memory and the run time of the jobs of Problem 13, for the `resources` of their Snakemake rules."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from nngplab.pipeline.resources import (
    cholesky_operations,
    eigen_operations,
    feature_machine_operations,
    matmul_operations,
    matrix_mb,
    minutes,
    regression_operations,
    seconds,
    training_operations,
    triangle_mb,
)

FEATURES = {"course": 50, "cifar10": 3072}


@dataclass(frozen=True)
class JobEstimates:
    """Estimates for the jobs on one data set.

    Attributes:
        n: the number of training samples.
        d: the number of features of a sample.
        epochs: the number of epochs of each network.
        ridges: the number of ridges of each kernel.
        iterations: the number of iterations of each recursive feature machine.
        n_test: the number of test samples.
    """

    n: int
    d: int
    epochs: int
    ridges: int
    iterations: int
    n_test: int

    @classmethod
    def from_config(cls, section: Mapping[str, Any], dataset: str) -> Self:
        """Return the estimates for a data set, "course" or "cifar10", by the section `challenge` of the configuration.

        Without a number of training samples in the configuration, all samples that are not for validation are used.
        """
        all_samples = {"course": 5_000, "cifar10": 50_000 - section["cifar10_val"]}
        n = section[f"{dataset}_train"] or all_samples[dataset]
        kernels = section["cifar10_kernels"] if dataset == "cifar10" else section
        return cls(
            n,
            FEATURES[dataset],
            section[f"{dataset}_epochs"],
            len(kernels["ridges"]),
            section["rfm_iterations"],
            n_test={"course": 5_000, "cifar10": 10_000}[dataset],
        )

    @property
    def large(self) -> bool:
        """Whether it takes minutes to factorise a Gram matrix on one core."""
        return self.n > 10_000

    @property
    def samples_mb(self) -> float:
        """The memory of a process with four copies of the samples."""
        return 2000 + 4 * matrix_mb(self.n, self.d)

    @property
    def kernel_mb(self) -> float:
        """The memory of a kernel regression, whose factor replaces the Gram matrix."""
        return self.samples_mb + triangle_mb(self.n)

    @property
    def ridge_path_mb(self) -> float:
        """The memory of kernel regressions with all ridges: for more than one, the Gram matrix is kept."""
        return self.kernel_mb + (self.ridges > 1) * triangle_mb(self.n)

    @property
    def whitening_mb(self) -> float:
        """The memory of a whitening: its covariance matrix, with what an eigendecomposition takes."""
        return self.samples_mb + 4 * matrix_mb(self.d, self.d)

    @property
    def whitening_seconds(self) -> int:
        """About how long a whitening takes."""
        return seconds(matmul_operations(self.d, self.n, self.d) + eigen_operations(self.d))

    @property
    def whitening_minutes(self) -> float:
        """The time of a whitening."""
        return minutes(matmul_operations(self.d, self.n, self.d) + eigen_operations(self.d))

    def network_minutes(self, networks: Iterable[Mapping[str, Any]]) -> float:
        """Return the time to train networks, each with its width `k` and its `depth`, the number of hidden layers."""
        weights = sum(net["k"] * (self.d + (net["depth"] - 1) * net["k"]) for net in networks)
        return minutes(training_operations(weights, self.n * self.epochs))

    def network_seconds(self, networks: Collection[Mapping[str, Any]], batch_size: int) -> int:
        """Return about how long it takes to train networks: each step takes a millisecond, and its operations."""
        steps = len(networks) * self.epochs * self.n / batch_size
        weights = sum(net["k"] * (self.d + (net["depth"] - 1) * net["k"]) for net in networks)
        return seconds(training_operations(weights, self.n * self.epochs) + 1e-3 * 6e10 * steps, rate=6e10)

    @property
    def kernel_minutes(self) -> float:
        """The time of a regression with a kernel for each ridge."""
        return minutes(self.ridges * regression_operations(self.n, self.d, self.n))

    def kernel_seconds(self, threads: int, n_outputs: int = 0) -> int:
        """Return about how long a kernel takes: one Gram matrix, a factor for each ridge, and some outputs.

        The Gram matrix is that of images and their flips.
        """
        gram = matmul_operations(self.n, self.d, 2 * (self.n + n_outputs))
        return seconds((gram + self.ridges * cholesky_operations(self.n)) / threads)

    def feature_machine_seconds(self, machines: int) -> int:
        """Return about how long it takes to fit some recursive feature machines."""
        return seconds(machines * feature_machine_operations(self.n, self.d, self.iterations), rate=2e10)

    def feature_machine_minutes(self, machines: int) -> float:
        """Return the time to fit some recursive feature machines."""
        return minutes(machines * feature_machine_operations(self.n, self.d, self.iterations))

    def test_seconds(self, model: str, networks: Collection[Mapping[str, Any]], batch_size: int, threads: int) -> int:
        """Return about how long it takes to fit a selected model, or some networks, and to test it."""
        if model == "network":
            return self.network_seconds(networks, batch_size)
        if model == "rfm":
            return self.feature_machine_seconds(1)
        return replace(self, ridges=1).kernel_seconds(threads, self.n_test)

    def curve_seconds(
        self, kernels: int, networks: Collection[Mapping[str, Any]], batch_size: int, threads: int
    ) -> int:
        """Return about how long it takes to fit some kernels with each ridge, and some networks, on one whitening."""
        fits = kernels * self.kernel_seconds(threads, self.n_test) + self.network_seconds(networks, batch_size)
        return self.whitening_seconds + fits

    def curve_minutes(self, kernels: int, shards: Iterable[Iterable[Mapping[str, Any]]]) -> float:
        """Return the time to fit some kernels with each ridge, and one more model as in `test_minutes`."""
        return kernels * self.kernel_minutes + self.test_minutes(shards)

    def test_minutes(self, shards: Iterable[Iterable[Mapping[str, Any]]]) -> float:
        """Return the time to fit one model of any kind, at most a feature machine or all networks of a shard."""
        return max(self.feature_machine_minutes(1), *map(self.network_minutes, shards))
