"""Changes that users make in a finished checkout, and the jobs that must run then."""

import os
import shutil
import signal
from collections.abc import Callable

import yaml

from tests.helpers.small_checkout import (
    ALL,
    CONFIG,
    ENGINES,
    FIXED_SWEEP,
    KERNELS,
    LONG,
    SWEEP,
    K,
    Workspace,
    commit,
    configure,
    edit,
    git,
    jobs_run,
    set_key,
)


def nothing(workspace: Workspace) -> None:
    pass


def every_file_touched(workspace: Workspace) -> None:
    for path in workspace.folder.rglob("*"):
        if path.is_file() and not {".git", ".snakemake", ".dvc"} & set(path.parts):
            path.touch()


def one_key_edited(workspace: Workspace) -> None:
    configure(workspace.folder, "kernel_regression", laplace_L=0.01)


def one_key_of_the_data_edited(workspace: Workspace) -> None:
    set_key(workspace.folder, "seed", 5)


def a_module_of_one_problem_edited(workspace: Workspace) -> None:
    edit(workspace.folder / "src/nngplab/networks/random_features.py")


def a_module_of_all_problems_edited(workspace: Workspace) -> None:
    edit(workspace.folder / "src/nngplab/pipeline/files.py")


def a_script_edited_and_given_an_old_time(workspace: Workspace) -> None:
    path = workspace.folder / "workflow/scripts/width_sweep_summary.py"
    edit(path)
    os.utime(path, (1e9, 1e9))


def a_rule_edited(workspace: Workspace) -> None:
    path = workspace.folder / "workflow/rules/width_sweep.smk"
    path.write_text(
        path.read_text().replace('"python {input.script:q} --summary', '"python -X dev {input.script:q} --summary')
    )


def a_comment_added_to_the_common_rules(workspace: Workspace) -> None:
    edit(workspace.folder / "workflow/rules/common.smk")


def a_module_next_to_a_script_edited(workspace: Workspace) -> None:
    script = workspace.folder / "workflow/scripts/width_sweep_figure.py"
    script.write_text(script.read_text().replace("import argparse\n", "import argparse\n\nimport helper  # noqa\n"))
    helper = workspace.folder / "workflow/scripts/helper.py"
    helper.write_text("")
    workspace("python", "-m", "snakemake_dvc", "stages")
    workspace.run_engine()
    edit(helper)


def the_lock_file_edited(workspace: Workspace) -> None:
    edit(workspace.folder / "requirements.lock")


def a_data_file_edited(workspace: Workspace) -> None:
    path = workspace.folder / "data/sine_target.npz"
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def a_result_edited_by_hand(workspace: Workspace) -> None:
    path = workspace.folder / "results/width_sweep/test_mse.csv"
    path.write_text(path.read_text().replace("0", "1"))


def a_result_edited_by_hand_and_its_time_restored(workspace: Workspace) -> None:
    path = workspace.folder / "results/width_sweep/test_mse.csv"
    times = path.stat()
    path.write_text(path.read_text().replace("0", "1"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def a_result_deleted(workspace: Workspace) -> None:
    (workspace.folder / "results/width_sweep/curve.svg").unlink()


def an_intermediate_result_deleted(workspace: Workspace) -> None:
    (workspace.folder / f"results/width_sweep/shards/{workspace.shard}.csv").unlink()


def all_results_deleted(workspace: Workspace) -> None:
    shutil.rmtree(workspace.folder / "results")


def the_snakemake_folder_deleted(workspace: Workspace) -> None:
    shutil.rmtree(workspace.folder / ".snakemake")


def a_switch_to_another_branch_and_back(workspace: Workspace) -> None:
    git(workspace.folder, "checkout", "--quiet", "-b", "other")
    one_key_edited(workspace)
    workspace.run_engine()
    commit(workspace.folder)
    git(workspace.folder, "checkout", "--quiet", "-")
    workspace("dvc", "checkout")


def a_switch_to_another_branch_and_back_without_dvc_checkout(workspace: Workspace) -> None:
    git(workspace.folder, "checkout", "--quiet", "-b", "other")
    one_key_edited(workspace)
    workspace.run_engine()
    commit(workspace.folder)
    git(workspace.folder, "checkout", "--quiet", "-")


def a_fresh_clone_with_dvc_pull(workspace: Workspace) -> None:
    origin = workspace.folder.rename(workspace.folder.with_name("origin"))
    git(origin.parent, "clone", "--quiet", str(origin), str(workspace.folder))
    workspace("dvc", "pull")


def a_fresh_clone_with_dvc_pull_and_one_key_edited(workspace: Workspace) -> None:
    a_fresh_clone_with_dvc_pull(workspace)
    one_key_edited(workspace)


def a_fresh_clone_with_dvc_pull_and_a_script_edited(workspace: Workspace) -> None:
    a_fresh_clone_with_dvc_pull(workspace)
    a_script_edited_and_given_an_old_time(workspace)


def a_key_edited_and_reverted(workspace: Workspace) -> None:
    before = (workspace.folder / CONFIG).read_text()
    one_key_edited(workspace)
    workspace.run_engine()
    (workspace.folder / CONFIG).write_text(before)


def results_restored_from_the_run_cache_of_dvc(workspace: Workspace) -> None:
    a_key_edited_and_reverted(workspace)
    output = workspace("dvc", "repro")
    assert "is cached - skipping run" in output
    assert jobs_run(output) == set()


def one_width_added(workspace: Workspace) -> None:
    configure(workspace.folder, "width_sweep", widths=[8, K])


def a_run_with_another_configuration(workspace: Workspace) -> None:
    """Results made with an overlay lie where those of config/config.yaml belong."""
    (workspace.folder / "overlay.yaml").write_text("kernel_regression: {laplace_L: 0.02}\n")
    workspace("snakemake", "--cores", "2", "--configfile", "overlay.yaml")
    (workspace.folder / "overlay.yaml").unlink()


def a_fresh_clone_without_dvc_pull(workspace: Workspace) -> None:
    origin = workspace.folder.rename(workspace.folder.with_name("origin"))
    git(origin.parent, "clone", "--quiet", str(origin), str(workspace.folder))


def a_switch_of_branches_and_a_script_edited(workspace: Workspace) -> None:
    git(workspace.folder, "checkout", "--quiet", "-b", "other")
    one_key_of_the_data_edited(workspace)
    workspace.run_engine()
    commit(workspace.folder)
    git(workspace.folder, "checkout", "--quiet", "-")
    a_script_edited_and_given_an_old_time(workspace)


def a_job_killed_after_one_key_was_edited(workspace: Workspace) -> None:
    """As the out-of-memory killer does."""
    one_key_edited(workspace)
    script = workspace.folder / "workflow/scripts/kernel_regression_fit.py"
    whole = script.read_text()
    script.write_text("import os, signal\n\nos.kill(os.getpid(), signal.SIGKILL)\n" + whole)
    assert workspace.run(workspace.folder, *ENGINES[workspace.engine]).returncode != 0
    script.write_text(whole)


def a_run_killed_during_a_job_and_the_edit_reverted(workspace: Workspace) -> None:
    before = (workspace.folder / CONFIG).read_text()
    a_run_killed_during_a_job(workspace)
    (workspace.folder / CONFIG).write_text(before)


def a_run_killed_during_a_job_and_the_checkout_copied(workspace: Workspace) -> None:
    a_run_killed_during_a_job(workspace)
    killed = workspace.folder.rename(workspace.folder.with_name("killed"))
    workspace.run(killed, "cp", "--archive", killed, workspace.folder)


def a_stage_run_with_no_commit(workspace: Workspace) -> None:
    one_key_edited(workspace)
    workspace("dvc", "repro", "--no-commit")
    workspace("snakemake", "--cores", "2")


def a_new_cache_folder(workspace: Workspace) -> None:
    workspace("dvc", "cache", "dir", "new-cache")
    workspace("snakemake", "--cores", "2")


def a_stage_added_by_the_user(workspace: Workspace) -> None:
    pipeline = yaml.safe_load((workspace.folder / "dvc.yaml").read_text())
    pipeline["stages"]["own"] = {"cmd": "touch own.txt", "outs": ["own.txt"]}
    (workspace.folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
    workspace("dvc", "repro", "own")


def a_run_killed_during_a_job(workspace: Workspace) -> None:
    workspace.draw(LONG)
    process = workspace.start()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def the_configuration_edited_during_a_run(workspace: Workspace) -> None:
    workspace.draw(LONG)
    workspace.run_engine_while(lambda: workspace.draw(3))


def a_script_edited_during_a_run(workspace: Workspace) -> None:
    workspace.draw(LONG)
    workspace.run_engine_while(lambda: edit(workspace.folder / "workflow/scripts/width_sweep_fit.py"))


# What changes, which jobs run then, and the engine that runs them.
TABLE: list[tuple[Callable[[Workspace], None], set[str], str]] = [
    (nothing, set(), "dvc"),
    (every_file_touched, set(), "dvc"),
    (one_key_edited, KERNELS, "snakemake"),
    (one_key_of_the_data_edited, ALL, "dvc"),
    (a_module_of_one_problem_edited, SWEEP, "dvc"),
    (a_module_of_all_problems_edited, ALL, "dvc"),
    (a_script_edited_and_given_an_old_time, FIXED_SWEEP - {"width_sweep_fit"}, "snakemake"),
    (a_rule_edited, {"width_sweep_figure"}, "dvc"),
    (a_comment_added_to_the_common_rules, set(), "dvc"),
    (a_module_next_to_a_script_edited, {"width_sweep_figure"}, "dvc"),
    (the_lock_file_edited, ALL, "snakemake"),
    (a_data_file_edited, set(), "dvc"),
    (a_result_edited_by_hand, set(), "snakemake"),
    (a_result_edited_by_hand_and_its_time_restored, set(), "dvc"),
    (a_result_deleted, set(), "snakemake"),
    (an_intermediate_result_deleted, set(), "dvc"),
    (all_results_deleted, set(), "snakemake"),
    (the_snakemake_folder_deleted, set(), "dvc"),
    (a_switch_to_another_branch_and_back, set(), "snakemake"),
    (a_switch_to_another_branch_and_back_without_dvc_checkout, set(), "snakemake"),
    (a_fresh_clone_with_dvc_pull, set(), "snakemake"),
    (a_fresh_clone_without_dvc_pull, set(), "dvc"),
    (a_switch_of_branches_and_a_script_edited, FIXED_SWEEP - {"width_sweep_fit"}, "snakemake"),
    (a_fresh_clone_with_dvc_pull_and_one_key_edited, KERNELS, "dvc"),
    (a_fresh_clone_with_dvc_pull_and_a_script_edited, FIXED_SWEEP - {"width_sweep_fit"}, "snakemake"),
    (a_key_edited_and_reverted, set(), "dvc"),
    (results_restored_from_the_run_cache_of_dvc, set(), "snakemake"),
    (one_width_added, SWEEP, "snakemake"),
    (a_run_with_another_configuration, set(), "snakemake"),
    (a_run_killed_during_a_job, FIXED_SWEEP, "snakemake"),
    (a_run_killed_during_a_job_and_the_edit_reverted, set(), "snakemake"),
    (a_run_killed_during_a_job_and_the_checkout_copied, FIXED_SWEEP, "dvc"),
    (a_job_killed_after_one_key_was_edited, KERNELS, "snakemake"),
    (a_stage_run_with_no_commit, set(), "dvc"),
    (a_new_cache_folder, set(), "snakemake"),
    (a_stage_added_by_the_user, set(), "dvc"),
    (the_configuration_edited_during_a_run, FIXED_SWEEP, "snakemake"),
    (a_script_edited_during_a_run, FIXED_SWEEP, "dvc"),
]
