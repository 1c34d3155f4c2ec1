"""Outputs that DVC deletes before it runs a stage. This runs in the process of DVC, which reads no Snakefile."""

import os
from contextlib import chdir
from pathlib import Path

from snakemake_dvc._dvc import Dvc
from snakemake_dvc.cache import Cache
from snakemake_dvc.contents import Ledger, files_in
from snakemake_dvc.project import Project
from snakemake_dvc.quarantine import Quarantine


def set_aside(outs: list[str], root: str) -> None:
    """Move the files that neither DVC's cache nor git contains to the quarantine, and print which ones.

    Args:
        outs: the paths of existing outputs of a stage, files or folders.
        root: the folder of the project.
    """
    with chdir(root):
        project, dvc = Project(), Dvc()
        ledger = Ledger(Path(project.state, "ledger.json"))
        cache = Cache(dvc.cache_root, ledger, dvc.is_shared)
        paths = [os.path.relpath(out) for out in outs]
        files = [str(file) for path in paths for file in (files_in(path) if Path(path).is_dir() else [path])]
        Quarantine(project.quarantine).keep([file for file in files if not cache.has_copy_of(file)])
