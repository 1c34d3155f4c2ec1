"""A checkout of its own for a test that runs the pipeline, and the digests of what it made."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "workflow/scripts"
ALL_STAGES = list(yaml.safe_load((ROOT / "workflow/stages.yaml").read_text()))
# The sections of the report, in the order of the problem set.
SECTIONS = [
    *["problem_01", "cifar10", "fc_net", "linear_autoencoder", "attractors", "problem_05", "problem_06", "problem_07"],
    *["problem_08", "problem_09", "problem_10", "kernel_regression", "width_sweep", "challenge", "theory"],
]
IDENTITY = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
# The options with which the pipeline takes its small values.
TINY = ("--configfile", "config/tiny.yaml")
# Measured seconds and memory, and the records, which a run with an overlay does not write.
LEFT_OUT = re.compile(r"results/challenge/(cost|submission/README)|records.jsonl$")


def project_files() -> list[str]:
    """The files that git has or would take, as they are now, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def copy_checkout(folder: Path) -> Path:
    """Copy the project's files into a new git repository, but for the metrics, which are results."""
    for name in project_files():
        if name.startswith("results/"):
            continue
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    commit = [*IDENTITY, "commit", "--quiet", "--message=test"]
    for arguments in (["init", "--quiet"], ["add", "--all"], commit):
        # The report names the commit: the same tree gets the same one.
        dates = {"GIT_AUTHOR_DATE": "2022-01-27T00:00:00Z", "GIT_COMMITTER_DATE": "2022-01-27T00:00:00Z"}
        subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, env={**os.environ, **dates})
    return folder


def make_small(folder: Path, stages: Sequence[str]) -> Path:
    """Cut the workflow of a checkout down to some stages, on the tiny configuration, and commit that."""
    listed = yaml.safe_load((folder / "workflow/stages.yaml").read_text())
    kept = {name: stage for name, stage in listed.items() if name in stages}
    (folder / "workflow/stages.yaml").write_text(yaml.safe_dump(kept, sort_keys=False))
    others = "|".join(listed.keys() - kept)
    pipeline = yaml.safe_load((folder / "dvc.yaml").read_text())
    pipeline["plots"] = [plot for plot in pipeline["plots"] if not re.search(f"results/({others})/", str(plot))]
    (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
    config, tiny = (yaml.safe_load((folder / f"config/{name}.yaml").read_text()) for name in ("config", "tiny"))
    config = {key: value for key, value in config.items() if key in kept or key not in listed}
    for stage in tiny.keys() & kept:
        config[stage].update(tiny[stage])
    (folder / "config/config.yaml").write_text(yaml.safe_dump(config, sort_keys=False, default_flow_style=None))
    (folder / "dvc.lock").unlink(missing_ok=True)
    subprocess.run([sys.executable, "-m", "snakemake_dvc", "stages"], cwd=folder, check=True, capture_output=True)
    subprocess.run(["git", *IDENTITY, "commit", "--quiet", "--all", "--message=small"], cwd=folder, check=True)
    return folder


def digests(folder: Path, *tops: str) -> dict[str, str]:
    """The SHA-256 of every file in `results`, or in the folders given, that two runs have in common."""
    files = [path for top in tops or ("results",) for path in (folder / top).rglob("*") if path.is_file()]
    files = [path for path in files if not LEFT_OUT.search(str(path))]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
