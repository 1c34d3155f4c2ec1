"""The sweeps divide thousands of networks into few jobs, and a new value adds jobs without changing the others."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

# Print the outputs and parameters of the jobs of the sweeps. A job runs again if these change.
PROGRAM = """
import json
from snakemake_dvc._snakemake import dag_of_all
for job in dag_of_all().jobs:
    if job.rule.name in ("width_sweep_fit", "kernel_regression_fit", "challenge_networks", "challenge_kernels"):
        params = {name: str(value) for name, value in job.params.items()}
        print("job", json.dumps([job.rule.name, sorted(map(str, job.output)), params], sort_keys=True))
"""
TINY = {"widths": [16], "depths": [1], "weight_decays": [0.0], "learning_rates": [0.1, 0.2], "shard_size": 2}
TINY |= {"nngp_bias": [True], "nngp_normalize": [True], "laplace_L": [0.1], "kernels": ["laplace"]}
KERNELS = ["erf", "laplace", "linear", "ntk", "relu_depth3", "relu", "sine", "zero"]


@pytest.fixture(scope="module")
def jobs(run, template, tmp_path_factory):
    """Return a function that returns the jobs of the sweeps for changes of the configuration."""
    checkout = shutil.copytree(template, tmp_path_factory.mktemp("sweeps") / "checkout", symlinks=True)
    original = (checkout / "config/config.yaml").read_text()

    def with_config(**changes: Any) -> set[str]:
        config = yaml.safe_load(original)
        config["width_sweep"] |= {"widths": [4, 8], "extra_widths": [], "repeats": 6, "shard_size": 3}
        config["challenge"] |= TINY
        for name, change in changes.items():
            config[name] = config[name] | change if isinstance(change, dict) else change
        (checkout / "config/config.yaml").write_text(yaml.safe_dump(config))
        ended = run(checkout, "python", "-c", PROGRAM)
        assert ended.returncode == 0, ended.stdout
        return {line.removeprefix("job ") for line in ended.stdout.splitlines() if line.startswith("job ")}

    return with_config


@pytest.fixture(scope="module")
def before(jobs):
    return jobs()


def outputs(jobs: set[str]) -> list[str]:
    """Return the name of the first output of each job, without its suffix."""
    return sorted(Path(json.loads(job)[1][0]).name.removesuffix(".csv") for job in jobs)


@pytest.mark.parametrize(
    ("change", "added"),
    [
        (
            {"width_sweep": {"widths": [4, 6, 8]}, "challenge": {"widths": [8, 16]}},
            ["relu_k6_draws0-2", "relu_k6_draws3-5", *2 * ["network_k8_depth1_decay0.0_rates0"]],
        ),
        (
            {"width_sweep": {"extra_widths": [2]}, "challenge": {"depths": [1, 2]}},
            ["relu_k2_draws0-2", "relu_k2_draws3-5", *2 * ["network_k16_depth2_decay0.0_rates0"]],
        ),
        (
            {"width_sweep": {"repeats": 9}, "challenge": {"weight_decays": [0.5, 0.0]}},
            ["relu_k4_draws6-8", "relu_k8_draws6-8", *2 * ["network_k16_depth1_decay0.5_rates0"]],
        ),
        (
            {"extra_activations": ["gelu"], "challenge": {"nngp_bias": [True, False]}},
            [
                *(f"gelu_k{k}_draws{draws}" for k in (4, 8) for draws in ("0-2", "3-5")),
                *["gelu_repeats0-100", *2 * ["nngp_biasFalse_normalizeTrue"]],
            ],
        ),
        (
            {
                "kernel_regression": {"kernels": ["step", "relu", "sine", "erf", "laplace"]},
                "challenge": {"laplace_L": [0.5, 0.1]},
            },
            ["step_repeats0-100", *2 * ["laplace_L0.5"]],
        ),
        (
            {"kernel_regression": {"repeats": 150}, "challenge": {"kernels": ["sine", "laplace"]}},
            [*(f"{kernel}_repeats101-150" for kernel in KERNELS), *2 * ["sine"]],
        ),
        ({"challenge": {"learning_rates": [0.1, 0.2, 0.3]}}, 2 * ["network_k16_depth1_decay0.0_rates1"]),
    ],
)
def test_a_new_value_adds_jobs_and_does_not_change_the_others(jobs, before, change, added):
    """The stages share no job, so two of them can change at once."""
    after = jobs(**change)
    assert before < after
    assert outputs(after - before) == sorted(added)


def test_thousands_of_networks_need_few_jobs(jobs):
    rates = [round(1e-4 * number, 4) for number in range(1, 101)]
    made = jobs(
        width_sweep={"widths": list(range(1, 101)), "repeats": 100, "shard_size": 100},
        challenge={"widths": [64, 256, 1024], "depths": [1, 2], "learning_rates": rates, "shard_size": 100},
    )
    counts = Counter(json.loads(job)[0] for job in made)
    assert (counts["width_sweep_fit"], counts["challenge_networks"]) == (100, 12)
    networks = [json.loads(json.loads(job)[2]["networks"]) for job in made if "networks" in json.loads(job)[2]]
    assert [len(of_a_job) for of_a_job in networks] == 12 * [100]
