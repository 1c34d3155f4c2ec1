"""The pipeline really run, on the tiny configuration."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.helpers.checkout import ALL_STAGES, ROOT, SECTIONS, TINY, digests, make_small
from tests.helpers.report_page import Reader
from tests.helpers.small_checkout import SWEEP

SUBSET = ROOT.parent / "shared/cifar10/cifar-10-real-subset.tar.gz"
SUBSET_SHA256 = "ff1e276ce5a83fb90d8957c1cc19a44b81f4dadf4333dd0345d225d3e9192b55"


def jobs(run, folder: Path, *arguments: str) -> set[str]:
    """The rules that would run."""
    ended = run(folder, "snakemake", "--dry-run", "--cores", "2", *TINY, *arguments)
    assert ended.returncode == 0, ended.stdout
    table = ended.stdout.partition("Job stats:\n")[2].partition("\ntotal")[0]
    return {line.split()[0] for line in table.splitlines()[2:]} - {"all"}


@pytest.fixture
def after(finished, tmp_path) -> Path:
    """A copy of the checkout in which the tiny pipeline has run, to change."""
    return shutil.copytree(finished, tmp_path / "after", symlinks=True)


CONTRACT = {
    "cifar10/counts.csv": ["split", "class", "label", "count"],
    "fc_net/metrics.csv": ["loss", "seed", "epoch", "split", "mse", "cross_entropy", "accuracy"],
    "linear_autoencoder/runs.csv": [
        *["part", "init", "k", "eta", "seed", "steps", "final_loss", "diverged_at", "norm_a", "norm_b"]
    ],
    "attractors/outcomes.csv": ["n_images", "input", "iterations", "nearest", "cosine"],
    "theory/checks.csv": ["problem", "statement", "method", "max_abs_error", "tolerance", "passed"],
    "kernel_regression/test_mse.csv": ["kernel", "seed", "test_mse", "r2", "condition_number"],
    "challenge/benchmark.csv": ["dataset", "model", "hyperparameters", "split", "mse", "r2", "accuracy"],
    "width_sweep/test_mse.csv": ["k", "repeat", "train_mse", "test_mse"],
    "kernel_regression/theory.csv": [
        *["kernel", "predicted_test_mse", "predicted_train_mse", "kappa"],
        *["measured_mean", "measured_low", "measured_high"],
    ],
    "width_sweep/theory.csv": [
        *["k", "predicted_test_mse", "measured_mean", "measured_low", "measured_high", "measured_median", "draws"]
    ],
}


@pytest.mark.parametrize("name", CONTRACT)
def test_the_tables_that_others_rely_on(finished, name):
    """Their first columns are the promised ones; the parameters that made the table follow."""
    table = pd.read_csv(finished / "results" / name)
    assert list(table.columns)[: len(CONTRACT[name])] == CONTRACT[name]
    assert len(table) > 1


def test_every_result_is_on_the_page(finished):
    """The page tells, by checksum, which files it was made from; each of them is there, from every stage."""
    page = (finished / "results/report.html").read_text()
    used = {name for name, digest in digests(finished).items() if digest in page}
    assert {name.split("/")[1] for name in used} == {*ALL_STAGES} - {"report"}


# Numbers that are no results: in names and levels, and in the mathematics of the proofs.
NO_RESULTS = [
    *[
        r"Problems? \d+( and \d+)?",
        r"(Figure|Table) \d+",
        "CIFAR-10",
        "95%",
        "5% quantile",
        r" × 10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+",
        r"arXiv:\d+\.\d+",
        "float64",
    ],
    *["mean 0 and standard deviation 1", "A = 0", "near 1", "probability [01]", "above 4", "crosses 4", "other than 0"],
    *["is 1:", "kernel has 1", "modulus than 1", "closer this rate is to 1", "and 1 an eigenvalue"],
]


def test_no_number_on_the_page_is_typed(finished):
    """Every number of the answers, captions and notes names its origin; the proofs are mathematics."""
    page = Reader((finished / "results/report.html").read_text())
    proofs = {name for name in SECTIONS if name == "theory" or name.startswith("problem")}
    sections = {name for name, _ in page.prose} - {*proofs, "images", "provenance"}
    assert sections == {"answers", *SECTIONS} - proofs
    text = " ".join("".join(text for name, text in page.prose if name in sections).split())
    typed = re.sub("|".join(NO_RESULTS), "", text)
    assert [typed[max(0, found.start() - 40) : found.end() + 20] for found in re.finditer(r"\d+", typed)] == []


def test_every_output_is_a_target(run, checkout):
    """Snakemake does not miss an intermediate that nobody asks for; so `rule all` asks for each of them."""
    program = (
        "from snakemake_dvc._snakemake import dag_of_all\n"
        "jobs = list(dag_of_all().jobs)\n"
        "made = {str(path) for job in jobs for path in job.output}\n"
        "wanted = {str(path) for job in jobs if job.rule.name == 'all' for path in job.input}\n"
        "print(len(made), made - wanted)"
    )
    ended = run(checkout, "python", "-c", program)
    number, _, missing = ended.stdout.splitlines()[-1].partition(" ")
    assert int(number) > 50
    assert missing == "set()"


def test_with_nothing_changed_no_job_runs(run, finished):
    assert jobs(run, finished) == set()


def test_a_touched_file_makes_nothing_stale(run, after):
    for path in after.rglob("*"):
        if path.is_file() and not {".git", ".snakemake"} & set(path.parts):
            path.touch()
    assert jobs(run, after) == set()


def test_a_changed_key_makes_its_own_stage_stale(run, after):
    config = yaml.safe_load((after / "config/tiny.yaml").read_text())
    config["width_sweep"]["repeats"] = 6
    (after / "config/tiny.yaml").write_text(yaml.safe_dump(config))
    # The origins name the parameters.
    reports = {"report_origins", "report"}
    assert jobs(run, after) == {"width_sweep_fit", "width_sweep_summary", "width_sweep_figure", *reports}


def test_an_edited_module_makes_the_jobs_that_import_it_stale(run, after):
    module = after / "src/nngplab/networks/random_features.py"
    module.write_text(module.read_text() + "\n# edited\n")
    theory = {"theory_checks", "theory_summary"}
    assert jobs(run, after) == {*SWEEP, "report", *theory}


def test_an_invalid_configuration_is_rejected_before_any_job(run, checkout):
    tiny = checkout / "config/tiny.yaml"
    tiny.write_text(tiny.read_text().replace("[1, 2, 4,", "[1, -2, 4,"))
    ended = run(checkout, "snakemake", "--cores", "2", *TINY)
    assert ended.returncode != 0
    faults = [line for line in ended.stdout.splitlines() if line.startswith("config: ")]
    assert faults == ["config: width_sweep.widths[1] is -2; allowed: an integer from 1 to 65536"]
    assert "Traceback" not in ended.stdout
    assert not (checkout / "results").exists()


def test_a_failing_job_prints_one_line_and_leaves_no_result(run, after):
    script = after / "workflow/scripts/width_sweep_fit.py"
    script.write_text(
        script.read_text().replace("read_sine_target(arguments.data)", 'read_sine_target("data/none.npz")')
    )
    ended = run(after, "snakemake", "--cores", "2", *TINY, "--", "width_sweep")
    assert ended.returncode != 0
    assert [line for line in ended.stdout.splitlines() if line.startswith("error: ") and "none.npz" in line]
    assert "Traceback" not in ended.stdout
    failed = [log for log in (after / "logs").glob("width_sweep_fit_*.log") if "none.npz" in log.read_text()]
    assert failed
    for log in failed:
        assert "Traceback" in log.read_text()
        shard = log.stem.removeprefix("width_sweep_fit_")
        assert not (after / f"results/width_sweep/shards/{shard}.csv").exists()


def test_snakemake_makes_its_own_report(run, after):
    ended = run(after, "snakemake", *TINY, "--report", "snakemake-report.html")
    assert ended.returncode == 0, ended.stdout
    page = (after / "snakemake-report.html").read_text()
    assert "The workflow answers Problem Set 3" in page
    categories, results = (
        json.loads(re.search(rf"var {name} = (\{{.*?\}});?\n", page)[1]) for name in ("categories", "results")
    )
    # The page sorts the categories, without regard to the size of numbers.
    numbers = [int(re.match(r"Problem (\d\d)", name)[1]) for name in sorted(categories)]
    assert numbers == sorted(numbers)
    assert "results/report.html" not in results
    for path, result in results.items():
        assert re.match("(Figure|Table): ", result["labels"]["result"]), path
        assert result["caption"], path
    by_category = [
        [results[path]["labels"]["result"] for paths in groups.values() for path in paths]
        for groups in categories.values()
    ]
    assert all(len(set(labels)) == len(labels) for labels in by_category), "two results with the same label"


def test_one_stage_can_be_requested(run, checkout):
    assert jobs(run, checkout, "--", "width_sweep") == {
        *("kernel_regression_data", *SWEEP, "width_sweep"),
    }


@pytest.mark.skipif(not SUBSET.is_file(), reason=f"the real images of {SUBSET.name} are not on this machine")
def test_real_images_from_an_archive(run, checkout):
    """An archive with fewer images is accepted, and the report says how many there are."""
    make_small(checkout, ["cifar10", "fc_net", "report"])
    section = {"source": "archive", "archive": str(SUBSET), "sha256": SUBSET_SHA256, "label": "CIFAR-10, real subset"}
    (checkout / "overlay.yaml").write_text(yaml.safe_dump({"cifar10": section}))
    ended = run(checkout, "snakemake", "--cores", "2", "--configfile", "overlay.yaml")
    assert ended.returncode == 0, ended.stdout
    page = (checkout / "results/report.html").read_text()
    assert "CIFAR-10, real subset" in page
    assert "STAND-IN IMAGES" not in page
    assert 'class="badge"' not in page


class TestDvc:
    def test_the_stages_are_those_of_the_snakemake_rules(self, run, checkout):
        ended = run(checkout, "python", "-m", "snakemake_dvc", "stages", "--output", "made.yaml")
        assert ended.returncode == 0, ended.stdout
        assert (checkout / "made.yaml").read_text() == (ROOT / "dvc.yaml").read_text(), "run `make dvc.yaml`"

    def test_the_text_of_dvc_lock_does_not_depend_on_which_stages_were_recorded_together(self, finished):
        assert "&id" not in (finished / "dvc.lock").read_text(), "an anchor that stages share"

    def test_every_metric_that_is_declared_is_shown(self, run, finished):
        stages = yaml.safe_load((finished / "dvc.yaml").read_text())["stages"]
        declared = {path for stage in stages.values() for metric in stage.get("metrics", []) for path in metric}
        (shown,) = json.loads(run(finished, "dvc", "metrics", "show", "--json").stdout).values()
        assert set(shown["data"]) == declared
        assert all(found["data"] for found in shown["data"].values())

    def test_every_plot_is_drawn_from_columns_that_are_there(self, run, finished):
        ended = run(finished, "dvc", "plots", "show", "--json")
        assert "failed" not in ended.stdout
        for name, (plot,) in json.loads(ended.stdout)["data"].items():
            text = json.dumps(plot["content"])
            assert "DVC_METRIC" not in text, name
            values = plot["content"]["data"]["values"]
            made = set(re.findall(r'"as": "(\w+)"', text))
            for field in {*re.findall(r'"field": "(\w+)"', text)} - made:
                assert all(row[field] for row in values), (name, field)
