"""The layout of the figures: one size of text, nothing over a label or a legend, and contrast in light and dark.

Each figure is drawn for typical results and for random ones.
"""

import json
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from nngplab.kernels.duals import DUALS
from nngplab.problems.challenge_published import PUBLISHED
from nngplab.report.figures import (
    attractors,
    challenge,
    fc_net,
    images,
    kernel_regression,
    linear_autoencoder,
    linear_autoencoder_plane,
    theory,
    width_sweep,
)
from nngplab.report.figures.attractors_frames import plot_angles
from nngplab.report.figures.confusion import plot_confusion
from nngplab.report.figures.contrast import contrast, legible
from nngplab.report.figures.explorer import plot_explorer
from nngplab.report.figures.kernel_colours import kernel_colours
from nngplab.report.figures.style import COLOURS, GREY, figure_style
from tests.helpers.figure_layout import faults

DARK_PAGE = "#14171c"
CIFAR10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
ACTIVATIONS = ["relu", "sine", "erf", "absolute_value", "my_own_activation"]
INPUTS = ("test", "unseen", "noise")


def shares(rng: np.random.Generator, count: int) -> np.ndarray:
    """Parts of a whole, many of them zero."""
    parts = rng.dirichlet(np.full(count, 0.3))
    return np.where(parts < 0.02, 0, parts)


def basins(rng: np.random.Generator, size: int) -> Figure:
    rows = []
    for n, kind, iterations in product((1, 2, 5 + 2 * size), INPUTS, (0, 1, 2, 10, 20, 100)):
        names = ("image_share", "negative_share", "mixture_share", "elsewhere_share")
        parts = shares(rng, 4 * n).reshape(n, 4)
        rows += [
            {
                "n_images": n,
                "input": kind,
                "iterations": iterations,
                "image": i + 1,
                **dict(zip(names, part, strict=True)),
            }
            for i, part in enumerate(parts)
        ]
    return attractors.plot_basins(pd.DataFrame(rows))


def limits(rng: np.random.Generator, size: int) -> Figure:
    classes = ["image", "negative", "mixture", "elsewhere", "zero", "moving"]
    rows = [
        {
            "n_images": n,
            "target": target,
            "input": kind,
            "outcome": outcome,
            "nearest": rng.integers(1, n + 1),
            "share": share,
        }
        for n, target, kind in product((1, 2, 5), [1e-5, 1e-8, 2e-12][: size + 1], INPUTS)
        for outcome, share in zip(classes, shares(rng, 6), strict=True)
    ]
    return attractors.plot_limits(pd.DataFrame(rows))


def some_images(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)


def image_rows(rng: np.random.Generator, size: int) -> Figure:
    columns = [f"$z_{{{i}}}$: {rng.choice(CIFAR10)}" for i in range(1, 2 + 2 * size)]
    columns += ["other training\nimage: automobile", "test image:\nairplane", "noise", "zeros"]
    rows = {row: some_images(rng, len(columns)) for row in ("$x$", "$f^{20}(x)$", "$f(x)$ at full\ncontrast")}
    return images.plot_image_rows(rows, columns, "Outputs of the network trained on 2 images")


def limit_images(rng: np.random.Generator, size: int) -> Figure:
    rows = {"trained on": (some_images(rng, 2), ["$z_1$: automobile", "$z_2$: deer"])}
    for count in rng.integers(1, 3 * size + 2, 3):
        titles = [f"6.9 × 10⁻⁵° from $z_{{{i}}}$,\n1000 test images" for i in range(count)]
        rows[f"limits at\nerror $10^{{-{5 + len(rows)}}}$"] = (some_images(rng, count), titles)
    return attractors.plot_limit_images(rows, "Limits of the iterates, trained on 2 images")


def image_grid(rng: np.random.Generator, size: int) -> Figure:
    titles = [f"{rng.choice(CIFAR10)}\n→ automobile" for _ in range(7 * size + 1)]
    return images.plot_image_grid(some_images(rng, len(titles)), titles, title="40 of 50,000 training images")


def scores(rng: np.random.Generator, models: list[str]) -> pd.DataFrame:
    keys = pd.MultiIndex.from_product([["course", "cifar10"], models, ["train", "val", "test"]])
    table = keys.to_frame(index=False, name=["dataset", "model", "split"])
    return table.assign(r2=rng.uniform(-1, 1, len(table)), accuracy=rng.uniform(0, 1, len(table)))


def benchmark(rng: np.random.Generator, size: int) -> Figure:
    table = scores(rng, ["network", "nngp", "rfm", "rfm_direction", "laplace", "linear", *ACTIVATIONS[1 : 2 + size]])
    tested = table[table["split"] == "test"].assign(low=lambda t: t["r2"] - 0.05, high=lambda t: t["r2"] + 0.05)
    return challenge.plot_benchmark(table, tested, {"course": "r2", "cifar10": "accuracy"})


def ridges(rng: np.random.Generator, size: int) -> Figure:
    parts = [
        scores(rng, ["network", "nngp", "laplace", "linear", *ACTIVATIONS[1:]]).assign(
            hyperparameters=json.dumps({"ridge": ridge}), outcome="fitted"
        )
        for ridge in [0, 0.01, 0.1, 1.0, 1e-6, 1e6][: size + 1]
    ]
    return challenge.plot_ridges(pd.concat(parts), {"course": "r2", "cifar10": "accuracy"})


def curves_of_images(rng: np.random.Generator, size: int) -> Figure:
    models = ["network", "nngp", "deep_nngp", "ntk"][: size + 1]
    table = pd.DataFrame(product([1_000, 2_000, 5_000, 20_000, 50_000][: size + 1], models), columns=["n", "model"])
    values = rng.uniform(0.2, 0.6, len(table))
    table = table.assign(value=values, low=values - 0.01, high=values + 0.01)
    return challenge.plot_learning_curves(table, pd.DataFrame(PUBLISHED)[: 6 * (size - 1)])


def gains(rng: np.random.Generator, size: int) -> Figure:
    steps = ["start", "ridge", "depth", "flips", "whitening", "tangent kernel"]
    table = pd.DataFrame(product(["nngp", "network"], steps[: size + 3]), columns=["start", "step"])
    return challenge.plot_steps(table.assign(accuracy=rng.uniform(0.2, 0.6, len(table))))


def direction(rng: np.random.Generator, size: int) -> Figure:
    along = rng.standard_normal(50 * size)
    samples = pd.DataFrame({"along": along, "y": 1e3 * along, "predicted": 990 * along})
    directions = pd.concat(
        pd.DataFrame({"model": model, "feature": range(20), "component": rng.uniform(-1, 1, 20), "truth": 0.1})
        for model in ("rfm", "network")
    )
    return challenge.plot_direction(directions, samples, (-1, 1))


def learning_curves(rng: np.random.Generator, size: int) -> Figure:
    keys = pd.MultiIndex.from_product(
        [["mse", "cross_entropy"][: max(1, size - 1)], range(3), range(5 * size), ["train", "test"]],
        names=["loss", "seed", "epoch", "split"],
    )
    table = keys.to_frame(index=False)
    values = {name: 10.0 ** rng.uniform(-size, size, len(table)) for name in ("mse", "cross_entropy")}
    return fc_net.plot_learning_curves(table.assign(accuracy=rng.uniform(0, 1, len(table)), **values))


def confusion(rng: np.random.Generator, size: int) -> Figure:
    names = CIFAR10[: 3 * size + 1]
    keys = pd.MultiIndex.from_product(
        [["mse", "cross_entropy"], names, names], names=["loss", "class", "predicted"]
    ).to_frame(index=False)
    titles = {"mse": "trained with squared error", "cross_entropy": "trained with cross-entropy"}
    return plot_confusion(keys.assign(share=rng.choice([0, 1, 0.1], len(keys))), "loss", titles)


def repeats(rng: np.random.Generator, size: int) -> Figure:
    kernels = ["linear", "laplace", "zero", *ACTIVATIONS[: size + 1]]
    table = pd.DataFrame(product(kernels, range(20)), columns=["kernel", "repeat"])
    table["test_mse"] = 10.0 ** rng.uniform(-5, -5 + size, len(table))
    means = table.groupby("kernel", sort=False)["test_mse"].mean().rename("mean_test_mse").reset_index()
    summary = means.assign(mean_low=0.9 * means["mean_test_mse"], mean_high=1.1 * means["mean_test_mse"])
    return kernel_regression.plot_test_mse(table, summary)


def curves_of_kernels(rng: np.random.Generator, size: int) -> Figure:
    d, kernels = int(rng.choice([2, 10, 30])), ["laplace", "ntk", *ACTIVATIONS[: size + 1]]
    keys = pd.MultiIndex.from_product([kernels, [2, 5, 40, 500 * size]], names=["kernel", "n"]).to_frame(index=False)
    table = keys.assign(d=d, harmonics_of_two_degrees=(d + 1) * (d + 2) // 2 - 1, target_power=2e-4)
    mean = table["target_power"] * 10.0 ** rng.uniform(-4 * size, 1, len(table))
    table = table.assign(measured_mean=mean, measured_low=-0.5 * mean, measured_high=2.5 * mean)
    table.loc[0, ["measured_low", "measured_high"]] = (-np.inf, np.inf)
    return kernel_regression.plot_learning_curves(table, keys.assign(predicted_test_mse=mean))


def losses(rng: np.random.Generator, size: int) -> Figure:
    etas = [1e-4, 1e-3, 1e-2, 1e-1, 0.3, 2.5][: 2 * size]
    keys = [("half", 100, eta, seed) for eta in etas for seed in range(3)]
    keys += [(convention, 100, eta, seed) for convention in ("sum", "mean") for _, _, eta, seed in keys]
    runs = pd.DataFrame(keys, columns=["convention", "k", "eta", "seed"]).assign(on_sheet=True)
    runs["outcome"] = rng.choice(["converged", "diverged"], len(runs))
    table = runs.merge(pd.DataFrame({"step": [1, 10, 100, 1000]}), how="cross")
    table["loss"] = 10.0 ** rng.uniform(-33, 8, len(table))
    return linear_autoencoder.plot_losses(table, runs, 100)


def convergence(rng: np.random.Generator, size: int) -> Figure:
    outcomes = ["converged", "out of steps", "stalled", "oscillating", "diverged"]
    runs = pd.DataFrame({"rho": 10 ** rng.uniform(-2, size, 60), "relative_step": 10 ** rng.uniform(-4, size, 60)})
    runs = runs.assign(on_sheet=rng.choice([True, False], 60), outcome=rng.choice(outcomes[: size + 2], 60))
    return linear_autoencoder.plot_convergence(runs)


def outcomes(rng: np.random.Generator, size: int) -> Figure:
    curves = pd.DataFrame(product([2, 100, 4096][:size], np.geomspace(1e-5, 1, 9)), columns=["k", "eta"])
    curves[["probability", "bounded", "diverges"]] = [shares(rng, 3) for _ in range(len(curves))]
    settings_of = curves[::2].assign(runs=10, low=0.2, high=0.7, diverged_low=0.1, diverged_high=0.5, in_time=0.4)
    counts = {name: rng.integers(0, 6, len(settings_of)) for name in ("converged", "diverged")}
    on_sheet = rng.choice([True, False], len(settings_of))
    return linear_autoencoder_plane.plot_outcomes(curves, settings_of.assign(on_sheet=on_sheet, **counts))


def phase(rng: np.random.Generator, size: int) -> Figure:
    kinds = ["small steps", "converges", "neither", "diverges"][: size + 1]
    path = pd.DataFrame(product(kinds, range(70)), columns=["kind", "step"])
    for name in ("b", "a", "predicted_b", "predicted_a"):
        path[name] = rng.uniform(-size, size, len(path))
    steps = dict(zip(kinds, 10.0 ** rng.uniform(-5, 1, len(kinds)), strict=True))
    return linear_autoencoder_plane.plot_phase(
        path.assign(eta=path["kind"].map(steps), relative_step=path["kind"].map(steps))
    )


def homogeneity(rng: np.random.Generator, size: int) -> Figure:
    names = ["relu", "tanh", "sine", "identity"][:size]
    table = pd.DataFrame(product(names, range(6)), columns=["activation", "image"])
    for name in ("relative_error", "distance", "predicted_distance", "degrees"):
        table[name] = np.where(rng.random(len(table)) < 0.1, 0, 10.0 ** rng.uniform(-16, 1, len(table)))
    return attractors.plot_homogeneity(table.assign(homogeneous=table["activation"].isin(["relu", "identity"])))


def duals(rng: np.random.Generator, size: int) -> Figure:
    names = [*DUALS, *ACTIVATIONS][: 5 * size + 3]
    table = pd.DataFrame(product(names, np.linspace(-1, 1, 9)), columns=["activation", "xi"])
    return theory.plot_duals(table.assign(dual=table["xi"], derivative=rng.uniform(-9, 9, len(table))))


def spectra(rng: np.random.Generator, size: int) -> Figure:
    names = list(DUALS)[: 5 * size]
    tables = [
        pd.DataFrame({"activation": name, "quantity": quantity, "index": range(9), "value": values})
        for name in names
        for quantity, values in (("coefficient", shares(rng, 9)), ("eigenvalue", 10.0 ** rng.uniform(-9, 2, 9)))
    ]
    return theory.plot_spectra(pd.concat(tables).assign(n=100, d=200))


def widths(rng: np.random.Generator, size: int) -> Figure:
    asked = [2**i for i in range(11)]
    n = int(rng.choice([1, 3, 100, 1024]))
    parts = []
    for activation in ACTIVATIONS[:size]:
        table = pd.DataFrame({"k": sorted({*asked, n, n + 10, 4096}), "activation": activation, "n": n})
        median = 10.0 ** rng.uniform(-6, 3, len(table))
        columns = {name: factor * median for name, factor in (("q05", 0.5), ("q25", 0.8), ("q75", 1.2), ("q95", 2))}
        columns |= {"median_test_mse": median, "median_low": 0.9 * median, "median_high": 1.1 * median}
        parts.append(table.assign(on_sheet=table["k"].isin(asked), nngp_test_mse=1e-5, zero_test_mse=2e-5, **columns))
    return width_sweep.plot_test_mse(pd.concat(parts))


def means(rng: np.random.Generator, size: int, column: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measured and predicted means of three activations over widths or ridges."""
    n = int(rng.choice([1, 3, 100, 1024]))
    values = sorted({*[2**i for i in range(11)], n, n + 10}) if column == "k" else [0.0, 1e-3, 0.01, 1.0, 10.0]
    keys = pd.MultiIndex.from_product([ACTIVATIONS[:size], values], names=["activation", column])
    table = keys.to_frame(index=False).assign(n=n, nngp_predicted_test_mse=1e-5, target_power=2e-5)
    mean = 10.0 ** rng.uniform(-6, 3, len(table))
    columns = {"measured_mean": mean, "measured_low": -mean, "measured_high": 3 * mean, "measured_median": 0.9 * mean}
    predicted = table.assign(predicted_test_mse=0.95 * mean)
    return table.assign(**columns), predicted if column == "ridge" else predicted.assign(ridge=0.0)


def redrawn(rng: np.random.Generator, size: int) -> Figure:
    return width_sweep.plot_redrawn(*means(rng, size, "k"))


def ridges_at_the_peak(rng: np.random.Generator, size: int) -> Figure:
    return width_sweep.plot_ridges(*means(rng, size, "ridge"))


def angles(rng: np.random.Generator, size: int) -> Figure:
    shown = [{"input": "test", "class": "automobile"}] * 3 + [{"input": "noisy", "class": "airplane"}] * size
    shown.append({"input": "noise", "class": None})
    return plot_angles(10.0 ** rng.uniform(-9, 2, (4, len(shown), size)), [0, 1, 10, 100], shown)


def explorer(rng: np.random.Generator, size: int) -> Figure:
    xi, depths = [-1, 0, 1], [2**i for i in range(2 * size)]
    entry = {"name": "relu", "label": "absolute value", "activation": xi, "nngp": [xi] * len(depths)}
    entry |= {"estimates": list(rng.uniform(-1, 1, 3)), "errors": [0.1] * 3}
    record = {"first": "relu", "activations": [entry], "x": xi, "xi": xi, "sampled_xi": xi, "depths": depths}
    return plot_explorer(record)


FIGURES = [basins, limits, image_rows, limit_images, image_grid, benchmark, ridges, direction, learning_curves]
FIGURES += [curves_of_images, gains]
FIGURES += [
    confusion,
    repeats,
    losses,
    convergence,
    outcomes,
    phase,
    homogeneity,
    duals,
    spectra,
    widths,
    angles,
    explorer,
]
FIGURES += [curves_of_kernels, redrawn, ridges_at_the_peak]


@pytest.mark.parametrize("make", FIGURES, ids=lambda make: make.__name__)
@settings(max_examples=1, deadline=None)
@example(seed=0, size=2)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 3))
def test_no_text_is_over_another_or_over_a_legend(make, seed, size):
    assert faults(make(np.random.default_rng(seed), size)) == []


class TestFaults:
    """The test above can fail."""

    def figure(self) -> Figure:
        with figure_style():
            figure = Figure(figsize=(4, 3))
            figure.add_axes((0.2, 0.2, 0.7, 0.7), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
        return figure

    def test_a_figure_without_faults(self):
        assert faults(self.figure()) == []

    @pytest.mark.parametrize(
        ("add", "expected"),
        [
            (lambda figure: [figure.text(0.5, 0.95, word) for word in ("one", "two")], "'one' overlaps 'two'"),
            (lambda figure: figure.text(0.99, 0.95, "word"), "'word' is cut off"),
            (lambda figure: figure.text(0.5, 0.95, "word", size=12), "'word' has the size 12.0"),
            (lambda figure: figure.axes[0].annotate("word", (0.5, 0.7)), "'word' is over data"),
            (
                lambda figure: figure.legend([figure.axes[0].plot([0])[0]], ["word"], loc="center"),
                "a legend is over data",
            ),
        ],
    )
    def test_each_fault(self, add, expected):
        figure = self.figure()
        add(figure)
        assert expected in faults(figure)


class TestColours:
    @settings(max_examples=50)
    @example("#000000")
    @example("#ffffff")
    @example("#ece133")
    @given(st.integers(0, 2**24 - 1).map(lambda number: f"#{number:06x}"))
    def test_every_colour_gets_contrast_with_a_light_and_a_dark_page(self, colour):
        found = legible(colour)
        assert min(contrast(found, "white"), contrast(found, DARK_PAGE)) >= 3
        assert legible(found) == found

    def test_data_have_contrast_with_a_light_and_a_dark_page(self):
        data = {GREY, *COLOURS, *kernel_colours(["one", "two", "three"]).values()} - {kernel_colours([])["zero"]}
        assert all(min(contrast(colour, "white"), contrast(colour, DARK_PAGE)) >= 3 for colour in data)

    def test_black_on_white_has_the_largest_contrast(self):
        assert contrast("black", "white") == contrast("white", "black") == pytest.approx(21)
