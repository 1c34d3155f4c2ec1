"""Write dvc.yaml from the Snakemake DAG: one stage for each rules file, over the same files.

A stage runs the rules of its file and no others. Its deps are what those rules read and do not make, scripts and
library modules included, the rules file and what all rules share; its outs are what they make; its params are the
section of config/config.yaml that bears the stage's name and the keys outside of sections, like the seed, that bear the
name of a param of its rules (for the report, which prints the config, all of it). A file metrics.json is what `dvc
metrics` compares: git has it, and not the cache, so that a clone compares commits before it has pulled anything.

Snakemake knows nothing of plots: how `dvc plots` draws the tables stands in workflow/plots.yaml.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))
from nngplab.files import written_whole
from workflow.doors.dag import dag_of_all

HEADER = "# Made from the Snakemake DAG by workflow/dvc_stages.py (`make dvc.yaml`); a test holds the two together.\n"


def stages() -> dict[str, Any]:
    """Return the stages of dvc.yaml for the workflow in the current folder."""
    rooms: dict[str, list[Any]] = {}
    for job in sorted(dag_of_all().jobs, key=lambda job: (job.rule.lineno, sorted(map(str, job.output)))):
        rooms.setdefault(Path(job.rule.snakefile).stem, []).append(job)
    return {room: _stage(room, rooms[room]) for room in sorted(rooms) if room != "Snakefile"}


def _stage(room: str, jobs: list[Any]) -> dict[str, Any]:
    outs = {_kept(path) for job in jobs for path in job.output}
    metrics = {path for path in outs if Path(path).name == "metrics.json"}
    rules_files = {"Snakefile", "workflow/rules/common.smk", f"workflow/rules/{room}.smk"}
    deps = {_kept(path) for job in jobs for path in job.input} - outs | rules_files
    rules = dict.fromkeys([*(job.rule.name for job in jobs), room])
    config = yaml.safe_load(Path("config/config.yaml").read_text(encoding="utf-8"))
    used = {room}.union(*(dict(job.params.items()) for job in jobs))
    return {
        "desc": jobs[0].rule.workflow.get_rule(room).message,
        "cmd": f"snakemake --cores all --allowed-rules {' '.join(rules)} -- {room}",
        "deps": sorted(deps),
        "params": [{"config/config.yaml": [key for key in config if key in used or room == "report"]}],
        "outs": sorted(outs - metrics),
        **({"metrics": [{path: {"cache": False}} for path in sorted(metrics)]} if metrics else {}),
    }


def _kept(path: str) -> str:
    """Return the path that DVC tracks: a folder of a room as a whole, since the config says how many files it has.

    So for the folder in which a user puts the data of the course challenge, or does not.
    """
    parts = Path(path).parts
    if parts[:2] == ("data", "challenge"):
        return "data/challenge"
    return str(Path(*parts[:3])) if parts[0] == "results" else str(path)


def main() -> None:
    """Write dvc.yaml, here or where --output says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("dvc.yaml"))
    output = parser.parse_args().output
    with written_whole(output) as beside:
        plots = yaml.safe_load(Path("workflow/plots.yaml").read_text(encoding="utf-8"))
        text = yaml.safe_dump({"stages": stages(), "plots": plots}, sort_keys=False, width=120)
        beside.write_text(HEADER + text, encoding="utf-8")


if __name__ == "__main__":
    main()
