"""The outputs of a stage, which `dvc repro` deletes before it runs the stage: files of the user are kept."""

from typing import Any


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


REPLACEMENTS = {"dvc.stage": keep_unknown}
