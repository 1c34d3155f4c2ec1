"""Merge the tables of candidates of Problem 13, and select each model by its validation score.

A table says which of the selected hyperparameters are at an edge of the grid.
"""

import argparse
import json
from pathlib import Path

import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv, write_json
from nngplab.problems.challenge_edges import COLUMNS as EDGE_COLUMNS
from nngplab.problems.challenge_edges import edge_rows
from nngplab.problems.challenge_selection import read_candidates, select

COLUMNS = ["dataset", "model", "hyperparameters", "n", "split", "mse", "r2", "accuracy", "outcome"]
OUTCOMES = ("fitted", "diverged", "dead", "singular")


def main(arguments: argparse.Namespace) -> None:
    records = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in arguments.records}
    validation = read_candidates(arguments.tables)[COLUMNS]
    write_csv(validation, arguments.validation)
    write_csv(count_outcomes(validation), arguments.outcomes)
    selected = {name: select(validation, name, record["score"]) for name, record in records.items()}
    write_json(selected, arguments.selected)
    edges = pd.DataFrame(edge_rows(validation, selected, arguments.epochs), columns=EDGE_COLUMNS, dtype=object)
    write_csv(edges, arguments.edges)


def count_outcomes(validation: pd.DataFrame) -> pd.DataFrame:
    """Return, for each data set and model, the number of candidates and of those with each outcome."""
    val = validation[validation["split"] == "val"]
    counts = pd.get_dummies(val["outcome"]).reindex(columns=list(OUTCOMES), fill_value=False).astype(int)
    groups = counts.assign(candidates=1).groupby([val["dataset"], val["model"]], sort=False)
    return groups.sum()[["candidates", *OUTCOMES]].reset_index()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="tables of candidates, CSV")
    parser.add_argument("--records", type=Path, nargs="+", required=True, help="descriptions of the data sets, JSON")
    parser.add_argument(
        "--epochs", type=json.loads, required=True, help="largest number of epochs by data set, a JSON object"
    )
    parser.add_argument("--validation", type=Path, required=True, help="the merged table, CSV")
    parser.add_argument("--outcomes", type=Path, required=True, help="numbers of candidates by outcome, CSV")
    parser.add_argument("--selected", type=Path, required=True, help="hyper-parameters by data set and model, JSON")
    parser.add_argument("--edges", type=Path, required=True, help="the places of the selected values in the grid, CSV")
    run(parser, main)
