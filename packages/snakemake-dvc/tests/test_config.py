"""The configuration: what a job reads of it counts, by whatever way, and for both engines."""

import datetime
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from helpers import REPRO, SNAKEMAKE, Checkout, Run, Starter, build, copied, leaving_nothing
from snakemake_dvc._snakemake import without_records
from snakemake_dvc.config_reads import ConfigReads
from snakemake_dvc.snapshot import VARIABLE, RunSnapshot

# Each stage reads the configuration in another way; its job writes what it has read.

CONFIG = """\
which: 5
in-command: 1
in_block: 1
in_script: 1
by_lookup: 1
in_function: {deep: 1}
everywhere: 1
unread: 1
word: "yes"
names: {1: one, 2: two}
"""
SNAKEFILE = """\
from snakemake_dvc import Project, reconcile


configfile: "config.yaml"


reconcile(workflow, config, Project(config_file="config.yaml"))

LOG = os.environ.get("CASE_LOG", os.devnull)
EVERYWHERE = config["everywhere"]


def deep(wildcards):
    return config["in_function"]["deep"]


"""
SHELL = """\
rule {name}_file:
    output:
        "results/{name}.txt",
    params:
        {params}
    shell:
        "echo start {name} 0 >>$CASE_LOG; echo {text} >{{output}}"


"""
BLOCK = """\
rule block_file:
    output:
        "results/block.txt",
    run:
        with open(LOG, "a") as log:
            print("start block 0", file=log)
        with open(output[0], "w") as file:
            print(config["in_block"], config["names"][1], config["word"], file=file)


"""
SCRIPT_RULE = """\
rule script_file:
    output:
        "results/script.txt",
    script:
        "../scripts/script.py"


"""
SCRIPT = """\
import os

with open(os.environ["CASE_LOG"], "a") as log:
    print("start script 0", file=log)
with open(snakemake.output[0], "w") as file:
    print(snakemake.config["in_script"], file=file)
"""
ALL = """\
rule {name}:
    input:
        rules.{name}_file.output,
"""
RULES = {
    "positional": SHELL.format(name="positional", params='config["which"], x=5, y=7', text="{params}"),
    "command": SHELL.format(name="command", params="x=5,", text="{config[in-command]}"),
    "looked": SHELL.format(name="looked", params='x=lookup(dpath="by_lookup", within=config),', text="{params.x}"),
    "called": SHELL.format(name="called", params="x=deep,", text="{params.x}"),
    "shared": SHELL.format(name="shared", params="x=EVERYWHERE,", text="{params.x}"),
    "block": BLOCK,
    "script": SCRIPT_RULE,
}
# What reads the whole configuration, as far as anyone can tell.
WHOLE = {"block", "script"}
KEYS = re.findall(r"(?m)^([\w-]+):", CONFIG)
# The key that each of the other stages reads, beside the one that is read for all.
READ = {
    "positional": "which",
    "command": "in-command",
    "looked": "by_lookup",
    "called": "in_function",
    "shared": "everywhere",
}
FILES = {
    "config.yaml": CONFIG,
    "Snakefile": SNAKEFILE
    + "".join(f'include: "rules/{name}.smk"\n' for name in RULES)
    + "\n\nrule all:\n    default_target: True\n    input:\n"
    + "".join(f"        rules.{name}.input,\n" for name in RULES),
    **{f"rules/{name}.smk": text + ALL.format(name=name) for name, text in RULES.items()},
    "scripts/script.py": SCRIPT,
    ".gitignore": "/.snakemake/\n/records/\n/results/\n",
}


@pytest.fixture(scope="module")
def read_base(tmp_path_factory: pytest.TempPathFactory, starter: Starter) -> Path:
    """A folder with a finished checkout of the workflow above."""
    root = tmp_path_factory.mktemp("read")
    checkout = build(root, starter, FILES)
    run = checkout.run(*SNAKEMAKE)
    assert run.jobs() == set(RULES), run
    return root


@pytest.fixture
def reading(read_base: Path, tmp_path: Path, starter: Starter) -> Iterator[Checkout]:
    with leaving_nothing(tmp_path):
        yield copied(read_base, tmp_path, starter)


def keys_in(checkout: Checkout) -> dict[str, list[str]]:
    """Return the keys that dvc.yaml names, for each stage."""
    stages = yaml.safe_load((checkout.folder / "dvc.yaml").read_text())["stages"]
    return {name: stage["params"][0]["config.yaml"] for name, stage in stages.items()}


def changed_in(run: Run) -> set[str]:
    """Return the stages that `dvc status` calls changed."""
    return set(re.findall(r"(?m)^(\w+):$", run.text))


def test_dvc_yaml_names_the_keys_that_are_read(reading: Checkout) -> None:
    by_key = {name: sorted({key, "everywhere"}) for name, key in READ.items()}
    assert {name: sorted(keys) for name, keys in keys_in(reading).items()} == {
        **by_key,
        **dict.fromkeys(WHOLE, sorted(KEYS)),
    }


@pytest.mark.parametrize(
    ("key", "old", "new", "stages"),
    [
        ("which", "5", "7", {"positional"}),
        ("in-command", "1", "2", {"command"}),
        ("by_lookup", "1", "2", {"looked"}),
        ("in_function", "{deep: 1}", "{deep: 2}", {"called"}),
        ("everywhere", "1", "2", {"shared"}),
        ("in_block", "1", "2", set()),
    ],
)
def test_an_edit_of_a_key_is_seen_by_both_engines(
    reading: Checkout, key: str, old: str, new: str, stages: set[str]
) -> None:
    reading.edit("config.yaml", f"{key}: {old}", f"{key}: {new}")
    changed = changed_in(reading.run("dvc", "status"))
    assert changed == (set(RULES) if key == "everywhere" else stages | WHOLE)
    look = reading.run(*SNAKEMAKE, "--dry-run")
    assert set(re.findall(r"(?m)^(?:local)?rule (\w+)_file:$", look.text)) == stages | WHOLE


def test_dvc_computes_what_an_edit_of_a_key_changes(reading: Checkout) -> None:
    for key in ("which", "in-command", "in_block", "in_script"):
        line = next(line for line in CONFIG.splitlines() if line.startswith(f"{key}:"))
        reading.edit("config.yaml", line, f"{key}: 8")
    run = reading.run(*REPRO)
    assert run.jobs() == {"positional", "command", *WHOLE}, run
    found = {path.stem: path.read_text() for path in (reading.folder / "results").iterdir()}
    assert found["positional"] == "8 5 7\n"
    assert found["command"] == found["script"] == "8\n"
    assert found["block"] == "8 one yes\n"
    reading.has_nothing_to_do("snakemake")


def test_nothing_is_recorded_anew_for_values_that_yaml_could_mistake(reading: Checkout) -> None:
    before = (reading.folder / "dvc.lock").read_bytes()
    run = reading.run(*SNAKEMAKE)
    assert (run.jobs(), run.said()) == (set(), [])
    assert (reading.folder / "dvc.lock").read_bytes() == before


def test_what_dvc_cannot_record_is_named_and_the_job_gets_it_all_the_same(reading: Checkout) -> None:
    reading.edit("rules/block.smk", 'config["word"]', 'config["day"].year')
    reading.edit("config.yaml", "unread: 1", "unread: 1\nday: 2024-01-01")
    reading.write_stages()
    run = reading.run(*SNAKEMAKE)
    assert run.jobs() == WHOLE
    assert (reading.folder / "results/block.txt").read_text() == "1 one 2024\n"
    (said,) = (line for line in run.said() if "not recorded" in line)
    assert said.startswith(
        "dvc: not recorded in dvc.lock: block, script: config.yaml: day holds what DVC cannot record"
    )
    assert reading.run(*SNAKEMAKE).jobs() == set()


def test_the_configuration_is_handed_down_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {
        "day": datetime.date(2024, 1, 1),
        "moment": datetime.datetime(2024, 1, 1, 12, 30),
        "names": {1: "one", None: 2, "1": 3},
        "word": "yes",
        "number": "010",
        "rates": [1e-9, float("inf"), 3.0],
        "nested": ConfigReads({"b": 1, "a": {}}),
    }
    monkeypatch.setenv(VARIABLE, "")
    RunSnapshot(config, {"Snakefile": "1"}).hand_down(tmp_path / "run.json")
    found = RunSnapshot.handed_down()
    assert found is not None
    assert repr(found.config) == repr({**config, "nested": {"b": 1, "a": {}}})
    assert found.rules_files == {"Snakefile": "1"}


# Which keys are read.


def reads_of(*files: tuple[str, str]) -> ConfigReads:
    """Run the text of files, one after the other, as Snakemake runs rules, and return what they read."""
    config = ConfigReads({"a": 1, "b": {"c": 2}, "d": 3})
    names: dict[str, Any] = {"config": config}
    for file, text in files:
        exec(compile(text, file, "exec"), names)  # noqa: S102
    return config


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ('config["a"]', {"a"}),
        ('config["b"]["c"]', {"b"}),
        ('config.get("a")', {"a"}),
        ('config.get("none", 1)', {"none"}),
        ('"a" in config', {"a"}),
        ("list(config)", {"a", "b", "d"}),
        ("config.items()", {"a", "b", "d"}),
        ("config.values()", {"a", "b", "d"}),
        ("dict(config)", {"a", "b", "d"}),
        ("{**config}", {"a", "b", "d"}),
        ("config | {}", {"a", "b", "d"}),
        ("config.copy()", {"a", "b", "d"}),
        ("import json; json.dumps(config)", {"a", "b", "d"}),
        ("import copy; copy.deepcopy(config)", {"a", "b", "d"}),
        ("config.setdefault('a', 5)", {"a"}),
        ("config.pop('a')", {"a"}),
        ("match config:\n    case {'a': 1}:\n        pass\n", {"a"}),
        ("[config[key] for key in ('a', 'd')]", {"a", "d"}),
        ("f = lambda: config['a']", set()),
        ("(lambda: config['a'])()", {"a"}),
        ("", set()),
    ],
)
def test_the_keys_that_are_read(text: str, keys: set[str]) -> None:
    assert reads_of(("rules/fit.smk", text)).by_file.get("fit", set()) == keys


def test_a_function_counts_for_its_file_and_for_who_calls_it() -> None:
    config = reads_of(
        ("Snakefile", "def of_all(wildcards):\n    return config['a']\n"),
        ("rules/fit.smk", "def own(wildcards):\n    return config['d']\n\nof_all({})\n"),
        ("rules/data.smk", "own({})\n"),
    )
    assert config.by_file["Snakefile"] == {"a"}
    assert config.by_file["fit"] == {"a", "d"}
    assert config.by_file["data"] == {"d"}
    assert config.outside_of_functions == {"fit": {"a"}, "data": {"d"}}


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("A = config['a']", {"a"}),
        ("A = [config[key] for key in ('a', 'd')]", {"a", "d"}),
        ("A = (lambda: config['a'])()", {"a"}),
        ("def f():\n    return config['d']\n\nA = f()", {"d"}),
        ("class Names:\n    a = config['a']\n", {"a"}),
        ("def f():\n    return config['d']\n", set()),
    ],
)
def test_what_is_read_while_a_file_is_read_can_be_used_by_others(text: str, keys: set[str]) -> None:
    config = reads_of(("Snakefile", text), ("rules/fit.smk", "1"))
    assert config.outside_of_functions.get("Snakefile", set()) == keys
    assert "fit" not in config.by_file


class Rule:
    """It calls a function as a rule of Snakemake does."""

    snakefile = "rules/fit.smk"

    def call(self, function: Any) -> Any:
        return function({})


def test_a_function_counts_for_the_file_of_the_rule_that_calls_it() -> None:
    config = ConfigReads({"a": 1, "d": 3})
    names: dict[str, Any] = {"config": config}
    exec(compile("def of_all(wildcards):\n    return config['a']\n", "Snakefile", "exec"), names)  # noqa: S102
    Rule().call(names["of_all"])
    assert config.by_file["fit"] == {"a"}
    assert config.outside_of_functions == {}


def test_a_configuration_that_notes_is_a_dictionary_like_others() -> None:
    plain = {"a": 1, "b": {"c": 2}}
    config = ConfigReads(plain)
    assert config == plain
    assert config.plain == plain
    assert type(config.plain) is dict
    assert (config.get("none"), config.get("none", 3), "none" in config, len(config)) == (None, 3, False, 2)
    with pytest.raises(KeyError):
        config["none"]
    config["new"] = 4
    assert config.plain == {**plain, "new": 4}


# Workflows that cannot have records.

REFUSED = {
    "pipe": "pipe() files have no digest that says what made them",
    "service": "service() files have no digest that says what made them",
    "update": "update() files have no digest that says what made them",
}


@pytest.mark.parametrize("flag", sorted(REFUSED))
def test_files_that_cannot_have_records_are_refused_in_one_line(checkout: Checkout, flag: str) -> None:
    checkout.edit("rules/data.smk", '"data/points.txt"', f'{flag}("data/points.txt")')
    run = checkout.run(*SNAKEMAKE, rc=1)
    assert run.said() == [f"error: rule points: {REFUSED[flag]}"]
    assert run.jobs() == set()


def test_files_in_remote_storage_are_refused() -> None:
    from snakemake.io import flag

    stored = SimpleNamespace(name="far", input=[], output=[flag("x.txt", "storage_object", "x")])
    near = SimpleNamespace(name="near", input=["y.txt"], output=["x.txt"])
    assert without_records(SimpleNamespace(rules=[near])) is None
    found = without_records(SimpleNamespace(rules=[near, stored]))
    assert found == "rule far: files in remote storage have no digest here; fetch them by a rule"
