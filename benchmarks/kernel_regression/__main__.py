"""Compare the speed and the memory of exact kernel regression (Problem 13) with other methods and with a lower bound.

Every method solves (K + ridge I) a = y for the normalised ReLU kernel of the same samples, and predicts the same test
rows. The time is measured from the samples to the predictions. Each method runs in a process of its own, with its own
BLAS and its own peak memory. If it fails, its row gives the reason. The methods run alternately, in several rounds. The
table shows the median seconds and their range, the median of the paired ratios to ours, the peak memory, the relative
difference of the predictions from the reference, and the residual |(K + ridge I) a - y| / |y|, which is computed in
extended precision from some of the rows.
"""

import argparse
import importlib.util
import json
import os
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.kernel_regression.jobs import JOBS, LIBRARIES, run_in_process
from benchmarks.kernel_regression.methods import (
    GIB,
    METHODS,
    OPTIONAL_PACKAGES,
    Array,
    Setting,
    obstacle,
    peak_memory,
)
from benchmarks.kernel_regression.tables import compare_predictions, limits, summarise, to_markdown
from nngplab import left_right_flips
from nngplab.datasets.cifar10 import (
    FOLDER,
    N_CLASSES,
    N_FEATURES,
    SHAPE,
    TEST_BATCHES,
    TRAIN_BATCHES,
    read_batch,
)
from nngplab.errors import InputError
from nngplab.pipeline.cli import is_first_process, run
from nngplab.pipeline.seeds import generator


def read_samples(arguments: argparse.Namespace) -> tuple[Array, Array, Array, Array, str]:
    """Return X (n, d), labels (n,), X_test (m, d) and labels (m,), with values exact in float32, and a description."""
    folder = arguments.project / "data/cifar10" / FOLDER
    n, n_test = arguments.n, arguments.n_test
    if not folder.is_dir():
        rng = generator(arguments.seed, "benchmark")
        X, X_test = (rng.standard_normal((rows, N_FEATURES), dtype=np.float32) for rows in (n, n_test))
        teacher = rng.standard_normal((N_FEATURES, N_CLASSES), dtype=np.float32)
        labels, labels_test = (np.argmax(rows @ teacher, axis=1) for rows in (X, X_test))
        name = "Gaussian rows"
        print(
            f"using {name}, since {folder} is missing; for images, run `snakemake --cores 2 cifar10`", file=sys.stderr
        )
    else:
        train, test = (
            {key: np.concatenate([batch[key] for batch in batches]) for key in ("data", "labels")}
            for batches in ([read_batch(folder / name) for name in names] for names in (TRAIN_BATCHES, TEST_BATCHES))
        )
        if len(train["data"]) < n or len(test["data"]) < n_test:
            raise InputError(
                f"{folder} holds {len(train['data']):,} training and {len(test['data']):,} test images, fewer than "
                f"{n:,} and {n_test:,}: use a smaller --n or --n-test"
            )
        X, X_test = train["data"][:n].astype(np.float32), test["data"][:n_test].astype(np.float32)
        labels, labels_test = train["labels"][:n], test["labels"][:n_test]
        provenance = arguments.project / "results/cifar10/provenance.json"
        name = json.loads(provenance.read_text(encoding="utf-8"))["label"]
    return X, labels, X_test, labels_test, name


def measure(arguments: argparse.Namespace, setting: Setting, folder: Path) -> tuple[pd.DataFrame, ...]:
    """Return the rates, the runs (round, method, precision, wall, cpu, peak), and why some methods did not finish."""
    rates, runs = [], []
    notes: dict[tuple[str, str], str] = {}
    for number in range(1, arguments.rounds + 1):
        for library in LIBRARIES:
            print(f"round {number}: rates of {library}", file=sys.stderr)
            measured = run_in_process(f"rates of {library}", folder)
            if "error" in measured:
                raise InputError(f"the rates of {library} could not be measured: {measured['error']}")
            rates += measured["rates"]
        for method in METHODS:
            if not {method[0], " ".join(method)} & set(arguments.methods) or method in notes:
                continue
            memory = peak_memory(method, setting) / GIB
            print(f"round {number}: {' '.join(method)}, about {memory:.2g} GiB", file=sys.stderr)
            reason = obstacle(method, setting)
            result = {"error": reason} if reason else run_in_process(" ".join(method), folder)
            if "error" in result:
                notes[method] = result["error"]
                print(result["error"], file=sys.stderr)
            else:
                runs.append({"round": number, "method": method[0], "precision": method[1], **result})
    columns = ["round", "method", "precision", "wall", "cpu", "peak"]
    reasons = [{"method": name, "precision": precision, "note": note} for (name, precision), note in notes.items()]
    return (
        pd.DataFrame(rates),
        pd.DataFrame(runs, columns=columns),
        pd.DataFrame(reasons, columns=["method", "precision", "note"]),
    )


def versions() -> str:
    packages = ["numpy", "scipy", "numba", "scikit-learn", "torch"]
    packages += [package for package in OPTIONAL_PACKAGES.values() if importlib.util.find_spec(package)]
    return ", ".join(f"{package} {version(package)}" for package in packages)


def compare(arguments: argparse.Namespace) -> None:
    X, labels, X_test, labels_test, name = read_samples(arguments)
    if arguments.flips:
        X, labels = np.concatenate([X[:, order] for order in left_right_flips(SHAPE)]), np.tile(labels, 2)
        name += ", and their flips"
    y = np.eye(N_CLASSES, dtype=np.float32)[labels]
    setting = Setting(len(X), len(X_test), X.shape[1], y.shape[1], arguments.ridge, arguments.flips)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        setting.write(folder)
        for key, array in {"X": X, "y": y, "X_test": X_test}.items():
            np.save(folder / f"{key}.npy", array)
        del X, y, X_test, array
        rates, runs, notes = measure(arguments, setting, folder)
        print("residuals", file=sys.stderr)
        residuals = run_in_process("residuals", folder)
        errors, accuracies, reference = compare_predictions(folder, labels_test)
    table = summarise(runs, limits(rates, setting)).merge(notes, on=["method", "precision"], how="outer")
    names = table["method"] + " " + table["precision"]
    columns = {"prediction_error": errors, "residual": residuals, "accuracy": accuracies}
    table = table.assign(**{column: names.map(values) for column, values in columns.items()})
    order = ["limit", *dict.fromkeys(method for method, _ in METHODS)]
    table = table.sort_values("method", key=lambda methods: methods.map(order.index), kind="stable")
    print(
        f"{setting.n:,} training and {setting.n_test:,} test rows of {setting.d:,} columns ({name}), "
        f"{setting.outputs} outputs, ridge {setting.ridge}, rounds: {arguments.rounds}, on {os.cpu_count()} cores of "
        f"{platform.machine()}; errors of the predictions against {reference}; {versions()}"
    )
    print(rates.to_csv(index=False, float_format="%.3g"))
    print(table.to_csv(index=False, float_format="%.3g"))
    print(to_markdown(table))


def main(arguments: argparse.Namespace) -> None:
    if arguments.job:
        result = JOBS[arguments.job](arguments.data)
        if is_first_process():
            print(json.dumps(result))
    else:
        compare(arguments)


if __name__ == "__main__":
    names = list(dict.fromkeys(name for method, precision in METHODS for name in (method, f"{method} {precision}")))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--project", type=Path, default=Path(), help="project folder with the CIFAR-10 images")
    parser.add_argument("--n", type=int, default=10_000, help="number of training samples")
    parser.add_argument("--n-test", type=int, default=2_000, help="number of test samples")
    parser.add_argument("--ridge", type=float, default=1e-2, help="the number added to the diagonal of the Gram matrix")
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds")
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=names,
        default=names,
        metavar="METHOD",
        help="methods of the table, with or without the precision",
    )
    parser.add_argument("--flips", action="store_true", help="train on the left-right flips too, on twice the samples")
    parser.add_argument("--seed", type=int, default=88, help="seed of the Gaussian rows if there are no images")
    parser.add_argument("--job", choices=JOBS, help=argparse.SUPPRESS)  # for the processes of the benchmark
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    run(parser, main)
