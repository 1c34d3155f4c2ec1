"""Values at the bounds of the schema train networks, and what diverges is called so."""

import runpy

import numpy as np
import pandas as pd

from nngplab.problems.linear_autoencoder import ReducedDynamics, loss_factor
from tests.helpers.checkout import SCRIPTS
from tests.helpers.scripts import options_of, run_script


def test_linear_autoencoders_that_all_diverge(tmp_path):
    runs, losses = tmp_path / "runs.csv", tmp_path / "losses.csv"
    run_script(
        "linear_autoencoder_runs",
        *options_of(
            convention="sum", d=4, width=2, zero_steps=1, steps=20, step_sizes=[1000], seeds=1, seed=4294967295
        ),
        *options_of(runs=runs, losses=losses),
    )
    table = pd.read_csv(runs)
    assert set(table["outcome"]) == {"diverged"}
    assert table[["final_loss", "rank_a", "curvature", "edge"]].isna().all(axis=None)


def test_outputs_of_a_network_that_has_not_moved():
    """A step size of 1e-300 leaves A = 0: the outputs are the constant 0 times z, without a correlation."""
    script = runpy.run_path(str(SCRIPTS / "linear_autoencoder_image.py"))
    dynamics = ReducedDynamics(np.ones(4), np.eye(2, 4), loss_factor("half", 4))
    table = script["constants_table"](dynamics, np.eye(3, 4), np.zeros((3, 4)), 0.0, 0.0)
    summary = script["summarise_constants"](table)
    assert (summary["largest_relative_distance"], summary["largest_relative_difference"]) == (0, 0)
    assert summary["correlation_with_projection"] is None
