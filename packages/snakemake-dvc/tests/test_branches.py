"""Branches, merges and clones: what is computed in one place is not computed again in another."""

from pathlib import Path

import pytest
import yaml
from helpers.checkouts import Checkout, copied
from helpers.commands import SNAKEMAKE, Server
from helpers.faults import BOTH_ENGINES, FITS, set_constant, set_scale
from helpers.small_workflow import JOBS, METRICS, files_in


@pytest.fixture(scope="module")
def conflict(base: Path, tmp_path_factory: pytest.TempPathFactory, server: Server) -> Path:
    """A folder with a checkout of which two branches have changed one stage in different ways."""
    root = tmp_path_factory.mktemp("conflict")
    checkout = copied(base, root, server)
    checkout.git("switch", "--quiet", "--create", "one")
    set_scale(checkout)
    checkout.computes("snakemake", FITS)
    checkout.commit()
    checkout.run("dvc", "push")
    checkout.git("switch", "--quiet", "main")
    set_constant(checkout, "best")
    checkout.computes("snakemake", {"best"})
    checkout.commit()
    return root


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_a_merge_conflicts_and_either_side_can_be_taken(
    conflict: Path, tmp_path: Path, server: Server, side: str
) -> None:
    checkout = copied(conflict, tmp_path, server)
    checkout.git("merge", "--quiet", "one", rc=1)
    assert checkout.git("diff", "--name-only", "--diff-filter=U").split() == ["dvc.lock", METRICS]
    (message,) = checkout.run(*SNAKEMAKE, rc=1).messages()
    assert "take one side: git checkout --ours dvc.lock" in message
    checkout.git("checkout", f"--{side}", "dvc.lock", METRICS)
    checkout.commit("merge")
    clone = checkout.clone("early")
    clone.run(*SNAKEMAKE)
    clone.is_right()
    clone.has_nothing_to_do()
    checkout.computes("snakemake", {"best"})
    checkout.commit()
    checkout.run("dvc", "push")
    checkout.clone().computes("snakemake", set())


def test_an_entry_of_dvc_lock_with_old_outputs_is_not_used(checkout: Checkout) -> None:
    """The entry has the new parameters and the old outputs. DVC itself would use it."""
    before = yaml.safe_load((checkout.folder / "dvc.lock").read_text())
    set_scale(checkout)
    checkout.computes("snakemake", FITS)
    mixed = yaml.safe_load((checkout.folder / "dvc.lock").read_text())
    mixed["stages"]["fit"]["outs"] = before["stages"]["fit"]["outs"]
    (checkout.folder / "dvc.lock").write_text(yaml.safe_dump(mixed, sort_keys=False))
    (checkout.folder / METRICS).unlink()  # DVC does not restore it
    checkout.run("dvc", "checkout", "--force", rc=None)
    checkout.computes("snakemake", set())


# Clones.


@BOTH_ENGINES
def test_a_fresh_clone_computes_nothing(checkout: Checkout, engine: str) -> None:
    checkout.clone().computes(engine, set())


def test_a_clone_that_has_pulled_computes_nothing(checkout: Checkout) -> None:
    clone = checkout.clone()
    clone.run("dvc", "pull", rc=None)
    clone.computes("snakemake", set())


def test_a_clone_without_remote_computes_everything(checkout: Checkout) -> None:
    clone = checkout.clone()
    (checkout.folder.parent / "remote").rename(checkout.folder.parent / "lost")
    clone.computes("snakemake", JOBS)


def test_a_dry_run_in_a_clone_writes_nothing(checkout: Checkout) -> None:
    clone = checkout.clone()
    clone.has_nothing_to_do("snakemake")
    assert list(files_in(clone.folder)) == [METRICS]  # tracked by git


# Branches.


def test_on_another_branch_only_edited_jobs_run(checkout: Checkout) -> None:
    checkout.git("switch", "--quiet", "--create", "other")
    set_constant(checkout, "best")
    checkout.computes("dvc", {"best"})
    checkout.commit()
    checkout.git("switch", "--quiet", "main")
    checkout.computes("dvc", set())
    checkout.git("switch", "--quiet", "other")
    set_constant(checkout, "degree")
    checkout.computes("dvc", FITS)
