"""The answers and the figure in README.md are those of the committed results."""

import json
import subprocess

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from tests.helpers.checkout import ROOT
from workflow import readme

README = (ROOT / "README.md").read_text(encoding="utf-8")
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())


@pytest.fixture(scope="module")
def metrics() -> dict:
    """The metrics of the commit: those in the folder can be of another run."""
    listed = subprocess.run(["git", "ls-files", "results/*/metrics.json"], cwd=ROOT, capture_output=True, text=True)
    if not listed.stdout:
        pytest.skip("this is not a git checkout with committed metrics")
    read = {}
    for name in listed.stdout.split():
        text = subprocess.run(["git", "show", f":{name}"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
        read[name.split("/")[1]] = json.loads(text)
    return read


def test_the_answers_are_those_of_the_metrics(metrics):
    assert readme.with_answers(README, metrics, CONFIG) == README, "run `make README.md`"


def test_the_figure_is_that_of_the_metrics_and_small(metrics):
    path = ROOT / readme.CURVE
    assert json.loads(Image.open(path).text[readme.METRICS]) == metrics["width_sweep"], "run `make README.md`"
    assert path.stat().st_size < 30_000


def test_the_caption_of_the_figure_holds(metrics):
    """It says where the peak is, and that the error approaches that of the NNGP."""
    width_sweep = metrics["width_sweep"]
    assert width_sweep["peak"]["k"] == CONFIG["kernel_regression"]["n"]
    assert width_sweep["widest"]["ratio_to_nngp"] < 1.2


shares = st.lists(st.integers(0, 100), min_size=5, max_size=5).filter(any)


@given(st.sampled_from([1, 2, 5]), shares)
@example(1, [100, 0, 0, 0, 0])
@example(2, [17, 0, 83, 0, 0])
def test_the_sentence_on_attractors_names_what_occurs(n_images, counts):
    names = [f"{name}_share" for name in ("image", "negative", "mixture", "elsewhere", "zero")]
    row = {name: count / 100 for name, count in zip(names, counts, strict=True)} | {"iterations": 20}
    sentence = readme._attractors({str(n_images): row}, n_images)
    assert sentence.count("%") == sum(count > 0 for count in counts)
    assert ("image:" in sentence) == (n_images == 1)


@given(st.integers(0, 3))
def test_the_sentence_on_the_data_set_counts_failed_checks(failed):
    sentence = readme._cifar10({"failed_checks": failed, "train_images": 50_000, "test_images": 10_000})
    assert ("all checks pass" in sentence) == (failed == 0)
    assert ("failed" in sentence) == (failed > 0)
