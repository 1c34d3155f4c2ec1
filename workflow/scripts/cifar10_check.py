"""Check the images and labels against 50,000 and 10,000, and count the classes."""

import argparse
import logging
from pathlib import Path

import pandas as pd

from nngplab.datasets.cifar10 import verified_files, verify
from nngplab.errors import InputError
from nngplab.files import write_csv
from nngplab.program import run

log = logging.getLogger("nngplab.cifar10_check")


def main(arguments: argparse.Namespace) -> None:
    if not verified_files(arguments.folder).equals(pd.read_csv(arguments.files)):
        raise InputError(f"{arguments.folder} does not hold the files of {arguments.files}: unpack the archive again")
    checks, counts = verify(arguments.folder)
    for row in checks[~checks["passed"]].itertuples():
        log.warning("%s, %s: %s instead of %s", row.split, row.check, row.found, row.expected)
    write_csv(checks, arguments.checks)
    write_csv(counts, arguments.counts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the unpacked batches")
    parser.add_argument("--files", type=Path, required=True, help="CSV of the verified files")
    parser.add_argument("--counts", type=Path, required=True, help="CSV: split, class, label, count")
    parser.add_argument("--checks", type=Path, required=True, help="CSV: check, split, expected, found, passed")
    run(parser, main)
