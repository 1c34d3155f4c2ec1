"""Unpack the archive whose SHA-256 the provenance tells, and list the files that passed the allow-list of pickles."""

import argparse
import json
from pathlib import Path

from nngplab.datasets.cifar10 import extract_archive, verify_files
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv


def main(arguments: argparse.Namespace) -> None:
    provenance = json.loads(arguments.provenance.read_text(encoding="utf-8"))
    extract_archive(arguments.archive, arguments.output_folder, provenance["sha256"])
    write_csv(verify_files(arguments.output_folder), arguments.files)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--archive", type=Path, required=True, help="tar.gz in the layout of CIFAR-10")
    parser.add_argument("--provenance", type=Path, required=True, help="JSON with the SHA-256 of the archive")
    parser.add_argument("--output-folder", type=Path, required=True, help="folder for the eight files")
    parser.add_argument("--files", type=Path, required=True, help="CSV: file, bytes, sha256, md5")
    run(parser, main)
