"""Raw results of Problem 4 of every kind, as the scripts would write them, and the page that shows them.

Raw results are the class of the output for each input, the limit of each input, and the training runs. They go through
the functions that summarise them.
"""

import json
import runpy
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from nngplab.report.page import HTMLReport
from nngplab.report.results import Results
from tests.helpers.checkout import SCRIPTS
from tests.helpers.report_page import PICTURE, TEMPLATES, check_traces, write_cifar10

SUMMARY = runpy.run_path(str(SCRIPTS / "attractors_summary.py"))
OUTCOMES = ("converged", "diverged", "dead", "stalled", "out of steps")
TARGETS = (1e-5, 1e-8, 1e-12)
ITERATIONS = (0, 1, 2, 20)
ARRIVAL = 1.5  # degrees
MOST_ITERATIONS = 32_772
RATES = (0.0, 0.2, 0.97, 0.999997, 1.0, 1.3)
CLASSES = ("image", "negative", "mixture", "elsewhere")
# What limits a training run has. All but the last one are the same for all inputs, or each training image has its own.
SCENES = (*CLASSES, "zero", "moving", "own image", "own image, repelling", "any")


@dataclass(frozen=True)
class Raw:
    """Raw results: for each network its training outcomes and the scenes of its limits, which are drawn by `draw`."""

    asked: tuple[int, ...] = (1, 2)
    extra: tuple[int, ...] = ()
    activations: tuple[str, ...] = ()
    # The outcomes of trainings to smaller and smaller errors end with the first that has not converged.
    outcomes: tuple[str, ...] = ("converged",) * 3
    scene: str = "any"
    output: str = "any"
    inputs: int = 5
    failed_attempts: int = 0
    rule: str = "auto"
    agrees: tuple[bool, ...] = (True, False, True, True, False)
    noise_iterations: tuple[int, ...] = (1, 10)
    # Whether the eigenvalues of the ReLU networks are as predicted, and whether weights have overflowed.
    predictable: bool = True
    overflowed: bool = False
    draw: int = 0

    @property
    def networks(self) -> list[tuple[str, int]]:
        relu = [("relu", n) for n in sorted({*self.asked, *self.extra})]
        return relu + [(activation, n) for activation in self.activations for n in sorted(self.asked)]

    def random(self, *key: object) -> np.random.Generator:
        return np.random.default_rng([self.draw, *" ".join(map(str, key)).encode()])


@dataclass
class Training:
    """A training run: the limits as (class, nearest image, rate), and for each input the place of its limit in them.

    The place is -1 for zero, and -2 for an input that still moves.
    """

    activation: str
    n: int
    target: float
    outcome: str
    limits: list[tuple[str, int, float]] = field(default_factory=list)
    ends: dict[str, list[int]] = field(default_factory=dict)

    def classes(self, kind: str) -> Counter:
        """How many inputs end where."""
        other = {-1: ("zero", 0), -2: ("moving", 0)}
        return Counter(other.get(end) or self.limits[end][:2] for end in self.ends[kind])

    def attractors(self) -> set[int]:
        reached = {end for ends in self.ends.values() for end in ends if end >= 0}
        return {self.limits[end][1] for end in reached if self.limits[end][0] == "image" and self.limits[end][2] < 1}

    def stay(self) -> int:
        return sum(
            end >= 0 and self.limits[end][:2] == ("image", i) for i, end in enumerate(self.ends["training"], start=1)
        )


def make_trainings(raw: Raw, activation: str, n: int) -> Iterator[Training]:
    for place, target in enumerate(TARGETS[: len(raw.outcomes)]):
        # Only the networks with the most images fail.
        outcome = raw.outcomes[place] if n == max(raw.asked) else "converged"
        training = Training(activation, n, target, outcome)
        random = raw.random(activation, n, target)
        own = raw.scene.startswith("own image")
        if raw.scene == "any":
            for _ in range(random.integers(1, 14)):
                training.limits.append(
                    (str(random.choice(CLASSES)), int(random.integers(1, n + 1)), float(random.choice(RATES)))
                )
        elif own:
            rate = 1.3 if raw.scene.endswith("repelling") else 0.97
            training.limits = [("image", image, rate) for image in range(1, n + 1)]
        elif raw.scene in CLASSES:
            training.limits = [(raw.scene, n, 0.2)]
        low, high = {"zero": (-1, 0), "moving": (-2, -1)}.get(raw.scene, (0, len(training.limits)))
        for kind, count in {
            "training": n,
            "noisy": n,
            **dict.fromkeys(("test", "unseen", "noise"), raw.inputs),
        }.items():
            start = -2 if raw.scene == "any" and random.random() < 0.5 else low
            ends = random.integers(start, high, count).tolist()
            training.ends[kind] = list(range(n)) if own and count == n and kind in ("training", "noisy") else ends
        yield training
        if outcome != "converged":
            return


def limit_tables(training: Training) -> dict[str, pd.DataFrame]:
    """The tables of one training run, as the script that finds limits writes them."""
    key = {"activation": training.activation, "n_images": training.n, "target": training.target}
    counts = Counter(end for ends in training.ends.values() for end in ends if end >= 0)
    numbers = {end: number for number, (end, _) in enumerate(counts.most_common(), start=1)} | {-1: 0, -2: -1}
    limits = [
        {**key, "limit": number, "nearest": nearest, "outcome": outcome, "degrees": 3.0, "rate": rate}
        | {"attracting": rate < 1, "tenfold": np.log(0.1) / np.log(rate) if 0 < rate < 1 else np.nan}
        | {kind: ends.count(end) for kind, ends in training.ends.items()}
        for end, number in numbers.items()
        if end >= 0
        for outcome, nearest, rate in [training.limits[end]]
    ]
    inputs = [
        {**key, "input": kind, "number": i, "limit": numbers[end]}
        for kind, ends in training.ends.items()
        for i, end in enumerate(ends, start=1)
    ]
    mse = training.target * (0.99 if training.outcome == "converged" else 3)
    error = {**key, "outcome": training.outcome, "steps": 400, "mse": mse, "limits": len(counts), "seed": 88}
    error |= {"most_iterations": MOST_ITERATIONS, "arrival_degrees": ARRIVAL, "settled_step": 1e-10}
    columns = [*key, "limit", "nearest", "outcome", "degrees", "rate", "attracting", "tenfold", *training.ends]
    return {
        "limits": pd.DataFrame(limits, columns=columns),
        "limit_inputs": pd.DataFrame(inputs),
        "limit_errors": pd.DataFrame([error]),
    }


def homogeneity(raw: Raw, training: Training) -> pd.DataFrame:
    """The eigenvalue nearest to 1 at each training image; of some ReLU networks it is not as predicted."""
    random = raw.random("homogeneity", training.activation, training.n, training.target)
    relu = training.activation == "relu"
    table = pd.DataFrame({"image": range(1, training.n + 1), "relative_error": random.uniform(0, 1e-3, training.n)})
    table = table.assign(activation=training.activation, n_images=training.n, target=training.target, homogeneous=relu)
    predicted, wrong = random.uniform(0, 1, training.n), 0.0 if relu and raw.predictable else 0.25
    table = table.assign(
        predicted_distance=predicted, distance=predicted + wrong, degrees=random.uniform(0, 90, training.n)
    )
    relations = {"euler": 1e-16 + wrong, "scaled": 1e-16 + wrong, "smallest_scale": 0.5, "largest_scale": 10.0}
    return table.assign(**relations)


def attempts(raw: Raw, activation: str, n: int, outcome: str) -> pd.DataFrame:
    failures = [("dead" if i % 2 else "diverged", 4 * 2.0**-i) for i in range(raw.failed_attempts)]
    rows = [{"purpose": "fit", "outcome": name, "step_size": size} for name, size in [*failures, (outcome, 1e-3)]]
    if (activation, n) == raw.networks[0]:
        rows += [
            {"purpose": "trial", "outcome": name, "step_size": size}
            for name, size in zip(OUTCOMES, range(5, 10), strict=True)
        ]
    sizes = {"max_steps": 500, "initial_mse": 0.65, "zero_mse": 0.63, "step_size_limit": 9e-3, "width": 16}
    table = pd.DataFrame(rows).assign(**sizes, activation=activation, rule=raw.rule, target=TARGETS[0], seed=88)
    return table.assign(n_images=n, steps=400, final_mse=0.0123)


def output_rows(raw: Raw, n: int) -> pd.DataFrame:
    """The class of the output for each input and number of iterations."""
    rows = []
    for kind, count in {"training": n, "zeros": 1, **dict.fromkeys(("test", "unseen", "noise"), raw.inputs)}.items():
        for r in ITERATIONS:
            random = raw.random("output", kind, n, r)
            classes = [*CLASSES, "zero"] if n > 1 else ["image", "negative", "elsewhere", "zero"]
            chosen = random.choice(classes, count) if raw.output not in classes else [raw.output] * count
            for index, outcome in enumerate(["zero"] * count if kind == "zeros" else chosen):
                small, large, span = random.uniform((0, 2, 2), (1.4, 80, 80))
                degrees = {"image": small, "negative": 180 - small, "zero": 90}.get(outcome, large)
                span = {"elsewhere": min(span, large) if n > 1 else large, "zero": 90}.get(outcome, small)
                nearest = 0 if outcome == "zero" else int(random.integers(1, n + 1))
                row = {"n_images": n, "input": kind, "iterations": r, "index": index, "outcome": outcome}
                cosines = np.cos(np.radians([degrees, span]))
                rows.append(row | {"nearest": nearest, "cosine": cosines[0], "span_cosine": cosines[1]})
    return pd.DataFrame(rows).assign(arrival_degrees=ARRIVAL, seed=88)


def other_tables(raw: Raw) -> dict[str, pd.DataFrame]:
    """The tables of training images, which the page shows as they are."""
    images, jacobian, noisy = [], [], []
    for _, n in (network for network in raw.networks if network[0] == "relu"):
        random = raw.random("images", n)
        for i in range(1, n + 1):
            key = {"n_images": n, "image": i}
            images.append(
                key | {"relative_error": 1e-3, "step_degrees": 0.1, "homogeneity_error": 1e-16, "class": "cat"}
            )
            images[-1] |= {"units_on": 9, "units_shared": raw.draw % 3, "closest_cosine": 0.9 if n > 1 else np.nan}
            jacobian += [key | {"rank": rank, "modulus": random.choice(RATES), "degrees": 0.2} for rank in (1, 2)]
            for r in (0, *raw.noise_iterations):
                row = key | {"iterations": r, "cosine": 0.999, "noise_left": 0.03, "tolerance": 0.1, "noise": 1e-3}
                row |= {"slow_directions": i, "oblique_share": 0.02, "orthogonal_share": 0.01} if r else {}
                noisy.append(row | ({"agrees": raw.agrees[i - 1]} if r else {}))
    frames = {"images": images, "jacobian": jacobian, "noisy": noisy}
    tables = {name: pd.DataFrame(rows) for name, rows in frames.items()}
    return tables | {"noisy": tables["noisy"].astype({"slow_directions": "Int64"})}


def write(raw: Raw, folder: Path) -> list[Training]:
    """Write the files of the section as the scripts do, through files for each network."""
    trainings, eigenvalues, parts = (
        [],
        [],
        {name: [] for name in ("limits", "limit_inputs", "limit_errors", "attempts")},
    )
    for activation, n in raw.networks:
        of_network = list(make_trainings(raw, activation, n))
        tables = [limit_tables(training) for training in of_network]
        found = {
            name: pd.concat([table[name] for table in tables if len(table[name])] or [tables[0][name]])
            for name in tables[0]
        }
        found["attempts"] = attempts(raw, activation, n, of_network[0].outcome)
        for name, table in found.items():
            parts[name].append(folder / f"by_n_images/{name}_{n}_{activation}.csv")
            table.to_csv(parts[name][-1], index=False)
        trainings += of_network
        eigenvalues.append(pd.concat(homogeneity(raw, training) for training in of_network))
    merged = {name: SUMMARY["read_limits" if name == "limits" else "read_all"](paths) for name, paths in parts.items()}
    merged["attempts"].insert(1, "on_sheet", merged["attempts"]["n_images"].isin(raw.asked))
    outputs = pd.concat(output_rows(raw, n) for activation, n in raw.networks if activation == "relu")
    merged |= {"summary": SUMMARY["summarise"](outputs), "basins": SUMMARY["basin_shares"](outputs)} | other_tables(raw)
    merged["limit_shares"] = SUMMARY["limit_shares"](merged["limit_inputs"], merged["limits"])
    merged["limit_errors"] = SUMMARY["count_attractors"](
        merged["limit_errors"], merged["limits"], merged.pop("limit_inputs")
    )
    merged["homogeneity"] = pd.concat(eigenvalues)
    if raw.overflowed:
        merged["homogeneity"] = merged["homogeneity"].assign(distance=np.nan, degrees=np.nan, predicted_distance=np.nan)
    for name, table in merged.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    write_frames(folder)
    for name in ("basins", "limits", "frames", "homogeneity"):
        (folder / f"{name}.svg").write_text(PICTURE)
    for name in (
        "iterates",
        "noisy",
        "activations",
        "limit_images",
        *(f"by_n_images/outputs_{n}" for _, n in raw.networks),
    ):
        (folder / f"{name}.svg").write_text(PICTURE)
    Image.new("RGB", (1, 1)).save(folder / "frames.png")
    return trainings


def write_frames(folder: Path) -> None:
    """Write the numbers of the slider for one input of each kind; an output of zeros has no angle."""
    degrees = {"test": [20.5, 3.25, 0.5], "noisy": [0.125, 0.25, 0.5], "noise": [90.0, 45.0, None]}
    inputs = [
        {"input": kind, "class": None if kind == "noise" else "cat", "degrees": [of_kind]}
        for kind, of_kind in degrees.items()
    ]
    record = {"trained_on": ["cat"], "noise": 1e-3, "inputs": inputs, "iterations": [0, 1, 20]}
    (folder / "frames.json").write_text(json.dumps(record))


def render(raw: Raw) -> tuple[str, list[Training]]:
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "results"
        for name in ("cifar10", "attractors/by_n_images"):
            (folder / name).mkdir(parents=True)
        write_cifar10(folder / "cifar10", stand_in=False, source="archive", label="CIFAR-10")
        trainings = write(raw, folder / "attractors")
        report = HTMLReport(TEMPLATES, Results(folder), student=None, config={}, provenance={"code": {}})
        page = report.render(["attractors"])
        check_traces(folder, page)
    return page, trainings
