"""Write the submission to the course challenge: predictions, and a page about the model."""

import argparse
import json
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import numpy.typing as npt
import pandas as pd

from nngplab.errors import InputError
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import atomic_write
from nngplab.problems.challenge import Samples, evaluate
from nngplab.report.labels import model_label

Array = npt.NDArray[Any]
DATASET = "course"


def main(arguments: argparse.Namespace) -> None:
    record = json.loads(arguments.record.read_text(encoding="utf-8"))
    tables = (arguments.benchmark, arguments.directions, arguments.cost, arguments.edges)
    benchmark, directions, cost, edges = (table[table["dataset"] == DATASET] for table in map(pd.read_csv, tables))
    best = benchmark[benchmark["split"] == "val"].nlargest(1, "r2")["model"].item()
    predictions, y_test = read_predictions(best, arguments.outputs)
    with atomic_write(arguments.predictions) as temporary:
        pd.DataFrame(predictions).to_csv(temporary, index=False, header=False, lineterminator="\n")
    page = jinja2.Template(
        arguments.template.read_text(encoding="utf-8"), undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    with atomic_write(arguments.readme) as temporary:
        context = describe(best, benchmark, directions, cost)
        # In the table of results, the test errors of a network are means over its seeds.
        context["errors"]["test"] = evaluate(predictions, Samples(np.empty((len(y_test), 0)), y_test, classes=False))
        context["edges"] = edges[edges["edge"] & (edges["model"] == best)].to_dict("records")
        text = page.render(**context, record=record, label=model_label)
        temporary.write_text(text.strip() + "\n", encoding="utf-8")


def read_predictions(model: str, paths: list[Path]) -> tuple[Array, Array]:
    """Return the predictions of the model for X_test, of a network those with the first seed, and y_test: (n, 1)."""
    for path in paths:
        with np.load(path) as file:
            if model in file.files:
                return file[model], file["y_test"]
    raise InputError(f"no file of outputs has those of {model}; rerun challenge_test")


def describe(best: str, benchmark: pd.DataFrame, directions: pd.DataFrame, cost: pd.DataFrame) -> dict[str, Any]:
    """Return the context of the page: the model, its metrics and cost, and the features with the most weight."""
    rows = benchmark[benchmark["model"] == best]
    machine = directions[directions["model"] == "rfm"]
    return {
        "model": best,
        "hyperparameters": json.loads(rows["hyperparameters"].iloc[0]),
        "errors": rows.set_index("split")[["mse", "r2"]].to_dict("index"),
        "others": benchmark[(benchmark["split"] == "test") & (benchmark["model"] != best)].to_dict("records"),
        "features": machine.head(10).to_dict("records"),
        "cost": cost[cost["model"] == best.removesuffix("_direction")].to_dict("records"),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--template", type=Path, required=True, help="the template of the page, Jinja2")
    parser.add_argument("--record", type=Path, required=True, help="description of the data, JSON")
    parser.add_argument("--benchmark", type=Path, required=True, help="metrics of the selected models, CSV")
    parser.add_argument("--directions", type=Path, required=True, help="the learned directions, CSV")
    parser.add_argument("--edges", type=Path, required=True, help="the places of the selected values in the grid, CSV")
    parser.add_argument("--cost", type=Path, required=True, help="seconds and memory, CSV")
    parser.add_argument("--outputs", type=Path, nargs="+", required=True, help="outputs for the test samples, NPZ")
    parser.add_argument("--predictions", type=Path, required=True, help="the predictions to submit, CSV")
    parser.add_argument("--readme", type=Path, required=True, help="the page to submit, Markdown")
    run(parser, main)
