"""The sentences on Problem 4 against generated results: each claim stands if and only if the raw results say it.

What the page should say is computed here from the raw results, in another way than by the scripts that summarise them.
"""

import re
from collections import Counter

import numpy as np
import pandas as pd
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.helpers.attractors_results import ARRIVAL, OUTCOMES, SCENES, TARGETS, Raw, Training, output_rows, render
from tests.helpers.report_page import answer_of, sentences, typed_digits


def images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def shown_power(number: float) -> str:
    return f"1 × 10{f'{np.log10(number):.0f}'.translate(SUPERSCRIPTS)}"


def end_phrases(training: Training, kind: str) -> Counter:
    """What the page says on the limits of inputs of a kind, such as "712 reach z1", without the total number."""
    sign = "" if training.activation == "relu" else "±"
    places = {
        "image": "reach z{}",
        "negative": "reach −z{}",
        "mixture": f"reach a mixture nearest to {sign}z{{}}",
        "elsewhere": f"reach another direction, nearest to {sign}z{{}}",
        "zero": "reach zero",
        "moving": "still move after 32,772 iterations",
    }
    phrases = Counter()
    ends = training.ends[kind]
    for (outcome, nearest), count in training.classes(kind).items():
        words = places[outcome].format(nearest)
        if count == 1:
            words = words.replace("reach", "reaches").replace("still move", "still moves")
        everyone = {1: "it", 2: "both"}.get(len(ends), f"all {count}")
        many = everyone if count == len(ends) else str(count)
        phrases[f"{many} {words}"] += 1
    return phrases


SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
ENDS = re.compile(
    r"(all \d+|both|it|\d+)(?: of \d+)? "
    r"(reach(?:es)? (?:a mixture nearest to |another direction, nearest to )?(?:[±−]?z\d|zero)"
    r"|still moves? after [\d,]+ iterations)"
)


def said_ends(text: str) -> Counter:
    return Counter(" ".join(found) for found in ENDS.findall(text))


def asked_trainings(raw: Raw, trainings: list[Training]) -> list[Training]:
    return [row for row in trainings if row.activation == "relu" and row.n in raw.asked and row.target == TARGETS[0]]


def check_headline(raw: Raw, text: str, trainings: list[Training]) -> None:
    of_networks = asked_trainings(raw, trainings)
    counts = [(len(training.attractors()), training.n) for training in of_networks]
    headlines = {
        "All training images are attractors after": all(count == n for count, n in counts),
        "No training image is an attractor after": not any(count for count, _ in counts),
        "Not all training images are attractors after": 0 < sum(count for count, _ in counts) < sum(raw.asked),
    }
    assert {words: words in text for words in headlines} == headlines
    headline = next(words for words, holds in headlines.items() if holds)
    assert re.search(f"{headline} the training of \\(a\\):{attractors_pattern(of_networks)}\\.", text)
    last = {training.n: training for training in trainings if training.activation == "relu"}
    furthest = [training for training in last.values() if training.target < TARGETS[0]]
    assert ("Trained further:" in text) == bool(furthest)
    assert not furthest or re.search(f"Trained further:{attractors_pattern(furthest)}\\. An image", text)


def attractors_pattern(of_networks: list[Training]) -> str:
    parts = []
    for training in of_networks:
        n, count = training.n, len(training.attractors())
        error = f"error at most {shown_power(training.target)}"
        if training.outcome != "converged":
            error = rf"{training.outcome}: error [\d.]+ × \S+ instead of {shown_power(training.target)}"
        words = "not the training image" if count == 0 else "the training image"
        parts.append(rf" on {images(n)} \({error}\), " + (words if n == 1 else f"{count} of the {n} training images"))
    return ";".join(parts)


def check_limits(raw: Raw, text: str, trainings: list[Training]) -> None:
    """Each line of limits, the sentences on rates, and the rows of the table of trainings."""
    relu = [training for training in trainings if training.activation == "relu"]
    for training in relu:
        start = rf"On {images(training.n)}, trained to the error {shown_power(training.target)}[ :]"
        (line,) = re.findall(rf"{start}.*?the training images? itself[^.]*?\.", text.replace("themselves", "itself"))
        assert (training.outcome in line) == (training.outcome != "converged")
        parts = re.split(r"(?:^.*?test images|unseen training images|noise|the training images? itself): ", line)[1:]
        assert [said_ends(part) for part in parts] == [
            end_phrases(training, kind) for kind in ("test", "unseen", "noise", "training")
        ]
    rates = [rate for training in relu for _, _, rate in reached_limits(training)]
    attracting = [rate for rate in rates if rate < 1]
    assert ("At the attracting limits, the rate is" in text) == bool(attracting)
    assert ("lead ten times closer" in text) == (max(attracting, default=0) > 0)
    assert ("Not all limits attract:" in text) == (0 < len(attracting) < len(rates))
    assert ("No limit attracts:" in text) == (not attracting and bool(rates))
    assert ("Of each network, only the limits that most inputs reach" in text) == any(
        len(reached_limits(training)) > 10 for training in relu
    )


def reached_limits(training: Training) -> list[tuple[str, int, float]]:
    return [training.limits[end] for end in {end for ends in training.ends.values() for end in ends if end >= 0}]


def table_rows(page: str, caption: str) -> list[dict[str, str]]:
    """The texts of the cells of a table by their columns."""
    table = page.split(caption, 1)[1].split("</tbody>", 1)[0]
    texts = [
        [
            re.sub(r"<.*?>", "", cell, flags=re.DOTALL).strip()
            for cell in re.findall(r"<t[hd]\b.*?</t[hd]>", row, re.DOTALL)
        ]
        for row in table.split("<tr")[1:]
    ]
    return [dict(zip(texts[0], row, strict=True)) for row in texts[1:]]


def check_tables(page: str, trainings: list[Training]) -> None:
    relu = [training for training in trainings if training.activation == "relu"]
    rows = table_rows(page, "ReLU: the training images that are attractors, at each training error")
    for training, row in zip(relu, rows, strict=True):
        assert row["trained on"] == images(training.n)
        assert row["limits"] == str(len(reached_limits(training)))
        assert row["images that attract"] == f"{len(training.attractors())} of {training.n}"
        assert row["images that stay"] == f"{training.stay()} of {training.n}"
    listed = table_rows(page, "ReLU: the limits, and the inputs that reach them")
    assert len(listed) == sum(min(10, len(reached_limits(training))) for training in relu)
    assert all((row["attracts"] == "yes") == (float(row["rate"]) < 1) for row in listed)


def check_activations(raw: Raw, page: str, text: str, trainings: list[Training]) -> None:
    others = [training for training in trainings if training.activation != "relu"]
    assert ("Other activations" in text) == ("stand beside it" in text or "stands beside it" in text) == bool(others)
    for training in others:
        if training.target == TARGETS[0]:
            failed = "" if training.outcome == "converged" else rf" \({training.outcome}\)"
            (line,) = re.findall(
                rf"{training.activation}, {images(training.n)}{failed}: (test images: .*?noise: [^.]*)\.", text
            )
            assert [said_ends(part) for part in line.split("noise: ")] == [
                end_phrases(training, kind) for kind in ("test", "noise")
            ]
    compared = [training for training in trainings if training.n in raw.asked] if others else []
    for training, row in zip(compared, table_rows(page, "The activations compared") if others else [], strict=True):
        assert (row["activation"], row["trained on"]) == (training.activation, images(training.n))
        assert row["images that attract"] == f"{len(training.attractors())} of {training.n}"


def check_homogeneity(raw: Raw, page: str, text: str, trainings: list[Training]) -> None:
    assert ("What homogeneity predicts: the eigenvalue" in text) == (not raw.overflowed)
    predicted = "The eigenvalues of the ReLU networks are as predicted."
    assert (predicted in text) == (raw.predictable and not raw.overflowed)
    assert ("are not as predicted up to rounding" in text) == (not raw.predictable and not raw.overflowed)
    if not raw.overflowed:
        rows = table_rows(page, "The eigenvalue nearest to one, and what homogeneity predicts")
        assert len(rows) == len(trainings)
        assert all((row["predicted"] == "none") == (row["activation"] != "ReLU") for row in rows)


def check_iterated(raw: Raw, text: str, trainings: list[Training]) -> None:
    """Part (d), on the network with the most images of those that the problem set asks for."""
    training = asked_trainings(raw, trainings)[-1]
    found = {outcome for outcome, _ in training.classes("test")}
    image = "the training image" if training.n == 1 else "a training image"
    arrived, moving = "image" in found, "moving" in found
    if found == {"image"}:
        wanted = f"every test image to {image}."
    elif found <= {"image", "moving"}:
        wanted = f"{'some' if arrived else 'none'} of the test images to {image} within 32,772 iterations; "
        wanted += f"the{' others' if arrived else 'y'} still move."
    elif arrived:
        wanted = f"some of the test images to {image}, and not all."
    else:
        wanted = f"no test image to {image}" + (" within 32,772 iterations; some still move." if moving else ".")
    assert [text[match.end() :].startswith(wanted) for match in re.finditer("Iterating sends ", text)] == [True]
    outputs = output_rows(raw, training.n).query("input == 'test' and iterations == 20")
    visited = (outputs["outcome"] == "image").all() and not arrived and not moving
    assert ("they moved on" in text) == visited
    part = text.split("until the direction stops moving", 1)[1].split("(e) From training", 1)[0]
    assert said_ends(part) == end_phrases(training, "test")


def check_noisy(raw: Raw, text: str, trainings: list[Training]) -> None:
    """Part (e)."""
    training = asked_trainings(raw, trainings)[-1]
    differing = [i + 1 for i in range(training.n) if not raw.agrees[i]]
    names = [f"z{i}" for i in differing]
    listed = " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
    whom = f" for {listed}" if training.n > 1 else ""
    assert ("The oblique projection agrees with what is left, to within 10% of it." in text) == (not differing)
    assert (f"differs from what is left by more than 10% of it{whom}. Possible" in text) == bool(differing)
    part = text.split("(e) From training images with noise", 1)[1]
    noisy, clean = re.search(r"of the noisy images?: (.*?)\. Without noise: (.*?)\. ", part).groups()
    assert [said_ends(noisy), said_ends(clean)] == [end_phrases(training, kind) for kind in ("noisy", "training")]
    for r in raw.noise_iterations:
        assert part.count(f"after {r} iteration{'s' if r > 1 else ''}") >= 1


def check_outputs(raw: Raw, text: str) -> None:
    """Parts (b) and (c): the outputs after one application."""
    for part, n in (("(b)", min(raw.asked)), ("(c)", max(raw.asked))):
        said = text.split(f"{part} Trained on {images(n)}: the outputs", 1)[1].split("(d) Iterated", 1)[0]
        rows = output_rows(raw, n)
        for kind, words in (("test", "Test images"), ("unseen", "was not trained on"), ("noise", "Samples of noise")):
            after, before = (rows[(rows["input"] == kind) & (rows["iterations"] == r)] for r in (1, 0))
            line = said.split(f"{words} come out, by the median angle, ", 1)[1]
            appearance, places = line.split(f": of {raw.inputs}, ", 1)
            assert appearance == expected_appearance(n, after, before)
            check_shares(re.findall(r"all|it is|[\d.]+%", places.split(". The median")[0]), after)


def expected_appearance(n: int, after: pd.DataFrame, before: pd.DataFrame) -> str:
    def median(table: pd.DataFrame, column: str) -> float:
        return float(np.degrees(np.arccos(np.clip(np.median(table[column]), -1, 1))))

    if median(after, "cosine") <= ARRIVAL:
        return "at the training image" if n == 1 else "at a training image"
    if median(after, "span_cosine") <= ARRIVAL:
        return "as a mixture of the training images"
    whom = "the training image" if n == 1 else "the span of the training images"
    inputs = "input" if len(after) == 1 else "inputs"
    if median(after, "span_cosine") < median(before, "span_cosine"):
        return f"closer to {whom} than the {inputs}, but not {'at' if n == 1 else 'in'} it"
    return f"no closer to {whom} than the {inputs}"


def check_shares(shown: list[str], rows: pd.DataFrame) -> None:
    """The shares are close to those of the raw results, and add up."""
    counts = Counter(rows["outcome"]).values()
    if len(counts) == 1:
        assert shown == ["it is" if len(rows) == 1 else "all"]
        return
    tenths = sorted(round(10 * float(share.removesuffix("%"))) for share in shown)
    assert sum(tenths) == 1000
    assert all(abs(got - 1000 * count / len(rows)) < 1 for got, count in zip(tenths, sorted(counts), strict=True))


def check_answer(raw: Raw, page: str, trainings: list[Training]) -> None:
    """The answer: which of the images that the problem set asks for are attractors."""
    answer = answer_of(page, "attractors")
    first = raw.outcomes[0]
    assert answer.startswith("The error did not reach ") == (first != "converged")
    for n in raw.asked if first == "converged" else ():
        training = next(one for one in trainings if one.activation == "relu" and one.n == n)
        count = len(training.attractors())
        some = f"{count} of them {'is an attractor' if count == 1 else 'are attractors'}"
        said = "none of them is an attractor" if not count else "all of them are attractors" if count == n else some
        alone = "that image is an attractor" if count else "that image is not an attractor"
        assert f"rained on {images(n)}, {alone if n == 1 else said}" in answer


def check_training(raw: Raw, text: str) -> None:
    """Part (a)."""
    first = raw.outcomes[0]
    words = {"converged": "trained, to", "dead": "dead after", "diverged": "diverged after", "stalled": "stalled at"}
    assert f"On {images(max(raw.asked))}: {words.get(first, 'not trained: after all')}" in text
    assert ("The results below are those of a network that did not fit its images." in text) == (first != "converged")
    given = raw.rule == "given"
    assert ("It is set in the configuration." in text) == given
    assert ("No first attempt diverged, died or stalled." in text) == (not given and not raw.failed_attempts)
    assert ("The table shows which attempts failed." in text) == (not given and raw.failed_attempts > 0)


OUTCOME_CHAINS = [
    *[("converged",) * length for length in (1, 2, 3)],
    *[("converged",) * place + (outcome,) for place in range(3) for outcome in OUTCOMES[1:]],
]
raws = st.builds(
    Raw,
    asked=st.sampled_from([(1, 2), (1, 2), (2,), (1,), (2, 5)]),
    extra=st.sampled_from([(), (), (3,), (5,)]),
    activations=st.sampled_from([(), (), ("tanh",), ("tanh", "sine")]),
    outcomes=st.sampled_from(OUTCOME_CHAINS),
    scene=st.sampled_from([*SCENES, *["any"] * 4]),
    output=st.sampled_from(["any", "image", "mixture", "elsewhere", "zero"]),
    inputs=st.sampled_from([1, 2, 8, 30]),
    failed_attempts=st.integers(0, 2),
    rule=st.sampled_from(["auto", "given"]),
    agrees=st.tuples(*[st.booleans()] * 5),
    noise_iterations=st.sampled_from([(1, 10), (10,), (1, 2, 20)]),
    predictable=st.booleans(),
    overflowed=st.sampled_from([False, False, False, True]),
    draw=st.integers(0, 10_000),
)


@given(raws)
@example(Raw(scene="own image"))
@example(Raw(scene="own image, repelling", activations=("tanh", "sine")))
@example(Raw(scene="mixture", output="image"))
@example(Raw(scene="moving", output="image", outcomes=("out of steps",)))
@example(Raw(scene="zero", outcomes=("dead",), asked=(2,)))
@example(Raw(scene="any", asked=(1, 2), extra=(5,), inputs=30))
@example(Raw(asked=(1,), inputs=1))
@settings(max_examples=15, deadline=None)
def test_the_sentences_follow_from_the_raw_results(raw):
    page, trainings = render(raw)
    text = sentences(page, "attractors")
    check_answer(raw, page, trainings)
    check_training(raw, text)
    check_outputs(raw, text)
    check_iterated(raw, text, trainings)
    check_noisy(raw, text, trainings)
    check_headline(raw, text, trainings)
    check_limits(raw, text, trainings)
    check_tables(page, trainings)
    check_activations(raw, page, text, trainings)
    check_homogeneity(raw, page, text, trainings)
    assert typed_digits(page, "attractors") == []
