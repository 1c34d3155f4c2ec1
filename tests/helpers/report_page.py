"""Results for the report, and the report as its reader finds it."""

import csv
import itertools
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd

from nngplab.report.page import HTMLReport
from nngplab.report.results import Results
from tests.helpers.checkout import ROOT
from tests.helpers.predictions import PICTURE, write_kernel_theory, write_width_theory

SECTIONS = ("cifar10", "kernel_regression", "width_sweep")
TEMPLATES = ROOT / "workflow/report"
SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def write_cifar10(folder: Path, train: int = 50_000, test: int = 10_000, **changes: object) -> None:
    record = {
        "source": "stand-in",
        "label": "STAND-IN IMAGES, NOT CIFAR-10",
        "stand_in": True,
        "official": False,
        "reason": "no host was reached",
        "requested": "auto",
        "sha256": "ab" * 32,
        "bytes": 1234567,
        "attempts": [{"from": "https://example.org/a.tar.gz", "outcome": "HTTP 404"}],
    }
    (folder / "provenance.json").write_text(json.dumps(record | changes))
    rows, counts = [], []
    for split, found, expected in (("train", train, 50_000), ("test", test, 10_000)):
        rows.append(("images", split, f"{expected:,}", f"{found:,}", found == expected))
        rows.append(("images per class", split, f"{expected // 2:,}", f"{found // 2:,}", found == expected))
        counts += [(split, name, label, found // 2) for label, name in enumerate(["cat", "dog"])]
    checks = pd.DataFrame(rows, columns=["check", "split", "expected", "found", "passed"])
    checks.to_csv(folder / "checks.csv", index=False)
    pd.DataFrame(counts, columns=["split", "class", "label", "count"]).to_csv(folder / "counts.csv", index=False)
    for split in ("train", "test"):
        (folder / f"samples_{split}.svg").write_text(PICTURE)


def write_kernels(folder: Path, levels: dict[str, float], spread: float = 0.001, **columns: object) -> None:
    """Tables in which the kernels have about these test errors; `spread` is how much a difference varies."""
    generator = np.random.default_rng(0)
    setting = {"zero_mse": levels["zero"], "laplace_L": 0.005, "n": 100, "d": 200, "n_test": 5000}
    setting |= {"labels_before_normalising": False} | columns
    fits = pd.DataFrame(
        [
            {"kernel": kernel, "seed": 88 + repeat, "test_mse": level * (1 + spread * generator.standard_normal())}
            | {"r2": 1 - level / levels["zero"], "condition_number": 123.4, "repeat": repeat, "residual": 2e-15}
            for repeat in range(11)
            for kernel, level in levels.items()
        ]
    ).assign(**setting)
    fits.loc[fits["kernel"] == "zero", ["condition_number", "residual"]] = np.nan
    fits.to_csv(folder / "test_mse.csv", index=False)
    repeats = fits[fits["repeat"] > 0].pivot_table(index="repeat", columns="kernel", values="test_mse")
    summary = [
        {"kernel": kernel, "headline_seed": 88, "headline_test_mse": level, "headline_r2": 1 - level / levels["zero"]}
        | {"headline_condition_number": 123.4, "repeats": 10, "mean_test_mse": repeats[kernel].mean()}
        | {"mean_low": 0.99 * repeats[kernel].mean(), "mean_high": 1.01 * repeats[kernel].mean()}
        | {"median_test_mse": level, "std_test_mse": repeats[kernel].std(), "mean_r2": 1 - level / levels["zero"]}
        | {"mean_ratio_to_zero": level / levels["zero"], "median_condition_number": 123.4}
        | {"headline_test_mse_labels_before": 2e-3 + level, "mean_test_mse_labels_before": 2e-3 + level}
        for kernel, level in levels.items()
    ]
    pd.DataFrame(summary).to_csv(folder / "summary.csv", index=False)
    paired = []
    for kernel, other in itertools.combinations(levels, 2):
        difference = repeats[kernel] - repeats[other]
        half = 3 * difference.std() / np.sqrt(len(difference))
        paired.append(
            {"kernel": kernel, "other": other, "repeats": 10, "mean_difference": difference.mean()}
            | {"low": difference.mean() - half, "high": difference.mean() + half, "wins": (difference < 0).sum()}
            | {"mean_ratio": (repeats[kernel] / repeats[other]).mean(), "losses": (difference > 0).sum()}
        )
    pd.DataFrame(paired).to_csv(folder / "paired.csv", index=False)
    misprint = pd.DataFrame(
        {"reading": ["printed", "corrected"], "diagonal": [0.0, 1.0], "smallest_eigenvalue": [-1.7, 0.2]}
        | {"largest_eigenvalue": [31.2, 32.7], "negative_eigenvalues": [64, 0], "test_mse": [0.035, 1.3e-5]}
        | {"r2": [-1367.5, 0.495], "n": 100, "d": 200, "seed": 88}
    )
    misprint.to_csv(folder / "misprint.csv", index=False)
    labels = pd.DataFrame(
        {"reading": ["after", "before"], "rms_norm": [1.0, 14.1], "rms_label": [0.005, 0.047], "d": 200, "seed": 88}
        | {"zero_test_mse": [2.5e-5, 2.2e-3], "f_test_mse": [0.0, 1.8e-3], "nonlinear_share": [3.8e-6, 0.14]}
    )
    labels.to_csv(folder / "labels.csv", index=False)
    (folder / "repeats.svg").write_text(PICTURE)
    predicted = {kernel: level for kernel, level in levels.items() if kernel != "zero"}
    write_kernel_theory(folder, fits, predicted, {kernel: 1e4 * level for kernel, level in predicted.items()})


def write_widths(
    folder: Path,
    medians: dict[int, float],
    nngp: float = 1e-5,
    zero: float = 2.5e-5,
    activations: Sequence[str] = ("relu",),
) -> None:
    """A table in which the networks of these widths have these median test errors; width 100 is not in the problem set.

    Those of each further activation are twice as large as those of the one before.
    """
    summary = pd.DataFrame(
        {"k": k, "on_sheet": k != 100, "repeats": 50, "median_test_mse": median, "mean_test_mse": 1.1 * median}
        | {"q05": 0.8 * median, "q25": 0.9 * median, "q75": 1.1 * median, "q95": 1.2 * median}
        | {"median_train_mse": 1e-33, "share_better_than_nngp": 0.74 if median < nngp else 0.0}
        | {"nngp_test_mse": nngp * 2**place, "zero_test_mse": zero, "n": 100, "d": 200, "n_test": 5000, "seed": 88}
        | {"activation": activation, "median_low": 0.96 * median, "median_high": 1.04 * median}
        | {
            "joint_low": 0.95 * median,
            "joint_high": 1.05 * median,
            "median_condition_number": 1e6 if k == 100 else 150.0,
        }
        | {"draws_better_than_nngp": 37 if median < nngp else 0, "draws_worse_than_zero": 50 if median > zero else 13}
        for place, activation in enumerate(activations)
        for k, median in ((k, median * 2**place) for k, median in medians.items())
    )
    summary.to_csv(folder / "summary.csv", index=False)
    (folder / "curve.svg").write_text(PICTURE)
    draws = {k: [0.9 * median, median, 1.1 * median] for k, median in medians.items()}
    predicted = {k: np.inf if k == 100 else median for k, median in medians.items()}
    ridges = {0.0: (np.inf, [1.0, 2.0]), 0.1: (1.2e-5, [1.1e-5, 1.3e-5]), 1.0: (2e-5, [1.9e-5, 2e-5])}
    write_width_theory(folder, predicted, draws, ridges, activations=activations)


KERNELS = {"relu": 1.3e-5, "sine": 1.1e-5, "erf": 1.0e-5, "laplace": 1.6e-5, "linear": 0.9e-5, "zero": 2.5e-5}
WIDTHS = {16: 3e-5, 64: 7e-5, 100: 4e-3, 128: 9e-5, 1024: 1.5e-5}


def write_results(folder: Path) -> Path:
    """Write the results that three sections show."""
    for name in SECTIONS:
        (folder / name).mkdir(parents=True)
    write_cifar10(folder / "cifar10")
    write_kernels(folder / "kernel_regression", KERNELS)
    write_widths(folder / "width_sweep", WIDTHS)
    return folder


def write_explorer(folder: Path) -> None:
    """The numbers of the explorer of dual activations: two activations with few points."""
    curves = {"nngp": [[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]], "estimates": [0.1, 0.9], "errors": [0.01, 0.02]}
    activations = [
        {"name": "sine", "label": "sine", "activation": [-1.2, 0.0, 1.2], **curves},
        {"name": "relu", "label": "ReLU", "activation": [0.0, 0.0, 1.4], **curves},
    ]
    record = {"first": "relu", "pairs": 1000, "depths": [1, 2], "x": [-1.0, 0.0, 1.0], "xi": [-1.0, 0.0, 1.0]}
    record |= {"sampled_xi": [0.0, 1.0], "activations": activations}
    (folder / "explorer.json").write_text(json.dumps(record))
    (folder / "explorer.svg").write_text(PICTURE)


def render(folder: Path, student: str | None = None) -> str:
    facts = {"code": {"git commit": "0123"}}
    config = {"seed": 88, "report": {"name": student}}
    page = HTMLReport(TEMPLATES, Results(folder), student=student, config=config, provenance=facts)
    return page.render(SECTIONS)


class Reader(HTMLParser):
    """What a reader of the page would find."""

    VOID = frozenset({"meta", "img", "br", "link", "input", "hr"})

    def __init__(self, page: str):
        super().__init__()
        self.stack: list[tuple[str, dict[str, str]]] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.data: list[tuple[dict[str, str], str]] = []
        self.untraced: list[tuple[str, str]] = []
        self.prose: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert self.stack == [], "every element is closed"

    def handle_starttag(self, tag, attrs):
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append((tag, attributes))
        if tag not in self.VOID:
            self.stack.append((tag, attributes))
        if tag == "data":
            self.data.append((attributes, ""))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        assert self.stack.pop()[0] == tag

    def handle_data(self, data):
        names = [tag for tag, _ in self.stack]
        if {"style", "script", "annotation"} & set(names):
            return
        self.text.append(data)
        if "data" in names:
            attributes, text = self.data[-1]
            self.data[-1] = (attributes, text + data)
        elif not ({"math", "code", "pre"} & set(names) or self._is_reference()):
            self.prose += [(inner["id"], data) for outer, inner in self.stack if outer == "section"]
            for tag, attributes in self.stack:
                if attributes.get("class") in ("answer", "findings", "question") or tag == "tbody":
                    section = next(inner["id"] for outer, inner in self.stack if outer == "section")
                    self.untraced.append((section, data))

    def _is_reference(self) -> bool:
        """Return whether this is a link to a part of the page: its number is that of a problem or figure."""
        return any(tag == "a" and attributes.get("href", "").startswith("#") for tag, attributes in self.stack)


def alternative_texts(tags: list[tuple[str, dict[str, str]]]) -> list[str]:
    """The alternative text of each image: a PNG is an <img>, a figure in SVG an <svg> of the page."""
    return [
        attributes["alt" if tag == "img" else "aria-label"]
        for tag, attributes in tags
        if tag == "img" or (tag == "svg" and attributes.get("role") == "img")
    ]


def alternative_text(page: str, start: str) -> str:
    """The one alternative text of a page that begins with these words."""
    (text,) = {text for text in alternative_texts(Reader(page).tags) if text.startswith(start)}
    return text


def read_shown(text: str) -> float:
    number = text.replace("−", "-").replace(",", "").removesuffix("%")
    if "×" in number:
        mantissa, power = re.split(r"\s×\s10", number)
        return float(mantissa) * 10.0 ** int(power.translate(SUPERSCRIPTS))
    return float(number) / (100 if text.endswith("%") else 1)


def typed_digits(page: str, section: str) -> list[str]:
    """The numbers without an origin in the answers and tables of a section, but for 95%, powers and "Problem 11"."""
    typed = "".join(text for name, text in Reader(page).untraced if name == section)
    return re.findall(r"\d+", re.sub(r"95%|\s×\s10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+|Problem \d+", "", typed))


def sentences(page: str, section: str) -> str:
    """The words of one section, with single spaces."""
    found = re.search(rf'<section id="{section}">.*?</section>', page, flags=re.DOTALL)
    return " ".join("".join(Reader(found[0]).text).split())


def answer_of(page: str, section: str) -> str:
    """The answer of a section, which is at most 25 words: a formula is a word, and so is a number with its power."""
    found = re.search(rf'<section id="{section}">.*?<div class="answer">\s*<p>(.*?)</p>', page, flags=re.DOTALL)
    html = re.sub(r'<a class="badge".*?</a>', "", found[1], flags=re.DOTALL)
    counted = re.sub(r"<(math|data)\b.*?</\1>", "word", html, flags=re.DOTALL)
    words = re.findall(r"\S*\w\S*", re.sub("<.*?>", "", counted, flags=re.DOTALL))
    assert 3 <= len(words) <= 25, (len(words), counted)
    text = " ".join("".join(Reader(html).text).split())
    assert re.fullmatch(r"[A-Z].*[^ .]\.", text), text
    return text


def read_title(title: str) -> dict[str, str]:
    """The origin of a number as its title says it: a formula, or a file, a row and a column."""
    if found := re.fullmatch(r"\S+ = (?P<formula>\(.*\))", title):
        return found.groupdict()
    found = re.fullmatch(r"(?:\S+ in )?(?P<file>[^,]+), (?:(?P<row>.+), )?column (?P<column>.+)", title, re.DOTALL)
    assert found, title
    return found.groupdict("")


def files_named(page: str) -> set[str]:
    """The files that numbers, texts and pictures of the page come from."""
    named = set(re.findall(r'data-file="([^"]+)"', page))
    for entry, _ in Reader(page).data:
        origin = read_title(entry["title"])
        named |= {origin["file"]} if "file" in origin else set(re.findall(r"[\w./]+\.\w+(?=\[)", origin["formula"]))
    return named


def look_up(folder: Path, file: str, row: str, column: str) -> str:
    """The text of one entry, found without the code under test."""
    path = folder.parent / file
    if path.suffix == ".json":
        value = json.loads(path.read_text())
        for step in re.findall(r"\w+", column):
            value = value[int(step) if step.isdigit() else step]
        return str(value)
    with path.open(newline="") as stream:
        keys = dict(pair.split(" = ") for pair in row.split(", "))
        (found,) = [line for line in csv.DictReader(stream) if all(line[k] == v for k, v in keys.items())]
    return found[column]


def check_traces(folder: Path, page: str) -> None:
    """Every number and word that names its origin stands there, or follows by its formula from what does."""

    def value(leaf: re.Match) -> str:
        file, row, column = leaf.groups()
        return repr(float(look_up(folder, file, row.replace("=", " = "), column)))

    for entry, _ in Reader(page).data:
        origin = read_title(entry["title"])
        if "formula" in origin:
            formula = re.sub(r"([\w./]+)\[([^\]]*)\]\.(\w+)", value, origin["formula"])
            assert pd.eval(formula, engine="python") == float(entry["value"])
        else:
            text = look_up(folder, **origin)
            assert text == entry["value"] or float(text) == float(entry["value"])
        assert entry["title"].startswith((f"{entry['value']} ", "results/"))
