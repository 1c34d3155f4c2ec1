"""The page on adding an activation: its lines are run as they stand."""

import re
import shutil
import subprocess
import sys

import pandas as pd

from nngplab.kernels.activation_check import check_activations
from nngplab.kernels.duals import DUALS
from tests.helpers.checkout import ROOT

PAGE = (ROOT / "docs/activations.md").read_text()
FUNCTION, CLOSED_FORM, LIBRARY = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
(LINE,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
STAGES = ("kernel_regression", "width_sweep")


def test_the_page_names_the_closed_forms():
    named = set(re.findall(r"`(\w+)`", PAGE.partition("## Activations with a closed form")[2].partition("##")[0]))
    assert set(DUALS) - {"identity", "relu", "sine", "erf"} <= named


def test_the_library_on_the_page_runs(tmp_path):
    subprocess.run([sys.executable, "-W", "error", "-c", LIBRARY], check=True, cwd=tmp_path)


def test_the_closed_form_on_the_page_is_right(tmp_path):
    (tmp_path / "square.py").write_text(CLOSED_FORM)
    check_activations(["square"], tmp_path)


def test_five_lines_take_an_activation_through_problems_11_and_12(run, finished, tmp_path, monkeypatch):
    checkout = shutil.copytree(finished, tmp_path / "checkout", symlinks=True)
    # As in the checkout that a user installed.
    monkeypatch.setenv("PYTHONPATH", str(checkout / "src"))
    assert len([line for line in (FUNCTION + LINE).splitlines() if line]) == 5
    (checkout / "workflow/activations/swish.py").write_text(FUNCTION)
    config = checkout / "config/config.yaml"
    config.write_text(config.read_text().replace("extra_activations: []\n", LINE))
    ended = run(checkout, "snakemake", "--cores", "2", "--configfile", "config/tiny.yaml", "--", *STAGES)
    assert ended.returncode == 0, ended.stdout

    results = checkout / "results"
    kernels = pd.read_csv(results / "kernel_regression/summary.csv")
    assert list(kernels["kernel"]) == ["relu", "sine", "erf", "laplace", "swish", "linear", "zero"]
    widths = pd.read_csv(results / "width_sweep/summary.csv").groupby("activation", sort=False)
    limits = widths["nngp_test_mse"].unique()
    assert list(limits.index) == ["relu", "swish"]
    # The same data, hence the same kernel, in both problems.
    assert limits["swish"] == kernels.set_index("kernel").loc[["swish"], "headline_test_mse"].to_list()
    for name in ("kernel_regression/repeats.svg", "width_sweep/curve.svg"):
        assert "swish" in (results / name).read_text()

    ended = run(checkout, "snakemake", "--dry-run", "--cores", "2", "--configfile", "config/tiny.yaml", "--", *STAGES)
    assert "Nothing to be done" in ended.stdout


def test_an_unknown_activation_stops_the_run_before_any_job(run, checkout):
    config = checkout / "config/config.yaml"
    config.write_text(config.read_text().replace("extra_activations: []", "extra_activations: [swisch]"))
    ended = run(checkout, "snakemake", "--cores", "1", "--", "width_sweep")
    assert ended.returncode != 0
    assert "unknown activation 'swisch': choose one of identity, relu" in ended.stdout
    assert "Traceback" not in ended.stdout
    assert not (checkout / "results").exists()
