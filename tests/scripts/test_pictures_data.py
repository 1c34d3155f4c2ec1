"""The numbers of the two interactive pictures."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from nngplab.kernels.duals import DUALS
from nngplab.kernels.objects import NNGP
from tests.helpers.checkout import SCRIPTS
from tests.helpers.scripts import run_script

FRAMES = runpy.run_path(str(SCRIPTS / "attractors_frames.py"))


def explore(folder: Path) -> Path:
    folder.mkdir()
    run_script("theory_explorer", *["--seed", 88, "--output", folder / "e.json", "--figure", folder / "e.svg"])
    return folder


@pytest.fixture(scope="module")
def explored(tmp_path_factory) -> Path:
    return explore(tmp_path_factory.mktemp("explorer") / "one")


class TestExplorer:
    def test_the_nngp_is_that_of_the_library(self, explored):
        record = json.loads((explored / "e.json").read_text())
        angles = np.arccos(record["xi"])
        X = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        named = {entry["name"]: entry for entry in record["activations"]}
        assert named.keys() == {*DUALS, "tanh"}
        for name in ("relu", "sine", "erf", "cosine"):
            for depth, values in zip(record["depths"], named[name]["nngp"], strict=True):
                expected = NNGP(name, depth=depth)(X, np.array([[1.0, 0.0]]))[:, 0]
                np.testing.assert_allclose(values, expected, atol=1e-4)

    def test_the_estimates_agree_with_the_dual(self, explored):
        record = json.loads((explored / "e.json").read_text())
        for entry in record["activations"]:
            exact = np.interp(record["sampled_xi"], record["xi"], entry["nngp"][0])
            errors = np.maximum(entry["errors"], 1e-3)
            assert (np.abs(entry["estimates"] - exact) < 5 * errors).all(), entry["name"]

    def test_the_same_bytes_twice(self, explored):
        again = explore(explored.parent / "two")
        for name in ("e.json", "e.svg"):
            assert (again / name).read_bytes() == (explored / name).read_bytes()


class TestFrames:
    @given(st.integers(0, 40_000), st.lists(st.integers(1, 3000), min_size=1, max_size=4))
    @example(4093, [1, 2, 20])
    @example(0, [1])
    def test_the_frames_reach_the_limit(self, most, asked):
        rounds = FRAMES["frames"](most, asked)
        assert rounds == sorted(set(rounds))
        assert {0, 1, 2, 10, 100, *asked} <= set(rounds)
        assert rounds[-1] >= most
        assert sum(r >= most for r in rounds if r > max(100, *asked)) <= 1

    def test_the_angles_are_exact_where_they_are_small(self):
        Z = torch.eye(2, dtype=torch.float64)
        outputs = torch.tensor([[3.0, 0.0], [1.0, 1e-9], [0.0, 0.0], [-2.0, 0.0]], dtype=torch.float64)
        degrees = FRAMES["angles"](outputs, Z)
        assert degrees[0].tolist() == pytest.approx([0, 90])
        assert degrees[1, 0] == pytest.approx(np.degrees(1e-9))
        assert np.isnan(degrees[2]).all()
        assert degrees[3].tolist() == pytest.approx([180, 90])
        assert FRAMES["rounded"](degrees[:, None, 0]) == [[0.0, pytest.approx(5.73e-8), None, 180.0]]

    def test_the_image_has_a_column_for_each_iteration(self, tmp_path):
        columns = [np.full((3, 3, 32, 32), 40 * r, np.uint8) for r in range(5)]
        columns[4][2] = 255
        FRAMES["write_sprite"](columns, tmp_path / "sprite.png")
        image = Image.open(tmp_path / "sprite.png")
        assert image.mode == "P"
        assert image.size == (5 * 32, 3 * 32)
        pixels = np.asarray(image.convert("RGB"))
        assert (pixels[:32, 96:128] == 120).all()
        assert (pixels[64:, 128:] == 255).all()
