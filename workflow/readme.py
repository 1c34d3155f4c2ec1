"""Write the answers of the last run into README.md, and the curve of Problem 12 to docs/images.

The table is made from the metrics, which git tracks. The curve is drawn from results/width_sweep/summary.csv, and it
holds the metrics of Problem 12, so that a test can tell whether it belongs to them.
"""

import argparse
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nngplab.pipeline.files import atomic_write
from nngplab.report.figures.width_sweep import plot_test_mse
from nngplab.report.labels import DATASETS, kernel_label, model_label
from nngplab.report.tracing import significant

START, END = "<!-- answers: `make README.md` -->\n", "<!-- end of the answers -->\n"
CURVE = "docs/images/width_sweep.png"
SUMMARY = "results/width_sweep/summary.csv"
# Pixels for each inch, colours of the palette, and the key of the metrics in the file.
RESOLUTION, COLOURS, METRICS = 100, 32, "metrics"
LOSSES = {"mse": "squared error", "cross_entropy": "cross-entropy"}
SCORES = {"r2": "R²", "accuracy": "accuracy"}


def read_metrics(folder: Path) -> dict[str, Any]:
    """Return the metrics of each problem, by the name of its stage."""
    return {path.parent.name: json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*/metrics.json"))}


def with_answers(readme: str, metrics: dict[str, Any], config: dict[str, Any]) -> str:
    """Return the text of README.md with a table row for each answer."""
    rows = "".join(f"| {problem} | {answer} |\n" for problem, answer in answers(metrics, config))
    sources = {"[CIFAR-10](docs/cifar10.md)": metrics["cifar10"]["images"]}
    sources |= {"[the data of the course challenge](data/challenge/README.md)": metrics["challenge"]["course"]["data"]}
    replaced = [name for name, source in sources.items() if source.startswith("STAND-IN")]
    note = f"\nThis run used generated stand-ins for {' and '.join(replaced)}.\n" if replaced else ""
    table = f"| problem | answer |\n|---|---|\n{rows}{note}"
    return re.sub(f"{START}.*{END}", lambda _: START + table + END, readme, flags=re.DOTALL)


def answers(metrics: dict[str, Any], config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each problem with its answer."""
    yield (
        "1, 5-10",
        "[Proved](docs/theory/README.md); a program checks every equation, and rejects a false variant of it.",
    )
    yield "2a", _cifar10(metrics["cifar10"])
    yield "2b", _fc_net(metrics["fc_net"]["trained"], config["fc_net"]["width"])
    yield "3", _linear_autoencoder(metrics["linear_autoencoder"])
    yield "4", _attractors(metrics["attractors"]["trained"]["n_images"], max(config["attractors"]["n_images"]))
    yield "11", _kernel_regression(metrics["kernel_regression"])
    yield "12", _width_sweep(metrics["width_sweep"])
    yield "13", _challenge(metrics["challenge"], config["challenge"])


def _cifar10(metrics: dict[str, Any]) -> str:
    failed = metrics["failed_checks"]
    checks = "all checks pass" if failed == 0 else f"{failed} check{'s' if failed > 1 else ''} failed"
    return f"{metrics['train_images']:,} training and {metrics['test_images']:,} test images: {checks}."


def _fc_net(trained: dict[str, Any], width: int) -> str:
    shares = [f"{values['mean_accuracy']:.0%} with {LOSSES[loss]}" for loss, values in trained.items()]
    return f"A ReLU network of width {width} classifies {' and '.join(shares)} of the test images correctly."


def _linear_autoencoder(metrics: dict[str, Any]) -> str:
    outcomes = ("converged", "oscillating", "diverged", "stalled", "out_of_steps")
    words = {"oscillating": "oscillate", "out_of_steps": "run out of steps", "diverged": "diverge"}
    words |= {"stalled": "stall", "converged": "converge"}
    counts = ", ".join(f"{metrics[name]} {words[name]}" for name in outcomes if metrics[name])
    return f"From zero, no step changes the weights. Of {metrics['runs']} runs from half-zero weights, {counts}."


def _attractors(networks: dict[str, Any], n_images: int) -> str:
    row = networks[str(n_images)]
    image = "the training image" if n_images == 1 else "a training image"
    places = {"image_share": f"at {image}", "negative_share": f"at the negative of {image}"}
    places |= {"mixture_share": "mixtures of training images", "elsewhere_share": "elsewhere", "zero_share": "zero"}
    shares = [f"{row[name]:.0%} are {place}" for name, place in places.items() if row[name]]
    trained = f"Trained on {n_images} image{'s' if n_images > 1 else ''}"
    return f"{trained}: after {row['iterations']} iterations of test images, {', '.join(shares)}."


def _kernel_regression(metrics: dict[str, Any]) -> str:
    errors = {name: values["mean_test_mse"] for name, values in metrics.items() if name not in ("linear", "zero")}
    ranked = ", ".join(
        f"{kernel_label(name)} {significant(errors[name])}" for name in sorted(errors, key=errors.__getitem__)
    )
    return f"Mean test MSE, from the smallest: {ranked}."


def _width_sweep(metrics: dict[str, Any]) -> str:
    peak, widest = metrics["peak"], metrics["widest"]
    return (
        f"The test MSE is largest at width {peak['k']}, {significant(peak['ratio_to_nngp'])} times that of the NNGP;"
        f" at width {widest['k']} it is {significant(widest['ratio_to_nngp'])} times that of the NNGP."
    )


def _challenge(metrics: dict[str, Any], config: dict[str, Any]) -> str:
    said = [_scores(name, metrics) for name in DATASETS if name in metrics]
    # For the test, models are fitted to the images for validation too.
    images = config["cifar10_train"] + config["cifar10_val"] if config["cifar10_train"] else 50_000
    trained = f" All models of CIFAR-10 are trained on {images:,} images." if "cifar10" in metrics else ""
    return f"{'; '.join(said)}.{trained}"


def _scores(dataset: str, metrics: dict[str, Any]) -> str:
    """Return the test scores of the network, the ReLU NNGP and the best model on a data set."""
    models = metrics[dataset] | metrics["trained"][dataset]
    scores = {model: values["test"] for model, values in models.items() if isinstance(values, dict)}
    best = max(scores, key=scores.__getitem__)
    listed = [f"{model_label(name)} {scores[name]:.2f}" for name in ("network", "nngp") if name in scores]
    listed.append(f"the largest is that of the {model_label(best)}, {scores[best]:.2f}")
    return f"{DATASETS[dataset]}, test {SCORES[models['score']]}: {', '.join(listed)}"


def write_curve(summary: pd.DataFrame, metrics: dict[str, Any], path: Path) -> None:
    """Write the curve of Problem 12 as a small PNG that holds the metrics of this problem."""
    drawn = io.BytesIO()
    figure = plot_test_mse(summary)
    figure.savefig(drawn, format="png", dpi=RESOLUTION, facecolor="white")
    info = PngInfo()
    info.add_text(METRICS, json.dumps(metrics))
    image = Image.open(drawn).convert("RGB").quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    with atomic_write(path) as temporary:
        image.save(temporary, optimize=True, pnginfo=info)


def main() -> None:
    """Write both files, or those of the same names in the folder of --output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(), help="the folder of README.md and docs")
    output = parser.parse_args().output
    metrics = read_metrics(Path("results"))
    config = yaml.safe_load(Path("config/config.yaml").read_text(encoding="utf-8"))
    readme = with_answers(Path("README.md").read_text(encoding="utf-8"), metrics, config)
    with atomic_write(output / "README.md") as temporary:
        temporary.write_text(readme, encoding="utf-8")
    write_curve(pd.read_csv(SUMMARY), metrics["width_sweep"], output / CURVE)


if __name__ == "__main__":
    main()
