"""Predict the test errors of Problem 11 from the eigenvalues of the kernels, and compare them with measured ones."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nngplab.kernels.base import Kernel
from nngplab.kernels.spectra import Spectrum, equivalent_ridge, harmonic_multiplicities, spectrum
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.statistics import compare_with_prediction
from nngplab.problems.kernel_regression import kernel_named
from nngplab.theory.eigenframework import PredictedErrors, predicted_errors
from nngplab.theory.targets import TargetPower, sine_target_power

# Numbers of samples at which a predicted learning curve is drawn.
POINTS = 80


@dataclass(frozen=True, eq=False)
class KernelTheory:
    """What theory says of a kernel on the sine target in d dimensions.

    Attributes:
        spectrum: the eigenvalues of the kernel, by degree.
        target: the power of the target, by degree.
        ridge: the ridge of the linear regression that the kernel amounts to.
    """

    spectrum: Spectrum
    target: TargetPower
    ridge: float

    def predict(self, n: int | list[int]) -> PredictedErrors:
        """Predict the mean errors for n samples without a ridge; n is one number or several."""
        return predicted_errors(self.spectrum, self.target, n)

    def predict_from_ridge(self, n: int) -> float:
        """Predict the mean test MSE from the equivalent ridge alone: that of a linear regression with this ridge."""
        if not np.isfinite(self.ridge):
            return self.target.total
        linear = spectrum("linear", self.spectrum.d, self.spectrum.degrees)
        return float(predicted_errors(linear, self.target, n, ridge=self.ridge).test_mse)


def kernel_theory(kernel: Kernel, d: int) -> KernelTheory:
    """Return what theory says of a kernel on the sine target.

    Args:
        kernel: a kernel that depends on the angle of two samples alone.
        d: the dimension of the samples, 2 or above.

    Raises:
        InputError: as `nngplab.kernels.spectrum`.
    """
    found = spectrum(kernel, d)
    return KernelTheory(found, sine_target_power(d, found.degrees), equivalent_ridge(kernel, d))


def main(arguments: argparse.Namespace) -> None:
    files = {path.stem: path for path in arguments.activation_files}
    fits = pd.concat(map(pd.read_csv, [arguments.test_mse, *arguments.extra_shards]), ignore_index=True)
    curves = pd.concat(map(pd.read_csv, arguments.curves), ignore_index=True)

    def theory_of(name: str, d: int) -> KernelTheory:
        return kernel_theory(kernel_named(name, files.get(name), arguments.laplace_L), d)

    fits = fits[(fits["repeat"] > 0) & (fits["kernel"] != "zero")]
    d, n = (int(fits[column].iloc[0]) for column in ("d", "n"))
    theories = {str(name): theory_of(str(name), d) for name in fits["kernel"].unique()}
    rows = [compare(theory, name, fits[fits["kernel"] == name], n) for name, theory in theories.items()]
    rows = with_linear_ratio(rows)
    parameters = {name: fits[name].iloc[0] for name in ("n", "d", "n_test", "labels_before_normalising")}
    write_csv(pd.DataFrame(rows).assign(**parameters), arguments.theory)
    write_csv(pd.concat(degrees(theory, name, n) for name, theory in theories.items()), arguments.degrees)
    curve_theories = {str(name): theory_of(str(name), int(curves["d"].iloc[0])) for name in curves["kernel"].unique()}
    measured = learning_curve(curves, curve_theories)
    write_csv(measured, arguments.curve)
    write_csv(pd.concat(summarise(group) for _, group in measured.groupby("kernel", sort=False)), arguments.summary)
    write_csv(predicted_curve(curves, curve_theories), arguments.predicted)


def compare(theory: KernelTheory, name: str, measured: pd.DataFrame, n: int) -> dict[str, Any]:
    """Return a row: the predicted errors of a kernel beside the mean over the repeats, and what explains them."""
    predicted, from_ridge = theory.predict(n), theory.predict_from_ridge(n)
    test_mse = float(predicted.test_mse)
    compared = compare_with_prediction(test_mse, measured["test_mse"])
    return {
        "kernel": name,
        "predicted_test_mse": test_mse,
        "predicted_train_mse": float(predicted.train_mse),
        "kappa": float(predicted.kappa),
        **{name: compared[name] for name in ("measured_mean", "measured_low", "measured_high")},
        "repeats": len(measured),
        **{name: compared[name] for name in ("difference", "distance", "inside", "above", "below")},
        "equivalent_ridge": theory.ridge,
        "ridge_test_mse": from_ridge,
        "ridge_distance": abs(from_ridge / test_mse - 1) if 0 < test_mse < np.inf else np.nan,
        "learned_share": predicted.learnability[1],
        "linear_share": theory.target.power[1] / theory.target.total,
        "target_power": theory.target.total,
    }


def with_linear_ratio(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add how far the measured ratio to the linear kernel is from the predicted one, relative to the prediction.

    All kernels are fitted to the same data sets, so that the ratio has less of what these have in common.
    """
    linear = next(row for row in rows if row["kernel"] == "linear")

    def distance(row: dict[str, Any]) -> float:
        predicted, measured = (row[name] / linear[name] for name in ("predicted_test_mse", "measured_mean"))
        return abs(measured / predicted - 1)

    finite = 0 < linear["predicted_test_mse"] < np.inf and linear["measured_mean"] > 0
    return [row | {"ratio_distance": distance(row) if finite and row is not linear else np.nan} for row in rows]


def degrees(theory: KernelTheory, name: str, n: int) -> pd.DataFrame:
    """Return a row for each degree: its share of the target, and how much of it the kernel learns from n samples."""
    return pd.DataFrame(
        {
            "kernel": name,
            "degree": np.arange(theory.spectrum.degrees + 1),
            "harmonics": theory.spectrum.multiplicities.astype(int),
            "target_share": theory.target.power / theory.target.total,
            "kernel_share": theory.spectrum.shares / (theory.spectrum.shares.sum() + theory.spectrum.tail),
            "learnability": theory.predict(n).learnability,
            "n": n,
            "d": theory.spectrum.d,
        }
    )


def learning_curve(curves: pd.DataFrame, theories: dict[str, KernelTheory]) -> pd.DataFrame:
    """Return a row for each kernel and number of samples, with the measured mean beside the prediction."""
    rows = []
    for name, n in curves[["kernel", "n"]].drop_duplicates().itertuples(index=False):
        theory, group = theories[name], curves[curves["kernel"].eq(name) & curves["n"].eq(n)]
        predicted = float(theory.predict(n).test_mse)
        compared = compare_with_prediction(predicted, group["test_mse"])
        parameters = group[["d", "n_test", "seed"]].iloc[0].to_dict()
        rows.append(
            {"kernel": name, "n": n, "predicted_test_mse": predicted, **compared, "target_power": theory.target.total}
            | {"harmonics_of_two_degrees": int(harmonic_multiplicities(theory.spectrum.d, 2).sum())}
            | parameters
        )
    return pd.DataFrame(rows)


def summarise(curve: pd.DataFrame) -> pd.DataFrame:
    """Return a row for the learning curve of a kernel: at how many of its points the interval has the prediction."""
    finite = curve[np.isfinite(curve["difference"])]
    row = {"kernel": curve["kernel"].iloc[0], "points": len(finite), "inside": finite["inside"].sum()}
    farthest = finite.loc[finite["difference"].abs().idxmax()] if len(finite) else {"difference": np.nan, "n": np.nan}
    row |= {"largest_distance": abs(farthest["difference"]), "largest_at": farthest["n"]}
    return pd.DataFrame([row | {name: curve[name].iloc[0] for name in ("draws", "d", "n_test")}])


def predicted_curve(curves: pd.DataFrame, theories: dict[str, KernelTheory]) -> pd.DataFrame:
    """Return the predictions between the smallest and the largest number of samples."""
    ends = curves["n"].min(), curves["n"].max()
    n = np.unique(np.geomspace(*ends, POINTS).round().astype(int))
    return pd.concat(
        pd.DataFrame({"kernel": name, "n": n, "predicted_test_mse": theory.predict(list(n)).test_mse})
        for name, theory in theories.items()
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--test-mse", type=Path, required=True, help="the table of test errors, CSV")
    parser.add_argument(
        "--extra-shards", type=Path, nargs="*", default=[], help="tables of kernel_regression_fit.py of further kernels"
    )
    parser.add_argument(
        "--curves", type=Path, nargs="+", required=True, help="tables of kernel_regression_curve.py, in order, CSV"
    )
    parser.add_argument(
        "--activation-files", type=Path, nargs="*", default=[], help="the files of activations without a closed form"
    )
    parser.add_argument("--laplace-L", type=float, required=True, help="rate of the Laplace kernel exp(-L |x - z|)")
    parser.add_argument("--theory", type=Path, required=True, help="a row for each kernel, CSV")
    parser.add_argument("--degrees", type=Path, required=True, help="a row for each kernel and degree, CSV")
    parser.add_argument("--curve", type=Path, required=True, help="a row for each kernel and number of samples, CSV")
    parser.add_argument("--summary", type=Path, required=True, help="a row for each learning curve, CSV")
    parser.add_argument("--predicted", type=Path, required=True, help="the predicted learning curves, CSV")
    run(parser, main)
