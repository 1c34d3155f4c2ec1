"""Merge the derivations with their checks, and tabulate the misprints of the problem set with the checks of them."""

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from nngplab.errors import InputError
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv, write_json
from nngplab.theory.derivations import page_title, split_at_equations
from nngplab.theory.misprints import MISPRINTS
from nngplab.theory.pages import PAGES, DerivationPage

METHODS = ("sympy", "mpmath", "float64", "sampling")


def main(arguments: argparse.Namespace) -> None:
    checks = pd.read_csv(arguments.checks).set_index("label", drop=False)
    files = {path.stem: path for path in arguments.pages}
    if set(files) != {page.name for page in PAGES}:
        differing = ", ".join(sorted(set(files) ^ {page.name for page in PAGES}))
        raise InputError(f"theory: pages and checks do not match: {differing}")
    write_json({"pages": [read_derivation(page, files[page.name]) for page in PAGES]}, arguments.derivations)
    write_csv(summarise(checks), arguments.summary)
    write_csv(misprints_table(checks), arguments.misprints)


def read_derivation(page: DerivationPage, path: Path) -> dict[str, Any]:
    """Return the steps of a page.

    Raises:
        InputError: if the equations of the page are not the identities that are checked.
    """
    text = path.read_text(encoding="utf-8")
    try:
        title, steps = page_title(text), split_at_equations(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    printed = {step["label"]: step["latex"] for step in steps if step["label"]}
    checked = {identity.label: identity.statement for identity in page.identities}
    for label in dict.fromkeys([*printed, *checked]):
        if printed.get(label) != checked.get(label):
            raise InputError(
                f"{path}: equation ({label}) differs from that in src/nngplab/theory/{page.name}.py; make them equal"
            )
    return {
        "name": page.name,
        "problem": page.problem,
        "title": title,
        "steps": [with_brackets(step) for step in steps],
    }


def with_brackets(step: dict[str, str | None]) -> dict[str, str | None]:
    """Return the step with its label in brackets, as in the table of checks."""
    return {**step, "label": step["label"] and f"({step['label']})"}


def summarise(checks: pd.DataFrame) -> pd.DataFrame:
    """Return a row for all pages, then one for each page."""
    checks = checks.assign(**{name: checks["method"].str.contains(name) for name in METHODS})
    rows = []
    for page, group in [("all", checks), *checks.groupby("page", sort=False)]:
        counts = {name: group[name].sum() for name in METHODS}
        rows.append({"page": page, "identities": len(group), **counts, **group[["passed", "false_refused"]].sum()})
    return pd.DataFrame(rows)


def misprints_table(checks: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each misprint, with the errors of the printed and the right formula if there is a check."""
    table = pd.DataFrame([vars(misprint) for misprint in MISPRINTS])
    table["label"] = table["label"].map(lambda label: f"({label})", na_action="ignore")
    errors = checks[["false_error", "max_abs_error"]].reindex(table["label"]).to_numpy()
    return table.assign(printed_error=errors[:, 0], right_error=errors[:, 1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checks", type=Path, required=True, help="a row for each identity, CSV")
    parser.add_argument("--pages", type=Path, nargs="+", required=True, help="the derivations, Markdown")
    parser.add_argument("--derivations", type=Path, required=True, help="the steps of the derivations, JSON")
    parser.add_argument("--summary", type=Path, required=True, help="a row for each page, CSV")
    parser.add_argument("--misprints", type=Path, required=True, help="a row for each misprint, CSV")
    run(parser, main)
