"""Write the submission to the course challenge: predictions, and a page about the model."""

import argparse
import json
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import atomic_write
from nngplab.report.labels import model_label

DATASET = "course"


def main(arguments: argparse.Namespace) -> None:
    record = json.loads(arguments.record.read_text(encoding="utf-8"))
    benchmark, directions, cost = (
        table[table["dataset"] == DATASET]
        for table in map(pd.read_csv, (arguments.benchmark, arguments.directions, arguments.cost))
    )
    best = benchmark[benchmark["split"] == "val"].nlargest(1, "r2")["model"].item()
    write_predictions(best, arguments.outputs, arguments.predictions)
    page = jinja2.Template(
        arguments.template.read_text(encoding="utf-8"), undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    with atomic_write(arguments.readme) as temporary:
        text = page.render(**describe(best, benchmark, directions, cost), record=record, label=model_label)
        temporary.write_text(text.strip() + "\n", encoding="utf-8")


def write_predictions(model: str, paths: list[Path], output: Path) -> None:
    """Write the predictions of the model for X_test, n x 1, without a header, as the rules of the challenge require."""
    for path in paths:
        with np.load(path) as file:
            if model in file.files:
                with atomic_write(output) as temporary:
                    pd.DataFrame(file[model]).to_csv(temporary, index=False, header=False, lineterminator="\n")


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
    parser.add_argument("--cost", type=Path, required=True, help="seconds and memory, CSV")
    parser.add_argument("--outputs", type=Path, nargs="+", required=True, help="outputs for the test samples, NPZ")
    parser.add_argument("--predictions", type=Path, required=True, help="the predictions to submit, CSV")
    parser.add_argument("--readme", type=Path, required=True, help="the page to submit, Markdown")
    run(parser, main)
