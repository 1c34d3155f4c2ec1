"""Keeps Snakemake and DVC consistent over the same files.

When a job has succeeded, and only then, a record is written of what its outputs were made from: the digests of its
inputs and of its code, the values of its parameters, and the digests of the outputs. An output is current if and only
if a record states that the present inputs, code and parameters made the present content. Otherwise the output is
restored from DVC's cache, if a record names it, or computed.

In a Snakefile, after `configfile:`::

    from snakemake_dvc import Project, reconcile

    reconcile(workflow, config, Project(config_file="config/config.yaml"))
"""

from snakemake_dvc.project import Project
from snakemake_dvc.reconcile import reconcile

__all__ = ["Project", "reconcile"]
