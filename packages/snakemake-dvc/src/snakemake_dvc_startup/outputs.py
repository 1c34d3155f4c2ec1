"""Outputs of stages of Snakemake in `dvc repro`: files of the user are kept, and changed metrics are named for git."""

import os
from typing import Any

from snakemake_dvc_startup.git import uncommitted


def keep_unknown(module: Any) -> None:
    """Set unknown files aside before DVC deletes the outputs of a stage of Snakemake; `module` is dvc.stage."""
    remove = module.Stage.remove_outs

    def set_aside_and_remove(stage: Any, ignore_remove: bool = False, force: bool = False) -> None:
        if not ignore_remove and "snakemake" in str(stage.cmd):  # with `ignore_remove`, the user asks to delete them
            outs = [str(out.fs_path) for out in stage.outs if out.protocol == "local" and out.exists]
            if outs:
                from snakemake_dvc.deleted_outputs import set_aside  # not at the start: it imports Snakemake

                set_aside(outs, stage.repo.root_dir)
        remove(stage, ignore_remove=ignore_remove, force=force)

    module.Stage.remove_outs = set_aside_and_remove


def name_metrics(module: Any) -> None:
    """Let DVC name the changed metrics that git tracks, when it says what to add to git; `module` is dvc.stage."""
    dump = module.Stage.dump

    def dump_and_name(stage: Any, *args: Any, **options: Any) -> None:
        dump(stage, *args, **options)
        if "snakemake" in str(stage.cmd):
            outs = [out for out in stage.outs if not out.use_cache and out.is_in_repo and out.exists]
            stage.repo.scm_context.track_file(uncommitted([os.path.relpath(out.fs_path) for out in outs]))

    module.Stage.dump = dump_and_name


def replace_methods(module: Any) -> None:
    """Replace methods of DVC's stages; `module` is dvc.stage."""
    keep_unknown(module)
    name_metrics(module)


REPLACEMENTS = {"dvc.stage": replace_methods}
