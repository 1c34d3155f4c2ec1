"""The command `snakemake-dvc`."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from snakemake_dvc import _snakemake
from snakemake_dvc.messages import one_line
from snakemake_dvc.stages import JobInfo, stages_of_rules

HEADER = "# Generated from the rules by `snakemake-dvc stages`. Run it again after an edit of the rules.\n"


def stages() -> dict[str, Any]:
    """Return the stages of dvc.yaml for the workflow in the current folder.

    Raises:
        ValueError: with one line, if the rules cannot be read.
    """
    try:
        dag = _snakemake.dag_of_all()
    except Exception as error:  # rules are code of the user, and can raise anything
        raise ValueError(f"the rules cannot be read: {type(error).__name__}: {error}") from error
    reconciliation = _snakemake.callbacks_of(dag.workflow)
    shared = _shared_rules_files(dag)
    jobs = sorted(_snakemake.ordered_jobs(dag), key=lambda job: (job.rule.lineno, sorted(map(str, job.output))))
    infos = [
        JobInfo(
            stage=_stage_of(job),
            rule=job.rule.name,
            message=dag.workflow.get_rule(_stage_of(job)).message or _stage_of(job),
            inputs=set(_snakemake.inputs(job)),
            outputs=set(map(str, job.output)) - _snakemake.temporary_outputs(job),
            sources=reconciliation.recipes.sources_of(job),
            rules_files=shared | {_snakemake.relative_path(Path(job.rule.snakefile))},
            keys=_keys_of(job),
        )
        for job in jobs
        if _is_stage(dag.workflow, _stage_of(job))
    ]
    return stages_of_rules(infos, reconciliation.snapshot.config, reconciliation.project)


def _keys_of(job: Any) -> set[str]:
    """Return the keys of the configuration that the file of a job's rule reads, its command, and the shared files."""
    config = job.dag.workflow.globals["config"]
    job.params  # noqa: B018 - its functions read the configuration
    shared = [keys for file, keys in config.at_top_level.items() if not _is_stage(job.dag.workflow, file)]
    return config.by_file.get(_stage_of(job), set()).union(_snakemake.config_keys(job, set(config.plain)), *shared)


def _stage_of(job: Any) -> str:
    return Path(str(job.rule.snakefile)).stem


def _is_stage(workflow: Any, name: str) -> bool:
    return bool(workflow.is_rule(name))


def _shared_rules_files(dag: Any) -> set[str]:
    """Return the rules files that belong to no stage. Their code can affect every rule."""
    return {path for path in _snakemake.rules_files(dag.workflow) if not _is_stage(dag.workflow, Path(path).stem)}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="snakemake-dvc", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("stages", help="write dvc.yaml from the rules: one stage for each rules file")
    command.add_argument("--output", type=Path, default=Path("dvc.yaml"), help="the file to write (dvc.yaml)")
    output = parser.parse_args().output
    try:
        write_stages(output)
    except (ValueError, OSError, YAMLError) as error:
        sys.exit(f"error: {one_line(error)}")


def write_stages(output: Path) -> None:
    """Write the stages of the rules to a file such as dvc.yaml, and keep the rest of its content."""
    yaml = YAML()
    yaml.width = 4096
    source = output if output.is_file() else Path("dvc.yaml")
    content = yaml.load(source) if source.is_file() else None
    if content is None:
        content = yaml.load(HEADER + "stages: {}\n")
    own = {name: stage for name, stage in content["stages"].items() if "--allowed-rules" not in str(stage.get("cmd"))}
    content["stages"] = {**own, **stages()}
    beside = output.with_suffix(f".{os.getpid()}")
    with beside.open("w", encoding="utf-8") as file:
        yaml.dump(content, file)
    beside.replace(output)


if __name__ == "__main__":
    main()
