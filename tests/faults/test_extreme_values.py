"""Values at the bounds of the schema train networks, and what diverges is called so."""

import pandas as pd

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
