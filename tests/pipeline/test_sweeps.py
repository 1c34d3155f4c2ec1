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
        params = {name: value if name == "candidates" else str(value) for name, value in job.params.items()}
        print("job", json.dumps([job.rule.name, sorted(map(str, job.output)), params], sort_keys=True))
"""
NETWORKS = {"widths": [16], "depths": [1], "weight_decays": [0.0], "learning_rates": [0.1, 0.2]}
TINY = NETWORKS | {"cifar10_networks": NETWORKS, "shard_size": 2}
TINY |= {"nngp_bias": [True], "nngp_normalize": [True], "laplace_L": [0.1], "kernels": ["laplace"]}
IMAGE_KERNELS = {"kernels": ["ntk", "laplace"], "bias": [True], "depths": [2], "ridges": [0.1]}
TINY |= {"cifar10_preparations": [{"flips": False, "zca": None}], "cifar10_kernels": IMAGE_KERNELS}
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
            ["relu_k6_draws0-2", "relu_k6_draws3-5", "network_k8_depth1_decay0.0_rates0"],
        ),
        (
            {"width_sweep": {"extra_widths": [2]}, "challenge": {"depths": [1, 2]}},
            ["relu_k2_draws0-2", "relu_k2_draws3-5", "network_k16_depth2_decay0.0_rates0"],
        ),
        (
            {"width_sweep": {"repeats": 9}, "challenge": {"weight_decays": [0.5, 0.0]}},
            ["relu_k4_draws6-8", "relu_k8_draws6-8", "network_k16_depth1_decay0.5_rates0"],
        ),
        (
            {"extra_activations": ["gelu"], "challenge": {"nngp_bias": [True, False]}},
            [
                *(f"gelu_k{k}_draws{draws}" for k in (4, 8) for draws in ("0-2", "3-5")),
                *["gelu_repeats0-100", "nngp_biasFalse_normalizeTrue"],
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
            [*(f"{kernel}_repeats101-150" for kernel in KERNELS), "sine"],
        ),
        (
            {"challenge": {"cifar10_preparations": [{"flips": True, "zca": 0.5}, {"flips": False, "zca": None}]}},
            [
                "network_k16_depth1_decay0.0_flipsTrue_zca0.5_rates0",
                "nngp_biasTrue_normalizeTrue_flipsTrue_zca0.5",
                "ntk_biasTrue_depth2_flipsTrue_zca0.5",
            ],
        ),
        (
            {
                "challenge": {
                    "cifar10_kernels": IMAGE_KERNELS | {"kernels": ["ntk", "laplace", "deep_nngp"], "depths": [2, 4]}
                }
            },
            [
                *(f"deep_nngp_biasTrue_depth{depth}_flipsFalse_zcaNone" for depth in (2, 4)),
                "ntk_biasTrue_depth4_flipsFalse_zcaNone",
            ],
        ),
        (
            {
                "challenge": {
                    "cifar10_kernels": IMAGE_KERNELS | {"kernels": ["ntk", "laplace", "sine"], "bias": [True, False]}
                }
            },
            ["nngp_biasFalse_normalizeTrue_flipsFalse_zcaNone", "ntk_biasFalse_depth2_flipsFalse_zcaNone", "sine"],
        ),
        (
            {
                "challenge": {
                    "learning_rates": [0.1, 0.2, 0.3],
                    "cifar10_networks": NETWORKS | {"widths": [8, 16]},
                }
            },
            ["network_k16_depth1_decay0.0_rates1", "network_k8_depth1_decay0.0_flipsFalse_zcaNone_rates0"],
        ),
    ],
)
def test_a_new_value_adds_jobs_and_does_not_change_the_others(jobs, before, change, added):
    """The stages share no job, so two of them can change at once."""
    after = jobs(**change)
    assert before < after
    assert outputs(after - before) == sorted(added)


def test_a_search_on_fewer_images_adds_a_job_for_each_model(jobs, before):
    made = jobs(challenge={"cifar10_search": 500})
    images = {job for job in made if "/cifar10/" in job}
    assert made - images == {job for job in before if "/cifar10/" not in job}
    of_search = {job for job in images if json.loads(job)[2]["candidates"][2:] == ["--n=500"]}
    assert outputs(of_search) == outputs({job for job in before if "/cifar10/" in job})
    assert outputs(images - of_search) == ["all_laplace", "all_nngp", "all_ntk", "network_all"]
    of_network = "results/challenge/choices/cifar10/search_network.json"
    assert any(json.loads(job)[2]["candidates"] == ["--selected", of_network] for job in images)


def test_thousands_of_networks_need_few_jobs(jobs):
    rates = [round(1e-4 * number, 4) for number in range(1, 101)]
    networks = {"widths": [64, 256, 1024], "depths": [1, 2], "learning_rates": rates, "weight_decays": [0.0]}
    made = jobs(
        width_sweep={"widths": list(range(1, 101)), "repeats": 100, "shard_size": 100},
        challenge=networks | {"cifar10_networks": networks, "shard_size": 100},
    )
    counts = Counter(json.loads(job)[0] for job in made)
    assert (counts["width_sweep_fit"], counts["challenge_networks"]) == (100, 12)
    networks = [json.loads(json.loads(job)[2]["candidates"][1]) for job in made if "challenge_networks" in job]
    assert [len(of_a_job) for of_a_job in networks] == 12 * [100]
