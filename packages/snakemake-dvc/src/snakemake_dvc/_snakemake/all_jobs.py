"""The graph of all jobs of a workflow, from which the stages of dvc.yaml follow."""

from pathlib import Path
from typing import Any

from snakemake.api import SnakemakeApi
from snakemake.settings.types import DAGSettings, ExecutionSettings, OutputSettings, Quietness, ResourceSettings

from snakemake_dvc.tracked_config import TrackedConfig

_tracks_config = False


def dag_of_all(snakefile: Path = Path("Snakefile")) -> Any:
    """Return the graph of all jobs of the first rule, for the workflow in the current folder.

    Its configuration is a `TrackedConfig`.
    """
    global _tracks_config
    _tracks_config = True
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow_api = api.workflow(resource_settings=ResourceSettings(cores=1), snakefile=snakefile)
        workflow = workflow_api.dag(DAGSettings(forceall=True)).workflow_api._workflow
        workflow.execution_settings = ExecutionSettings()
        workflow._prepare_dag(forceall=True, ignore_incomplete=True, lock_warn_only=True)
        workflow._build_dag()
        return workflow.dag


def track_config(workflow: Any) -> None:
    """Replace the configuration of a workflow by a `TrackedConfig`, if `dag_of_all` reads the workflow."""
    if not _tracks_config:
        return
    config = TrackedConfig(workflow.globals["config"])
    lookup = workflow.globals["lookup"]

    def tracked_lookup(*args: Any, **kwargs: Any) -> Any:
        # Snakemake's own function reads the whole configuration.
        if kwargs.get("within") is config:
            path = str(kwargs.get("dpath") or kwargs.get("query") or next(iter(args), ""))
            first = path.strip("/").split("/")[0]
            _ = config.keys() if "{" in first else config.get(first)
            kwargs["within"] = config.plain
        return lookup(*args, **kwargs)

    workflow.globals.update(config=config, lookup=tracked_lookup)
