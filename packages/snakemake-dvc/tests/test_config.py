"""A change of the configuration is seen by both engines, in whatever way a job reads it."""

import datetime
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from helpers.checkouts import Checkout, build, cleaned_up, copied
from helpers.commands import REPRO, SNAKEMAKE, Run, Server
from snakemake_dvc._snakemake import unsupported_files
from snakemake_dvc.snapshot import VARIABLE, RunSnapshot
from snakemake_dvc.tracked_config import TrackedConfig

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

LOG = os.environ.get("JOB_LOG", os.devnull)
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
        "echo start {name} 0 >>$JOB_LOG; echo {text} >{{output}}"


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

with open(os.environ["JOB_LOG"], "a") as log:
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
# The stages whose code can read the whole configuration.
WHOLE = {"block", "script"}
KEYS = re.findall(r"(?m)^([\w-]+):", CONFIG)
# The key that each of the other stages reads, beside the key `everywhere`.
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
def read_base(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Path:
    """A folder with a finished checkout of the workflow above."""
    root = tmp_path_factory.mktemp("read")
    checkout = build(root, server, FILES)
    run = checkout.run(*SNAKEMAKE)
    assert run.jobs() == set(RULES), run
    return root


@pytest.fixture
def reading(read_base: Path, tmp_path: Path, server: Server) -> Iterator[Checkout]:
    with cleaned_up(tmp_path):
        yield copied(read_base, tmp_path, server)


def keys_in(checkout: Checkout) -> dict[str, list[str]]:
    """Return the keys in dvc.yaml, for each stage."""
    stages = yaml.safe_load((checkout.folder / "dvc.yaml").read_text())["stages"]
    return {name: stage["params"][0]["config.yaml"] for name, stage in stages.items()}


def changed_in(run: Run) -> set[str]:
    """Return the stages that `dvc status` lists as changed."""
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
    dry = reading.run(*SNAKEMAKE, "--dry-run")
    assert set(re.findall(r"(?m)^(?:local)?rule (\w+)_file:$", dry.text)) == stages | WHOLE


def test_dvc_computes_what_an_edit_of_a_key_changes(reading: Checkout) -> None:
    for key in ("which", "in_block", "in_script"):
        line = next(line for line in CONFIG.splitlines() if line.startswith(f"{key}:"))
        reading.edit("config.yaml", line, f"{key}: 8")
    run = reading.run(*REPRO)
    assert run.jobs() == {"positional", *WHOLE}, run
    found = {path.stem: path.read_text() for path in (reading.folder / "results").iterdir()}
    assert found["positional"] == "8 5 7\n"
    assert found["script"] == "8\n"
    assert found["block"] == "8 one yes\n"
    reading.has_nothing_to_do("snakemake")


def test_quoted_values_do_not_change_dvc_lock(reading: Checkout) -> None:
    before = (reading.folder / "dvc.lock").read_bytes()
    run = reading.run(*SNAKEMAKE)
    assert (run.jobs(), run.messages()) == (set(), [])
    assert (reading.folder / "dvc.lock").read_bytes() == before


def test_a_value_that_dvc_cannot_record_is_named_and_passed_to_the_job(reading: Checkout) -> None:
    reading.edit("rules/block.smk", 'config["word"]', 'config["day"].year')
    reading.edit("config.yaml", "unread: 1", "unread: 1\nday: 2024-01-01")
    reading.write_stages()
    run = reading.run(*SNAKEMAKE)
    assert run.jobs() == WHOLE
    assert (reading.folder / "results/block.txt").read_text() == "1 one 2024\n"
    (message,) = (line for line in run.messages() if "not recorded" in line)
    assert message.startswith(
        "snakemake-dvc: not recorded in dvc.lock: block, script: config.yaml: DVC cannot record the value of day"
    )
    assert reading.run(*SNAKEMAKE).jobs() == set()


def test_the_exported_configuration_is_read_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {
        "day": datetime.date(2024, 1, 1),
        "moment": datetime.datetime(2024, 1, 1, 12, 30),
        "names": {1: "one", None: 2, "1": 3},
        "word": "yes",
        "number": "010",
        "rates": [1e-9, float("inf"), 3.0],
        "nested": TrackedConfig({"b": 1, "a": {}}),
    }
    monkeypatch.setenv(VARIABLE, "")
    RunSnapshot(config, {"Snakefile": "1"}).export(tmp_path / "run.json")
    found = RunSnapshot.from_environment()
    assert found is not None
    assert repr(found.config) == repr({**config, "nested": {"b": 1, "a": {}}})
    assert found.rules_files == {"Snakefile": "1"}


def test_a_rules_file_that_was_edited_since_the_start_of_the_process_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snakemake may have read it before."""
    file = tmp_path / "Snakefile"
    file.write_text("")
    with pytest.raises(ValueError, match="Snakefile was edited while Snakemake was reading the workflow: run again"):
        RunSnapshot({}).add_rules_files([str(file)])
    monkeypatch.setattr("snakemake_dvc.snapshot._start", lambda: time.time() + 1)
    snapshot = RunSnapshot({})
    snapshot.add_rules_files([str(file)])
    assert snapshot.edited_rules_files() == []
    file.write_text("# edited")
    assert snapshot.edited_rules_files() == [str(file)]


# Files that cannot have records.


@pytest.mark.parametrize("flag", ["pipe", "service", "update"])
def test_files_that_cannot_have_records_are_refused_in_one_line(checkout: Checkout, flag: str) -> None:
    checkout.edit("rules/data.smk", '"data/points.txt"', f'{flag}("data/points.txt")')
    run = checkout.run(*SNAKEMAKE, rc=1)
    assert run.messages() == [f"error: rule points: {flag}() is not supported, since such files have no digest"]
    assert run.jobs() == set()


def test_files_in_remote_storage_are_refused() -> None:
    from snakemake.io import flag

    stored = SimpleNamespace(name="far", input=[], output=[flag("x.txt", "storage_object", "x")])
    near = SimpleNamespace(name="near", input=["y.txt"], output=["x.txt"])
    assert unsupported_files(SimpleNamespace(rules=[near])) is None
    found = unsupported_files(SimpleNamespace(rules=[near, stored]))
    assert found == "rule far: files in remote storage are not supported; download them in a rule"


def test_the_stages_can_be_written_to_another_file(checkout: Checkout) -> None:
    before = {path.name: path.read_bytes() for path in checkout.folder.iterdir() if path.is_file()}
    checkout.run("snakemake-dvc", "stages", "--output", "other.yaml")
    after = {path.name: path.read_bytes() for path in checkout.folder.iterdir() if path.is_file()}
    assert after == {**before, "other.yaml": before["dvc.yaml"]}
