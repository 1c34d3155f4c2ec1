"""The tables of the benchmark: lower bounds, quality of the predictions, and the summary of all rounds."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.kernel_regression.methods import DTYPES, GIB, METHODS, REFERENCES, Array, Setting, output_file


def limits(rates: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """Return lower bounds for any exact method: the time of its arithmetic at the best measured rate of each part.

    For n training rows, m test rows, d features and p outputs there are n^2 d operations for the symmetric half of the
    Gram matrix (syrk), n^3 / 3 for the Cholesky factor (potrf), 2 n^2 p for the two substitutions, and 2 m n (d + p)
    for the predictions (gemm). Elementwise functions and memory access are not included. The best rate is the maximum
    over libraries, threads and rounds, separately for wall-clock and CPU time. The memory is that of the lower triangle
    and the samples.
    """
    n, m, d, p = setting.n, setting.n_test, setting.d, setting.outputs
    operations = {"syrk": n**2 * d, "potrf": n**3 / 3, "gemm": 2 * n**2 * p + 2 * m * n * (d + p)}
    rows = []
    for precision, dtype in DTYPES.items():
        best = rates[rates["precision"] == precision].groupby("operation")[["wall_gflops", "cpu_gflops"]].max()
        seconds = {
            clock: sum(count / best[f"{clock}_gflops"][operation] for operation, count in operations.items()) / 1e9
            for clock in ("wall", "cpu")
        }
        memory = np.dtype(dtype).itemsize * (n * (n + 1) / 2 + (n + m) * d)
        rows.append({"method": "limit", "precision": precision, **seconds, "peak": memory})
    return pd.DataFrame(rows)


def compare_predictions(folder: Path, labels_test: Array) -> tuple[dict[str, float], dict[str, float], str]:
    """Return the relative error and the accuracy of the predictions of each method, and the name of the reference."""
    predictions = {
        method: np.load(folder / output_file(method))["predictions"].astype(np.float64)
        for method in METHODS
        if (folder / output_file(method)).exists()
    }
    reference = next((method for method in REFERENCES if method in predictions), None)
    if not reference:
        return {}, {}, "nothing"
    expected = predictions[reference]
    norm = np.linalg.norm(expected)
    errors, accuracies = {}, {}
    for method, found in predictions.items():
        errors[" ".join(method)] = float(np.linalg.norm(found - expected) / norm)
        accuracies[" ".join(method)] = float(np.mean(found.argmax(1) == labels_test))
    return errors, accuracies, " ".join(reference)


def summarise(runs: pd.DataFrame, limit: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each method: median and range over the rounds, ratio to the limit, and paired ratio to ours."""
    runs = pd.concat([limit.assign(round=1), runs], ignore_index=True)
    keys = ["round", "precision"]
    of_ours = runs[runs["method"] == "ours"].set_index(keys)[["wall", "cpu"]].add_suffix("_of_ours")
    of_limit = limit.set_index("precision")[["wall", "cpu"]].add_suffix("_of_limit")
    runs = runs.join(of_ours, on=keys).join(of_limit, on="precision")
    for clock in ("wall", "cpu"):
        runs[f"{clock}_over_ours"] = runs[clock] / runs[f"{clock}_of_ours"]
    groups = runs.groupby(["method", "precision"], sort=False)
    columns = {"peak_gib": groups["peak"].max() / GIB}
    for clock in ("wall", "cpu"):
        columns[f"{clock}_seconds"] = groups[clock].median()
        columns[f"{clock}_seconds_low"] = groups[clock].min()
        columns[f"{clock}_seconds_high"] = groups[clock].max()
        columns[f"{clock}_over_limit"] = groups[clock].median() / groups[f"{clock}_of_limit"].first()
        columns[f"{clock}_over_ours"] = groups[f"{clock}_over_ours"].median()
        columns[f"{clock}_over_ours_low"] = groups[f"{clock}_over_ours"].min()
        columns[f"{clock}_over_ours_high"] = groups[f"{clock}_over_ours"].max()
    return pd.DataFrame(columns).reset_index()


def to_markdown(table: pd.DataFrame) -> str:
    """Return the table for the README; the row of a method that did not finish has the reason."""
    lines = [
        "| method | precision | wall, s | CPU, s | CPU over limit | wall over ours | peak, GiB | error | residual "
        "| accuracy |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in table.to_dict("records"):
        if isinstance(row["note"], str):
            cells = [row["note"], *[""] * 7]
        else:
            low, high = row["wall_over_ours_low"], row["wall_over_ours_high"]
            cells = [
                f"{row['wall_seconds']:.3g}",
                f"{row['cpu_seconds']:.3g}",
                f"{row['cpu_over_limit']:.2f}",
                f"{row['wall_over_ours']:.2f} ({low:.2f} to {high:.2f})",
                f"{row['peak_gib']:.3g}",
                f"{row['prediction_error']:.0e}",
                f"{row['residual']:.1e}",
                f"{row['accuracy']:.1%}",
            ]
        lines.append("| " + " | ".join([row["method"], row["precision"], *cells]) + " |")
    return re.sub(r"\bnan(%| \(nan to nan\))?", "", "\n".join(lines))
