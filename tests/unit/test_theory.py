"""Problems 1 and 5 to 10: the pages, their numbered equations, and the methods of the checks."""

import math
import re
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nngplab.errors import InputError
from nngplab.kernels.tabulated import dual_by_quadrature
from nngplab.theory import scope
from nngplab.theory.derivations import collapse_whitespace, page_title, split_at_equations
from nngplab.theory.identity import (
    BLOCK_SIZE,
    CheckSettings,
    gaussian_mean,
    in_float64,
    normal_density,
    numerical,
    pair_mean,
    sampled,
    symbolic,
)
from nngplab.theory.misprints import MISPRINTS
from nngplab.theory.pages import PAGES
from tests.helpers.checkout import ROOT

FOLDER = ROOT / "docs/theory"

IDENTITIES = {identity.label: identity for page in PAGES for identity in page.identities}


def effort(digits: int = 20, samples: int = 20_000, seed: int = 5) -> CheckSettings:
    return CheckSettings(digits, samples, np.random.default_rng(seed))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
class TestPages:
    def test_each_number_has_a_check_and_each_check_a_number(self, page):
        printed = [
            (step["label"], step["latex"]) for step in split_at_equations((FOLDER / f"{page.name}.md").read_text())
        ]
        checked = [(identity.label, collapse_whitespace(identity.statement)) for identity in page.identities]
        assert printed[:-1] == checked

    def test_a_false_variant_is_another_statement(self, page):
        for identity in page.identities:
            assert collapse_whitespace(identity.false_statement) != collapse_whitespace(identity.statement)

    def test_an_equation_that_is_referred_to_exists(self, page):
        text = (FOLDER / f"{page.name}.md").read_text()
        assert set(re.findall(r"\((\w+\.\d+)\)", text)) <= set(IDENTITIES)

    def test_links_lead_to_pages(self, page):
        for target in re.findall(r"\]\(([^)]+)\)", (FOLDER / f"{page.name}.md").read_text()):
            assert (FOLDER / target).is_file(), target


def test_every_page_is_listed_and_in_the_index():
    names = [page.name for page in PAGES]
    assert sorted(names) == sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "README")
    index = (FOLDER / "README.md").read_text()
    assert re.findall(r"^\| \[.*\]\((\w+)\.md\)", index, flags=re.MULTILINE) == names


def test_no_number_is_given_twice():
    assert len(IDENTITIES) == sum(len(page.identities) for page in PAGES)


class TestMisprints:
    def test_each_has_a_place_of_its_own(self):
        assert len({misprint.where for misprint in MISPRINTS}) == len(MISPRINTS)

    def test_checks_named_exist(self):
        assert {misprint.label for misprint in MISPRINTS} - {None} <= set(IDENTITIES)

    def test_equations_referred_to_exist(self):
        texts = " ".join(f"{misprint.right} {misprint.used}" for misprint in MISPRINTS)
        assert set(re.findall(r"\((\w+\.\d+)\)", texts)) <= set(IDENTITIES)

    @pytest.mark.parametrize("misprint", MISPRINTS, ids=lambda misprint: misprint.where)
    def test_each_says_what_is_meant_and_what_is_done(self, misprint):
        assert misprint.printed.strip() != misprint.right.strip()
        assert misprint.used.endswith(".")
        for text in (misprint.printed, misprint.right, misprint.used):
            assert text.count("$") % 2 == 0
            assert text.count("“") == text.count("”")


class TestDerivations:
    PAGE = """# A *page*

Text with $x$.

$$
a
= b \\tag{1.1}
$$

$$
c \\leq d
$$

$$
e = f \\tag{1.2}
$$
End.
"""

    def test_a_page_is_cut_at_its_numbers(self):
        assert page_title(self.PAGE) == "A *page*"
        assert split_at_equations(self.PAGE) == [
            {"text": "Text with $x$.", "label": "1.1", "latex": "a = b"},
            {"text": "$$\nc \\leq d\n$$", "label": "1.2", "latex": "e = f"},
            {"text": "End.", "label": None, "latex": None},
        ]

    @pytest.mark.parametrize("stray", ["$$a = b \\tag{1.1}$$", "  $$\na = b \\tag{1.1}\n$$\n", "$a \\tag{1.1}$"])
    def test_a_number_that_would_be_lost_is_an_error(self, stray):
        with pytest.raises(InputError, match=r"a number is not at the end of an equation on lines of its own: .*\\tag"):
            split_at_equations(f"# Title\n\ntext\n\n{stray}\n")

    def test_a_page_without_heading(self):
        with pytest.raises(InputError, match="does not start with a heading"):
            page_title("Text.\n")


class TestSymbolic:
    X = sympy.Symbol("x", positive=True)

    def run(self, left, right, false_right):
        return symbolic(lambda: left, lambda: right, lambda: false_right)(effort())

    def test_reduced_to_zero(self):
        outcome = self.run((self.X + 1) ** 2, self.X**2 + 2 * self.X + 1, self.X**2 + 1)
        assert outcome[:3] == ("sympy", 0.0, 0.0)
        assert outcome.scope == "a positive symbol $x$"
        assert outcome.passed
        assert 0 < outcome.false_error < 2
        assert outcome.false_rejected

    def test_a_false_side_that_is_true_is_not_refused(self):
        assert not self.run(self.X**2, self.X**2, self.X * self.X).false_rejected

    def test_what_sympy_cannot_reduce_is_neither_shown_nor_refuted(self, monkeypatch):
        monkeypatch.setattr(sympy, "simplify", lambda expression: expression)
        zero = sympy.sin(self.X) ** 2 + sympy.cos(self.X) ** 2
        outcome = self.run(zero, sympy.Integer(1), sympy.Integer(1))
        assert math.isnan(outcome.error)
        assert not outcome.passed
        assert not outcome.false_rejected

    def test_one_false_entry_of_a_list_is_found(self):
        one, two = sympy.Integer(1), sympy.Integer(2)
        check = symbolic(lambda: [one, self.X], lambda: [one, self.X], lambda: [one, self.X + two])
        assert check(effort())[1:4] == (0, 0, 2)
        with pytest.raises(ValueError, match="zip"):
            symbolic(lambda: [one, two], lambda: [one], lambda: [one, one])(effort())

    def test_an_integral_of_the_density(self):
        u = sympy.Symbol("u", real=True)
        mean = sympy.integrate(sympy.exp(u) * normal_density(u), (u, -sympy.oo, sympy.oo))
        assert self.run(mean, sympy.exp(sympy.Rational(1, 2)), sympy.E).passed


class TestNumerical:
    def off_by(self, error: str, digits: int) -> bool:
        right = numerical(lambda x: mpmath.sin(x), lambda x: mpmath.sin(x) + mpmath.mpf(error), mpmath.cos, x=(-1, 1))
        return right(effort(digits)).passed

    def test_the_digits_are_those_requested(self):
        assert self.off_by("1e-31", 30)
        assert not self.off_by("1e-29", 30)
        assert self.off_by("1e-29", 28)

    def test_parameters_lie_in_their_ranges_and_differ(self):
        seen = []
        numerical(lambda a, b: seen.append((a, b)) or 0, lambda **_: 0, lambda **_: 1, a=(2, 3), b=(-1, 0))(effort())
        assert len(set(seen)) > 1
        assert all(2 < a < 3 and -1 < b < 0 for a, b in seen)

    def test_lists_are_compared_entry_by_entry(self):
        outcome = numerical(lambda: [1, 2], lambda: [1, 2], lambda: [1, 5])(effort())
        assert (outcome.error, outcome.false_error) == (0, 3)
        with pytest.raises(ValueError, match="zip"):
            numerical(lambda: [1, 2], lambda: [1, 2], lambda: [1])(effort())


class TestInFloat64:
    def test_the_largest_error_over_settings_and_entries(self):
        sizes = iter(range(1, 21))
        outcome = in_float64(
            "counting",
            lambda _: {"n": next(sizes)},
            lambda n: np.arange(n),
            lambda n: np.arange(n),
            lambda n: np.arange(n) + n * (np.arange(n) == 0),
        )(effort())
        assert outcome == ("counting, float64", 0, 1e-10, 20, "20 random draws of $n = 1$ to $20$")

    def test_another_shape_is_infinitely_far(self):
        outcome = in_float64("x", lambda _: {}, lambda: np.zeros(3), lambda: np.zeros(3), lambda: 0.0)(effort())
        assert outcome.false_error == np.inf
        assert outcome.scope == ""
        assert outcome.false_rejected


class TestSampled:
    def run(self, offset: float, samples: int = 50_001, seed: int = 0):
        def draws(random, count, scale):
            return scale * random.standard_normal((count, 2))

        check = sampled(
            lambda _: {"scale": 3.0},
            draws,
            lambda scale: np.zeros(2),  # noqa: ARG005
            lambda scale: np.full(2, offset),  # noqa: ARG005
        )
        return check(effort(samples=samples, seed=seed))

    def test_the_tolerance_is_five_standard_errors(self):
        outcome = self.run(offset=0.0, samples=BLOCK_SIZE + 1)
        assert outcome.method == f"sampling, {BLOCK_SIZE + 1:,} draws, 5 standard errors"
        assert outcome.tolerance == pytest.approx(5 * 3 / np.sqrt(BLOCK_SIZE + 1), rel=0.02)

    def test_what_is_twice_as_far_off_is_refused_and_the_truth_is_not(self):
        offset = 2 * 5 * 3 / np.sqrt(50_001)
        outcomes = [self.run(offset, seed=seed) for seed in range(20)]
        assert all(outcome.passed and outcome.false_rejected for outcome in outcomes)

    def test_the_requested_draws_come_in_blocks_that_fit_in_memory(self):
        sizes = []

        def draws(random, count):
            sizes.append(count)
            return np.zeros(count)

        sampled(lambda _: {}, draws, lambda: 0.0, lambda: 1.0)(effort(samples=2 * BLOCK_SIZE + 7))
        assert sizes == [BLOCK_SIZE, BLOCK_SIZE, 7]


class TestScope:
    """The text is made from what a check was given, so a check that is given something else says something else."""

    X, A, C = sympy.Symbol("x", real=True), sympy.Symbol("A"), sympy.Symbol("C", positive=True)

    @pytest.mark.parametrize(
        ("symbols", "expected"),
        [
            ([], ""),
            ([X], "a real symbol $x$"),
            ([X, A, C], "a complex symbol $A$; a real symbol $x$; a positive symbol $C$"),
            (sympy.symbols("x1 xi z2", real=True), r"real symbols $x_{1}$, $\xi$, $\tilde{x}_2$"),
        ],
    )
    def test_symbols(self, symbols, expected):
        assert scope.of_symbols([sum(symbols)]) == expected

    def test_symbols_of_all_sides_and_instances(self):
        check = symbolic(
            lambda phi, C: phi(C) - phi(C),
            lambda **_: 0 * self.A,
            lambda **_: sympy.Integer(1),
            phi=sympy.Lambda(self.X, self.X**2),
            C=self.C,
        )
        assert check(effort()).scope == "$\\phi(x) = x^{2}$; a positive symbol $C$"

    def test_instances(self):
        text = scope.of_instances({"phi": sympy.Lambda(self.X, sympy.sin(self.X)), "n": range(3), "d": 4})
        assert text == r"$\phi(x) = \sin{\left(x \right)}$, $n = 0, \ldots, 2$, $d = 4$"

    def test_the_points_are_those_at_which_the_sides_were_compared(self):
        seen = []
        check = numerical(
            lambda xi, C, n: seen.append((xi, C)) or n.stop,
            lambda **_: 3,
            lambda **_: 4,
            xi=(-0.9, 0.9),
            n=range(3),
            C=(1, 2),
        )
        text = check(effort()).scope
        instance, points = text.split("; ")
        assert instance == r"$n = 0, \ldots, 2$"
        assert points.startswith(r"$(\xi, C)$ = ")
        written = [float(Fraction(number)) for number in re.findall(r"-?\d+/\d+", points)]
        assert written == pytest.approx([float(number) for point in seen for number in point], abs=1e-15)
        assert scope.of_points([{"xi": Fraction(1, 2)}, {"xi": Fraction(-1, 3)}]) == r"$\xi$ = $1/2$ and $-1/3$"

    def test_draws(self):
        draws = [{"A": np.zeros((1, size)), "k": size, "c": size / 3, "t": 20} for size in (2, 5, 3)]
        parts = [r"$A \in \mathbb{R}^{1 \times 2..5}$", "$k = 2$ to $5$", r"$c \approx 0.67$ to $1.67$", "$t = 20$"]
        assert scope.of_draws(draws) == f"3 random draws of {', '.join(parts)}"
        assert scope.of_draws([{"z": np.zeros(3)}]) == r"1 random draw of $\tilde{x} \in \mathbb{R}^{3}$"


class TestGaussianMeans:
    @pytest.mark.parametrize("digits", [15, 30, 50])
    def test_moments(self, digits):
        with mpmath.workdps(digits):
            tolerance = mpmath.mpf(10) ** (3 - digits)
            assert abs(gaussian_mean(lambda u: u**6) - 15) < 20 * tolerance
            assert abs(gaussian_mean(lambda u: mpmath.exp(2 * u)) - mpmath.exp(2)) < 20 * tolerance
            assert abs(gaussian_mean(mpmath.cos) - mpmath.exp(-mpmath.mpf(1) / 2)) < tolerance

    @pytest.mark.parametrize("xi", [-1, -0.875, 0, 0.5, 1])
    def test_pairs(self, xi):
        with mpmath.workdps(20):
            xi = mpmath.mpf(xi)
            assert abs(pair_mean(lambda u: u**2, lambda v: v**2, xi) - (1 + 2 * xi**2)) < 1e-17
            assert abs(pair_mean(mpmath.exp, mpmath.exp, xi) - mpmath.exp(1 + xi)) < 1e-17

    def test_a_change_of_precision_is_not_missed(self):
        for digits in (20, 40, 20):
            with mpmath.workdps(digits):
                assert abs(gaussian_mean(mpmath.cos) - mpmath.exp(-mpmath.mpf(1) / 2)) < mpmath.mpf(10) ** (3 - digits)

    def test_a_kink_is_refused(self):
        with mpmath.workdps(20), pytest.raises(ArithmeticError, match="does not converge"):
            gaussian_mean(abs)


sizes = st.integers(1, 7)


@given(k=sizes, d=sizes, n=sizes, seed=st.integers(0, 2**32 - 1))
def test_the_update_rules_of_problem_1_for_any_shape(k, d, n, seed):
    random = np.random.default_rng(seed)
    A, B, X, y = (random.standard_normal(shape) for shape in ((1, k), (k, d), (d, n), (1, n)))
    weights = [torch.tensor(A, requires_grad=True), torch.tensor(B, requires_grad=True)]
    ((torch.tensor(y) - weights[0] @ weights[1] @ torch.tensor(X)) ** 2).sum().mul(0.5).backward()
    R = y - A @ B @ X
    np.testing.assert_allclose(-weights[0].grad.numpy(), R @ X.T @ B.T, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(-weights[1].grad.numpy(), A.T @ R @ X.T, rtol=1e-9, atol=1e-10)


# Numbers whose powers and products do not vanish into what float64 cannot tell apart.
thousandths = st.integers(-2000, 2000).map(lambda number: number / 1000)


@settings(max_examples=10)
@given(st.lists(thousandths, min_size=1, max_size=5), thousandths)
def test_a_dual_scales_by_the_square_and_is_convex_and_non_decreasing_on_0_to_1(coefficients, a):
    """Problem 8 for polynomials, from the definition."""
    xi = np.linspace(0, 1, 5)

    def phi(x):
        return np.polyval(coefficients, x)

    dual = dual_by_quadrature(phi, xi)
    rounding = 1e-12 * (1 + dual[-1])
    assert np.all(np.diff(dual) >= -rounding)
    assert np.all(np.diff(dual, 2) >= -rounding)
    scaled = dual_by_quadrature(lambda x: a * phi(x), xi[[2]])
    np.testing.assert_allclose(scaled, a**2 * dual[[2]], rtol=1e-10, atol=1e-12)
