"""The sentences on Problem 2b against generated results: each claim stands if and only if the raw results say it.

The predictions, losses and validation accuracies go through the scripts that choose the learning rates and summarise.
What the page should say is computed here from the raw results in another way, accuracies as fractions.
"""

import re
import runpy
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from nngplab.report.page import HTMLReport
from nngplab.report.results import Results
from tests.helpers.checkout import SCRIPTS
from tests.helpers.fc_net import PARAMETERS
from tests.helpers.report_page import PICTURE, TEMPLATES, Reader, answer_of, check_traces, sentences, write_cifar10

SUMMARY, RATES = (runpy.run_path(str(SCRIPTS / f"fc_net_{name}.py")) for name in ("summary", "learning_rates"))
NAMES = {"mse": "squared error", "cross_entropy": "cross-entropy"}
CLASSES = ["cat", "dog", "frog", "ship"]
# How the networks of a loss predict: at random with this share of correct predictions, or always the same class.
SKILLS = {"all": 1.0, "good": 0.85, "fair": 0.6, "none": 0.0, "one class": None}
# The mean test loss after each epoch, and the training loss at the end, which is 1 in all epochs before.
CURVES = {
    "falling": ([4.0, 3.0, 2.0, 1.0], 0.5),
    "overfitted": ([4.0, 1.0, 2.0, 3.0], 0.5),
    "risen a little": ([4.0, 3.0, 1.0, 1.1], 0.5),
    "rising": ([1.0, 2.0, 3.0, 4.0], 1.5),
    "flat": ([2.0, 2.0, 2.0, 2.0], 1.0),
    "tied": ([4.0, 1.0, 2.0, 1.0], 0.5),
    "one epoch": ([2.0, 1.0], 0.5),
    "one rising epoch": ([1.0, 2.0], 0.5),
}


@dataclass(frozen=True)
class Raw:
    """Raw results: for each loss a skill, a curve and a validation accuracy for each learning rate, or a given rate."""

    skills: dict[str, str]
    curves: dict[str, str]
    validation: dict[str, list[float | None]] | None
    seeds: int = 3
    images: int = 300
    noise: float = 0.05
    train_accuracy: float = 0.7
    alike: bool = False
    draw: int = 0

    def predictions(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The labels (images,), sorted, and for each loss the predictions (networks, images)."""
        labels = np.sort(np.arange(self.images) % len(CLASSES))
        predicted = {}
        for place, (loss, skill) in enumerate(self.skills.items()):
            random = np.random.default_rng([self.draw, 0 if self.alike else place])
            share = SKILLS[skill]
            wrong = (labels + random.integers(1, len(CLASSES), (self.seeds, self.images))) % len(CLASSES)
            right = random.random(wrong.shape) < (share or 0)
            predicted[loss] = np.where(right, labels, wrong) if share is not None else np.zeros_like(wrong)
        return labels, predicted

    def test_losses(self, loss: str) -> np.ndarray:
        """The test losses (epochs, networks)."""
        curve = np.array(CURVES[self.curves[loss]][0])[:, None]
        random = np.random.default_rng([self.draw, 9])
        return curve + self.noise * random.normal(size=(len(curve), self.seeds))


CHOICE = {loss: [0.3, 0.5, 0.4] for loss in NAMES}
raws = st.builds(
    lambda skills, curves, validation, one_loss, **others: Raw(
        skills={"mse": skills[0]} if one_loss else dict(zip(NAMES, skills, strict=True)),
        curves=dict(zip(NAMES, curves, strict=True)),
        validation=validation and dict(zip(NAMES, validation, strict=True)),
        **others,
    ),
    skills=st.tuples(*[st.sampled_from(list(SKILLS))] * 2),
    curves=st.tuples(*[st.sampled_from(list(CURVES))] * 2),
    validation=st.one_of(
        st.just(tuple(CHOICE.values())),
        st.none(),
        st.tuples(*[st.lists(st.sampled_from([None, 0.1, 0.3, 0.5]), min_size=1, max_size=4).filter(any)] * 2),
    ),
    one_loss=st.booleans(),
    seeds=st.integers(1, 4),
    images=st.sampled_from([4, 8, 41, 300]),
    noise=st.sampled_from([0.0, 0.01, 0.1, 1.0]),
    train_accuracy=st.sampled_from([0.0, 0.6, 0.75, 1.0]),
    alike=st.booleans(),
    draw=st.integers(0, 10_000),
)
GOOD = Raw({"mse": "good", "cross_entropy": "fair"}, dict.fromkeys(NAMES, "falling"), CHOICE)


def write(raw: Raw, folder: Path) -> None:
    """Write the files of the section as the scripts do."""
    labels, predicted = raw.predictions()
    metrics, predictions = [], []
    for loss in raw.skills:
        losses = raw.test_losses(loss)
        for seed in range(raw.seeds):
            names = np.array(CLASSES)
            pairs = {"class": names[labels], "predicted": names[predicted[loss][seed]]}
            predictions.append(pd.DataFrame({"loss": loss, "seed": seed, **pairs}))
            for epoch in range(len(losses)):
                train_loss = CURVES[raw.curves[loss]][1] if epoch == len(losses) - 1 else 1.0
                row = {"loss": loss, "seed": seed, "epoch": epoch} | PARAMETERS | {"n_test": len(labels)}
                row["epochs"] = len(losses) - 1
                accuracy = np.mean(labels == predicted[loss][seed])
                for split, value, share in (
                    ("train", train_loss, raw.train_accuracy),
                    ("test", losses[epoch, seed], accuracy),
                ):
                    metrics.append(row | {"split": split, "mse": value, "cross_entropy": value, "accuracy": share})
    table = pd.concat(predictions, ignore_index=True)
    SUMMARY["summarise"](pd.DataFrame(metrics), table).to_csv(folder / "summary.csv", index=False)
    SUMMARY["per_class"](table).to_csv(folder / "per_class.csv", index=False)
    SUMMARY["confusion"](table, CLASSES, "loss").to_csv(folder / "confusion.csv", index=False)
    learning_rates(raw).to_csv(folder / "learning_rates.csv", index=False)
    for name in ("learning_curves", "confusion"):
        (folder / f"{name}.svg").write_text(PICTURE)
    (folder / "by_loss").mkdir()
    for loss in raw.skills:
        for name in ("first_layer", "predictions"):
            (folder / f"by_loss/{name}_{loss}.svg").write_text(PICTURE)


def learning_rates(raw: Raw) -> pd.DataFrame:
    if raw.validation is None:
        return pd.DataFrame({"loss": list(raw.skills), "learning_rate": 0.003, "chosen": True, "tuned": False})
    sizes = {"epochs": 4, "tuning_images": 240, "validation_images": 60}
    candidates = [
        {"loss": loss, "learning_rate": 10.0**-place, "outcome": "dead" if value is None else "out of steps"}
        | {"validation_accuracy": value}
        | sizes
        for loss in raw.skills
        for place, value in enumerate(raw.validation[loss])
    ]
    return RATES["choose"](pd.DataFrame(candidates))


def render(raw: Raw) -> str:
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "results"
        for name in ("cifar10", "fc_net"):
            (folder / name).mkdir(parents=True)
        write_cifar10(folder / "cifar10", stand_in=False, source="archive", label="CIFAR-10")
        write(raw, folder / "fc_net")
        facts, config = {"code": {"git commit": "0123"}}, {"seed": 88, "report": {"name": None}}
        report = HTMLReport(TEMPLATES, Results(folder), student=None, config=config, provenance=facts)
        page = report.render(["fc_net"])
        check_traces(folder, page)
    return page


def half_width(values: np.ndarray) -> float:
    """Half the width of the interval of the mean of values (networks, images)."""
    squares = 0.0
    for means in (values.mean(axis=0), values.mean(axis=1)):
        if len(means) > 1:
            squares += scipy.stats.t(len(means) - 1).ppf(0.975) ** 2 * means.var(ddof=1) / len(means)
    return float(np.sqrt(squares))


def sign(mean: float, half: float) -> int:
    """1 or -1 if the interval excludes zero, else 0. Results on the edge, which rounding decides, are not examined."""
    assume(mean == half == 0 or abs(abs(mean) - half) > 1e-9)
    return int(np.sign(mean)) if abs(mean) > half else 0


def edges(raw: Raw) -> list[str]:
    """The losses whose chosen learning rate is at the edge. Of equal accuracies, the smallest rate is chosen."""
    names = []
    for loss in raw.skills if raw.validation else ():
        values = raw.validation[loss]
        best = max(value for value in values if value is not None)
        # Rates fall from place to place.
        place = max(place for place, value in enumerate(values) if value == best)
        names += [NAMES[loss]] if place in (0, len(values) - 1) else []
    return names


def expected_verdict(raw: Raw) -> str | None:
    """The verdict on the loss; None for one loss alone."""
    if len(raw.skills) == 1:
        return None
    labels, predicted = raw.predictions()
    right = {loss: (predicted[loss] == labels).astype(float) for loss in raw.skills}
    best, other = sorted(NAMES, key=lambda loss: Fraction(int(right[loss].sum())), reverse=True)
    difference = right[best] - right[other]
    decided = sign(difference.mean(), half_width(difference)) > 0
    if raw.seeds == 1:
        return f"that trained with {NAMES[best]} is better" if decided else "which of these two networks is better"
    if raw.validation is None:
        return "No verdict on the loss: both losses have"
    if edges(raw):
        return f"No verdict on the loss: with {' and '.join(edges(raw))}, the chosen learning rate is at the edge"
    return f"{NAMES[best].capitalize()} is better in this setting" if decided else "The data do not decide which loss"


VERDICTS = [
    *(f"that trained with {name} is better" for name in NAMES.values()),
    *(f"{name.capitalize()} is better in this setting" for name in NAMES.values()),
    *("which of these two networks is better", "The data do not decide which loss"),
    "No verdict on the loss: both losses have",
    *(
        f"No verdict on the loss: with {names}, the chosen learning rate is at the edge"
        for names in (*NAMES.values(), "squared error and cross-entropy")
    ),
]


def parts(text: str, loss: str) -> tuple[str, str]:
    """The sentences of a loss on the end of its training, and those on its classes."""
    answer = re.split(r"Choice of the learning rate, on|Networks after the last epoch", text)[0]
    found = [part for part in re.split(r"(?=With (?:squared|cross))", answer) if part.startswith(f"With {NAMES[loss]}")]
    assert len(found) == 2
    return found[0], found[1]


def listed(pairs: list[str], last: str) -> str:
    return pairs[0] if len(pairs) == 1 else ", ".join(pairs[:-1]) + last + pairs[-1]


def check_the_verdict_on_the_loss(raw: Raw, text: str, answer: str) -> None:
    wanted = expected_verdict(raw)
    assert [verdict for verdict in VERDICTS if verdict in text] == ([wanted] if wanted else [])
    assert ("No verdict on the loss: with one network" in text) == (len(raw.skills) == 2 and raw.seeds == 1)
    assert text.count("chosen, at the edge of the grid") == len(edges(raw))
    labels, predicted = raw.predictions()
    for loss, guesses in predicted.items():
        right = (guesses == labels).astype(float)
        assert f"{right.mean():.1%} with {NAMES[loss]}" in answer
        low, high = right.mean() + half_width(right) * np.array([-1, 1])
        kind = "95% interval over the test images" if raw.seeds == 1 else "95% interval"
        shown = f"{NAMES[loss]} ({kind} {max(low, 0):.1%} to {min(high, 1):.1%}; {raw.seeds} network"
        assert f"{right.mean():.1%} with {shown}" in text
    assert ("do not include the variation between networks" in text) == (raw.seeds == 1)


def check_the_end_of_training(raw: Raw, text: str) -> None:
    labels, predicted = raw.predictions()
    for loss in raw.skills:
        found, _ = parts(text, loss)
        gap = raw.train_accuracy - (predicted[loss] == labels)
        decided = sign(gap.mean(), half_width(gap))
        assert ("The generalisation gap to the test accuracy is" in found) == (decided > 0)
        assert ("The test accuracy is higher" in found) == (decided < 0)
        assert ("do not decide whether there is a generalisation gap" in found) == (decided == 0)
        assert re.findall(
            r"the networks overfit\.|do not show whether longer training|not overfitting"
            r"|decide whether (?:the|such) networks overfit",
            found.replace("whether the networks overfit.", "whether the networks overfit"),
        ) == [expected_overfitting(raw, loss)]
        assert ("before training" in found) == (raw.test_losses(loss).mean(axis=1).argmin() == 0 and "rises" in found)


def expected_overfitting(raw: Raw, loss: str) -> str:
    losses = raw.test_losses(loss)
    means = losses.mean(axis=1)
    rises = losses[-1] - losses[means.argmin()]
    if means[-1] == means.min():
        return "do not show whether longer training"
    if raw.seeds == 1:
        return "decide whether such networks overfit"
    if sign(rises.mean(), scipy.stats.t(raw.seeds - 1).ppf(0.975) * rises.std(ddof=1) / np.sqrt(raw.seeds)) <= 0:
        return "decide whether the networks overfit"
    # The training loss is 1 until the last epoch.
    return "the networks overfit." if CURVES[raw.curves[loss]][1] < 1 else "not overfitting"


def check_the_extremes_on_the_test_images(raw: Raw, text: str) -> None:
    labels, predicted = raw.predictions()
    images = Counter(labels.tolist())
    for loss in raw.skills:
        _, found = parts(text, loss)
        counts = Counter(
            (label, int(guess)) for row in predicted[loss] for label, guess in zip(labels, row, strict=True)
        )
        share = {key: Fraction(counts[key], images[key[0]] * raw.seeds) for label in images for key in pairs_of(label)}
        accuracy = {CLASSES[label]: share[label, label] for label in images}
        low, high = min(accuracy.values()), max(accuracy.values())
        if low == high:
            assert f"the accuracy is the same on each class ({float(low):.1%})" in found
        else:
            for words, extreme in (("highest on ", high), ("lowest on ", low)):
                names = [name for name in accuracy if accuracy[name] == extreme]
                assert words + listed(names, " and ") + f" ({float(extreme):.1%} of" in found
        wrong = {key: value for key, value in share.items() if key[0] != key[1]}
        worst = [key for key, value in wrong.items() if value == max(wrong.values())]
        assert ("No test image is misclassified" in found) == (max(wrong.values()) == 0)
        if max(wrong.values()) > 0:
            stated = re.search(
                r"most frequent confusions?(?:: |, )([\d.]+)% of the images of (?:class|a class each:) (.*)", found
            )
            assert stated[1] == f"{100 * float(max(wrong.values())):.1f}"
            one = "{} are classified as {}, and" if len(worst) == 1 else "{} as {}"
            for key in worst:
                assert one.format(CLASSES[key[0]], CLASSES[key[1]]) in stated[2]
            assert stated[2].count(" as ") == len(worst)


def pairs_of(label: int) -> list[tuple[int, int]]:
    return [(label, predicted) for predicted in range(len(CLASSES))]


def test_no_digit_of_the_answer_is_typed():
    for raw in (GOOD, replace(GOOD, validation=None), replace(GOOD, seeds=1)):
        typed = "".join(text for section, text in Reader(render(raw)).untraced if section == "fc_net")
        assert re.findall(r"\d+", typed.replace("CIFAR-10", "")) == []


@given(raws)
@example(GOOD)
@example(replace(GOOD, seeds=1))
@example(replace(GOOD, seeds=1, images=8))
@example(replace(GOOD, validation=None))
@example(replace(GOOD, validation={"mse": [0.3, 0.5, 0.4], "cross_entropy": [0.5, 0.4, None]}))
@example(replace(GOOD, skills={"mse": "fair", "cross_entropy": "fair"}, alike=True))
@example(replace(GOOD, skills={"mse": "all", "cross_entropy": "none"}))
@example(replace(GOOD, skills={"mse": "one class", "cross_entropy": "one class"}))
@example(replace(GOOD, skills={"mse": "one class"}, images=41))
@example(replace(GOOD, skills={"mse": "good"}))
@example(replace(GOOD, skills={"mse": "all"}, train_accuracy=0.6))
@example(replace(GOOD, curves=dict.fromkeys(NAMES, "overfitted")))
@example(replace(GOOD, curves=dict.fromkeys(NAMES, "overfitted"), seeds=1))
@example(replace(GOOD, curves=dict.fromkeys(NAMES, "risen a little"), noise=0.5))
@example(replace(GOOD, curves=dict.fromkeys(NAMES, "rising")))
@example(replace(GOOD, curves=dict.fromkeys(NAMES, "tied"), noise=0.0))
@example(replace(GOOD, curves=dict.fromkeys(NAMES, "one rising epoch")))
@settings(max_examples=40, deadline=None)
def test_each_sentence_stands_if_and_only_if_the_results_say_it(raw):
    page = render(raw)
    text = sentences(page, "fc_net")
    check_the_verdict_on_the_loss(raw, text, answer_of(page, "fc_net"))
    check_the_end_of_training(raw, text)
    check_the_extremes_on_the_test_images(raw, text)
