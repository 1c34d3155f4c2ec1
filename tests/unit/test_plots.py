"""The templates of `dvc plots`: names in words, and the order of the problem set."""

import json
import re

import pytest
import yaml

from nngplab.report.labels import DATASETS, model_label
from tests.helpers.checkout import ROOT

TEMPLATES = sorted((ROOT / ".dvc/plots").glob("*.json"))


def names_in_words(template: str) -> dict[str, str]:
    """The names that a template writes in words."""
    found = re.findall(r"\((\{'.*?'\})\)\[datum", template)
    return {name: word for text in found for name, word in json.loads(text.replace("'", '"')).items()}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_names_are_written_as_in_the_report(path):
    others = {"mse": "squared error", "cross_entropy": "cross-entropy", "train": "training", "test": "test"}
    for name, words in names_in_words(path.read_text()).items():
        assert words == (others.get(name) or DATASETS.get(name) or model_label(name))


@pytest.mark.parametrize("name", ["kernels", "challenge", "learning_curves", "confusion_matrix"])
def test_names_are_in_words(name):
    assert len(names_in_words((ROOT / f".dvc/plots/{name}.json").read_text())) > 1


def test_plots_follow_the_order_of_the_problem_set():
    titles = [title for plot in yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"] for title in plot]
    numbers = [int(re.match(r"Problem (\d+)\w?: ", title)[1]) for title in titles]
    assert numbers == sorted(numbers)
