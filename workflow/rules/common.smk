# What the rules share. No rule stands here.
import itertools
import json
import sys
from pathlib import Path
from shlex import quote

# The libraries of this checkout, wherever others may be installed.
sys.path[:0] = [str(Path(folder).resolve()) for folder in ("src", "packages/snakemake-dvc/src")]

from nngplab.pipeline.config import check_config, load_schema
from nngplab.errors import InputError
from snakemake_dvc import Project, reconcile


def dvc_path(path):
    """What DVC tracks: a folder of results as a whole, since the configuration says how many files it has.

    So for the folder in which a user puts the data of the course challenge, or does not.
    """
    parts = Path(path).parts
    if parts[:2] == ("data", "challenge"):
        return "data/challenge"
    return str(Path(*parts[:3])) if parts[0] == "results" else path


PROJECT = Project(
    config_file="config/config.yaml",
    python_path=("src",),
    environment=("requirements.lock",),
    records="results/{stage}/records.jsonl",
    dvc_path=dvc_path,
)


def validate_config(config):
    """Stop before any job, with one line for each fault of the configuration."""
    if not workflow.is_main_process:
        return  # a job gets the configuration of its run, which was valid
    try:
        check_config(config, load_schema(Path("workflow/schemas/config.schema.yaml")))
        if config["extra_activations"]:
            # Imported only now: who adds no activation need not wait for SciPy.
            from nngplab.kernels.activations import check_activation

            for name in config["extra_activations"]:
                check_activation(name)
    except InputError as error:
        sys.exit(str(error))


# Jobs find the interpreter of this Snakemake, activated or not, and the library of this checkout.
shell.prefix(
    "set -euo pipefail; "
    + (
        ""
        if workflow.deployment_settings.deployment_method
        else f"PATH={quote(str(Path(sys.executable).parent))}:$PATH; "
    )
    + f"export PYTHONPATH={quote(str(Path('src').resolve()))}; "
)


def option(flag, value):
    """A command line option, or nothing where the config says null."""
    return [] if value is None else [flag, value]


def files_in(folder):
    """The files that are in a folder now."""
    return sorted(str(path) for path in Path(folder).glob("*") if path.is_file())


def grid(**values):
    """All combinations of values of some parameters, the last varying fastest."""
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


def pieces(values, size):
    """A list cut into pieces of a size; the last may be shorter."""
    return [values[start : start + size] for start in range(0, len(values), size)]


def triangle_mb(n):
    """The memory of the lower triangle of an n x n matrix of float64, in MB."""
    return 4 * n**2 // 10**6


def growing(amount):
    """A resource of a rule, a number or a function of the wildcards: as much again with each attempt of a job."""
    return lambda wildcards, attempt: attempt * int(amount(wildcards) if callable(amount) else amount)


def minutes(operations):
    """A run time for so many floating-point operations: ten minutes, and what they take on an old core, at 5e9/s."""
    return 10 + operations / 3e11


def gpus():
    """The GPUs that a job asks for. Under `device: auto` it asks for none, and takes one where it is given one."""
    return int(config["device"] == "cuda")
