"""Select the hyperparameters of one model of Problem 13 on one data set by the validation score."""

import argparse
import json
from pathlib import Path

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_json
from nngplab.problems.challenge_selection import read_candidates, select


def main(arguments: argparse.Namespace) -> None:
    record = json.loads(arguments.record.read_text(encoding="utf-8"))
    validation = read_candidates(arguments.tables)
    write_json({arguments.dataset: select(validation, arguments.dataset, record["score"])}, arguments.output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="tables of its candidates, CSV")
    parser.add_argument("--record", type=Path, required=True, help="description of the data set, JSON")
    parser.add_argument("--dataset", required=True, help="name of the data set")
    parser.add_argument("--output", type=Path, required=True, help="its hyper-parameters by data set and model, JSON")
    run(parser, main)
