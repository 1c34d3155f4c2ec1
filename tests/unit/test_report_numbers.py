"""The numbers of the report: their digits, their forms and where they come from."""

import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nngplab.report.filters import fixed, interval, join_and, magnitude, plain, shares
from nngplab.report.sparklines import HEIGHT, WIDTH, sparkbars, sparkline
from nngplab.report.tracing import Number, Origin, significant
from tests.helpers.report_page import read_shown

ORIGIN = Origin("results/x.csv", {"k": "1"}, "y")


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

    @given(st.floats(-1e300, 1e300, allow_subnormal=False))
    def test_a_parameter_has_all_its_digits(self, value):
        shown = plain(Number(value, ORIGIN)).striptags()
        assert read_shown(shown) == pytest.approx(value, rel=1e-15)
        assert not re.search(r"\.0$|\.0 |e", shown)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [(10.0, "10"), (0.5, "0.5"), (1e-5, "1 × 10⁻⁵"), (2.5e-7, "2.5 × 10⁻⁷"), (1024.0, "1024"), (-3.0, "−3")],
    )
    def test_known_parameters(self, value, expected):
        assert plain(Number(value, ORIGIN)).striptags().replace("\u00a0", " ") == expected

    @pytest.mark.parametrize(
        ("low", "high", "expected"),
        [
            (1.2437e-5, 1.2906e-5, "(1.244 to 1.291) × 10⁻⁵"),
            (-1.5e-7, 2.4e-6, "(−0.1 to 2.4) × 10⁻⁶"),
            (0.5, 0.75, "0.50 to 0.75"),
            (10.0, 1000.0, "10 to 1,000"),
            (0.0, 0.0, "0.00 to 0.00"),
            (float("-inf"), float("inf"), "–"),
        ],
    )
    def test_intervals(self, low, high, expected):
        assert interval(Number(low, ORIGIN), Number(high, ORIGIN)).striptags() == expected

    @pytest.mark.parametrize(
        ("low", "high", "expected"),
        [
            *((174, 1172, "hundreds"), (100, 1999, "hundreds"), (99, 1000, ""), (100, 2000, ""), (12, 18, "tens")),
            *((1.2, 1.4, ""), (-5, 20, ""), (2e3, 9e3, "thousands"), (2e4, 9e4, "tens of thousands")),
            *((1e5, 1e5, "hundreds of thousands"), (3e6, 4e6, "millions"), (3e8, 4e8, ""), (174, float("inf"), "")),
        ],
    )
    def test_orders_of_magnitude(self, low, high, expected):
        assert magnitude(Number(low, ORIGIN), Number(high, ORIGIN)) == expected

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


class TestShares:
    @staticmethod
    def written(counts, decimals):
        total = sum(counts)
        texts = shares([Number(count / total, ORIGIN) for count in counts], decimals)
        return [float(text.striptags().removesuffix("%")) for text in texts]

    @given(st.lists(st.integers(0, 1000), min_size=1, max_size=8).filter(any), st.integers(0, 2))
    @example([1, 1, 1], 0)
    @example([1, 1, 1, 1, 1, 1, 1], 1)
    @example([0, 5], 0)
    def test_they_add_up_and_are_near(self, counts, decimals):
        written = self.written(counts, decimals)
        assert sum(round(share * 10**decimals) for share in written) == 100 * 10**decimals
        for share, count in zip(written, counts, strict=True):
            assert abs(share - 100 * count / sum(counts)) < 10.0**-decimals
            assert count or share == 0

    def test_the_largest_remainder_gets_the_missing_unit(self):
        assert self.written([336, 332, 332], 0) == [34, 33, 33]
        assert self.written([332, 332, 336], 0) == [33, 33, 34]

    def test_a_share_names_its_origin(self):
        (text,) = shares([Number(1.0, ORIGIN)])
        assert 'title="1.0 in results/x.csv, k = 1, column y"' in text
        assert text.striptags() == "100%"

    def test_a_part_of_a_whole_adds_up_to_that_part(self):
        texts = shares([Number(value, ORIGIN) for value in (0.125, 0.125, 0.25)])
        assert [text.striptags() for text in texts] == ["13%", "12%", "25%"]


class TestSparklines:
    @given(st.lists(st.tuples(*[st.floats(-1e300, 1e300) | st.just(math.nan)] * 2), max_size=20), st.booleans())
    @example([(1.0, 2.0)], True)
    def test_every_point_that_has_a_place_is_within_the_picture(self, points, logarithmic):
        picture = sparkline(points, "A curve", logarithmic)
        places = re.findall(r"(\S+),(\S+)", re.search(r'points="([^"]*)"', picture)[1])
        assert all(0 <= float(x) <= WIDTH and 0 <= float(y) <= HEIGHT for x, y in places)
        shown = [pair for pair in points if all(map(math.isfinite, pair))]
        assert len(places) == len([pair for pair in shown if not logarithmic or min(pair) > 0])
        assert 'role="img" aria-label="A curve"' in picture

    def test_a_larger_number_is_higher_up_and_further_right(self):
        (x0, y0), (x1, y1) = re.findall(r"([\d.]+),([\d.]+)", sparkline([(1, 1), (2, 2)], "Two points"))
        assert float(x0) < float(x1)
        assert float(y0) > float(y1)

    def test_bars_are_proportional_to_their_numbers(self):
        heights = re.findall(r' height="([\d.]+)"', sparkbars([1.0, 2.0, -1.0, math.nan], "Bars"))
        assert [float(height) for height in heights] == [13, 26, 0, 0]
