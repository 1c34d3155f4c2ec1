"""Run the workflow for `make report`.

Environment variables:
    ONLY: names of stages, with spaces between them; all stages if empty. Each gets a page of its own.
    CONFIG: a further configuration file, or several: quoted as in a shell, if their names have spaces.
    CORES: the number of cores.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import yaml


def main() -> int:
    """Run Snakemake, say where the pages are, and return its exit status."""
    only = requested_stages(os.environ.get("ONLY", ""))
    files = config_files(os.environ.get("CONFIG", ""))
    pages = [f"results/{name}.html" for name in only]
    command = ["snakemake", "--cores", os.environ.get("CORES") or "all"]
    command += ["--configfile", *files] if files else []
    status = subprocess.run([*command, "--", *only, *pages]).returncode
    if status == 0 and only:
        print(f"The answer is in {' and '.join(pages)}; results/report.html is not written")
    elif status == 0:
        print("The report is in results/report.html")
    return status


def requested_stages(text: str) -> list[str]:
    """Return the names in ONLY; exit with one line if one is unknown."""
    stages = [name for name in yaml.safe_load(Path("workflow/stages.yaml").read_text("utf-8")) if name != "report"]
    for name in text.split():
        if name not in stages:
            sys.exit(f"error: ONLY: {name!r} is not a stage: choose from {', '.join(stages)}")
    return list(dict.fromkeys(text.split()))


def config_files(text: str) -> list[str]:
    """Return the paths in CONFIG; exit with one line if one is not a file."""
    try:
        paths = [text] if Path(text).is_file() else shlex.split(text)
    except ValueError as error:
        sys.exit(f"error: CONFIG: {text!r} is not a file, nor a list of files ({error})")
    for path in paths:
        if not Path(path).is_file():
            sys.exit(f"error: CONFIG: {path!r} is not a file")
    return [f"./{path}" if path.startswith("-") else path for path in paths]


if __name__ == "__main__":
    sys.exit(main())
