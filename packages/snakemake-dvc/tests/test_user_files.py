"""Files and stages of the user: they are never deleted, and never recorded as results."""

from helpers.checkouts import Checkout
from helpers.commands import REPRO, SNAKEMAKE
from helpers.faults import FITS, QUARANTINE, quarantined, set_scale
from helpers.small_workflow import FOLDER, METRICS, POINTS


def test_a_stage_of_the_user(checkout: Checkout) -> None:
    """It has no dependencies and no params. Snakemake and `snakemake-dvc stages` do not change it."""
    checkout.edit("dvc.yaml", "stages:\n", "stages:\n  own:\n    cmd: echo 1 >own.txt\n    outs:\n    - own.txt\n")
    assert checkout.run(*SNAKEMAKE).jobs() == set()
    assert not (checkout.folder / "own.txt").exists()
    assert checkout.run(*REPRO).jobs() == set()
    assert (checkout.folder / "own.txt").read_text() == "1\n"
    checkout.write_stages()
    assert "own.txt" in (checkout.folder / "dvc.yaml").read_text()
    set_scale(checkout)
    checkout.computes("snakemake", FITS)
    assert checkout.locked("own")["outs"][0]["path"] == "own.txt"


def test_a_file_in_the_place_of_a_folder_of_results(checkout: Checkout) -> None:
    for path in (checkout.folder / FOLDER).iterdir():
        path.unlink()
    (checkout.folder / FOLDER).rmdir()
    (checkout.folder / FOLDER).write_text("mine")
    (message,) = checkout.run(*SNAKEMAKE, "--dry-run", rc=1).messages()
    assert message.startswith(f"error: {FOLDER} is a file")
    run = checkout.computes("snakemake", set())
    assert len([line for line in run.messages() if FOLDER in line]) == 1
    assert quarantined(checkout) == {FOLDER: b"mine"}


def test_a_link_in_the_place_of_a_folder_of_results(checkout: Checkout) -> None:
    (checkout.folder / "results").rename(checkout.folder.parent / "elsewhere")
    (checkout.folder / "results").symlink_to("../elsewhere")
    assert checkout.run(*SNAKEMAKE).jobs() == set()
    set_scale(checkout)
    assert checkout.run(*SNAKEMAKE).jobs() == FITS
    assert (checkout.folder / "results").is_symlink()
    metrics = (checkout.folder / METRICS).read_text()
    assert "scale=3" in metrics


def test_a_link_in_the_place_of_an_output(checkout: Checkout) -> None:
    other = checkout.folder.parent / "mine.txt"
    other.write_text("mine")
    (checkout.folder / POINTS).unlink()
    (checkout.folder / POINTS).symlink_to("../../mine.txt")
    checkout.computes("snakemake", set())
    assert other.read_text() == "mine"


def test_a_file_in_the_place_of_an_output(checkout: Checkout) -> None:
    (checkout.folder / f"{FOLDER}/1.txt").write_text("mine")
    run = checkout.computes("snakemake", set())
    assert len([line for line in run.messages() if f"{FOLDER}/1.txt differs from its record" in line]) == 1
    assert quarantined(checkout) == {f"{FOLDER}/1.txt": b"mine"}


def test_a_file_in_the_place_of_an_output_that_must_be_computed(checkout: Checkout) -> None:
    checkout.edit("config.yaml", "[1, 2]", "[1, 2, 3]")
    (checkout.folder / f"{FOLDER}/3.txt").write_text("mine")
    run = checkout.computes("snakemake", {"degree-3", "best"})
    assert len([line for line in run.messages() if f"{FOLDER}/3.txt" in line]) == 1
    assert quarantined(checkout) == {f"{FOLDER}/3.txt": b"mine"}


def test_a_file_beside_the_outputs(checkout: Checkout) -> None:
    """It lies in a folder that DVC tracks as a whole, so it would be recorded as a result."""
    (checkout.folder / f"{FOLDER}/notes.txt").write_text("mine")
    run = checkout.computes("snakemake", set())
    assert len([line for line in run.messages() if f"{FOLDER}/notes.txt" in line]) == 1
    assert quarantined(checkout) == {f"{FOLDER}/notes.txt": b"mine"}


def test_several_files_are_kept(checkout: Checkout) -> None:
    for content in ("mine", "also mine"):
        (checkout.folder / POINTS).write_text(content)
        checkout.run(*SNAKEMAKE)
    folders = sorted((checkout.folder / QUARANTINE).iterdir())
    assert [(folder / POINTS).read_text() for folder in folders] == ["mine", "also mine"]
