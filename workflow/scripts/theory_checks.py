"""Check every identity of the theory problems, and that each check refuses a false variant."""

import argparse
import logging
from pathlib import Path

import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from nngplab.errors import InputError
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.seeds import generator
from nngplab.theory.identity import Effort
from nngplab.theory.pages import PAGES, Page

log = logging.getLogger("nngplab")


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    with threadpool_limits(1, "blas"):
        checks = pd.concat(
            [check(page, arguments.digits, arguments.samples, arguments.seed) for page in PAGES], ignore_index=True
        )
    refuse_failures(checks)
    write_csv(checks, arguments.output)


def check(page: Page, digits: int, samples: int, seed: int) -> pd.DataFrame:
    """Return a row for each identity of a page."""
    rows = []
    for identity in page.identities:
        outcome = identity.check(Effort(digits, samples, generator(seed, "theory", identity.label)))
        rows.append(
            {
                "problem": page.problem,
                "statement": identity.statement,
                "method": outcome.method,
                "max_abs_error": outcome.error,
                "tolerance": outcome.tolerance,
                "passed": outcome.passed,
                # In brackets, as it is cited: 8.1 and 8.10 are not one number.
                "label": f"({identity.label})",
                "false_statement": identity.false_statement,
                "false_error": outcome.false_error,
                "false_refused": outcome.false_refused,
                "page": page.name,
                "digits": digits,
                "samples": samples,
                "seed": seed,
            }
        )
    table = pd.DataFrame(rows)
    log.info("%s: %d equations, %d hold", page.name, len(table), table["passed"].sum())
    return table


def refuse_failures(checks: pd.DataFrame) -> None:
    """Raise InputError, naming their numbers, if identities do not hold or false variants do."""
    failed = checks.loc[~checks["passed"], "label"]
    accepted = checks.loc[~checks["false_refused"], "label"]
    faults = []
    if len(failed):
        faults.append(f"the two sides differ in {', '.join(failed)}")
    if len(accepted):
        faults.append(f"the false variant is accepted in {', '.join(accepted)}")
    if faults:
        raise InputError(f"theory: {'; '.join(faults)}: mend the equation or its check in src/nngplab/theory")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--digits", type=int, required=True, help="digits after the point of checks by mpmath")
    parser.add_argument("--samples", type=int, required=True, help="draws of checks by sampling")
    parser.add_argument("--seed", type=int, required=True, help="root seed of the parameters and the draws")
    parser.add_argument("--output", type=Path, required=True, help="the table with a row for each identity, CSV")
    run(parser, main)
