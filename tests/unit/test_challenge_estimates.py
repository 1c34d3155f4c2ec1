"""The memory and the run time that the jobs of Problem 13 request."""

from dataclasses import replace

import pytest
import yaml

from nngplab.pipeline.resources import minutes, regression_operations
from nngplab.problems.challenge_estimates import JobEstimates
from tests.helpers.checkout import ROOT


def estimates(config: str, dataset: str) -> JobEstimates:
    """Return the estimates for a configuration file that extends the default one."""
    section = yaml.safe_load((ROOT / "config/config.yaml").read_text())["challenge"]
    section |= yaml.safe_load((ROOT / "config" / config).read_text())["challenge"]
    return JobEstimates.from_config(section, dataset)


@pytest.mark.parametrize(
    ("config", "dataset", "n", "large"),
    [
        ("tiny.yaml", "course", 300, False),
        ("config.yaml", "course", 5_000, False),
        ("config.yaml", "cifar10", 4_000, False),
        ("full.yaml", "cifar10", 45_000, True),
    ],
)
def test_the_number_of_samples_follows_from_the_configuration(config, dataset, n, large):
    assert estimates(config, dataset).n == n
    assert estimates(config, dataset).large == large


def test_several_ridges_need_the_gram_matrix_and_its_factor():
    one, several = JobEstimates(10_000, 50, 1, 1, 1, 1_000), JobEstimates(10_000, 50, 1, 2, 1, 1_000)
    triangle_mb = 8 * 10_000**2 / 2 / 1e6
    assert one.ridge_path_mb == one.kernel_mb
    assert several.ridge_path_mb == several.kernel_mb + triangle_mb


def test_all_of_cifar10_takes_hours_and_the_documented_memory():
    full = estimates("full.yaml", "cifar10")
    assert round(full.ridge_path_mb / 1000) == 23
    assert round(full.kernel_minutes / 60) == 9


def test_the_time_grows_with_the_number_of_models():
    jobs = JobEstimates(10_000, 50, 3, 2, 1, 1_000)
    assert jobs.kernel_minutes == minutes(2 * regression_operations(10_000, 50, 10_000))
    assert jobs.feature_machine_minutes(2) > jobs.feature_machine_minutes(1)


def test_the_time_of_a_network_grows_with_its_weights():
    jobs = JobEstimates(1_000, 50, 3, 2, 1, 1_000)
    shallow, deep = [{"k": 100, "depth": 1}], [{"k": 100, "depth": 3}]
    weights = 100 * 50, 100 * 50 + 2 * 100 * 100
    times = [jobs.network_minutes(networks) - minutes(0) for networks in (shallow, deep)]
    assert times[1] / times[0] == pytest.approx(weights[1] / weights[0])


def test_a_test_job_has_time_for_the_slowest_model():
    jobs = JobEstimates(1_000, 50, 3, 2, 1, 1_000)
    shards = [[{"k": 10, "depth": 1}], [{"k": 100_000, "depth": 1}]]
    assert jobs.test_minutes(shards) == jobs.network_minutes(shards[1])
    assert jobs.test_minutes(shards[:1]) == jobs.feature_machine_minutes(1)


def test_the_expected_seconds_of_the_default_jobs_are_near_those_that_were_measured():
    """Within a factor of two and a half: single jobs vary that much on a busy machine."""
    course, cifar10 = estimates("config.yaml", "course"), estimates("config.yaml", "cifar10")
    network = {"k": 256, "depth": 3}
    assert 10 < course.network_seconds(3 * [network], 100) < 60
    assert 20 < cifar10.network_seconds(3 * [network], 100) < 120
    assert 4 < course.kernel_seconds(1) < 25
    assert 7 < cifar10.kernel_seconds(1) < 40
    assert cifar10.kernel_seconds(2) < cifar10.kernel_seconds(1)
    assert 12 < course.feature_machine_seconds(2) < 75
    assert 2 < course.test_seconds("nngp", [], 100, 1) < 10
    assert 4 < course.test_seconds("rfm", [], 100, 1) < 25
    # A test and a learning curve train networks with several seeds.
    tested = replace(cifar10, n=5_000)
    assert 11 < tested.test_seconds("nngp", [], 100, 1) < 70
    assert 26 < tested.test_seconds("network", 3 * [network], 100, 1) < 160
    assert 20 < replace(cifar10, n=1_000).curve_seconds(3, 4 * [network], 100, 1) < 120
