"""Compute the probability that the training of Problem 3b converges, and compare it with the observed share."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.stats

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv
from nngplab.pipeline.seeds import generator
from nngplab.problems.linear_autoencoder import loss_factor
from nngplab.problems.linear_autoencoder_map import (
    CONVERGES,
    DIVERGES,
    MOST_STEPS,
    NEITHER,
    draw_invariants,
    iterate,
    outcome_probabilities,
    predict_behaviour,
)

DRAWS = 10_000
# The number of step sizes of the curves.
CURVE_POINTS = 201


def main(arguments: argparse.Namespace) -> None:
    summary = pd.read_csv(arguments.summary)
    settings = summary.to_dict("records")
    factors = [2 * loss_factor(setting["convention"], arguments.d) * setting["eta"] for setting in settings]
    draws = [
        draw_invariants(arguments.d, k, DRAWS, generator(arguments.seed, "linear_autoencoder_probability", k))
        for k in summary["k"]
    ]
    rho = np.concatenate([rho for _, rho in draws])
    relative_step = np.concatenate([factor * z_squared for factor, (z_squared, _) in zip(factors, draws, strict=True)])
    rows = [
        {name: setting[name] for name in ("convention", "k", "eta", "on_sheet", "runs", "converged", "diverged")}
        | describe_probabilities(outcome_probabilities(arguments.d, setting["k"], factor))
        | {"stable": scipy.stats.chi2.cdf(1 / factor, arguments.d)}
        | counts
        | {"d": arguments.d, "steps": arguments.steps, "seed": arguments.seed}
        for setting, factor, counts in zip(
            settings, factors, count_draws(rho, relative_step, DRAWS, arguments.steps), strict=True
        )
    ]
    write_csv(compare_with_runs(pd.DataFrame(rows)), arguments.probability)
    write_csv(outcome_curves(summary[summary["convention"] == "half"], arguments.d), arguments.outcomes)


def describe_probabilities(chances: dict[str, float]) -> dict[str, float]:
    return {"probability": chances[CONVERGES], "bounded": chances[NEITHER], "diverges": chances[DIVERGES]}


def outcome_curves(settings: pd.DataFrame, d: int) -> pd.DataFrame:
    """Return the probability of each behaviour for each width of some settings, over the range of their step sizes."""
    etas = np.geomspace(settings["eta"].min() / 2, settings["eta"].max() * 2, CURVE_POINTS)
    factors = 2 * loss_factor("half", d) * etas
    return pd.DataFrame(
        {"k": k, "eta": eta, **describe_probabilities(outcome_probabilities(d, k, factor)), "d": d}
        for k in sorted(settings["k"].unique())
        for eta, factor in zip(etas, factors, strict=True)
    )


def count_draws(rho: np.ndarray, relative_step: np.ndarray, draws: int, steps: int) -> list[dict[str, Any]]:
    """Return, for each `draws` draws, how many converge within some steps, and what the iteration proves of them.

    All are iterated at once, since a few of each take many steps. `in_time` is the share that converges, and
    `in_time_error` at least its standard error. `contradictions` counts the draws that are proved to converge or
    diverge, but should not; `unproved` those that should, without a proof.
    """
    map_steps = max(MOST_STEPS, steps)
    found, expected = iterate(rho, relative_step, map_steps), predict_behaviour(rho, relative_step)
    differs, open_ended = found.behaviour != expected, found.behaviour == NEITHER
    columns = [(found.behaviour == CONVERGES) & (found.steps <= steps), differs & ~open_ended, differs & open_ended]
    counts = np.array(columns).reshape(len(columns), -1, draws).sum(axis=2)
    return [
        {
            "in_time": share,
            "in_time_error": np.sqrt(share * (1 - share) / draws),
            "draws": draws,
            "draws_in_time": in_time,
            "contradictions": contradictions,
            "unproved": unproved,
            "map_steps": map_steps,
        }
        for (in_time, contradictions, unproved), share in zip(counts.T, counts[0] / draws, strict=True)
    ]


def compare_with_runs(table: pd.DataFrame) -> pd.DataFrame:
    """Add the 95% Clopper-Pearson intervals of the observed shares, and tests that the shares have one probability.

    The tests are Fisher's exact ones, of the runs against the draws. The adjusted p-values are those of Bonferroni.
    """
    intervals = {
        outcome: [
            scipy.stats.binomtest(count, runs).proportion_ci(0.95, "exact")
            for count, runs in zip(table[outcome], table["runs"], strict=True)
        ]
        for outcome in ("converged", "diverged")
    }
    counts = table[["converged", "runs", "draws_in_time", "draws"]].astype(int).to_numpy()
    p_values = [
        scipy.stats.fisher_exact([[converged, runs - converged], [in_time, draws - in_time]]).pvalue
        for converged, runs, in_time, draws in counts
    ]
    return table.assign(
        low=[interval.low for interval in intervals["converged"]],
        high=[interval.high for interval in intervals["converged"]],
        diverged_low=[interval.low for interval in intervals["diverged"]],
        diverged_high=[interval.high for interval in intervals["diverged"]],
        p_value=p_values,
        adjusted_p_value=np.minimum(1, np.multiply(p_values, len(table))),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--summary", type=Path, required=True, help="the table with a row for each step size, CSV")
    parser.add_argument("--d", type=int, required=True, help="dimension of the sample")
    parser.add_argument("--steps", type=int, required=True, help="number of steps from A = 0")
    parser.add_argument("--seed", type=int, required=True, help="root seed")
    parser.add_argument("--probability", type=Path, required=True, help="a row for each step size, CSV")
    parser.add_argument("--outcomes", type=Path, required=True, help="the probabilities over step sizes, CSV")
    run(parser, main)
