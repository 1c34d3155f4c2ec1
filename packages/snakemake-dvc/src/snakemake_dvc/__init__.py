"""Keeps Snakemake and DVC in agreement over the same files.

When a job has succeeded, and only then, a record is written of what made its outputs: the digests of its inputs and of
its code, the values of its parameters, and the digests of the outputs. An output is current if and only if a record
says that exactly the present inputs, code and parameters made exactly the content that is there. Otherwise it is
restored from DVC's cache, if a record names it, or computed.

In a Snakefile, after `configfile:`::

    from snakemake_dvc import Project, reconcile

    reconcile(workflow, config, Project(config_file="config/config.yaml"))
"""

from snakemake_dvc.project import Project
from snakemake_dvc.reconcile import reconcile

__all__ = ["Project", "reconcile"]
