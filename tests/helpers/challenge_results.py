"""Generated results of Problem 13, which go through the code of the selection and of the summary."""

import json
import runpy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import assume
from hypothesis import strategies as st

from nngplab.pipeline.files import write_csv
from nngplab.problems.challenge_edges import edge_rows
from nngplab.problems.challenge_kernels import KERNELS
from nngplab.problems.challenge_published import PUBLISHED
from nngplab.problems.challenge_selection import is_best_kernel
from tests.helpers.checkout import SCRIPTS
from tests.helpers.report_page import PICTURE, write_cifar10

SELECTION, SUMMARY = (runpy.run_path(str(SCRIPTS / f"challenge_{name}.py")) for name in ("selection", "summary"))
# The hyperparameters that are not searched.
FIXED = {"network": {"batch_size": 100}, "nngp": {"bias": True, "normalize": False}, "rfm": {"ridge": 0.0}}
GRIDS: dict[str, dict[str, list[Any]]] = {
    "network": {"k": [64, 256, 1024], "depth": [1, 2], "learning_rate": [1e-3, 1e-2, 1e-1], "weight_decay": [0.0, 1.0]},
    "nngp": {"ridge": [0.0, 0.1, 1.0]},
    "laplace": {"ridge": [0.0, 0.1], "L": [0.1, 1.0, 10.0]},
    "linear": {"ridge": [0.0, 0.1, 1.0]},
    "rfm": {"bandwidth": [1.0, 5.0, 10.0], "iterations": [1, 2, 3]},
}
EPOCHS = 7
# The number of test samples.
N = 80
# The arrays of each test job.
Files = dict[str, dict[str, np.ndarray]]


@dataclass(frozen=True)
class Raw:
    """Raw results: of each model the place of the selected candidate, and how far its outputs are from the targets."""

    dataset: str
    levels: dict[str, float]
    grids: dict[str, dict[str, list[Any]]]
    chosen: dict[str, dict[str, Any]]
    seeds: int = 3
    failed: int = 0
    spread: float = 0.0
    beyond: int = 0
    far: float = 1.0
    near: float = 1.0
    draw: int = 0

    @property
    def score(self) -> str:
        return "r2" if self.dataset == "course" else "accuracy"


@st.composite
def raw_results(draw: Callable[..., Any]) -> Raw:
    dataset = draw(st.sampled_from(["course", "cifar10"]))
    models = draw(st.lists(st.sampled_from(sorted(GRIDS)), min_size=2, unique=True))
    models = [model for model in GRIDS if model in models and (model != "rfm" or dataset == "course")]
    assume(models)
    levels = {model: draw(st.sampled_from([0.0, 0.3, 0.4, 1.0, 2.0])) for model in models}
    grids, chosen = {}, {}
    for model in models:
        grids[model] = {
            name: values[: draw(st.integers(1, len(values)))] if name != "iterations" else values
            for name, values in GRIDS[model].items()
        }
        chosen[model] = {name: draw(st.sampled_from(values)) for name, values in grids[model].items()}
    if "network" in models:
        chosen["network"]["epochs"] = draw(st.integers(1, EPOCHS))
    if "rfm" in models:
        levels["rfm_direction"] = draw(st.sampled_from([0.0, 0.4, 1.0]))
    return Raw(
        dataset,
        levels,
        grids,
        chosen,
        seeds=draw(st.integers(1, 3)),
        failed=draw(st.sampled_from([0, 0, 1])),
        spread=draw(st.sampled_from([0.0, 0.1, 0.5])),
        beyond=draw(st.sampled_from([0, 1, 20])),
        far=draw(st.sampled_from([0.5, 1.0, 5.0])),
        near=draw(st.sampled_from([0.1, 1.0, 3.0])),
        draw=draw(st.integers(0, 1000)),
    )


INSIDE = {"k": 256, "depth": 1, "learning_rate": 1e-2, "weight_decay": 0.0, "epochs": 4}


def one(dataset: str = "course", network: float = 0.3, nngp: float = 1.0, **changes: Any) -> Raw:
    """A network and the NNGP, both inside their grids."""
    models = {"network": network, "nngp": nngp}
    chosen = {"network": INSIDE | changes.pop("chosen", {}), "nngp": {"ridge": changes.pop("ridge", 0.1)}}
    return Raw(dataset, models, {model: GRIDS[model] for model in models}, chosen, **changes)


def machine(**changes: Any) -> Raw:
    """A feature machine and its control, both inside their grids."""
    levels = {"laplace": changes.pop("laplace", 1.0), "rfm": changes.pop("rfm", 0.3), "rfm_direction": 0.4}
    chosen = {"laplace": {"ridge": 0.0, "L": 1.0}, "rfm": {"bandwidth": 5.0, "iterations": 2}}
    grids = {model: GRIDS[model] for model in chosen}
    return Raw("course", levels, grids, chosen, **changes)


def validation_score(raw: Raw, model: str) -> float:
    """The score of the chosen candidate of a model, which differs from model to model."""
    return float(np.random.default_rng([raw.draw, *model.encode()]).uniform(0.8, 0.9))


def candidates(raw: Raw) -> pd.DataFrame:
    """All candidates, of which the chosen one has the highest validation score. Without a network, all diverged."""
    rows = []
    for model, grid in raw.grids.items():
        names, best = list(grid), {name: raw.chosen[model][name] for name in grid}
        for values in (
            np.array(np.meshgrid(*map(range, map(len, grid.values())), indexing="ij")).reshape(len(grid), -1).T
        ):
            tried = {name: grid[name][place] for name, place in zip(names, values, strict=True)}
            epochs = {"epochs": raw.chosen[model]["epochs"]} if model == "network" else {}
            value = validation_score(raw, model) if tried == best else 0.1
            rows.append((model, {**FIXED.get(model, {}), **tried, **epochs}, value))
        if model == "rfm":
            along = {"direction_L": 1.0, "direction_ridge": 0.0}
            rows.append(("rfm_direction", {**FIXED["rfm"], **best, **along}, 0.9))
    if "network" not in raw.grids:
        rows.append(("network", INSIDE, np.nan))
    return pd.DataFrame(
        {"dataset": raw.dataset, "model": model, "hyperparameters": json.dumps(values), "split": split, "mse": 1 - r2}
        | {
            "n": 10,
            "r2": r2,
            "accuracy": r2 if raw.dataset == "cifar10" else None,
            "outcome": "diverged" if np.isnan(r2) else "fitted",
        }
        for model, values, r2 in rows
        for split in ("train", "val")
    )


def arrays_of(raw: Raw) -> Files:
    """The arrays of the test jobs."""
    random = np.random.default_rng(raw.draw)
    classes = raw.dataset == "cifar10"
    y = np.eye(3)[random.integers(0, 3, N)] if classes else random.standard_normal((N, 1))
    y_val = random.standard_normal((N, 1))
    along = np.linspace(-0.9, 0.9, N)
    along[: raw.beyond] = 2.0
    files = {}
    for model, level in raw.levels.items():
        noise = level * random.standard_normal(y.shape)
        if model == "network":
            each = y + noise + raw.spread * random.standard_normal((raw.seeds, *y.shape))
            arrays = {"network": each[0], "network_seeds": each, "failed": np.array(raw.failed)}
            files[model] = arrays | ({} if classes else {"feature_matrix": np.diag([1.0, 3.0])})
        elif model.startswith("rfm"):
            noise[along > 1] *= raw.far
            machine = files.setdefault(
                "rfm", {"feature_matrix": np.diag([1.0, 9.0]), "direction": np.array([0.0, 1.0])}
            )
            machine |= {model: y + noise, f"{model}_val": y_val + raw.near * level * random.standard_normal(y.shape)}
            machine |= {"along_train": np.array([-1.0, 1.0]), "along_test": along, "y_val": y_val}
        else:
            files[model] = {model: y + noise}
        files["rfm" if model == "rfm_direction" else model]["y_test"] = y
    return files


def write_images_tables(folder: Path) -> None:
    """Write the tables of CIFAR-10 that do not depend on the scores."""
    shares = {("cat", "cat"): 0.6, ("cat", "dog"): 0.4, ("dog", "cat"): 0.3, ("dog", "dog"): 0.7}
    rows = [(model, *classes, share) for model in ("network", "nngp") for classes, share in shares.items()]
    write_csv(pd.DataFrame(rows, columns=["model", "class", "predicted", "share"]), folder / "confusion.csv")
    write_csv(pd.DataFrame(PUBLISHED), folder / "published.csv")


def write(raw: Raw, files: Files, results: Path) -> None:
    """Write the results as the scripts do."""
    folder = results / "challenge"
    for path in (results / "cifar10", folder / "data"):
        path.mkdir(parents=True)
    write_cifar10(results / "cifar10", stand_in=False, source="archive", label="CIFAR-10, a copy")
    record = {"stand_in": False, "label": "real", "score": raw.score, "direction": [0.0, 1.0]}
    record |= {"n_train": 10, "n_val": N, "n_test": N, "d": 2}
    (folder / f"data/{raw.dataset}.json").write_text(json.dumps(record))
    validation = candidates(raw)
    write_csv(validation, folder / "validation.csv")
    selected = {raw.dataset: SELECTION["select"](validation, raw.dataset, raw.score)}
    (folder / "selected.json").write_text(json.dumps(selected))
    write_csv(SELECTION["count_outcomes"](validation), folder / "outcomes.csv")
    rows = edge_rows(validation, selected, {raw.dataset: EPOCHS})
    write_csv(pd.DataFrame(rows, columns=SELECTION["EDGE_COLUMNS"], dtype=object), folder / "edges.csv")
    arrays, records = {raw.dataset: files}, {raw.dataset: record}
    scores, comparison = SUMMARY["score_tables"](arrays, records, pd.read_csv(folder / "edges.csv"))
    tests = scores.assign(r2=scores["value"], accuracy=scores["value"], mse=1 - scores["value"], split="test")
    tests["hyperparameters"] = [json.dumps(selected[raw.dataset][model]) for model in tests["model"]]
    benchmark = SUMMARY["benchmark_table"](validation, tests)
    write_csv(benchmark, folder / "benchmark.csv")
    best_kernel = is_best_kernel(scores, benchmark, KERNELS)
    write_csv(scores.assign(best_kernel=best_kernel), folder / "scores.csv")
    write_csv(comparison, folder / "comparison.csv")
    write_csv(SUMMARY["range_table"](arrays), folder / "ranges.csv")
    learned = [
        SUMMARY["direction_table"](file["feature_matrix"], [0.0, 1.0]).assign(dataset=raw.dataset, model=model)
        for model, file in files.items()
        if "feature_matrix" in file
    ]
    write_csv(pd.concat([pd.DataFrame(columns=SUMMARY["DIRECTIONS"]), *learned]), folder / "directions.csv")
    curve = scores.loc[scores["model"].isin(["network", "nngp"]), ["model", "value", "low", "high"]]
    write_csv(pd.concat([curve.assign(n=n) for n in (5, 10)]), folder / "curve.csv")
    steps = pd.DataFrame({"start": "network", "step": ["start", "flips"], "accuracy": [0.3, 0.4], "gain": [None, 0.1]})
    write_csv(steps, folder / "steps.csv")
    write_images_tables(folder)
    for name in ("benchmark", "ridges", "steps", "curve", "confusion", "direction"):
        (folder / f"{name}.svg").write_text(PICTURE)
