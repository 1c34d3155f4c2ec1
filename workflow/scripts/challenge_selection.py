"""Put the candidates of Problem 13 together, and select each model by the validation samples alone."""

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

from nngplab.files import write_csv, write_json
from nngplab.program import run

COLUMNS = ["dataset", "model", "hyperparameters", "split", "mse", "r2", "accuracy", "outcome"]


def main(arguments: argparse.Namespace) -> None:
    records = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in arguments.records}
    validation = pd.concat([pd.read_csv(path) for path in arguments.tables], ignore_index=True)[COLUMNS]
    write_csv(validation, arguments.validation)
    write_json(
        {name: selected(validation, name, record["score"]) for name, record in records.items()}, arguments.selected
    )


def selected(validation: pd.DataFrame, dataset: str, score: str) -> dict[str, Any]:
    """Return, for each model of a data set, the hyper-parameters of its best candidate; none for one that never fitted."""
    val = validation[(validation["dataset"] == dataset) & (validation["split"] == "val")]
    return {
        str(model): json.loads(str(candidates.loc[candidates[score].idxmax(), "hyperparameters"]))
        for model, candidates in val[val["outcome"] == "fitted"].groupby("model", sort=False)
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="tables of candidates, CSV")
    parser.add_argument("--records", type=Path, nargs="+", required=True, help="what each data set is, JSON")
    parser.add_argument("--validation", type=Path, required=True, help="the tables in one, CSV")
    parser.add_argument("--selected", type=Path, required=True, help="hyper-parameters by data set and model, JSON")
    run(parser, main)
