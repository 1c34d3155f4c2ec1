"""The sentences on Problems 1 and 5 to 10 follow from the checks, whatever their outcomes are.

Generated outcomes go through the functions of the scripts to the page. What it says is compared with what the outcomes
say, in both directions.
"""

import json
import math
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
import pandas as pd
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nngplab.kernels.duals import DUALS
from nngplab.pipeline.files import write_csv
from nngplab.report.labels import activation_label
from nngplab.report.page import HTMLReport
from nngplab.report.results import Results
from nngplab.theory.identity import CheckResult, Identity
from nngplab.theory.misprints import MISPRINTS
from nngplab.theory.pages import DerivationPage
from tests.helpers.checkout import SCRIPTS
from tests.helpers.report_page import PICTURE, TEMPLATES, check_traces, sentences, write_cifar10, write_explorer

CHECKS, SUMMARY, DUALS_SCRIPT = (
    runpy.run_path(str(SCRIPTS / f"theory_{name}.py")) for name in ("checks", "summary", "duals")
)
LABELS = ["1.1", "8.1", "8.10", "R.6", "10.3", "x.1"]
DRAWS = "sampling, 10,000 draws, 5 standard errors"
NAN, INFINITY = math.nan, math.inf


def result(method: str, error: float, false_error: float, scope: str = "") -> CheckResult:
    return CheckResult(method, error, 0.0 if method == "sympy" else 1e-10, false_error, scope)


def methods(digits: int) -> list[str]:
    return ["sympy", f"mpmath, {digits} digits", "autograd, float64", DRAWS]


@st.composite
def outcomes(draw: Callable[..., object]) -> tuple[int, list[CheckResult]]:
    """Draw the digits of the checks by mpmath, and the outcomes of up to six checks."""
    digits = draw(st.sampled_from([1, 2, 30]))
    one = st.builds(
        result,
        st.sampled_from(methods(digits)),
        st.sampled_from([0.0, 3e-12, 250.0, NAN, INFINITY]),
        st.sampled_from([0.0, 3e-12, 250.0, NAN, INFINITY]),
        st.sampled_from(["", "real symbols $a$, $b$", r"$\xi$ = $1/2$ and $-3/4$"]),
    )
    return digits, draw(st.lists(one, min_size=1, max_size=len(LABELS)))


def write(folder: Path, digits: int, results: list[CheckResult]) -> None:
    """Put outcomes through the scripts. The first page has the first check, the second page all others."""
    for name in ("cifar10", "theory"):
        (folder / name).mkdir(parents=True)
    write_cifar10(folder / "cifar10", stand_in=False, source="archive", label="CIFAR-10, a copy")
    identities = [
        Identity(label, "a = b", "a = 2 b", lambda _, outcome=outcome: outcome)
        for label, outcome in zip(LABELS, results, strict=False)
    ]
    pages = [DerivationPage("problem_01", "1", identities[:1]), DerivationPage("arcsine", "8", identities[1:])]
    pages = [page for page in pages if page.identities]
    theory = folder / "theory"
    table = pd.concat([CHECKS["check"](page, digits, 10_000, 88) for page in pages], ignore_index=True)
    write_csv(table, theory / "checks.csv")
    checks = pd.read_csv(theory / "checks.csv").set_index("label", drop=False)
    write_csv(SUMMARY["summarise"](checks), theory / "summary.csv")
    write_csv(SUMMARY["misprints_table"](checks), theory / "misprints.csv")
    (theory / "derivations.json").write_text(json.dumps({"pages": [derivation(page) for page in pages]}))
    for name in ("duals", "spectra"):
        (theory / f"{name}.svg").write_text(PICTURE)
    write_explorer(theory)
    largest = pd.DataFrame({"activation": ["sine"], "quantity": "eigenvalue", "index": 1, "value": 61.8})
    write_csv(largest, theory / "spectra.csv")
    write_csv(pd.DataFrame({"activation": ["sine"], "xi": -0.5, "dual": -0.4, "derivative": 0.8}), theory / "duals.csv")


def derivation(page: DerivationPage) -> dict[str, object]:
    steps = [{"text": "So", "label": f"({identity.label})", "latex": "a = b"} for identity in page.identities]
    return {"name": page.name, "problem": page.problem, "title": page.name, "steps": steps}


def render(folder: Path) -> str:
    """The page without links: the drawn equations are not those to which its text refers."""
    with patch("nngplab.report.page.add_links", str):
        report = HTMLReport(TEMPLATES, Results(folder), student=None, config={}, provenance={})
        return report.render(["theory", "problem_01"])


def words(fragment: str) -> str:
    return sentences(f'<section id="fragment">{fragment}</section>', "fragment")


def answer(page: str) -> list[str]:
    """The answer of the last section with the two paragraphs below it: the first goes on from the answer."""
    section = page[page.index('<section id="theory">') :]
    answer, first, second = map(words, re.findall(r"<p>.*?</p>", section, flags=re.DOTALL)[:3])
    return [f"{answer} {first}", second]


def listed(labels: list[str]) -> str:
    in_brackets = [f"({label})" for label in labels]
    return " and ".join(filter(None, [", ".join(in_brackets[:-1]), in_brackets[-1]]))


def expected_verdict(results: list[CheckResult]) -> str:
    """What the outcomes say, without the properties of the class under test."""
    by_label = dict(zip(LABELS, results, strict=False))
    good = [label for label, found in by_label.items() if found.error <= found.tolerance]
    undecided = [label for label, found in by_label.items() if math.isnan(found.error)]
    differing = [label for label in by_label if label not in good + undecided]
    if len(results) == 1:
        text = f"The one numbered equation {'passes' if good else 'does not pass'} its check."
    elif len(good) == len(results):
        text = f"All {len(results)} numbered equations pass their checks."
    elif not good:
        text = f"None of the {len(results)} numbered equations passes its check."
    else:
        verb = "passes its check" if len(good) == 1 else "pass their checks"
        text = f"{len(good)} of the {len(results)} numbered equations {verb}."
    if differing:
        text += f" The two sides differ in {listed(differing)}."
    if undecided:
        text += f" A difference is neither found nor excluded in {listed(undecided)}."
    return text


def expected_methods(results: list[CheckResult], digits: int) -> str:
    phrases = {
        "sympy": "by sympy, which must reduce the difference to zero",
        "mpmath": f"by mpmath, to {digits} digit{'' if digits == 1 else 's'} after the point",
        "float64": "in float64, up to rounding errors, with random arguments",
        "sampling": f"by {DRAWS}",
    }
    counts = {name: sum(name in found.method for found in results) for name in phrases}
    return "; ".join(f"{count} {phrases[name]}" for name, count in counts.items() if count)


def expected_rejections(results: list[CheckResult]) -> str:
    by_label = dict(zip(LABELS, results, strict=False))
    accepted = [label for label, found in by_label.items() if not found.false_error > found.tolerance]
    count = len(results) - len(accepted)
    if len(results) == 1:
        return f"It was {'rejected' if count else 'not rejected'}."
    if not accepted:
        return f"All {count} were rejected."
    if not count:
        return "None was rejected."
    return f"{count} of the {len(results)} {'was' if count == 1 else 'were'} rejected: not {listed(accepted)}."


def expected_beside(found: CheckResult) -> tuple[str, str]:
    """The words beside an equation, and those beside its false variant, up to the numbers."""
    if math.isnan(found.error):
        beside = f"✗ not decided ({found.method}): a difference is neither found nor excluded"
    else:
        beside = (
            f"{'✓ the sides agree' if found.error <= found.tolerance else '✗ the sides differ'} ({found.method}): error"
        )
    rejected = "✓ rejected" if found.false_error > found.tolerance else "✗ not rejected"
    what = "A difference is neither found" if math.isnan(found.false_error) else "The sides of this variant differ by"
    return beside, f"false variant {rejected} Wrong: a=2b {what}"


@settings(max_examples=25, deadline=None)
@given(outcomes())
@example((30, [result("sympy", 0.0, 0.25)] * 6))
@example((30, [result("sympy", 0.25, 0.0)] * 6))
@example((30, [result("sympy", NAN, NAN)] * 2))
@example((1, [result("mpmath, 1 digits", 0.0, 0.25)]))
@example((1, [result("mpmath, 1 digits", 0.25, 0.0)]))
@example((30, [result(DRAWS, 3e-12, INFINITY), result(DRAWS, 250.0, 250.0), result("sympy", NAN, 0.0)]))
def test_the_answer_and_the_words_beside_each_equation(drawn):
    digits, results = drawn
    with TemporaryDirectory() as name:
        folder = Path(name) / "results"
        write(folder, digits, results)
        page = render(folder)
        check_traces(folder, page)
    first, second = answer(page)
    assert first.startswith(f"{expected_verdict(results)} The proof is the text.")
    assert first.endswith(f"where it has one: {expected_methods(results, digits)}.")
    assert second.endswith(f"which it must reject. {expected_rejections(results)}")
    shown = re.findall(r'<div class="identity">.*?</details>\s*</div>', page, flags=re.DOTALL)
    assert len(shown) == len(results)
    for text, label, found in zip(map(words, shown), LABELS, results, strict=False):
        beside, beside_false = expected_beside(found)
        assert f"({label}) {beside}" in text.replace("  ", " ")
        assert beside_false in text
        assert ("checked for" in text) == bool(found.scope)
        assert ("it has another shape, or does not exist" in text) == (found.false_error == INFINITY)


@settings(max_examples=12, deadline=None)
@given(outcomes())
def test_the_table_of_pages_and_that_of_misprints(drawn):
    digits, results = drawn
    with TemporaryDirectory() as name:
        folder = Path(name) / "results"
        write(folder, digits, results)
        page = render(folder)
    tables = re.findall(r"<tbody>.*?</tbody>", page, flags=re.DOTALL)
    rows = [
        re.findall(r"<t[hd].*?</t[hd]>", row, flags=re.DOTALL) for row in re.findall(r"<tr>.*?</tr>", tables[0], re.S)
    ]
    for cells, part in zip(rows, (results[:1], results[1:]), strict=False):
        good = sum(found.error <= found.tolerance for found in part)
        rejected = sum(found.false_error > found.tolerance for found in part)
        assert [words(cell) for cell in (cells[1], cells[-2], cells[-1])] == [str(len(part)), str(good), str(rejected)]
    misprints = [
        re.findall(r"<t[hd].*?</t[hd]>", row, flags=re.DOTALL) for row in re.findall(r"<tr>.*?</tr>", tables[1], re.S)
    ]
    assert [words(cells[0]) for cells in misprints] == [misprint.where for misprint in MISPRINTS]
    checked = dict(zip(LABELS, results, strict=False))
    for cells, misprint in zip(misprints, MISPRINTS, strict=True):
        assert (words(cells[-1]) == "–") == (misprint.label is None)
        if misprint.label:
            found = checked.get(misprint.label)
            errors = re.search(r": error (.*) as printed, (.*) as corrected", words(cells[-1])).groups()
            for shown, error in zip(errors, (found and found.false_error, found and found.error), strict=True):
                assert (shown == "–") == (error is None or math.isnan(error))


points = st.tuples(
    st.sampled_from(["sine", "cosine", "relu", "my_own"]),
    st.sampled_from([-1.0, -0.5, 0.0, 0.5]),
    st.sampled_from([-0.2, 0.0, 0.3, INFINITY, NAN]),
)


@settings(max_examples=12, deadline=None)
@given(st.lists(points, min_size=1, max_size=8, unique_by=lambda point: point[:2]))
@example([("sine", -0.5, 0.3)])
@example([("cosine", -0.5, -0.2)])
@example([("cosine", 0.5, -0.2)])
@example([("cosine", -0.5, -0.2), ("my_own", -1.0, -0.2), ("relu", -0.5, -0.2)])
def test_the_caption_names_the_duals_that_decrease(drawn):
    with TemporaryDirectory() as name:
        folder = Path(name) / "results"
        write(folder, 30, [result("sympy", 0.0, 0.25)])
        table = pd.DataFrame(drawn, columns=["activation", "xi", "derivative"]).assign(dual=0.0)
        write_csv(table, folder / "theory/duals.csv")
        text = sentences(render(folder), "theory")
    (caption,) = re.findall(r"\(Problem 8\)\. (On .*?)\. Left", text)
    names = list(dict.fromkeys(activation_label(name) for name, xi, slope in drawn if xi < 0 and slope < 0))
    if names:
        whose = "that" if len(names) == 1 else "those"
        written = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
        assert caption.endswith(f" {whose} of {written} decrease{'s' if len(names) == 1 else ''} somewhere")
    else:
        assert caption.endswith("none of them decreases either")


def test_the_duals_of_the_pipeline_that_decrease_are_those_whose_values_fall():
    table = DUALS_SCRIPT["duals_table"]()
    left = table[table["xi"] <= 0]
    falling = {name for name, rows in left.groupby("activation") if np.diff(rows["dual"]).min() < -1e-9}
    assert falling == set(left.loc[(left["xi"] < 0) & (left["derivative"] < 0), "activation"])
    right = table[table["xi"] >= 0]
    for name in DUALS:
        dual = right.loc[right["activation"] == name, "dual"]
        assert np.diff(dual).min() >= -1e-12
        assert np.diff(dual, 2).min() >= -1e-12
