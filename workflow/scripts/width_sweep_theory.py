"""Predict the test errors of Problem 12, and compare them with networks on data that were drawn anew."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from nngplab.kernels.dual import Dual
from nngplab.kernels.objects import NNGP
from nngplab.kernels.spectra import spectrum
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.statistics import compare_with_prediction
from nngplab.theory.eigenframework import predicted_errors
from nngplab.theory.targets import sine_target_power

# Widths, and ridges, at which a predicted curve is drawn.
POINTS = 60
MEASURED = ["measured_mean", "measured_low", "measured_high", "measured_median", "draws"]
VERDICT = ["difference", "distance", "inside", "above", "below"]


def main(arguments: argparse.Namespace) -> None:
    # Within the function, so that an error in the code of an activation is one line too.
    from nngplab.kernels.activations import dual_named

    files = {path.stem: path for path in arguments.activation_files}
    table = pd.concat(map(pd.read_csv, arguments.shards), ignore_index=True)
    widths, ridges, curves = [], [], []
    for activation, group in table.groupby("activation", sort=False):
        dual = dual_named(str(activation), files.get(str(activation)))
        compared, curve = compare(group, dual), predicted_curves(group, dual).assign(activation=activation)
        asked = compared["k"].isin(arguments.widths) & (compared["ridge"] == 0)
        widths.append(compared[asked].drop(columns="ridge"))
        ridges.append(compared[compared["k"] == compared["n"]])
        curves.append(curve)
    write_csv(pd.concat(widths), arguments.theory)
    write_csv(pd.concat(ridges), arguments.ridges)
    write_csv(pd.concat(curves), arguments.predicted)


def compare(table: pd.DataFrame, dual: Dual) -> pd.DataFrame:
    """Return a row for each width and ridge: the prediction, and the mean over the draws with its interval.

    `gaussian_excess` is by how much the exact mean of least squares is above the prediction, relative to it, if the
    features are Gaussian: k / (n (n - k - 1)) for k < n - 1 by (F.5) of docs/theory/random_feature_regression.md.
    """
    n, d = (int(table[column].iloc[0]) for column in ("n", "d"))
    found = spectrum(NNGP(dual), d)
    target = sine_target_power(d, found.degrees)
    limit = float(predicted_errors(found, target, n).test_mse)
    parameters = table[["n", "d", "n_test", "seed", "activation"]].iloc[0].to_dict()
    rows = []
    for k, ridge in table[["k", "ridge"]].drop_duplicates().sort_values(["k", "ridge"]).itertuples(index=False):
        predicted = float(predicted_errors(found, target, n, k, ridge).test_mse)
        measured = table.loc[table["k"].eq(k) & table["ridge"].eq(ridge), "test_mse"]
        compared = compare_with_prediction(predicted, measured)
        rows.append(
            {"k": k, "predicted_test_mse": predicted}
            | {name: compared[name] for name in MEASURED}
            | parameters
            | {"ridge": ridge, **{name: compared[name] for name in VERDICT}}
            | {"gaussian_excess": k / (n * (n - k - 1)) if k < n - 1 else np.nan}
            | {"nngp_predicted_test_mse": limit, "target_power": target.total}
        )
    return pd.DataFrame(rows)


def predicted_curves(table: pd.DataFrame, dual: Dual) -> pd.DataFrame:
    """Return predictions over the widths without a ridge, and over the ridges for k = n."""
    n, d = (int(table[column].iloc[0]) for column in ("n", "d"))
    found = spectrum(NNGP(dual), d)
    target = sine_target_power(d, found.degrees)
    # More of them near the peak.
    steps = np.geomspace(0.002, 0.5, POINTS // 4)
    k = np.unique([*np.geomspace(table["k"].min(), table["k"].max(), POINTS), *n * (1 - steps), *n * (1 + steps)])
    k = k[(k >= table["k"].min()) & (k <= table["k"].max())]
    curves = pd.DataFrame({"k": k, "ridge": 0.0, "predicted_test_mse": predicted_errors(found, target, n, k).test_mse})
    ridges = table.loc[table["ridge"] > 0, "ridge"]
    if ridges.empty:
        return curves
    ridge = np.geomspace(ridges.min(), ridges.max(), POINTS)
    errors = predicted_errors(found, target, n, n, ridge).test_mse
    return pd.concat([curves, pd.DataFrame({"k": n, "ridge": ridge, "predicted_test_mse": errors})])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=Path, nargs="+", required=True, help="tables of width_sweep_redrawn.py, CSV")
    parser.add_argument("--widths", type=int, nargs="+", required=True, metavar="K", help="the widths of the table")
    parser.add_argument(
        "--activation-files", type=Path, nargs="*", default=[], help="the files of activations without a closed form"
    )
    parser.add_argument("--theory", type=Path, required=True, help="a row for each width, CSV")
    parser.add_argument("--ridges", type=Path, required=True, help="a row for each ridge at k = n, CSV")
    parser.add_argument("--predicted", type=Path, required=True, help="the predicted curves, CSV")
    run(parser, main)
