"""The estimates of memory and run time that the rules ask a cluster for."""

import subprocess
import sys

import numpy as np
import pytest

from nngplab.pipeline import resources


class TestOperations:
    def test_of_a_product_are_those_of_its_loops(self):
        m, k, n = 3, 4, 5
        counted = sum(2 for _ in range(m) for _ in range(n) for _ in range(k))
        assert resources.matmul_operations(m, k, n) == counted

    def test_of_a_cholesky_factorisation_are_those_of_its_loops(self):
        n = 60
        # Column j: a multiplication and an addition for each entry below and on the diagonal and each earlier column.
        counted = sum(2 * j for j in range(n) for _ in range(j, n))
        assert resources.cholesky_operations(n) == pytest.approx(counted, rel=0.05)

    def test_of_a_kernel_regression_are_those_of_its_steps(self):
        n, d, n_test = 100, 7, 30
        gram, outputs = 2 * n * d * n, 2 * n_test * d * n
        assert resources.regression_operations(n, d, n_test) == gram + outputs + resources.cholesky_operations(n)

    def test_of_a_feature_machine_are_those_of_its_iterations(self):
        one = resources.feature_machine_operations(100, 7, 1)
        assert one > resources.regression_operations(100, 7, 100)
        assert resources.feature_machine_operations(100, 7, 5) == 5 * one

    def test_of_a_training_grow_with_weights_and_samples(self):
        assert resources.training_operations(10, 100) == 8_000


class TestMemory:
    def test_of_a_matrix_is_what_numpy_takes(self):
        assert resources.matrix_mb(500, 200) == np.empty((500, 200)).nbytes / 1e6

    def test_of_a_triangle_is_half_of_the_matrix(self):
        assert resources.triangle_mb(1000) == resources.matrix_mb(1000, 1000) / 2


def test_a_job_without_operations_gets_ten_minutes():
    assert resources.minutes(0) == 10
    assert resources.minutes(5e9 * 3600) == pytest.approx(70)


def test_the_module_imports_no_other():
    """Snakemake imports it at each start, and in each job of a cluster."""
    program = (
        "import sys\n"
        "import nngplab.pipeline\n"
        "before = set(sys.modules)\n"
        "import nngplab.pipeline.resources\n"
        "print(*set(sys.modules) - before)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["nngplab.pipeline.resources"]
