"""Lost caches, metadata and lock files: present results are still current, and contents are still restored."""

import pytest
from helpers.checkouts import Checkout
from helpers.commands import REPRO
from helpers.faults import FITS, set_scale
from helpers.small_workflow import FOLDER, JOBS, METRICS, POINTS


def test_results_that_dvc_has_not_committed(checkout: Checkout) -> None:
    set_scale(checkout)
    assert checkout.run(*REPRO, "--no-commit").jobs() == FITS
    checkout.computes("snakemake", set())
    (checkout.folder / METRICS).unlink()
    (checkout.folder / f"{FOLDER}/1.txt").unlink()
    checkout.computes("snakemake", set())


def test_another_folder_for_the_cache(checkout: Checkout) -> None:
    checkout.remove_remote()
    checkout.run("dvc", "cache", "dir", "../../other cache")
    checkout.computes("snakemake", set())
    (checkout.folder / POINTS).unlink()
    checkout.computes("snakemake", set())


@pytest.mark.parametrize("lost", [".dvc/cache", ".snakemake", "records", ".dvc/tmp", "dvc.lock"])
def test_lost_state_of_an_engine(checkout: Checkout, lost: str) -> None:
    checkout.remove_remote()
    path = checkout.folder / lost
    path.rename(checkout.folder.parent / "lost")
    checkout.computes("snakemake", set())


def test_an_empty_lock_file(checkout: Checkout) -> None:
    """DVC leaves it if it is killed while it writes the file, and cannot read it."""
    (checkout.folder / "dvc.lock").write_text("")
    checkout.computes("snakemake", set())


def test_dvc_repro_force_computes_everything(checkout: Checkout) -> None:
    run = checkout.run(*REPRO, "-f", execute=True)
    assert run.jobs() == JOBS, run
    checkout.is_right()
    checkout.has_nothing_to_do()
