"""The section on Problem 13: its words follow from the tables, whatever these say."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from nngplab.report.page import HTMLReport
from nngplab.report.results import Results
from tests.helpers.challenge_results import write_images_tables
from tests.helpers.report_page import (
    PICTURE,
    TEMPLATES,
    Reader,
    alternative_text,
    alternative_texts,
    check_traces,
    sentences,
    write_cifar10,
)

STAND_IN = "STAND-IN DATA, NOT THE COURSE'S"
CHOICES = {
    "network": {"k": 64, "depth": 1, "weight_decay": 0.0, "learning_rate": 0.001, "batch_size": 100, "epochs": 7},
    "nngp": {"ridge": 0.1, "bias": True, "normalize": False},
    "laplace": {"ridge": 0.01, "L": 0.5},
    "linear": {"ridge": 1.0},
    "rfm": {"bandwidth": 10.0, "iterations": 5, "ridge": 0.0},
}
CHOICES["rfm_direction"] = {**CHOICES["rfm"], "direction_L": 1.0, "direction_ridge": 0.1}
COURSE = {"network": 0.9, "nngp": 0.7, "laplace": 0.65, "linear": 0.5, "rfm": 0.97, "rfm_direction": 0.96}
CIFAR10 = {"network": 0.48, "nngp": 0.5, "linear": 0.3}
NOT_KERNELS = {"network", "rfm", "rfm_direction"}
NO_TEST = {"only_model": None, "only_other": None, "p_value": None}


def write_challenge(
    folder: Path,
    course: dict[str, float] | None = None,
    cifar10: dict[str, float] | None = None,
    half_width: float = 0.01,
    stand_in: bool = True,
    direction: bool = True,
    at_edge: tuple[str, ...] = (),
    seeds: int = 3,
    p_value: float = 0.2,
    **outcomes: int,
) -> None:
    """Tables in which the models have these test scores, R² on the course's data and accuracy on the images.

    The network has so many candidates of each of the outcomes beside two that were fitted. The values `at_edge` of the
    network are at the highest of their grids.
    """
    scores = {"course": course or {}, "cifar10": cifar10 or {}}
    rows, tested, comparison, places, counts, directions = [], [], [], [], [], []
    for dataset, of_dataset in scores.items():
        score = "r2" if dataset == "course" else "accuracy"
        record = {"stand_in": stand_in and dataset == "course", "n_train": 5000, "n_val": 1000, "n_test": 2000}
        record |= {"label": STAND_IN if record["stand_in"] else f"real {dataset}", "score": score, "d": 50}
        record["direction"] = [1.0, 0.0] if direction and dataset == "course" else None
        if of_dataset:
            (folder / f"data/{dataset}.json").write_text(json.dumps(record))
        for model, value in of_dataset.items():
            for split, better in (("train", 0.02), ("val", 0.01), ("test", 0.0)):
                row = {"dataset": dataset, "model": model, "hyperparameters": json.dumps(CHOICES[model])}
                row |= {"split": split, "mse": 2 * (1 - value - better), "r2": value + better}
                rows.append(row | {"accuracy": value + better if score == "accuracy" else None})
            counts.append({"dataset": dataset, "model": model, "candidates": 3, "fitted": 3})
            row = {"dataset": dataset, "model": model, "score": score, "value": value, "low": value - half_width}
            row |= {"high": value + half_width, "seeds": seeds if model == "network" else 1, "failed": 0}
            row |= {"best_kernel": model == max(of_dataset.keys() - NOT_KERNELS, key=of_dataset.__getitem__)}
            tested.append(row | {"lowest": value - 0.001, "highest": value + 0.001})
            for name, chosen in CHOICES[model].items():
                edge = model == "network" and name in at_edge
                row = {"dataset": dataset, "model": model, "hyperparameter": name, "value": chosen, "tried": 3}
                row |= {"highest": chosen if edge else 100}
                places.append(row | {"place": "highest" if edge else "inside", "edge": edge})
            for other in of_dataset.keys() - {model}:
                lead = value - of_dataset[other]
                row = {"dataset": dataset, "model": model, "other": other, "score": score, "difference": lead}
                row |= {"low": lead - half_width, "high": lead + half_width}
                row |= {"only_model": 300, "only_other": 200, "p_value": p_value} if score == "accuracy" else NO_TEST
                comparison.append(row | {"conclusive": not at_edge or "network" not in (model, other)})
            if model in ("network", "rfm") and dataset == "course":
                for feature, component in ((2, 0.96), (1, 0.28)):
                    row = {"dataset": dataset, "model": model, "feature": feature, "component": component}
                    known = {"truth": 2 - feature, "cosine": 0.28} if direction else {"truth": None, "cosine": None}
                    directions.append(row | known | {"share": 0.625 if model == "rfm" else 0.375})
        if of_dataset and "network" not in of_dataset:
            counts.append({"dataset": dataset, "model": "network", "candidates": 3, "fitted": 0})
    table = pd.DataFrame(counts)
    for outcome in ("diverged", "dead", "singular"):
        table[outcome] = [outcomes.get(outcome, 0) if row["model"] == "network" else 0 for row in counts]
    within = {"dataset": "course", "model": "rfm", "n_test": 2000, "n_outside": 20, "share_outside": 0.01}
    within |= {"mse_test": 0.5, "mse_val": 0.1, "mse_inside": 0.14, "mse_outside": 36.14, "error_share_outside": 0.7228}
    within |= {"excess_low": 20, "excess_high": 52, "gap_difference": 0.4, "gap_low": 0.2, "gap_high": 0.6}
    within |= {"rest_difference": 0.04, "rest_low": -0.02, "rest_high": 0.1}
    tables = {"benchmark": rows, "scores": tested, "comparison": comparison, "edges": places, "ranges": [within]}
    tables["directions"] = directions
    for name, content in tables.items():
        (folder / f"{name}.csv").unlink(missing_ok=True)
        pd.DataFrame(content).to_csv(folder / f"{name}.csv", index=False)
    table.to_csv(folder / "outcomes.csv", index=False)
    validation = pd.DataFrame([row for row in rows if row["split"] == "val"])
    validation.assign(n=5000).to_csv(folder / "validation.csv", index=False)
    curve = [
        {"n": n, "model": model, "value": value - gap, "low": value - gap - 0.01, "high": value - gap + 0.01}
        for n, gap in ((1000, 0.1), (5000, 0.0))
        for model, value in scores["cifar10"].items()
        if model in ("network", "nngp")
    ]
    pd.DataFrame(curve, columns=["n", "model", "value", "low", "high"]).to_csv(folder / "curve.csv", index=False)
    steps = pd.DataFrame({"start": "nngp", "step": ["start", "ridge"], "accuracy": [0.4, 0.42], "gain": [None, 0.02]})
    steps.to_csv(folder / "steps.csv", index=False)
    write_images_tables(folder)
    selected = {dataset: {model: CHOICES[model] for model in models} for dataset, models in scores.items()}
    (folder / "selected.json").write_text(json.dumps(selected))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("cifar10", "challenge/data"):
        (tmp_path / "results" / name).mkdir(parents=True)
    write_cifar10(tmp_path / "results/cifar10", stand_in=False, source="archive", label="CIFAR-10, a copy")
    for name in ("benchmark", "ridges", "steps", "curve", "confusion", "direction"):
        (tmp_path / f"results/challenge/{name}.svg").write_text(PICTURE)
    write_challenge(tmp_path / "results/challenge", COURSE, CIFAR10)
    return tmp_path / "results"


def render(folder: Path) -> str:
    facts = {"code": {"git commit": "0123"}}
    config = {"seed": 88, "report": {"name": None}}
    return HTMLReport(TEMPLATES, Results(folder), student=None, config=config, provenance=facts).render(["challenge"])


def words(
    folder: Path, course: dict[str, float] = COURSE, cifar10: dict[str, float] = CIFAR10, **changes: object
) -> str:
    write_challenge(folder / "challenge", course, cifar10, **changes)  # type: ignore[arg-type]
    return sentences(render(folder), "challenge")


class TestTracing:
    def test_every_number_is_in_the_file_that_it_names_or_follows_from_such(self, folder):
        page = render(folder)
        assert len(Reader(page).data) > 100
        check_traces(folder, page)

    def test_no_number_is_typed_in(self, folder):
        typed = "".join(text for section, text in Reader(render(folder)).untraced if section == "challenge")
        # That of an interval is the level which the table is made with.
        assert set(re.findall(r"\d+", typed.replace("CIFAR-10", "").replace("95% interval", ""))) == set()

    def test_it_can_be_used_without_seeing_it(self, folder):
        tags = Reader(render(folder)).tags
        assert len(alternative_texts(tags)) == 6
        assert all(len(text) > 30 for text in alternative_texts(tags))
        assert all("scope" in attributes for tag, attributes in tags if tag == "th")
        assert all("<" not in (attributes.get("aria-label") or "") for _, attributes in tags)


class TestFiguresOfImages:
    def test_a_search_on_fewer_images_is_named(self, folder):
        assert "were compared on" not in render(folder)
        path = folder / "challenge/validation.csv"
        validation = pd.read_csv(path)
        pd.concat([validation, validation.assign(n=1000)]).to_csv(path, index=False)
        page = " ".join(re.sub("<[^>]+>", "", render(folder)).split())
        assert "The candidates on CIFAR-10 were compared on 1,000 training images. Then the ridge, or" in page
        assert "selected anew, on 5,000 training images" in page
        assert "beside those of the steps before, all on 1,000 training images" in page

    def test_the_published_values_are_those_of_the_official_images(self, folder):
        page = " ".join(re.sub("<[^>]+>", "", render(folder)).split())
        assert "Diamonds: published values of Lee et al. 2018 for networks and NNGPs with the best depth" in page
        record = folder / "challenge/data/cifar10.json"
        record.write_text(json.dumps(json.loads(record.read_text()) | {"stand_in": True}))
        assert "Diamonds" not in render(folder)

    def test_the_most_frequent_confusions_are_named(self, folder):
        drawn = alternative_texts(Reader(render(folder)).tags)
        said = "the network: cat as dog, 40.0% and the ReLU NNGP: cat as dog, 40.0%"
        assert any(f"The most frequent confusion of {said}" in text for text in drawn)
        page = " ".join(re.sub("<[^>]+>", "", render(folder)).split())
        assert "Confusion matrices of the network and the ReLU NNGP: of the test images of a class" in page


class TestWords:
    def test_the_network_beats_the_nngp(self, folder):
        text = words(folder)
        assert "The network is better than the ReLU NNGP: test R² 0.9000 (95% interval 0.890 to 0.910) against" in text
        assert "a difference of 0.2000 (95% interval 0.190 to 0.210) on the same test samples" in text
        assert "The best model on the test samples is the recursive feature machine, test R² 0.9700" in text

    def test_the_nngp_beats_the_network(self, folder):
        text = words(folder)
        assert (
            "The ReLU NNGP is better than the network: test accuracy 50.0% (95% interval 49.0 to 51.0 percent)" in text
        )
        assert "a difference of 2.0 percentage points (95% interval 1.0 to 3.0) on the same test samples" in text
        assert "The best model on the test samples is the ReLU NNGP" in text
        assert "The second best is the network: the lead is 2.0 percentage points (95% interval 1.0 to 3.0)" in text

    def test_a_difference_within_chance(self, folder):
        text = words(folder, half_width=0.05)
        assert "The data do not decide between the network and the ReLU NNGP: test accuracy" in text
        assert "is not distinguishable from the network (lead 2.0 percentage points (95% interval −3 to 7))." in text

    def test_the_best_kernel(self, folder):
        text = words(folder)
        assert text.count("Of all kernels, it has the highest validation R²") == 1
        assert text.count("Of all kernels, it has the highest validation accuracy") == 1
        text = words(folder, cifar10=CIFAR10 | {"linear": 0.53})
        assert (
            "Of all kernels, the linear kernel has the highest validation accuracy. The linear kernel is better than"
            " the network: test accuracy 53.0%" in text
        )
        assert "Of all kernels" not in words(folder, {"network": 0.9, "nngp": 0.7}, {"network": 0.4, "nngp": 0.5})

    def test_mcnemars_test(self, folder):
        sentence = (
            "Of the test samples, 300 are classified correctly by the ReLU NNGP alone and 200 by the network alone (the"
            " network of the first seed): McNemar's exact test finds "
        )
        assert f"{sentence}no significant difference (p = 0.20)." in words(folder)
        text = words(folder, p_value=1.5e-7)
        assert f"{sentence}a difference (p = 1.5 × 10⁻⁷)." in text
        assert "Unlike the interval" not in text
        assert "Unlike the interval, the test does not contain" in words(folder, p_value=0.01, half_width=0.05)

    def test_a_network_at_an_edge_of_its_grid(self, folder):
        text = words(folder, at_edge=("learning_rate", "k"))
        assert (
            "Within this grid and budget, the network is better than the ReLU NNGP; no conclusion about the models"
            in text
        )
        assert (
            "The network is at the edge of what was tried: width 64 is the highest of 3; learning rate 0.001 is" in text
        )
        assert (
            "No conclusion about the models follows: the table of hyperparameters names the values at an edge" in text
        )
        assert "The recursive feature machine is better than the Laplace kernel: test R² 0.9700" in text

    def test_the_answer_names_the_data_set_without_a_conclusion(self, folder):
        assert "; no conclusion beyond this budget." in words(folder, at_edge=("k",))
        table = pd.read_csv(folder / "challenge/comparison.csv")
        table.loc[table["dataset"] == "cifar10", "conclusive"] = True
        table.to_csv(folder / "challenge/comparison.csv", index=False)
        text = " ".join(re.sub("<[^>]+>", "", render(folder)).split())
        assert "network 0.900, ReLU NNGP 0.700 (no conclusion); accuracy on CIFAR-10: network 48.0%" in text
        assert "beyond this budget" not in text

    def test_one_seed(self, folder):
        text = words(folder, seeds=1)
        assert "The selected network was trained with" not in text
        assert "The selected network was trained with 3 seeds. Its test R² is the mean; the single" in words(folder)

    def test_the_samples_outside_the_range_of_the_training_samples(self, folder):
        text = words(folder)
        assert "the MSE of the feature machine is 0.500 on the test samples and 0.100 on the validation samples" in text
        assert "Of 2,000 test samples, 20 (1.00%) have a coordinate u·x outside the range" in text
        assert "They have 72.3% of the squared error" in text
        assert "explain 90.0% of the difference between test and validation: without them, it is 0.0400" in text

    def test_the_stand_in_is_named_wherever_its_numbers_stand(self, folder):
        text = words(folder)
        assert STAND_IN not in text
        assert "tested on 2,000 generated samples." in text
        assert "tested on 2,000 samples: real cifar10." in text
        assert text.count("stand-in data: the course challenge") == 3
        assert text.count("stand-in data") == 6
        assert "Generated data, not the course challenge." in text
        assert "No result in this section is a result about the challenge" in text
        assert text.count("(stand-in data)") == 2
        assert "stand-in" not in words(folder, stand_in=False)

    def test_the_alternative_texts_say_what_the_figures_show(self, folder):
        texts = []
        for direction in (True, False):
            write_challenge(folder / "challenge", COURSE, CIFAR10, direction=direction)
            texts.append(alternative_text(render(folder), "Left, target against the coordinate"))
        assert texts[0].endswith("Its cosine with the true direction is 0.280000.")
        assert texts[1].endswith("It has 62.5% of the trace of the feature matrix.")
        ridges = alternative_text(render(folder), "Validation score of each kernel against the ridge")
        assert "The selected ridges: The course challenge: " in ridges
        assert "the ReLU NNGP 0.1, the Laplace kernel 0.01 and the linear kernel 1; CIFAR-10: " in ridges

    def test_which_features_matter(self, folder):
        text = words(folder)
        assert "the leading direction u of the feature machine has 62.5% of the trace" in text
        assert (
            "that of the network with the first seed 37.5% of the trace of its average gradient outer product" in text
        )
        assert "The largest components of u are those of the features 2 and 1." in text
        assert "The cosine of u with the true direction is 0.280000" in text
        assert "true direction" not in words(folder, direction=False)

    def test_what_was_selected(self, folder):
        text = words(folder)
        assert "width 64, 1 hidden layer, learning rate 0.001, weight decay 0, 7 of 100 epochs" in text
        assert "ridge 0.1, homogeneous, with a bias" in text
        assert "ridge 0.01, rate 0.5" in text
        assert "bandwidth 10, 5 of 100 iterations, ridge 0" in text
        assert "rate 1, ridge 0.1" in text

    def test_candidates_that_failed(self, folder):
        assert "candidates for the network" not in words(folder)
        assert "Of 3 candidates for the network, 1 diverged. Such candidates are" in words(folder, diverged=1)
        assert "Of 3 candidates for the network, 1 diverged, 2 died. Such candidates are" in words(
            folder, diverged=1, dead=2
        )
        assert "Of 3 candidates for the network, 1 had a singular Gram matrix" in words(folder, singular=1)

    def test_one_data_set_alone(self, folder):
        (folder / "challenge/data/course.json").unlink()
        text = words(folder, course={})
        assert "The course challenge" not in text.partition("Problem 13")[2].partition("Benchmark")[2]
        assert "submission" not in text
        assert "accuracy 50.0%" in text

    def test_no_network_at_all(self, folder):
        text = words(folder, {"nngp": 0.7, "linear": 0.5}, {"nngp": 0.5, "linear": 0.3}, diverged=3)
        assert text.count("No network could be trained: every training failed") == 2
        assert "Of 3 candidates for the network, 3 diverged" in text

    def test_without_a_feature_machine(self, folder):
        (folder / "challenge/direction.svg").unlink()
        text = words(folder, {"network": 0.9, "nngp": 0.7})
        assert "Which features matter" not in text
        assert "The second best is the ReLU NNGP: the lead is 0.2000" in text
