# Functions and constants that the rules share. It has no rules.
import itertools
import json
import os
import sys
from pathlib import Path

import yaml

# Import the libraries of this checkout, even if other versions are installed.
sys.path[:0] = [str(Path(folder).resolve()) for folder in ("src", "packages/snakemake-dvc/src")]

from nngplab.errors import InputError
from nngplab.kernels.activation_check import check_activations
from nngplab.pipeline.config import check_config, load_schema
from nngplab.pipeline.progress import describe_run
from snakemake_dvc import Project, reconcile

# The folder of the activations of a user: docs/activations.md.
ACTIVATIONS = "workflow/activations"


def dvc_path(path):
    """Return the path that DVC tracks for a file: the folder for results in a subfolder of `results/NAME`.

    The number of files in such a folder depends on the configuration. The same holds for the folders where a user can put
    the data of the course challenge, and activations.
    """
    parts = Path(path).parts
    if str(Path(*parts[:2])) in ("data/challenge", ACTIVATIONS):
        return str(Path(*parts[:2]))
    return str(Path(*parts[:3])) if parts[0] == "results" else path


# The name of each stage: its rules file is workflow/rules/NAME.smk, with a rule of this name.
STAGES = list(yaml.safe_load(Path("workflow/stages.yaml").read_text(encoding="utf-8")))

PROJECT = Project(
    config_file="config/config.yaml",
    python_path=("src",),
    environment=("requirements.lock",),
    records="results/{stage}/records.jsonl",
    dvc_path=dvc_path,
)


def validate_config(config):
    """Exit before any job starts if the configuration is not valid, with one line for each error.

    Whole numbers such as 20.0 become integers where the schema asks for them.
    """
    if not workflow.is_main_process:
        return  # a job gets the configuration of the main process, which is valid
    try:
        config.update(check_config(config, load_schema(Path("workflow/schemas"), STAGES)))
        if config["extra_activations"]:
            check_activations(config["extra_activations"], ACTIVATIONS)
    except InputError as error:
        sys.exit(str(error))


# Jobs use the Python interpreter of this Snakemake, also if its environment is not activated. With
# `--software-deployment-method` the deployed environment comes before it.
BIN = str(Path(sys.executable).parent.resolve())
if os.pathsep in BIN:
    sys.exit(f"error: {BIN} has a {os.pathsep!r} in its path, and PATH cannot hold it: move this Python environment")
os.environ.update(PATH=os.pathsep.join([BIN, *os.get_exec_path()]))
# Jobs use the library of this checkout, in which they run. Its own path can have any character, so it is in no command.
shell.prefix("set -euo pipefail; export PYTHONPATH=src; ")


def targets(stage):
    """Return the files that the rule of a stage requests, or those that it writes and needs in results/STAGE."""
    named = getattr(rules, stage)
    own = [path for path in named.input if str(path).startswith(f"results/{stage}/")]
    return [*named.output, *own] if named.output else named.input


def literal(value):
    """Return a parameter with a value of the configuration, in which Snakemake replaces no wildcards."""
    return lambda wildcards: value


def option(flag, value):
    """Return a command line option with its value, or nothing if the value is null in the configuration.

    Flag and value are one word, so that the value can begin with a hyphen.
    """
    return literal([] if value is None else [f"{flag}={value}"])


def storage_option(path, long_job):
    """Return the option that makes an interrupted fit resume, or nothing for a short job."""
    return ["--storage", f".checkpoints/{path}"] if long_job else []


def files_in(folder):
    """Return the files in a folder, except those with braces in their names, which would be wildcards."""
    return sorted(str(path) for path in Path(folder).glob("*") if path.is_file() and "{" not in path.name)


def activation_files(names):
    """Return the files of those activations that a user has added; the library has the others."""
    paths = [f"{ACTIVATIONS}/{name}.py" for name in names if name in config["extra_activations"]]
    return [path for path in paths if Path(path).exists()]


def activation_option(wildcards, input):
    """Return the option with the file of the activation of a job, or nothing."""
    return ["--activation-file", *input.activation] if input.activation else []


def words(values):
    """Return names with their values, for the name of a file."""
    return [f"{name}{value}" for name, value in values.items()]


def whitening_option(wildcards, input):
    """Return the option with the whitenings that a job can use, or nothing."""
    return ["--whitening", *input.whitening] if input.whitening else []


def parameter_grid(**values):
    """Return all combinations of the values of some parameters; the last parameter varies fastest."""
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


def chunks(values, size):
    """Return a list in chunks of a size; the last one can be shorter."""
    return [values[start : start + size] for start in range(0, len(values), size)]


def scale_with_attempt(amount):
    """Return a resource that is `amount` at the first attempt of a job, twice as much at the second, and so on.

    The amount is a number or a function of the wildcards.
    """
    return lambda wildcards, attempt: attempt * int(amount(wildcards) if callable(amount) else amount)


# Seconds that a job takes if its rule gives no estimate, most of them to start.
SHORT_JOB = 4


onstart:
    if workflow.is_main_process:
        jobs = [job for job in workflow.dag.needrun_jobs() if not job.is_norun]
        # With --until, there can be none.
        if jobs:
            about = describe_run(
                [(job.resources.get("seconds", SHORT_JOB), job.threads) for job in jobs], workflow.cores
            )
            print(about, file=sys.stderr, flush=True)


def gpus():
    """Return the number of GPUs to request: none under `device: auto`, where a job uses a GPU if it is given one."""
    return int(config["device"] == "cuda")
