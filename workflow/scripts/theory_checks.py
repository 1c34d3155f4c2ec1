"""Check all identities of the theory problems, and that each check rejects a false variant."""

import argparse
import logging
from pathlib import Path

import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from nngplab.errors import InputError
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.progress import track
from nngplab.pipeline.seeds import generator
from nngplab.theory.identity import CheckSettings
from nngplab.theory.pages import PAGES, DerivationPage

log = logging.getLogger("nngplab")


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    with threadpool_limits(1, "blas"):
        tables = [check(page, arguments.digits, arguments.samples, arguments.seed) for page in track(PAGES, "page")]
    checks = pd.concat(tables, ignore_index=True)
    raise_on_failures(checks)
    write_csv(checks, arguments.output)


def check(page: DerivationPage, digits: int, samples: int, seed: int) -> pd.DataFrame:
    """Return a row for each identity of a page."""
    rows = []
    for identity in page.identities:
        result = identity.check(CheckSettings(digits, samples, generator(seed, "theory", identity.label)))
        rows.append(
            {
                "problem": page.problem,
                "statement": identity.statement,
                "method": result.method,
                "max_abs_error": result.error,
                "tolerance": result.tolerance,
                "passed": result.passed,
                # In brackets, as in citations: without them, pandas would read 8.1 and 8.10 as the same number.
                "label": f"({identity.label})",
                "false_statement": identity.false_statement,
                "false_error": result.false_error,
                "false_refused": result.false_rejected,
                "scope": result.scope,
                "page": page.name,
                "digits": digits,
                "samples": samples,
                "seed": seed,
            }
        )
    table = pd.DataFrame(rows)
    log.info("%s: %d equations, %d hold", page.name, len(table), table["passed"].sum())
    return table


def raise_on_failures(checks: pd.DataFrame) -> None:
    """Raise InputError with the labels of identities that do not hold, and of false variants that do."""
    failed = checks.loc[~checks["passed"], "label"]
    accepted = checks.loc[~checks["false_refused"], "label"]
    errors = []
    if len(failed):
        errors.append(f"the two sides differ in {', '.join(failed)}")
    if len(accepted):
        errors.append(f"the false variant is accepted in {', '.join(accepted)}")
    if errors:
        raise InputError(f"theory: {'; '.join(errors)}: correct the equation or its check in src/nngplab/theory")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--digits", type=int, required=True, help="digits after the decimal point for checks by mpmath")
    parser.add_argument("--samples", type=int, required=True, help="number of draws for checks by sampling")
    parser.add_argument("--seed", type=int, required=True, help="root seed")
    parser.add_argument("--output", type=Path, required=True, help="a row for each identity, CSV")
    run(parser, main)
