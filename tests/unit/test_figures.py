"""Figures show what their tables say, and the same table gives the same bytes."""

import base64
import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from nngplab.errors import InputError
from nngplab.kernels.duals import DUALS
from nngplab.report.figures import challenge, kernel_regression, linear_autoencoder, width_sweep
from nngplab.report.figures.images import plot_image_grid
from nngplab.report.figures.style import interval_bars, save
from nngplab.report.inline_svg import inline_svg
from nngplab.report.labels import kernel_label

REPEATS = 7
ALL_KERNELS = [*DUALS, "swish", "laplace", "linear", "zero"]


@pytest.fixture
def kernel_tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test errors and their summary, with sine the best, then the linear kernel, then ReLU."""
    generator = np.random.default_rng(0)
    levels = {"relu": 3e-5, "sine": 1e-5, "linear": 2e-5, "zero": 5e-5}
    table = pd.DataFrame(
        [
            {"kernel": kernel, "repeat": repeat, "test_mse": level * generator.uniform(0.95, 1.05)}
            for repeat in range(REPEATS + 1)
            for kernel, level in levels.items()
        ]
    )
    means = table[table["repeat"] > 0].groupby("kernel", sort=False)["test_mse"].mean()
    summary = pd.DataFrame(
        {"kernel": means.index, "mean_test_mse": means.array, "mean_low": 0.98 * means, "mean_high": 1.01 * means}
    )
    return table, summary


@pytest.fixture
def width_table() -> pd.DataFrame:
    median = np.array([3.0, 40.0, 6.0, 2.0]) * 1e-5
    return pd.DataFrame(
        {"k": [4, 10, 16, 64], "on_sheet": [True, False, True, True], "median_test_mse": median, "n": 10}
        | {"q05": 0.8 * median, "q25": 0.9 * median, "q75": 1.1 * median, "q95": 1.2 * median}
        | {"nngp_test_mse": 1.5e-5, "zero_test_mse": 4e-5, "activation": "relu"}
        | {"median_low": 0.95 * median, "median_high": 1.05 * median}
    )


def lines(figure: Figure, panel: int = 0) -> list[tuple[list[float], list[float]]]:
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in figure.axes[panel].get_lines()]


def colours_of_points(axes: Axes) -> set[tuple[float, ...]]:
    points = [line for line in axes.get_lines() if line.get_marker() == "o" and len(line.get_xdata())]
    return {to_rgb(line.get_color()) for line in points}


class TestKernelRegression:
    def test_the_best_mean_is_at_the_top(self, kernel_tables):
        axes = kernel_regression.plot_test_mse(*kernel_tables).axes[0]
        assert [label.get_text() for label in axes.get_yticklabels()] == ["sine NNGP", "linear kernel", "ReLU NNGP"]
        assert axes.yaxis_inverted()

    def test_every_repeat_is_a_point_and_the_headline_a_star(self, kernel_tables):
        table, _ = kernel_tables
        figure = kernel_regression.plot_test_mse(*kernel_tables)
        linear = table[table["kernel"] == "linear"].set_index("repeat")["test_mse"]
        for kernel in ("relu", "sine", "linear"):
            errors = table[table["kernel"] == kernel].set_index("repeat")["test_mse"]
            for panel, expected in ((0, errors), (1, errors / linear)):
                drawn = [x for x, _ in lines(figure, panel)]
                assert list(expected[1:]) in drawn
                assert [expected[0]] in drawn

    def test_the_mean_has_its_interval(self, kernel_tables):
        _, summary = kernel_tables
        axes = kernel_regression.plot_test_mse(*kernel_tables).axes[0]
        drawn = sorted(bars.get_segments()[0][:, 0].tolist() for bars in axes.collections)
        expected = summary[summary["kernel"] != "zero"].sort_values("mean_low")[["mean_low", "mean_high"]]
        np.testing.assert_allclose(drawn, expected)

    def test_one_repeat_has_no_interval(self, kernel_tables):
        table, summary = kernel_tables
        single = summary.assign(mean_low=-np.inf, mean_high=np.inf)
        assert len(kernel_regression.plot_test_mse(table, single).axes[0].collections) == 0

    def test_the_zero_predictor_is_a_line(self, kernel_tables):
        _, summary = kernel_tables
        zero = summary.set_index("kernel").loc["zero", "mean_test_mse"]
        assert ([zero, zero], [0, 1]) in lines(kernel_regression.plot_test_mse(*kernel_tables))

    def test_user_defined_activations_have_their_names_and_colours(self, kernel_tables):
        named = [frame.replace({"kernel": {"sine": "my_swish", "relu": "other"}}) for frame in kernel_tables]
        axes = kernel_regression.plot_test_mse(*named).axes[0]
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert labels == ["my swish NNGP", "linear kernel", "other NNGP"]
        assert len(colours_of_points(axes)) == 3


class TestWidthSweep:
    def test_both_axes_are_logarithmic(self, width_table):
        axes = width_sweep.plot_test_mse(width_table).axes[0]
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")

    def test_the_median_is_a_line_whatever_the_order_of_the_rows(self, width_table):
        median = (list(width_table["k"]), list(width_table["median_test_mse"]))
        assert median in lines(width_sweep.plot_test_mse(width_table.iloc[::-1]))

    def test_bands_span_the_quantiles(self, width_table):
        wide, narrow, _ = width_sweep.plot_test_mse(width_table).axes[0].collections
        for band, low, high in ((wide, "q05", "q95"), (narrow, "q25", "q75")):
            y = band.get_paths()[0].vertices[:, 1]
            assert y.min() == width_table[low].min()
            assert y.max() == width_table[high].max()

    def test_finite_intervals_of_the_median_are_bars(self, width_table):
        width_table.loc[2, ["median_low", "median_high"]] = (-np.inf, np.inf)
        bars = width_sweep.plot_test_mse(width_table).axes[0].collections[2]
        expected = width_table.drop(index=2)[["median_low", "median_high"]]
        np.testing.assert_allclose([segment[:, 1] for segment in bars.get_segments()], expected)
        few = width_table.assign(median_low=-np.inf, median_high=np.inf)
        assert len(width_sweep.plot_test_mse(few).axes[0].collections) == 2

    def test_added_widths_are_hollow(self, width_table):
        drawn_lines = width_sweep.plot_test_mse(width_table).axes[0].get_lines()
        marks = [line for line in drawn_lines if line.get_marker() == "o"]
        drawn = {line.get_markerfacecolor(): list(line.get_xdata()) for line in marks}
        assert drawn.pop("#ffffff") == [10]
        assert list(drawn.values()) == [[4, 16, 64]]

    def test_nngp_zero_and_threshold_are_lines(self, width_table):
        drawn = lines(width_sweep.plot_test_mse(width_table))
        assert ([0, 1], [1.5e-5, 1.5e-5]) in drawn
        assert ([0, 1], [4e-5, 4e-5]) in drawn
        assert ([10, 10], [0, 1]) in drawn
        assert "k = n = 10" in width_sweep.plot_test_mse(width_table).axes[0].texts[0].get_text()

    @pytest.mark.parametrize("on_sheet", [True, False])
    def test_all_widths_may_be_of_one_kind(self, width_table, on_sheet):
        axes = width_sweep.plot_test_mse(width_table.assign(on_sheet=on_sheet)).axes[0]
        marks = [line for line in axes.get_lines() if line.get_marker() == "o"]
        assert [list(line.get_xdata()) for line in marks] == [[4, 10, 16, 64]]

    def test_each_activation_has_a_panel_with_its_own_limit(self, width_table):
        other = width_table.assign(activation="my_swish", nngp_test_mse=2.5e-5)
        figure = width_sweep.plot_test_mse(pd.concat([width_table, other]))
        assert [axes.get_title() for axes in figure.axes] == [
            "networks with ReLU activation",
            "networks with my swish activation",
        ]
        for panel, nngp in ((0, 1.5e-5), (1, 2.5e-5)):
            assert ([0, 1], [nngp, nngp]) in lines(figure, panel)
        assert width_sweep.plot_test_mse(width_table).axes[0].get_title() == ""


class TestPredictions:
    @pytest.fixture
    def means(self) -> pd.DataFrame:
        mean = np.array([2.0, 9.0, 3.0])
        return pd.DataFrame(
            {"activation": "relu", "k": [4, 10, 64], "ridge": [0.0, 0.1, 1.0], "n": 10, "measured_mean": mean}
            | {"measured_low": [1.0, -np.inf, -1.0], "measured_high": [3.0, np.inf, 7.0], "measured_median": 0.9 * mean}
            | {"nngp_predicted_test_mse": 1.5, "target_power": 4.0}
        )

    @pytest.fixture
    def predicted(self) -> pd.DataFrame:
        return pd.DataFrame(
            {"activation": "relu", "k": [4, 8, 9, 11, 64, 10, 10], "ridge": [0.0] * 5 + [0.1, 1.0]}
            | {"predicted_test_mse": [2.1, 5.0, 8.0, 7.0, 3.1, 8.8, 3.2]}
        )

    def test_the_prediction_over_the_widths_has_a_gap_at_the_threshold(self, means, predicted):
        drawn = lines(width_sweep.plot_redrawn(means, predicted))
        assert ([4, 8, 9], [2.1, 5.0, 8.0]) in drawn
        assert ([11, 64], [7.0, 3.1]) in drawn
        assert ([4, 10, 64], [2.0, 9.0, 3.0]) in drawn

    def test_the_prediction_over_the_ridges(self, means, predicted):
        drawn = lines(width_sweep.plot_ridges(means, predicted))
        assert ([0.1, 1.0], [8.8, 3.2]) in drawn
        assert ([0.1, 1.0], [9.0, 3.0]) in drawn

    def test_bars_are_finite_and_start_above_zero(self, means):
        bars = interval_bars(*(means[f"measured_{name}"] for name in ("mean", "low", "high")))
        np.testing.assert_allclose(bars, [[1, np.nan, 0.999 * 3], [1, np.nan, 4]])

    def test_learning_curves_are_relative_to_zero(self):
        table = pd.DataFrame(
            {"kernel": "relu", "n": [5, 50], "measured_mean": [4.0, 1.0], "measured_low": [3.0, 0.9], "d": 10}
            | {"measured_high": [5.0, 1.1], "target_power": 2.0, "harmonics_of_two_degrees": 65}
        )
        predicted = pd.DataFrame({"kernel": "relu", "n": [5, 10, 50], "predicted_test_mse": [4.2, np.inf, 1.2]})
        drawn = lines(kernel_regression.plot_learning_curves(table, predicted))
        assert ([5, 50], [2.0, 0.5]) in drawn
        assert ([5, 50], [2.1, 0.6]) in drawn
        assert ([10, 10], [0, 1]) in drawn, "n = d is marked"


class TestImageGrid:
    IMAGES = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 8), dtype=np.uint8)

    def test_each_image_is_shown_under_its_title(self):
        axes = plot_image_grid(self.IMAGES, list("abcde"), columns=3).axes
        shown = [(a.get_title(), a.get_images()[0].get_array()) for a in axes if a.get_images()]
        assert [title for title, _ in shown] == list("abcde")
        for (_, picture), image in zip(shown, self.IMAGES, strict=True):
            np.testing.assert_array_equal(picture, np.moveaxis(image, 0, -1))

    @pytest.mark.parametrize(
        "images", [IMAGES.astype(float), IMAGES[:, :1], IMAGES[0], IMAGES[:0], np.moveaxis(IMAGES, 1, -1)]
    )
    def test_other_arrays_are_an_error(self, images):
        with pytest.raises(InputError, match="give uint8 of"):
            plot_image_grid(images, ["a"] * len(images))

    def test_titles_that_do_not_fit_are_an_error(self):
        with pytest.raises(InputError, match="4 titles for 5 images"):
            plot_image_grid(self.IMAGES, list("abcd"))

    def test_a_dollar_in_a_title_is_no_mathematics(self, tmp_path):
        save(plot_image_grid(self.IMAGES[:1], ["$x"], title="$\\frac$"), tmp_path / "grid.png", mark="$\\no$")
        assert (tmp_path / "grid.png").stat().st_size > 0


class TestSave:
    def test_the_same_table_gives_the_same_bytes_on_any_day(self, width_table, kernel_tables, tmp_path, monkeypatch):
        grid = lambda: plot_image_grid(TestImageGrid.IMAGES, list("abcde"))  # noqa: E731
        makers = [
            (lambda: width_sweep.plot_test_mse(width_table), ".svg"),
            (lambda: kernel_regression.plot_test_mse(*kernel_tables), ".svg"),
            (grid, ".svg"),
            (grid, ".png"),
        ]
        for make, suffix in makers:
            with monkeypatch.context() as today:
                today.delenv("SOURCE_DATE_EPOCH", raising=False)
                save(make(), tmp_path / f"one{suffix}", mark="MARK")
                today.setenv("SOURCE_DATE_EPOCH", "0")
                save(make(), tmp_path / f"two{suffix}", mark="MARK")
            assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()

    def test_the_mark_is_a_line_below_all_else(self, tmp_path):
        def pixels(mark: str | None) -> np.ndarray:
            save(plot_image_grid(TestImageGrid.IMAGES, list("abcde"), columns=5), tmp_path / "g.png", mark)
            with Image.open(tmp_path / "g.png") as image:
                return np.asarray(image.convert("L"))

        unmarked, marked = pixels(None), pixels("STAND-IN IMAGES, NOT CIFAR-10")
        strip = marked[len(unmarked) :]
        assert 20 < len(strip) < 50
        assert (strip < 150).any()
        assert (marked[: len(unmarked)] == 255).mean() == pytest.approx((unmarked == 255).mean(), abs=0.01)

    def test_a_page_can_hide_the_mark(self, tmp_path):
        for mark, count in ((None, 0), ("ONE", 1), ("ONE\nTWO", 1)):
            save(plot_image_grid(TestImageGrid.IMAGES, list("abcde"), columns=5), tmp_path / "g.svg", mark)
            text = (tmp_path / "g.svg").read_text()
            assert text.count('class="mark"') == count

    def test_spaces_of_a_text_are_not_drawn_and_its_glyphs_keep_their_places(self, tmp_path):
        figure = Figure()
        figure.text(0, 0, "i i")
        save(figure, tmp_path / "text.svg")
        text = (tmp_path / "text.svg").read_text()
        # In DejaVu Sans an i is 27.8, and a space 31.8 hundredths of the size of the text wide.
        assert re.findall(r'<use[^>]*?(?: x="(\d+)")?/>', text) == ["", "60"]

    def test_an_image_of_a_grid_has_no_clip(self, tmp_path):
        save(plot_image_grid(TestImageGrid.IMAGES, list("abcde")), tmp_path / "g.svg")
        text = (tmp_path / "g.svg").read_text()
        assert text.count("<image") == 5
        assert "clip" not in text

    def test_a_page_shows_the_pixels_of_an_image(self, tmp_path):
        save(plot_image_grid(TestImageGrid.IMAGES[:1], ["a"]), tmp_path / "g.svg")
        text = (tmp_path / "g.svg").read_text()
        inline = inline_svg(text, "g.svg", "an image")
        written, shown = (
            base64.b64decode(re.search(rf'"data:image/{kind};base64,([^"]+)"', svg)[1])
            for kind, svg in (("png", text), ("webp", inline))
        )
        pixels = [np.asarray(Image.open(io.BytesIO(data)).convert("RGBA")) for data in (written, shown)]
        assert (pixels[0] == pixels[1]).all()

    def test_the_mark_covers_no_image(self, tmp_path):
        figure = plot_image_grid(TestImageGrid.IMAGES, list("abcde"), columns=5)
        save(figure, tmp_path / "grid.png", mark="STAND-IN IMAGES, NOT CIFAR-10")
        mark = next(text for text in figure.texts if text.get_text().startswith("STAND-IN"))
        top = mark.get_window_extent().y1
        assert all(axes.get_window_extent().y0 >= top for axes in figure.axes)

    def test_another_suffix_is_an_error(self, width_table, tmp_path):
        with pytest.raises(InputError, match=r"written as \.svg or \.png, not as '\.pdf'"):
            save(width_sweep.plot_test_mse(width_table), tmp_path / "curve.pdf")
        assert list(tmp_path.iterdir()) == []

    def test_nothing_stays_open(self, width_table, tmp_path):
        save(width_sweep.plot_test_mse(width_table), tmp_path / "curve.svg")
        assert plt.get_fignums() == []


def test_each_kernel_has_a_name_and_a_colour_of_its_own(kernel_tables):
    assert len({kernel_label(kernel) for kernel in ALL_KERNELS}) == len(ALL_KERNELS)
    table, summary = (
        pd.concat([frame[frame["kernel"] == "relu"].assign(kernel=kernel) for kernel in ALL_KERNELS])
        for frame in kernel_tables
    )
    assert len(colours_of_points(kernel_regression.plot_test_mse(table, summary).axes[0])) == len(ALL_KERNELS) - 1


@pytest.mark.parametrize("seeds", [20, 21])
def test_the_curves_of_many_seeds_are_pixels(seeds):
    """As paths they made the page of config/full.yaml larger than it may be."""
    keys = pd.MultiIndex.from_product([["half"], [100], [0.1], range(seeds), [1, 10]])
    losses = pd.DataFrame(list(keys), columns=["convention", "k", "eta", "seed", "step"]).assign(loss=1.0)
    runs = losses[losses["step"] == 1].assign(on_sheet=True, outcome="converged")
    (panel,) = linear_autoencoder.plot_losses(losses, runs, 100).axes
    *curves, median = [line for line in panel.lines if len(line.get_xdata())]
    assert [curve.get_rasterized() for curve in curves] == [seeds > 20] * seeds
    assert not median.get_rasterized()


def test_the_legend_has_the_models_of_all_panels_in_one_colour_for_all_figures():
    models = [("course", "network"), ("course", "laplace"), ("cifar10", "network"), ("cifar10", "nngp")]
    models += [("cifar10", "deep_nngp"), ("cifar10", "ntk")]
    table = pd.DataFrame(models, columns=["dataset", "model"]).assign(
        split="val", outcome="fitted", hyperparameters="{}"
    )
    kernels = table.assign(hyperparameters='{"ridge": 0.1}', r2=0.5, accuracy=0.5)
    ridges = challenge.plot_ridges(kernels, {"course": "r2", "cifar10": "accuracy"})
    (legend,) = ridges.legends
    labels = ["Laplace kernel", "selected network", "ReLU NNGP", "deep ReLU NNGP", "ReLU NTK"]
    assert [text.get_text() for text in legend.get_texts()] == labels
    curves = table[table["dataset"] == "cifar10"].assign(n=1000, value=0.5, low=0.4, high=0.6)
    drawn = challenge.plot_learning_curves(curves, pd.DataFrame(columns=["model", "source", "n", "value"]))
    colours = [{line.get_label(): line.get_color() for line in figure.axes[-1].lines} for figure in (ridges, drawn)]
    assert all(colours[0][label] == colours[1][label] for label in labels[2:])
