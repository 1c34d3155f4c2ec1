"""The report as its reader finds it, and results for it that more than one test needs."""

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd

from tests.helpers.checkout import ROOT

TEMPLATES = ROOT / "workflow/report"
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"></svg>'


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
        (folder / f"samples_{split}.png").write_bytes(b"\x89PNG\r\n\x1a\n")


class Reader(HTMLParser):
    """What a reader of the page would find."""

    VOID = frozenset({"meta", "img", "br", "link", "input", "hr"})

    def __init__(self, page: str):
        super().__init__()
        self.stack: list[tuple[str, dict[str, str]]] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.data: list[tuple[dict[str, str], str]] = []
        self.untraced: list[tuple[str, str]] = []
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
        if "style" in names:
            return
        self.text.append(data)
        if "data" in names:
            attributes, text = self.data[-1]
            self.data[-1] = (attributes, text + data)
        elif not {"math", "code", "pre"} & set(names):
            for tag, attributes in self.stack:
                if attributes.get("class") in ("answer", "question") or tag == "tbody":
                    section = next(inner["id"] for outer, inner in self.stack if outer == "section")
                    self.untraced.append((section, data))


def sentences(page: str, section: str) -> str:
    """The words of one section, with single spaces."""
    found = re.search(rf'<section id="{section}">.*?</section>', page, flags=re.DOTALL)
    return " ".join("".join(Reader(found[0]).text).split())


def look_up(folder: Path, file: str, row: str, column: str) -> str:
    """The text of one entry, found without the code under test."""
    path = folder.parent / file
    if path.suffix == ".json":
        value = json.loads(path.read_text())
        for step in re.findall(r"\w+", column):
            value = value[int(step) if step.isdigit() else step]
        return str(value)
    with path.open(newline="") as stream:
        keys = dict(pair.split("=") for pair in row.split(", "))
        (found,) = [line for line in csv.DictReader(stream) if all(line[k] == v for k, v in keys.items())]
    return found[column]


def check_traces(folder: Path, page: str) -> None:
    """Every number and word that names its origin stands there, or follows by its formula from what does."""

    def value(leaf: re.Match) -> str:
        return repr(float(look_up(folder, *leaf.groups())))

    for entry, _ in Reader(page).data:
        if "data-formula" in entry:
            formula = re.sub(r"([\w./]+)\[([^\]]*)\]\.(\w+)", value, entry["data-formula"])
            assert pd.eval(formula, engine="python") == float(entry["value"])
        else:
            text = look_up(folder, entry["data-file"], entry["data-row"], entry["data-column"])
            assert text == entry["value"] or float(text) == float(entry["value"])
