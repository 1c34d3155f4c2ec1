"""The section on the images: its words follow the data."""

import re
from pathlib import Path

import pytest

from tests.helpers.report_page import Reader, render, sentences, write_cifar10, write_results


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_results(tmp_path / "results")


class TestWordsOnImages:
    BANNER = '<aside class="banner"'

    def test_the_stand_in_has_a_banner(self, folder):
        page = render(folder)
        banner = page[page.index(self.BANNER) : page.index("</aside>")]
        assert "STAND-IN IMAGES, NOT CIFAR-10" in banner
        assert "no host was reached" in banner
        assert page.index("</aside>") < page.index("<nav")
        assert "of the stand-in and not of CIFAR-10" in sentences(page, "cifar10")

    @pytest.mark.parametrize("official", [True, False])
    def test_other_sources_have_a_line(self, folder, official):
        changes = {"source": "archive", "label": "CIFAR-10, JPEG copy", "reason": "it was given"}
        write_cifar10(folder / "cifar10", stand_in=False, official=official, **changes)
        page = render(folder)
        assert self.BANNER not in page
        line = " ".join("".join(Reader(re.search(r'<p class="images">.*?</p>', page, flags=re.DOTALL)[0]).text).split())
        assert line.startswith("Images: CIFAR-10, JPEG copy (it was given).")
        assert ("This is not the official archive." in line) is not official

    def test_fewer_images_are_reported(self, folder):
        assert "Verified: 50,000 training and 10,000 test images" in sentences(render(folder), "cifar10")
        write_cifar10(folder / "cifar10", train=5000, test=1000)
        text = sentences(render(folder), "cifar10")
        assert "Verified" not in text
        assert (
            "the archive holds 5,000 training images (CIFAR-10 has 50,000) and 1,000 test images (CIFAR-10 has 10,000)"
        ) in text

    def test_unbalanced_classes_are_reported(self, folder):
        assert "The classes are balanced: 25,000 training and 5,000 test images of each" in sentences(
            render(folder), "cifar10"
        )
        path = folder / "cifar10/counts.csv"
        path.write_text(path.read_text().replace("test,dog,1,5000", "test,dog,1,4999"))
        text = sentences(render(folder), "cifar10")
        assert (
            "The classes are not balanced: they have 25,000 to 25,000 training and 4,999 to 5,000 test images" in text
        )

    def test_a_failed_check_is_reported(self, folder):
        path = folder / "cifar10/checks.csv"
        path.write_text(path.read_text().replace('test,"5,000","5,000",True', 'test,"5,000","4,999 to 5,000",False'))
        text = sentences(render(folder), "cifar10")
        assert "Not as expected: images per class of the test set (4,999 to 5,000, expected 5,000)." in text
