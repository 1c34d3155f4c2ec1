"""The jobs of the workflow, which Snakemake offers in its Python interface only, and there not publicly."""

from pathlib import Path
from typing import Any

import yaml
from snakemake.api import SnakemakeApi
from snakemake.settings.types import DAGSettings, ExecutionSettings, OutputSettings, Quietness, ResourceSettings


def dag_of_all() -> Any:
    """Return Snakemake's graph of the jobs of `rule all`, for the workflow in the current folder."""
    profile = yaml.safe_load(Path("profiles/default/profile.yaml").read_text(encoding="utf-8"))
    settings = DAGSettings(forceall=True, max_checksum_file_size=profile["max-checksum-file-size"])
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow_api = api.workflow(resource_settings=ResourceSettings(cores=1), snakefile=Path("Snakefile"))
        workflow = workflow_api.dag(settings).workflow_api._workflow
        workflow.execution_settings = ExecutionSettings()
        workflow._prepare_dag(forceall=True, ignore_incomplete=True, lock_warn_only=True)
        workflow._build_dag()
        return workflow.dag
