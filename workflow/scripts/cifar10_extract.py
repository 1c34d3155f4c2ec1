"""Extract the archive with the SHA-256 in the provenance, and write the table of verified files."""

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
    parser.add_argument("--archive", type=Path, required=True, help="the archive in the layout of CIFAR-10, tar.gz")
    parser.add_argument(
        "--provenance", type=Path, required=True, help="the provenance with the SHA-256 of the archive, JSON"
    )
    parser.add_argument("--output-folder", type=Path, required=True, help="folder for the eight files")
    parser.add_argument("--files", type=Path, required=True, help="the verified files, CSV")
    run(parser, main)
