# Functions for the rules. No rule stands here.
import ast
import hashlib
import itertools
import json
import sys
from functools import cache
from pathlib import Path

import grimp

# The library of this checkout, wherever another may be installed.
sys.path.insert(0, str(Path("src").resolve()))

from nngplab.config import check_config, load_schema
from nngplab.errors import InputError
from workflow.doors.agreement import open_doors
from workflow.doors.view import View

# A run keeps to the configuration and the sources that it started with, in all its processes.
VIEW = View.of(config)
config.clear()
config.update(VIEW.config)


def checked(config):
    """Stop before any job, with one line for each fault of the configuration."""
    try:
        check_config(config, load_schema(Path("workflow/schemas/config.schema.yaml")))
        if config["extra_activations"]:
            # Imported only now: who adds no activation need not wait for SciPy.
            from nngplab.activations import check_activation

            for name in config["extra_activations"]:
                check_activation(name)
    except InputError as error:
        sys.exit(str(error))


def agreed(outputs):
    """Let Snakemake and DVC agree on the outputs before a run, and after it."""
    open_doors(workflow, [str(path) for path in outputs], VIEW)


# Jobs find the interpreter of this Snakemake, activated or not, and the library of this checkout.
shell.prefix(
    "set -euo pipefail; "
    + ("" if workflow.deployment_settings.deployment_method else f"PATH={Path(sys.executable).parent}:$PATH; ")
    + f"export PYTHONPATH={Path('src').resolve()}; "
)

IMPORTS = grimp.build_graph("nngplab", cache_dir=None)


@cache
def library(script):
    """The files of the library that a script imports, directly or not: an edit of one makes the rule's results stale."""
    modules = set()
    for node in ast.walk(ast.parse(Path(script).read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            modules |= {name.name for name in node.names}
    modules &= IMPORTS.modules
    for module in list(modules):
        modules |= IMPORTS.find_upstream_modules(module)
    # Importing a.b.c runs a and a.b first.
    modules |= {module.rsplit(".", level)[0] for module in modules for level in range(1, module.count(".") + 1)}
    return sorted(module_file(module) for module in modules)


def module_file(module):
    path = Path("src", *module.split("."))
    return str(path / "__init__.py" if path.is_dir() else path.with_suffix(".py"))


def option(flag, value):
    """A command line option, or nothing where the config says null."""
    return [] if value is None else [flag, value]


def code(script, *others):
    """A hash of a script, of the library as far as it imports it, and of other sources that a rule reads.

    Snakemake looks at the contents of inputs only where they are newer than the outputs; a param it always compares.
    """
    return VIEW.digest([script, *library(script), *others])


def files_in(folder):
    """The files that are in a folder now."""
    return sorted(str(path) for path in Path(folder).glob("*") if path.is_file())


def contents(paths):
    """A hash of data that a user may put in place, take away or change."""
    return hashlib.sha256(b"".join(hashlib.sha256(Path(path).read_bytes()).digest() for path in paths)).hexdigest()


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
