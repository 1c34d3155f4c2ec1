"""The section on the images: its words follow the data."""

import json
import re
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.helpers.report_page import Reader, render, sentences, write_cifar10, write_results


def write_counts(folder: Path, counts: dict[str, list[int]], size: int, labels: bool) -> None:
    """The tables of two classes with these numbers of images; `labels`: whether the range of the test labels passes."""
    rows, checks = [], []
    for split, found in counts.items():
        rows += [(split, name, label, found[label]) for label, name in enumerate(["cat", "dog"])]
        checks.append(("images", split, str(size), str(sum(found)), sum(found) == size))
        checks.append(("images per class", split, size // 2, str(found), found == [size // 2] * 2))
    checks.append(("range of the labels", "test", "0 to 9", "0 to 9" if labels else "0 to 8", labels))
    pd.DataFrame(rows, columns=["split", "class", "label", "count"]).to_csv(folder / "counts.csv", index=False)
    columns = ["check", "split", "expected", "found", "passed"]
    pd.DataFrame(checks, columns=columns).to_csv(folder / "checks.csv", index=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_results(tmp_path / "results")


class TestWordsOnImages:
    NOTICE = '<aside class="notice"'
    BADGE = '<a class="badge" href="#images">stand-in images</a>'

    def test_the_stand_in_has_a_notice(self, folder):
        page = render(folder)
        notice = page[page.index(self.NOTICE) : page.index("</aside>")]
        assert "Stand-in images, not CIFAR-10." in notice
        assert page.index("</aside>") < page.index("<nav")
        assert "no host was reached" in sentences(page, "images")
        assert "https://example.org/a.tar.gz: HTTP 404" in sentences(page, "images")
        assert page.count("https://example.org") == page[page.index('<section id="images">') :].count(
            "https://example.org"
        )

    @pytest.mark.parametrize(
        ("requested", "why"),
        [
            ("stand-in", "The configuration asks for generated images."),
            ("auto", "No archive of CIFAR-10 was found, so"),
        ],
    )
    def test_the_notice_says_why_there_are_generated_images(self, folder, requested, why):
        path = folder / "cifar10/provenance.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"requested": requested}))
        page = render(folder)
        notice = page[page.index(self.NOTICE) : page.index("</aside>")]
        assert f"Stand-in images, not CIFAR-10. {why}" in " ".join(re.sub("<[^>]+>", "", notice).split())

    def test_what_is_made_from_the_stand_in_has_a_badge(self, folder):
        page = render(folder)
        section = page[page.index('<section id="cifar10">') :].partition("</section>")[0]
        assert section.index(self.BADGE) < section.index('<p class="question">')
        captions = re.findall(r"<figcaption>.*?</figcaption>", section, flags=re.DOTALL)
        assert [caption.count(self.BADGE) for caption in captions] == [1, 1]
        for name in ("kernel_regression", "width_sweep"):
            assert self.BADGE not in page[page.index(f'<section id="{name}">') :].partition("</section>")[0]

    def test_the_section_says_what_is_not_verified(self, folder):
        page = render(folder)
        text = sentences(page, "cifar10")
        assert "Not verified for CIFAR-10: the images are those of the stand-in. It has the numbers of CIFAR-10" in text
        assert "Verified:" not in text

    @pytest.mark.parametrize("official", [True, False])
    def test_other_sources_have_a_line(self, folder, official):
        changes = {"source": "archive", "label": "CIFAR-10, JPEG copy", "reason": "it was given"}
        write_cifar10(folder / "cifar10", stand_in=False, official=official, **changes)
        page = render(folder)
        assert self.NOTICE not in page
        assert self.BADGE not in page
        line = " ".join("".join(Reader(re.search(r'<p class="images">.*?</p>', page, flags=re.DOTALL)[0]).text).split())
        assert line.startswith("Images: CIFAR-10, JPEG copy")
        assert ("not from the official archive" in line) is not official
        assert "it was given" in sentences(page, "images")
        text = sentences(page, "cifar10")
        assert "Verified: 50,000 training and 10,000 test images" in text
        assert ("test images, in an archive that is not the official one." in text) is not official

    @pytest.mark.parametrize(("train", "test"), [(5000, 1000), (50_000, 1000), (60_000, 10_000)])
    def test_other_numbers_are_reported(self, folder, train, test):
        write_cifar10(folder / "cifar10", train=train, test=test, stand_in=False)
        text = sentences(render(folder), "cifar10")
        assert "erified" not in text
        assert (
            f"Not the numbers of CIFAR-10: there are {train:,} training images (CIFAR-10 has 50,000) and {test:,} test "
            "images (CIFAR-10 has 10,000)"
        ) in text
        assert "are as expected" not in text

    def test_unbalanced_classes_are_reported(self, folder):
        text = sentences(render(folder), "cifar10")
        assert "The classes are balanced: each has 25,000 training and 5,000 test images." in text
        path = folder / "cifar10/counts.csv"
        path.write_text(path.read_text().replace("test,dog,1,5000", "test,dog,1,4999"))
        text = sentences(render(folder), "cifar10")
        assert "The classes are not balanced: each has 25,000 training and 4,999 to 5,000 test images." in text

    @given(
        train=st.lists(st.integers(0, 3), min_size=2, max_size=2),
        test=st.lists(st.integers(0, 3), min_size=2, max_size=2),
        size=st.sampled_from([1, 4]),
        stand_in=st.booleans(),
        labels=st.booleans(),
    )
    @example(train=[2, 2], test=[2, 2], size=4, stand_in=False, labels=True)
    @example(train=[2, 2], test=[2, 2], size=4, stand_in=True, labels=True)
    @settings(max_examples=30, deadline=None)
    def test_every_sentence_follows_from_the_counts(self, train, test, size, stand_in, labels):
        """An archive whose classes have these numbers of images, where `size` images are expected in each split."""
        with tempfile.TemporaryDirectory() as home:
            folder = write_results(Path(home) / "results")
            write_cifar10(folder / "cifar10", stand_in=stand_in)
            write_counts(folder / "cifar10", {"train": train, "test": test}, size, labels)
            text = sentences(render(folder), "cifar10")
        complete, even = sum(train) == sum(test) == size, min(train) == max(train) and min(test) == max(test)
        assert ("Verified:" in text) == (complete and not stand_in)
        assert ("Not verified for CIFAR-10" in text) == (complete and stand_in)
        assert ("Not the numbers of CIFAR-10" in text) == (not complete)
        assert ("The classes are balanced" in text) == even
        assert ("The classes are not balanced" in text) == (not even)
        assert ("are as expected." in text) == (complete and even and labels)
        assert ("range of the labels of the test set (0 to 8" in text) == (not labels)

    def test_a_failed_check_is_reported(self, folder):
        path = folder / "cifar10/checks.csv"
        path.write_text(path.read_text().replace('test,"5,000","5,000",True', 'test,"5,000","4,999 to 5,000",False'))
        text = sentences(render(folder), "cifar10")
        assert "Not as expected: images per class of the test set (4,999 to 5,000, expected 5,000)." in text
