"""Generated results of Problem 3: runs, probabilities and constants of every kind."""

import math
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

OUTCOMES = ["converged", "oscillating", "diverged", "out of steps", "stalled"]
WIDTH, STEPS, MAP_STEPS = 4, 80, 10_000

Row = dict[str, Any]


@st.composite
def one_run(draw: st.DrawFn, outcomes: list[str], lawful: bool) -> Row:
    """A run of Problem 3b; a lawful one has the outcome that the map predicts."""
    outcome = draw(st.sampled_from(outcomes))
    observed = outcome if outcome in ("converged", "diverged") else "neither"
    run = {"outcome": outcome, "initial_loss": 8.0, "rho": 1.0, "map_steps": MAP_STEPS, "map_difference": 1e-15}
    run |= {"relative_step": draw(st.sampled_from([0.25, 1.5])), "stable_minima": "small-step", "small_step_edge": 0.5}
    run |= {"behaviour": {"converged": "converges", "diverged": "diverges"}.get(observed, "neither")}
    run |= {"predicted_outcome": observed, "predicted_steps": draw(st.sampled_from([None, 1200, 1300]))}
    if observed == "neither" and draw(st.booleans()):
        run["behaviour"] = "converges"
    if not lawful:
        run["behaviour"] = draw(st.sampled_from(["converges", "neither", "diverges"]))
        run["predicted_outcome"] = draw(st.sampled_from(["converged", "neither", "diverged"]))
        run["map_difference"] = draw(st.sampled_from([1e-15, 0.25]))
    if outcome == "diverged":
        return run | {"diverged_at": draw(st.integers(2, 4))}
    run |= {"final_loss": draw(st.sampled_from([0.0, 1e-31, 0.5, 9.0])), "rank_a": 1, "curvature_difference": 1e-14}
    run |= {"norm_a": draw(st.sampled_from([0.5, 1.0])), "off_direction": 1e-15, "edge": 0.75}
    if not lawful:
        run |= {"norm_a": draw(st.sampled_from([0.0, 0.5])), "off_direction": draw(st.sampled_from([1e-15, 0.125]))}
        run |= {"rank_a": draw(st.integers(1, 2)), "stable_minima": draw(st.sampled_from(["small-step", "flatter"]))}
        run |= {"edge": draw(st.sampled_from([0.25, 0.75]))}
    return run


@st.composite
def results(draw: st.DrawFn) -> dict[str, pd.DataFrame]:
    """Runs of Problem 3 a and b, the probabilities of each setting, and the constants of Problem 3c."""
    etas = draw(st.lists(st.sampled_from([0.01, 0.1, 1.0]), min_size=1, unique=True).map(sorted))
    widths, seeds, lawful = draw(st.sampled_from([[4], [4, 8]])), draw(st.integers(1, 3)), draw(st.booleans())
    outcomes = draw(st.lists(st.sampled_from(OUTCOMES), min_size=1, unique=True))
    rows: list[Row] = []
    chances: list[Row] = []
    for convention, k, eta in [
        *(("half", k, eta) for k in widths for eta in etas),
        *((convention, WIDTH, eta) for convention in ("sum", "mean") for eta in etas),
    ]:
        setting = {"part": "b", "convention": convention, "k": k, "eta": eta, "on_sheet": convention == "half"}
        rows += [setting | {"seed": seed} | draw(one_run(outcomes, lawful)) for seed in range(seeds)]
        stable, in_time = draw(st.sampled_from([0.0, 0.5, 1.0])), draw(st.sampled_from([0, 40, 10_000]))
        chances.append(
            {
                "stable": stable,
                "probability": stable * draw(st.sampled_from([1, 0.75])),
                "draws": 10_000,
                "steps": STEPS,
            }
            | {"in_time": in_time / 10_000, "in_time_error": math.sqrt(in_time * (10_000 - in_time) / 1e12)}
            | {"draws_in_time": in_time, "contradictions": draw(st.sampled_from([0, 0, 3]))}
            | {"unproved": draw(st.integers(0, 2)), "map_steps": MAP_STEPS}
        )
    moved, curvature = draw(st.sampled_from([0.0, 0.0, 0.5])), draw(st.sampled_from([2.0, -2.0]))
    zero = [
        {"part": "a", "convention": "half", "k": WIDTH, "eta": eta, "seed": seed, "steps": 5, "d": 10, "norm_a": 0.0}
        | {"outcome": "stalled", "norm_b": moved * (eta == etas[-1]), "initial_loss": 8.0, "final_loss": 8.0}
        | {"curvature": 2.0, "lowest_curvature": -curvature if eta == etas[-1] else -2.0}
        for eta in etas
        for seed in range(seeds)
    ]
    constants = pd.DataFrame(
        draw(st.lists(st.sampled_from([-1.5, 0.5, 1.5]), min_size=2, max_size=4)), columns=["constant"]
    ).assign(
        relative_distance=draw(st.sampled_from([1e-15, 0.25])), relative_difference=draw(st.sampled_from([1e-15, 0.25]))
    )
    constants["projection"] = np.arange(len(constants)) + constants["constant"]
    for chance in chances:
        chance["bounded"] = draw(st.sampled_from([0.0, 1.0])) * (1 - chance["probability"])
        chance["diverges"] = 1 - chance["probability"] - chance["bounded"]
    kinds = draw(
        st.lists(st.sampled_from(["small steps", "converges", "neither", "diverges"]), min_size=1, unique=True)
    )
    path = pd.concat(one_path(kind, *draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))) for kind in kinds)
    tables = {"runs": pd.DataFrame(zero + rows), "chances": pd.DataFrame(chances), "constants": constants}
    return tables | {"path": path}


def one_path(kind: str, crosses: bool = False, differs: bool = False, large: bool = False) -> pd.DataFrame:
    """Two steps of a run in the plane of the recursion, with a relative step of 2 or more if it is `large`."""
    outcome = {"neither": "oscillating", "diverges": "diverged"}.get(kind, "converged")
    table = pd.DataFrame({"step": [0, 1], "outside": [False, crosses], "difference": [0.0, 0.25 if differs else 1e-15]})
    return table.assign(kind=kind, outcome=outcome, relative_step=2.5 if large else 0.5)


def cut_off(**changes: float) -> dict[str, pd.DataFrame]:
    """Runs that all should converge, of which one was cut off; `changes` are those of the one, in each convention."""
    run = {"outcome": "converged", "initial_loss": 8.0, "final_loss": 1e-31, "norm_a": 1.0, "rank_a": 1, "rho": 1.0}
    run |= {"off_direction": 1e-15, "relative_step": 0.01, "behaviour": "converges", "predicted_outcome": "converged"}
    run |= {"predicted_steps": 60, "map_steps": MAP_STEPS, "map_difference": 1e-15, "stable_minima": "small-step"}
    run |= {"small_step_edge": 0.5, "edge": 0.75, "curvature_difference": 1e-14, "k": WIDTH, "eta": 0.01, "part": "b"}
    late = {
        "outcome": "out of steps",
        "final_loss": 0.5,
        "predicted_outcome": "neither",
        "predicted_steps": 1200,
        **changes,
    }
    zero = {
        "part": "a",
        "convention": "half",
        "k": WIDTH,
        "eta": 0.01,
        "steps": 5,
        "d": 10,
        "norm_a": 0.0,
        "norm_b": 0.0,
    }
    zero |= {"outcome": "stalled", "initial_loss": 8.0, "final_loss": 8.0, "curvature": 2.0, "lowest_curvature": -2.0}
    rows = [
        run | {"convention": convention, "seed": seed, "on_sheet": convention == "half"} | (late if seed == 9 else {})
        for convention in ("half", "sum", "mean")
        for seed in range(10)
    ]
    chance = {"stable": 1.0, "probability": 1.0, "draws": 10_000, "steps": STEPS, "in_time": 0.9943, "unproved": 0}
    chance |= {"in_time_error": 0.0008, "draws_in_time": 9943, "contradictions": 0, "map_steps": MAP_STEPS}
    chance |= {"bounded": 0.0, "diverges": 0.0}
    constants = {"constant": [0.5, 1.5], "relative_distance": 1e-15, "relative_difference": 1e-15, "projection": [1, 2]}
    return {
        "runs": pd.DataFrame([zero | {"seed": 0}, *rows]),
        "chances": pd.DataFrame([chance] * 3),
        "constants": pd.DataFrame(constants),
        "path": one_path("converges"),
    }
