"""The page says what the files say: every number traced, the words made from the data, nothing from outside."""

import hashlib
import itertools
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nngplab.errors import InputError
from nngplab.kernels.duals import DUALS
from nngplab.report.filters import fixed, interval, join_and
from nngplab.report.labels import kernel_label
from nngplab.report.page import HTMLReport
from nngplab.report.provenance import provenance
from nngplab.report.results import Results
from nngplab.report.tracing import Number, Origin, significant
from tests.helpers.checkout import ROOT
from tests.helpers.report_page import PICTURE, TEMPLATES, Reader, check_traces, sentences, write_cifar10

SECTIONS = ("cifar10", "kernel_regression", "width_sweep")
ORIGIN = Origin("results/x.csv", {"k": "1"}, "y")
SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


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
            | {"mean_ratio": (repeats[kernel] / repeats[other]).mean()}
        )
    pd.DataFrame(paired).to_csv(folder / "paired.csv", index=False)
    misprint = pd.DataFrame(
        {"reading": ["printed", "corrected"], "diagonal": [0.0, 1.0], "smallest_eigenvalue": [-1.7, 0.2]}
        | {"largest_eigenvalue": [31.2, 32.7], "negative_eigenvalues": [64, 0], "test_mse": [0.035, 1.3e-5]}
        | {"r2": [-1367.5, 0.495], "n": 100, "d": 200, "seed": 88}
    )
    misprint.to_csv(folder / "misprint.csv", index=False)
    (folder / "repeats.svg").write_text(PICTURE)


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
        | {"activation": activation}
        for place, activation in enumerate(activations)
        for k, median in ((k, median * 2**place) for k, median in medians.items())
    )
    summary.to_csv(folder / "summary.csv", index=False)
    (folder / "curve.svg").write_text(PICTURE)


KERNELS = {"relu": 1.3e-5, "sine": 1.1e-5, "erf": 1.0e-5, "laplace": 1.6e-5, "linear": 0.9e-5, "zero": 2.5e-5}
WIDTHS = {16: 3e-5, 64: 7e-5, 100: 4e-3, 128: 9e-5, 1024: 1.5e-5}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole folder of results."""
    for name in SECTIONS:
        (tmp_path / "results" / name).mkdir(parents=True)
    write_cifar10(tmp_path / "results/cifar10")
    write_kernels(tmp_path / "results/kernel_regression", KERNELS)
    write_widths(tmp_path / "results/width_sweep", WIDTHS)
    return tmp_path / "results"


def render(folder: Path, student: str | None = None) -> str:
    facts = {"code": {"git commit": "0123"}}
    config = {"seed": 88, "report": {"name": student}}
    page = HTMLReport(TEMPLATES, Results(folder), student=student, config=config, provenance=facts)
    return page.render(SECTIONS)


def read_shown(text: str) -> float:
    number = text.replace("−", "-").replace(",", "").removesuffix("%")
    if "×" in number:
        mantissa, power = number.split(" × 10")
        return float(mantissa) * 10.0 ** int(power.translate(SUPERSCRIPTS))
    return float(number) / (100 if text.endswith("%") else 1)


class TestTracing:
    def test_every_number_is_in_the_file_that_it_names_or_follows_from_such(self, folder):
        page = render(folder)
        assert sum("data-file" in entry for entry, _ in Reader(page).data) > 100
        assert sum("data-formula" in entry for entry, _ in Reader(page).data) > 5
        check_traces(folder, page)

    def test_every_number_is_shown_as_it_is(self, folder):
        page = re.sub(r'<span class="interval">.*?</span>', "", render(folder))
        for entry, text in Reader(page).data:
            if re.fullmatch(r"[-\d.e]+", entry["value"]) and text != entry["value"]:
                tolerance = 0.005 if "%" in text else 0.0005 if re.fullmatch(r"−?0\.\d+", text) else 0
                assert read_shown(text) == pytest.approx(float(entry["value"]), rel=0.05, abs=tolerance), entry

    def test_no_number_in_an_answer_or_a_table_is_typed_in(self, folder):
        typed = "".join(text for section, text in Reader(render(folder)).untraced if section in SECTIONS)
        typed = re.sub(r"CIFAR-10|Problem \d+a?|95%| × 10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", "", typed)
        assert re.findall(r"\d+", typed) == []

    def test_a_tampered_file_shows_in_the_page(self, folder):
        before = render(folder)
        path = folder / "kernel_regression/summary.csv"
        path.write_text(path.read_text().replace("1.6e-05", "7.77e-05"))
        after = render(folder)
        assert "7.770 × 10⁻⁵" not in before
        assert "7.770 × 10⁻⁵" in after
        assert hashlib.sha256(path.read_bytes()).hexdigest() in after

    def test_every_file_used_is_listed_with_its_size_and_checksum(self, folder):
        page = render(folder)
        named = set(re.findall(r'data-file="([^"]+)"', page))
        assert len(named) == 12
        for name in named:
            content = (folder.parent / name).read_bytes()
            row = re.search(rf'<th scope="row"><code>{re.escape(name)}</code></th>.*?</tr>', page, re.DOTALL)
            assert f"{len(content):,}" in row[0]
            assert hashlib.sha256(content).hexdigest() in row[0]


class TestPage:
    def test_nothing_comes_from_outside(self, folder):
        page = render(folder)
        for tag, attributes in Reader(page).tags:
            assert tag not in {"script", "link", "iframe", "object", "embed", "base", "form"}
            for name in ("src", "srcset", "data", "poster", "background"):
                assert attributes.get(name, "data:").startswith("data:")
        assert re.findall(r"url\(|@import", page) == []

    def test_links_lead_to_sections(self, folder):
        tags = Reader(render(folder)).tags
        identifiers = [attributes["id"] for _, attributes in tags if "id" in attributes]
        assert len(set(identifiers)) == len(identifiers)
        targets = {attributes["href"] for tag, attributes in tags if tag == "a"}
        assert targets == {f"#{name}" for name in (*SECTIONS, "provenance")}

    def test_the_same_results_give_the_same_bytes(self, folder):
        assert render(folder) == render(folder)

    def test_it_can_be_used_without_seeing_it(self, folder):
        tags = Reader(render(folder)).tags
        assert all(len(attributes["alt"]) > 30 for tag, attributes in tags if tag == "img")
        assert dict(tags)["html"] == {"lang": "en-GB"}
        assert [tag for tag, _ in tags].count("table") == [tag for tag, _ in tags].count("caption") == 6
        assert all("scope" in attributes for tag, attributes in tags if tag == "th")
        levels = [int(tag[1]) for tag, _ in tags if re.fullmatch(r"h[1-6]", tag)]
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))

    def test_the_name_of_the_student_is_text(self, folder):
        assert "Name: &lt;script&gt;alert(1)&lt;/script&gt; &amp; Co" in render(
            folder, "<script>alert(1)</script> & Co"
        )
        assert "Name: </p>" in render(folder)

    def test_words_of_a_file_are_text(self, folder):
        write_cifar10(folder / "cifar10", reason='<img src="http://x">', label="<b>", stand_in=False, source="archive")
        page = render(folder)
        assert "&lt;img src=&#34;http://x&#34;&gt;" in page
        assert "<b>" not in page
        Reader(page)

    def test_mathematics_is_mathml(self, folder):
        page = render(folder)
        assert "$" not in re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL)
        assert page.count("<math ") > 20
        assert "<merror" not in page

    def test_the_misprint_differs_by_its_sign_only(self, folder):
        page = render(folder)
        blocks = re.findall(r'<math [^>]*display="block">.*?</math>', page)
        printed, corrected = ("".join(Reader(block).text) for block in blocks[-2:])
        assert printed == corrected.replace("(π−", "(π")
        assert printed != corrected
        assert "64 negative eigenvalues of 100 and 0 on the diagonal" in sentences(page, "kernel_regression")


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

    def test_fewer_images_are_told(self, folder):
        assert "Verified: 50,000 training and 10,000 test images" in sentences(render(folder), "cifar10")
        write_cifar10(folder / "cifar10", train=5000, test=1000)
        text = sentences(render(folder), "cifar10")
        assert "Verified" not in text
        assert (
            "the archive holds 5,000 training images (CIFAR-10 has 50,000) and 1,000 test images (CIFAR-10 has 10,000)"
        ) in text

    def test_classes_out_of_balance_are_told(self, folder):
        assert "The classes are balanced: 25,000 training and 5,000 test images of each" in sentences(
            render(folder), "cifar10"
        )
        path = folder / "cifar10/counts.csv"
        path.write_text(path.read_text().replace("test,dog,1,5000", "test,dog,1,4999"))
        text = sentences(render(folder), "cifar10")
        assert (
            "The classes are not balanced: they have 25,000 to 25,000 training and 4,999 to 5,000 test images" in text
        )

    def test_a_failed_check_is_told(self, folder):
        path = folder / "cifar10/checks.csv"
        path.write_text(path.read_text().replace('test,"5,000","5,000",True', 'test,"5,000","4,999 to 5,000",False'))
        text = sentences(render(folder), "cifar10")
        assert "Not as expected: images per class of the test set (4,999 to 5,000, expected 5,000)." in text


class TestWordsOnKernels:
    @pytest.fixture
    def told(self, folder) -> Callable[..., str]:
        def told_of(levels: dict[str, float], **arguments: object) -> str:
            write_kernels(folder / "kernel_regression", levels, **arguments)
            return sentences(render(folder), "kernel_regression")

        return told_of

    def test_the_order_of_the_kernels(self, told):
        text = told(KERNELS)
        assert "the erf NNGP has the smallest test MSE, 1.00 × 10⁻⁵, and the Laplace kernel the largest" in text
        assert "The erf NNGP is better than the sine NNGP in all 10 repeats" in text
        assert "The ReLU NNGP is better than the Laplace kernel in all 10 repeats" in text
        assert "The order on the headline data set is the same." in text

    def test_the_order_turned_round(self, told):
        text = told(KERNELS | {"relu": 1.0e-5, "erf": 1.3e-5})
        assert "the ReLU NNGP has the smallest test MSE, 1.00 × 10⁻⁵" in text
        assert "The ReLU NNGP is better than the sine NNGP in all 10 repeats" in text
        assert "The sine NNGP is better than the erf NNGP in all 10 repeats" in text
        assert "excludes zero" in text

    def test_kernels_that_cannot_be_told_apart(self, told):
        text = told(KERNELS | {"sine": 1.0e-5}, spread=0.05)
        assert re.search(
            r"The (sine|erf) NNGP and the (sine|erf) NNGP cannot be distinguished: the 95% interval of the mean "
            r"difference, \(−[\d.]+ to [\d.]+\) × 10⁻⁷, includes zero "
            r"\(the (sine|erf) NNGP is the better in [1-9] of 10 repeats\)",
            text,
        )

    def test_another_order_on_the_headline_data(self, told, folder):
        told(KERNELS)
        table = pd.read_csv(folder / "kernel_regression/summary.csv")
        table.loc[table["kernel"] == "laplace", "headline_test_mse"] = 1e-6
        table.to_csv(folder / "kernel_regression/summary.csv", index=False)
        text = sentences(render(folder), "kernel_regression")
        assert "The headline data set has another order: Laplace kernel, erf NNGP, sine NNGP, ReLU NNGP." in text

    @pytest.mark.parametrize(
        ("laplace", "spread", "expected"),
        [
            (1.6e-5, 0.001, "each NNGP kernel is better."),
            (0.8e-5, 0.001, "each NNGP kernel is worse."),
            (
                1.2e-5,
                0.001,
                "the result depends on the kernel. Better: the erf NNGP and sine NNGP. Worse: the ReLU NNGP.",
            ),
            (1.0e-5, 0.001, "Worse: the sine NNGP and ReLU NNGP. Not distinguishable from it: the erf NNGP."),
            (1.2e-5, 0.5, "no NNGP kernel can be distinguished from it."),
        ],
    )
    def test_against_the_laplace_kernel(self, told, laplace, spread, expected):
        assert expected in told(KERNELS | {"laplace": laplace}, spread=spread)

    @pytest.mark.parametrize(
        ("linear", "spread", "expected"),
        [
            (0.9e-5, 0.001, "None of these kernels is better than plain linear regression"),
            (1.2e-5, 0.001, "It is also better than plain linear regression"),
            (1.0e-5, 0.02, "It cannot be distinguished from plain linear regression"),
        ],
    )
    def test_against_the_linear_kernel(self, told, linear, spread, expected):
        assert expected in told(KERNELS | {"linear": linear}, spread=spread)

    @pytest.mark.parametrize(
        ("zero", "expected"),
        [
            (
                2.5e-5,
                "has 0.400 of that on the same data (mean R2 of 0.600), so it has learnt only a part of the target",
            ),
            (1e-3, "has 0.0100 of that on the same data (mean R2 of 0.990), so it has learnt almost the whole target"),
            (0.5e-5, "so it is no better than a model that has learnt nothing"),
        ],
    )
    def test_against_predicting_zero(self, told, zero, expected):
        assert expected in told(KERNELS | {"zero": zero})

    def test_the_order_of_the_configuration_does_not_matter(self, told):
        backwards = dict(reversed(KERNELS.items()))
        assert re.sub(r"[−(][^;.]+", "", told(backwards)).count("better in all 10 repeats") == 0
        assert "each NNGP kernel is better." in told(backwards)
        assert "The erf NNGP is better than the sine NNGP in all 10 repeats" in told(backwards)

    def test_a_single_kernel(self, told):
        text = told({"relu": 1.3e-5, "linear": 0.9e-5, "zero": 2.5e-5})
        assert "the ReLU NNGP has a test MSE of 1.30 × 10⁻⁵" in text
        assert "Against the Laplace kernel" not in text

    def test_every_kernel_of_the_configuration_has_its_formula(self, folder):
        kernels = [*DUALS, "laplace", "swish"]
        levels = {kernel: (1 + 0.1 * place) * 1e-5 for place, kernel in enumerate([*kernels, "linear", "zero"])}
        write_kernels(folder / "kernel_regression", levels)
        listing = re.search(r'<dl class="kernels">.*?</dl>', render(folder), flags=re.DOTALL)[0]
        assert len(re.findall(r"<dd>\s*<math", listing)) == len(kernels)
        assert [kernel for kernel in kernels if kernel_label(kernel) not in listing] == []
        assert listing.count("by quadrature") == 1

    def test_the_explanation_is_for_fewer_points_than_dimensions(self, told):
        assert "misses the share 1−n/d=0.500 of the variance" in told(KERNELS)
        assert "misses the share" not in told(KERNELS, n=300)
        text = told(KERNELS, labels_before_normalising=True)
        assert "misses the share" not in text
        assert "The labels of the test rows were computed before those rows were normalised" in text


class TestWordsOnWidths:
    @pytest.fixture
    def told(self, folder) -> Callable[..., str]:
        def told_of(medians: dict[int, float], **arguments: float) -> str:
            write_widths(folder / "width_sweep", medians, **arguments)
            return sentences(render(folder), "width_sweep")

        return told_of

    def test_networks_worse_at_every_width(self, told):
        text = told(WIDTHS)
        assert "At every width the network is worse:" in text
        assert "above that of the NNGP from k=16 to k=1024." in text
        assert "At the largest width, k=1024, the median is 1.50 times that of the NNGP, and 0% of the draws" in text
        assert "No single draw at any width is better than the NNGP." in text
        assert "are worse than predicting zero: k=16, 64, 100 and 128." in text

    def test_further_activations_have_a_table_of_their_own(self, told, folder):
        alone = told(WIDTHS)
        assert "Other activations" not in alone
        text = told(WIDTHS, activations=["relu", "swish", "gelu"])
        assert text.startswith(alone[: alone.index("Test MSE against width")])
        table = re.search(r"<table>(?:(?!<table>).)*GELU NNGP.*?</table>", render(folder), flags=re.DOTALL)[0]
        rows = [re.sub(r"<[^>]+>", " ", row).split() for row in re.findall(r"<tr>.*?</tr>", table, flags=re.DOTALL)[1:]]
        assert [row[:2] for row in rows] == [["GELU", "NNGP"], ["swish", "NNGP"]]
        gelu = " ".join(rows[0])
        assert gelu == "GELU NNGP 4.00 × 10⁻⁵ 4.00 100 0.0160 1024 6.00 × 10⁻⁵ 1.50"

    def test_a_width_that_beats_the_nngp(self, told):
        text = told(WIDTHS | {128: 0.9e-5})
        assert "The network is better at some widths:" in text
        assert "below that of the NNGP at k=128, and not below it at k=16, 64, 100 and 1024." in text
        assert "The smallest median is that at k=128: 0.900 times that of the NNGP." in text
        assert "Single draws better than the NNGP occur at k=128, and at no other width." in text
        assert "Beyond it the median does not fall with every larger width." in text

    def test_networks_better_at_every_width(self, told):
        text = told(WIDTHS, nngp=1.0)
        assert "At every width the network is better:" in text
        assert "Single draws better than the NNGP occur at every width." in text

    @pytest.mark.parametrize(
        ("medians", "expected"),
        [
            (WIDTHS, "peaks at the interpolation threshold, k=n=100, where the median is 400 times"),
            (WIDTHS | {128: 1.0}, "peaks at k=128, close to the interpolation threshold k=n=100,"),
            (WIDTHS | {16: 1.0}, "peaks at k=16, away from the interpolation threshold k=n=100,"),
            (WIDTHS | {1024: 1.0}, "It is the largest width tried."),
            (WIDTHS, "Beyond it the median falls with every larger width."),
            (WIDTHS, "the middle nine tenths of the draws lie from 3.20 × 10⁻³ to 4.80 × 10⁻³"),
        ],
    )
    def test_the_peak(self, told, medians, expected):
        assert expected in told(medians)

    def test_heavy_tails_are_told(self, told, folder):
        told(WIDTHS)
        table = pd.read_csv(folder / "width_sweep/summary.csv")
        table.loc[table["k"] == 100, "mean_test_mse"] = 0.119
        table.to_csv(folder / "width_sweep/summary.csv", index=False)
        assert "so heavy-tailed that the mean, 0.119, is not informative" in sentences(render(folder), "width_sweep")

    def test_none_worse_than_zero(self, told):
        assert "At every width the median is below that of predicting zero." in told(WIDTHS, zero=1.0)


class TestErrors:
    def test_a_missing_file(self, folder):
        (folder / "width_sweep/summary.csv").unlink()
        with pytest.raises(InputError, match=r"^results/width_sweep/summary\.csv cannot be read \(No such file"):
            render(folder)

    @pytest.mark.parametrize("column", ["median_test_mse", "k"])
    def test_a_missing_column(self, folder, column):
        path = folder / "width_sweep/summary.csv"
        pd.read_csv(path).drop(columns=column).to_csv(path, index=False)
        with pytest.raises(InputError, match=rf"^results/width_sweep/summary\.csv has no '{column}', only .*on_sheet"):
            render(folder)

    def test_a_missing_row(self, folder):
        path = folder / "kernel_regression/summary.csv"
        table = pd.read_csv(path)
        table[table["kernel"] != "zero"].to_csv(path, index=False)
        with pytest.raises(InputError, match=r"^results/kernel_regression/summary\.csv has no row with kernel = zero"):
            render(folder)

    @pytest.mark.parametrize("content", [b"", b"k,on_sheet\n", b"k,on_sheet\n1\n", b"\xff\xfe"])
    def test_what_is_no_table(self, folder, content):
        (folder / "width_sweep/summary.csv").write_bytes(content)
        with pytest.raises(
            InputError, match=r"^results/width_sweep/summary\.csv (is not|has no) .*; rerun the job that writes it"
        ):
            render(folder)

    @pytest.mark.parametrize("content", ["{", "[]", '{"label": "x"}'])
    def test_what_is_no_record(self, folder, content):
        (folder / "cifar10/provenance.json").write_text(content)
        with pytest.raises(
            InputError, match=r"^results/cifar10/provenance\.json (is not|has no) .*; rerun the job that writes it"
        ):
            render(folder)

    def test_a_missing_template(self, folder):
        page = HTMLReport(TEMPLATES, Results(folder))
        with pytest.raises(InputError, match=r"no template no_such_section\.html\.j2"):
            page.render(["no_such_section"])

    @pytest.mark.parametrize(
        ("missing", "config", "expected"),
        [
            (None, '{"report": {"name": "Ada"}}', ""),
            ("width_sweep/curve.svg", '{"report": {"name": null}}', "error: results/width_sweep/curve.svg cannot be"),
            (None, '{"report": 3}', "error: --config-json is not a configuration in JSON with the key report.name"),
        ],
    )
    def test_the_program_ends_with_one_line(self, folder, missing, config, expected):
        if missing:
            (folder / missing).unlink()
        script = ROOT / "workflow/scripts/report.py"
        arguments = ["--results-folder", folder, "--templates", TEMPLATES, "--sections", *SECTIONS]
        arguments += ["--config-json", config, "--output", folder / "report.html"]
        ended = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)
        if expected:
            assert ended.returncode == 1
            assert ended.stderr.startswith(expected)
            assert len(ended.stderr.splitlines()) == 1
            assert not (folder / "report.html").exists()
        else:
            assert ended.returncode == 0, ended.stderr
            assert "Name: Ada" in (folder / "report.html").read_text()


class TestNumbers:
    @given(st.floats(-1e300, 1e300, allow_subnormal=False), st.integers(1, 8))
    def test_the_digits_shown_are_the_nearest(self, value, count):
        shown = read_shown(significant(value, count))
        assert abs(shown - value) <= 0.50001 * 10.0 ** (1 - count) * abs(value)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            *(
                (0.0, "0"),
                (1.2834868e-5, "1.28 × 10⁻⁵"),
                (0.012345, "0.0123"),
                (0.0012345, "1.23 × 10⁻³"),
                (0.5, "0.500"),
                (99.95, "100"),
            ),
            *((-2.5, "−2.50"), (1234.5, "1,230"), (25503.9, "25,500"), (1e5, "1.00 × 10⁵"), (9.999e-3, "0.0100")),
            *((float("inf"), "∞"), (float("-inf"), "−∞")),
        ],
    )
    def test_known_forms(self, value, expected):
        assert significant(value) == expected

    @pytest.mark.parametrize(
        ("low", "high", "expected"),
        [
            (1.2437e-5, 1.2906e-5, "(1.244 to 1.291) × 10⁻⁵"),
            (-1.5e-7, 2.4e-6, "(−0.1 to 2.4) × 10⁻⁶"),
            (0.5, 0.75, "0.50 to 0.75"),
            (10.0, 1000.0, "10 to 1,000"),
            (0.0, 0.0, "0.00 to 0.00"),
        ],
    )
    def test_intervals(self, low, high, expected):
        assert interval(Number(low, ORIGIN), Number(high, ORIGIN)).striptags() == expected

    def test_a_rounded_zero_has_no_sign(self):
        assert fixed(Number(-1e-6, ORIGIN), 3).striptags() == "0.000"

    def test_lists_in_words(self):
        assert [join_and(items) for items in (["a"], ["a", "b"], ["a", "<b>", "c"])] == [
            "a",
            "a and b",
            "a, &lt;b&gt; and c",
        ]

    def test_arithmetic_keeps_its_origin(self):
        number = Number(8, ORIGIN, whole=True)
        leaf = "results/x.csv[k=1].y"
        made = [number / 2, 2 / number, number - 3, 1 - number, -number, number - number, 1 - number / 2]
        assert made == [4, 0.25, 5, -7, -8, 0, -3]
        assert [str(result.origin) for result in made] == [
            *(f"({leaf} / 2)", f"(2 / {leaf})", f"({leaf} - 3)", f"(1 - {leaf})", f"(-{leaf})"),
            *(f"({leaf} - {leaf})", f"(1 - ({leaf} / 2))"),
        ]
        assert [result.whole for result in made] == [False, False, True, True, True, True, False]


class TestProvenance:
    def git(self, folder: Path, *arguments: str) -> str:
        author = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
        ended = subprocess.run(["git", *author, *arguments], cwd=folder, check=True, capture_output=True, text=True)
        return ended.stdout.strip()

    def commit(self, folder: Path) -> str:
        return provenance(folder, [])["code"]["git commit"]

    def test_the_commit_and_whether_files_differ_from_it(self, tmp_path):
        assert self.commit(tmp_path) == "none: not a git checkout"
        self.git(tmp_path, "init", "--quiet")
        self.git(tmp_path, "commit", "--quiet", "--allow-empty", "--message=test")
        head = self.git(tmp_path, "rev-parse", "HEAD")
        assert self.commit(tmp_path) == head
        (tmp_path / "results").mkdir()
        (tmp_path / "results/made.csv").touch()
        assert provenance(tmp_path, [], exclude=["results", "no.lock"])["code"]["git commit"] == head
        (tmp_path / "new.py").touch()
        assert self.commit(tmp_path) == f"{head}, with uncommitted changes"

    def test_versions_and_machine(self, tmp_path):
        facts = provenance(tmp_path, ["numpy", "no-such-package"])
        assert facts["versions"]["numpy"] == np.__version__
        assert facts["versions"]["no-such-package"] == "not installed"
        assert all(facts["machine"].values())
        assert facts == provenance(tmp_path, ["numpy", "no-such-package"])
