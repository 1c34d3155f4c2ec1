"""Compare the extracted images and labels with those of CIFAR-10, and count the images of each class."""

import argparse
import json
import logging
from pathlib import Path

import pandas as pd

from nngplab.datasets.cifar10 import check_images, verify_files
from nngplab.errors import InputError
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.metrics import write_metrics

log = logging.getLogger("nngplab.cifar10_check")


def main(arguments: argparse.Namespace) -> None:
    if not verify_files(arguments.folder).equals(pd.read_csv(arguments.files)):
        raise InputError(f"{arguments.folder} does not hold the files of {arguments.files}: extract the archive again")
    checks, counts = check_images(arguments.folder)
    for row in checks[~checks["passed"]].itertuples():
        log.warning("%s, %s: %s instead of %s", row.split, row.check, row.found, row.expected)
    write_csv(checks, arguments.checks)
    write_csv(counts, arguments.counts)
    provenance = json.loads(arguments.provenance.read_text(encoding="utf-8"))
    images = counts.groupby("split", sort=False)["count"].sum().add_suffix("_images").to_dict()
    failed = int((~checks["passed"]).sum())
    write_metrics(arguments.metrics, {"images": provenance["label"]} | images | {"failed_checks": failed})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the extracted batches")
    parser.add_argument("--files", type=Path, required=True, help="the verified files, CSV")
    parser.add_argument("--provenance", type=Path, required=True, help="the source of the images, JSON")
    parser.add_argument("--counts", type=Path, required=True, help="the number of images of each class, CSV")
    parser.add_argument("--checks", type=Path, required=True, help="the checks, CSV")
    parser.add_argument("--metrics", type=Path, required=True, help="the numbers of images and of failed checks, JSON")
    run(parser, main)
