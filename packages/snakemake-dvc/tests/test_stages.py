"""The stages of dvc.yaml, how they follow from the rules, and messages."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from snakemake_dvc import Project, recording
from snakemake_dvc.__main__ import main
from snakemake_dvc.messages import Problem, join_names, join_paths, one_line, print_message, print_once
from snakemake_dvc.quarantine import LEFTOVER, UNFINISHED, Quarantine
from snakemake_dvc.stages import (
    JobInfo,
    Stage,
    in_order,
    is_within,
    lookup,
    managed_stages,
    outs_of,
    stages_of_rules,
)

CONFIG = {"seed": 7, "note": "x", "data": {"n": 3}, "fit": {"degrees": [1, 2]}}
PROJECT = Project()


def stage(name: str, deps: list[str], outs: list[str]) -> Stage:
    """Return a stage with dependencies and outputs."""
    declared = {"cmd": f"snakemake -- {name}", "deps": deps, "outs": [*outs, f"records/{name}.jsonl"]}
    return Stage(name, declared, {}, f"records/{name}.jsonl")


def job(**attributes: Any) -> JobInfo:
    """Return a job of the stage `fit`, with some attributes replaced."""
    plain = JobInfo(
        stage="fit",
        rule="degree",
        message="A fit.",
        inputs={"scripts/degree.py", "data/points.txt"},
        outputs={"results/1.txt"},
        sources={"scripts/stub.py"},
        rules_files={"Snakefile", "rules/fit.smk"},
        keys=set(),
    )
    return replace(plain, **attributes)


# Paths.


@pytest.mark.parametrize(
    ("path", "outs", "holds"),
    [
        ("a/b", ["a"], True),
        ("a", ["a"], True),
        ("ab", ["a"], False),
        ("a", ["a/b"], False),
        ("a/b/c", ["x", "a/b"], True),
        ("a", [], False),
    ],
)
def test_is_within(path: str, outs: list[str], holds: bool) -> None:
    assert is_within(path, outs) == holds


@given(st.lists(st.text("ab", min_size=1, max_size=2), min_size=1, max_size=3), st.integers(1, 3))
def test_a_file_is_within_each_of_its_folders(parts: list[str], depth: int) -> None:
    path = "/".join(parts)
    assert is_within(path, ["/".join(parts[:depth])])
    assert not is_within(path, [f"{path}/a", f"{path}x"])


def test_lookup() -> None:
    assert lookup(CONFIG, "fit.degrees") == [1, 2]
    assert lookup(CONFIG, "seed") == 7
    assert [lookup(CONFIG, key) for key in ("none", "seed.none", "fit.none.none")] == [None] * 3


# The order of stages.


def test_a_stage_comes_after_those_whose_outputs_it_reads() -> None:
    stages = [
        stage("report", ["results/fit/metrics.json", "results/sweep"], ["report.html"]),
        stage("fit", ["data/points.csv"], ["results/fit"]),
        stage("sweep", ["data"], ["results/sweep/table.txt", "results/sweep/rows"]),
        stage("data", ["scripts/data.py"], ["data/points.csv"]),
    ]
    names = [one.name for one in in_order(stages)]
    assert sorted(names) == ["data", "fit", "report", "sweep"]
    assert names[0] == "data"
    assert names[-1] == "report"


@given(st.permutations(range(6)), st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=10))
def test_stages_in_any_order_are_sorted(shuffled: list[int], edges: set[tuple[int, int]]) -> None:
    below = {(low, high) for low, high in edges if low < high}
    stages = [
        stage(str(high), [f"out/{low}/file" for low, other in below if other == high], [f"out/{high}"])
        for high in shuffled
    ]
    place = {one.name: number for number, one in enumerate(in_order(stages))}
    assert len(place) == 6
    assert all(place[str(low)] < place[str(high)] for low, high in below)


def test_a_stage_may_read_its_own_output() -> None:
    assert [one.name for one in in_order([stage("fit", ["results/fit/kept"], ["results/fit"])])] == ["fit"]


# The entries of a stage.


def test_the_attributes_of_a_stage() -> None:
    declared = {
        "cmd": "snakemake --cores all --allowed-rules a b -- fit other",
        "deps": ["a"],
        "params": ["plain", {"config.yaml": ["fit", "data.n"]}, {"whole.yaml": None}],
        "outs": ["x", {"y": {"cache": False}}, "records/fit.jsonl"],
        "metrics": [{"m.json": {"cache": False}}],
        "plots": ["p.csv"],
    }
    one = Stage("fit", declared, {}, "records/fit.jsonl")
    assert one.targets == ["fit", "other"]
    assert one.outs == ["x", "y", "m.json", "p.csv"]
    assert one.outs_in_git == ["y", "m.json"]
    assert one.keys == {"config.yaml": ["fit", "data.n"], "whole.yaml": []}
    assert Stage("fit", {"cmd": "true"}, {}, "records/fit.jsonl").keys == {}
    assert outs_of({"cmd": "true", "outs": None}) == []


def test_entries_with_equal_numbers_are_equal() -> None:
    entry = {
        "cmd": "x",
        "deps": [{"path": "a", "md5": "1", "size": 1}],
        "params": {"config.yaml": {"n": 88}},
        "outs": [{"path": "b", "md5": "2.dir", "size": 3, "nfiles": 1}],
    }
    one = Stage("fit", {"cmd": "x"}, {**entry, "params": {"config.yaml": {"n": 88.0}}}, "r")
    assert one.is_recorded_as(entry)
    for part, value in {"cmd": "y", "params": {}, "deps": [], "outs": [{"path": "b", "md5": "3"}]}.items():
        assert not Stage("fit", {"cmd": "x"}, {**entry, part: value}, "r").is_recorded_as(entry)
    assert not Stage("fit", {"cmd": "x"}, {}, "r").is_recorded_as(entry)


def test_only_stages_with_records_are_managed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert managed_stages(PROJECT.records_of) == []
    stages = {
        "fit": {"cmd": "snakemake -- fit", "outs": ["x", "records/fit.jsonl"]},
        "own": {"cmd": "true", "outs": ["y"]},
        "two": {"cmd": ["a", "b"], "outs": ["records/two.jsonl"]},
        "many": {"foreach": [1], "do": {"cmd": "true"}},
    }
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    assert [one.name for one in managed_stages(PROJECT.records_of)] == ["fit"]


@pytest.mark.parametrize("text", ["stages:\n<<<<<<< ours\n", "- a\n", "stages: [\n", "text\n"])
def test_a_pipeline_file_that_cannot_be_read_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"dvc\.yaml") as raised:
        managed_stages(PROJECT.records_of)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("stages", ["[1]", "{fit: 1}", "{fit: {deps: 1}}", "{fit: {deps: [a]}}", "{fit: {outs: [{}]}}"])
def test_a_damaged_lock_file_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stages: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dvc.lock").write_text(f"schema: '2.0'\nstages: {stages}\n")
    with pytest.raises(ValueError, match=r"dvc\.lock is damaged") as raised:
        managed_stages(PROJECT.records_of)
    assert "\n" not in str(raised.value)


# Stages from the rules.


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rule all\n", "SyntaxError"),
        ("if True:\nrule all:\n    output: 'x'\n", "IndentationError"),
        ("config['none']\n", "KeyError: 'none'"),
        ("rule all:\n    input: rules.none.output\n", "none"),
        ("rule all:\n    input: 'none.txt'\n", "MissingInputException"),
        ("include: 'none.smk'\n", "none.smk"),
    ],
)
def test_rules_that_cannot_be_read_are_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("snakemake.workflow.Workflow._rundir", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["snakemake-dvc", "stages"])
    Path("Snakefile").write_text(text)
    with pytest.raises(SystemExit) as raised:
        main()
    assert str(raised.value).startswith("error: the rules cannot be read: ")
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not Path("dvc.yaml").exists()


def test_one_stage_for_each_rules_file() -> None:
    best = job(rule="best", inputs={"results/1.txt"}, outputs={"results/metrics.json"}, sources=set())
    data = job(stage="data", rule="points", inputs=set(), outputs={"data/points.txt"}, sources=set())
    stages = stages_of_rules([job(), best, job(outputs={"results/2.txt"}), data], CONFIG, PROJECT)
    assert list(stages) == ["data", "fit"]
    assert stages["fit"] == {
        "desc": "A fit.",
        "cmd": "snakemake --cores all --allowed-rules degree best fit -- fit",
        "deps": ["Snakefile", "data/points.txt", "rules/fit.smk", "scripts/degree.py", "scripts/stub.py"],
        "params": [{"config.yaml": ["fit"]}],
        "outs": ["records/fit.jsonl", "results/1.txt", "results/2.txt"],
        "metrics": [{"results/metrics.json": {"cache": False}}],
    }


def test_the_keys_of_a_stage() -> None:
    def keys(stage: str, *named: str) -> list[dict[str, list[str]]]:
        return stages_of_rules([job(stage=stage, keys=set(named))], CONFIG, PROJECT)[stage].get("params", [])

    assert keys("fit", "seed", "none") == [{"config.yaml": ["seed", "fit"]}]
    assert keys("fit", *CONFIG) == [{"config.yaml": ["seed", "note", "data", "fit"]}]
    assert keys("other", "none") == []


def test_the_settings_of_a_project_apply_to_all_stages() -> None:
    project = Project(
        environment=("requirements.lock",),
        records="r/{stage}.jsonl",
        dvc_path=lambda path: "results" if path.startswith("results/") else path,
    )
    other = job(inputs={"results/1.txt"}, outputs={"results/2.txt"})
    (one,) = stages_of_rules([job(), other], CONFIG, project).values()
    assert one["outs"] == ["r/fit.jsonl", "results"]
    assert "requirements.lock" in one["deps"]
    assert not any(path.startswith("results") for path in one["deps"])


# Messages.


@given(st.lists(st.text("abc", min_size=1), min_size=1, max_size=8), st.integers(1, 4))
def test_a_list_of_names_is_cut(names: list[str], limit: int) -> None:
    joined = join_names(names, limit)
    rest = len(names) - limit
    assert joined == (", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else ""))


@pytest.mark.parametrize(
    ("paths", "text"),
    [
        ([], ""),
        (["a/b", "c", "/d"], "a/b, c, /d"),
        (["r/a", "r/b", "r/c", "r/d"], "4 files in r (a, b, c, ...)"),
        (["r/x/a", "r/x/b", "r/y/c", "r/d", "r/e"], "5 files in r (x/a, x/b, y/c, ...)"),
        (["/r/a", "/r/b", "/r/c", "/r/d"], "4 files in /r (a, b, c, ...)"),
        (["a", "b", "c", "d"], "4 files (a, b, c, ...)"),
        (["a", "b", "c", "/d"], "4 files (a, b, c, ...)"),
    ],
)
def test_of_many_paths_the_number_and_the_folder_are_named(paths: list[str], text: str) -> None:
    assert join_paths(paths) == text


def test_a_message_can_be_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    for message in ("one", "one", "two"):
        print_once(message)
    assert capsys.readouterr().err == "snakemake-dvc: one\nsnakemake-dvc: two\n"


def test_stages_with_the_same_problem_are_named_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    stale = [(name, Problem("", f"{name}.txt", " is stale")) for name in "abcde"]
    recording.report([*stale, ("f", Problem("no ", "x", "")), ("g", Problem("no ", "x", ""))])
    assert capsys.readouterr().err.splitlines() == [
        "snakemake-dvc: not recorded in dvc.lock: a, b, c, d, e: a.txt, b.txt, c.txt and 2 more is stale",
        "snakemake-dvc: not recorded in dvc.lock: f, g: no x",
    ]


def test_moved_files_are_named_in_one_line_for_each_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    quarantine = Quarantine(Path("kept"))
    for name in "abcdef":
        Path(name).touch()
        quarantine.move_and_report(name, UNFINISHED if name == "f" else LEFTOVER)
    quarantine.report()
    quarantine.report()
    assert capsys.readouterr().err.splitlines() == [
        "snakemake-dvc: 5 files (a, b, c, ...): not an output of any job; moved to kept",
        "snakemake-dvc: f: not left by a finished job; moved to kept",
    ]


def test_messages_go_to_the_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    print_message("a line")
    assert capsys.readouterr() == ("", "snakemake-dvc: a line\n")


def test_an_error_in_one_line() -> None:
    assert one_line(ValueError("two\n  lines")) == "two lines"
    assert one_line(ValueError()) == "ValueError"
