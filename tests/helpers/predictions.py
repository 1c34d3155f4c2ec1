"""Predictions beside measured test errors, for the report on Problems 11 and 12."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from nngplab.pipeline.statistics import compare_with_prediction

PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"></svg>'


def write_kernel_theory(
    folder: Path, fits: pd.DataFrame, predicted: dict[str, float], ridges: dict[str, float], from_ridge: float = 1.01
) -> None:
    """Tables of predictions; those of a linear regression with the equivalent ridge are `from_ridge` times as large."""
    rows, degrees = [], []
    for kernel, test_mse in predicted.items():
        compared = compare_with_prediction(test_mse, fits[fits["kernel"].eq(kernel) & fits["repeat"].gt(0)]["test_mse"])
        measured = {name: compared[name] for name in ("measured_mean", "measured_low", "measured_high")}
        verdict = {name: compared[name] for name in ("difference", "distance", "inside", "above", "below")}
        rows.append(
            {"kernel": kernel, "predicted_test_mse": test_mse, "predicted_train_mse": 0.0, "kappa": 0.01, **measured}
            | {"repeats": compared["draws"], **verdict, "equivalent_ridge": ridges[kernel]}
            | {"ridge_test_mse": from_ridge * test_mse, "ridge_distance": abs(from_ridge - 1), "learned_share": 0.4}
            | {"ratio_distance": np.nan if kernel == "linear" else 0.006}
            | {"linear_share": 0.999, "target_power": 2.5e-5}
        )
        degrees += [
            {"kernel": kernel, "degree": degree, "harmonics": 10**degree, "target_share": 0.5, "learnability": 0.1}
            for degree in range(3)
        ]
    pd.DataFrame(rows).to_csv(folder / "theory.csv", index=False)
    pd.DataFrame(degrees).to_csv(folder / "degrees.csv", index=False)
    pd.DataFrame(
        {"kernel": kernel, "points": 3, "inside": 2, "largest_distance": 0.02, "largest_at": 30, "draws": 5, "d": 30}
        for kernel in predicted
    ).to_csv(folder / "curve_summary.csv", index=False)
    (folder / "learning_curves.svg").write_text(PICTURE)


def write_width_theory(
    folder: Path,
    predicted: dict[int, float],
    draws: dict[int, Sequence[float]],
    ridges: dict[float, tuple[float, Sequence[float]]],
    n: int = 100,
    zero: float = 2.5e-5,
    activations: Sequence[str] = ("relu",),
) -> None:
    """Tables of the predictions and draws of each width, and of those of each ridge, of which the first is 0."""
    setting = {"n": n, "nngp_predicted_test_mse": 1e-5, "target_power": zero}
    widths, rows = [], []
    for activation in activations:
        for k, test_mse in predicted.items():
            excess = k / (n * (n - k - 1)) if k < n - 1 else np.nan
            widths.append({"k": k, "predicted_test_mse": test_mse, **compare_with_prediction(test_mse, draws[k])})
            widths[-1] |= {"activation": activation, "gaussian_excess": excess, **setting}
        for ridge, (test_mse, errors) in ridges.items():
            rows.append({"k": n, "ridge": ridge, "predicted_test_mse": test_mse, "activation": activation, **setting})
            rows[-1] |= compare_with_prediction(test_mse, errors)
    pd.DataFrame(widths).to_csv(folder / "theory.csv", index=False)
    pd.DataFrame(rows).to_csv(folder / "ridge.csv", index=False)
    for name in ("redrawn", "ridge"):
        (folder / f"{name}.svg").write_text(PICTURE)
