"""What the package relies on of the private interface of DVC. A change in a new version fails here first."""

import datetime
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers.checkouts import Checkout, copied, plain_project
from helpers.commands import REPRO, SNAKEMAKE, Server
from helpers.small_workflow import FOLDER, JOBS, METRICS, POINTS, files_in
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st
from snakemake_dvc import _dvc
from snakemake_dvc._dvc import Dvc
from snakemake_dvc.contents import md5

# One stage with all kinds of dependencies, params and outputs. Its command does not run Snakemake.
STAGE = """\
stages:
  fit:
    cmd: python -S make.py
    deps:
    - make.py
    - data
    - "spaces and \u00fcml\u00e4ute.txt"
    params:
    - params.yaml:
      - fit
      - names
      - word
    outs:
    - out.txt
    - results/folder
    metrics:
    - metrics.json:
        cache: false
"""
MAKE = """\
import os
from pathlib import Path

assert not Path("out.txt").exists()
assert not Path("results/folder").exists()
Path("results/folder/deep").mkdir(parents=True)
for number, name in enumerate(["b", "a", "deep/\u00e9", "a.b"]):
    Path("results/folder", name).write_text(str(number))
Path("out.txt").write_text(os.environ["DVC_STAGE"])
Path("metrics.json").write_text("{}")
for path, old, new in (("data/x.txt", "1", "2"), ("params.yaml", "rate: 0.1", "rate: 0.2")):
    Path(path).write_text(Path(path).read_text().replace(old, new))
"""
PARAMS = """\
fit: {rate: 0.1, tiny: 1.0e-9, whole: 3.0, none: null, list: [1, [2, {a: b}], "3"], empty: {}, truth: true}
names: {1: one, 2: two}
word: "yes"
"""


@pytest.fixture(scope="module")
def piped_base(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Path:
    """A folder with a project with one stage of DVC, which has run."""
    root = tmp_path_factory.mktemp("piped")
    files = {"dvc.yaml": STAGE, "make.py": MAKE, "params.yaml": PARAMS, "data/x.txt": "1", "data/y.txt": "y"}
    checkout = plain_project(root, server, {**files, "spaces and \u00fcml\u00e4ute.txt": "1", "results/.gitkeep": ""})
    checkout.git("init", "--quiet")
    checkout.run("dvc", "init", "--quiet")
    checkout.run(*REPRO)
    return root


@pytest.fixture
def piped(piped_base: Path, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A copy of this project. It is the current folder of this process."""
    checkout = copied(piped_base, tmp_path, server)
    monkeypatch.chdir(checkout.folder)
    for name in [name for name in checkout.env if name.startswith(("DVC_", "HOME", "XDG_", "GIT_"))]:
        monkeypatch.setenv(name, checkout.env[name])
    return checkout


def test_dvc_removes_outputs_before_a_stage_and_reads_deps_and_params_after_it(piped: Checkout) -> None:
    piped.run(*REPRO, "--force")  # make.py checks that the outputs of the first run are gone
    locked = piped.locked("fit")
    assert locked["params"]["params.yaml"]["fit"]["rate"] == 0.2
    piped.has_nothing_to_do("dvc")
    assert (piped.folder / "data/x.txt").read_text() == "2"


def test_dvc_sets_a_variable_with_the_name_of_the_stage(piped: Checkout) -> None:
    assert (piped.folder / "out.txt").read_text() == "fit"


def test_an_entry_is_written_as_dvc_writes_it(piped: Checkout) -> None:
    lock = piped.folder / "dvc.lock"
    by_dvc = lock.read_bytes()
    entry = _dvc.recorded_stages()["fit"]
    lock.unlink()
    Dvc().write_lock({"fit": entry})
    assert lock.read_bytes() == by_dvc
    changed = entry["outs"][0]["md5"]
    entry["outs"][0]["md5"] = "f" * 32
    Dvc().write_lock({"fit": entry})
    assert lock.read_bytes() == by_dvc.replace(changed.encode(), b"f" * 32)


def test_dvc_lock_is_replaced_as_a_whole(piped: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (piped.folder / "dvc.lock").read_bytes()
    entry = _dvc.recorded_stages()["fit"]

    def killed(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dvc.stage.serialize.to_lockfile", killed)
    with pytest.raises(KeyboardInterrupt):
        Dvc().write_lock({"fit": entry})
    assert (piped.folder / "dvc.lock").read_bytes() == before
    assert not list((piped.folder / ".dvc/tmp").glob("dvc.lock*"))


def test_the_entries_of_a_run_are_those_that_dvc_writes(checkout: Checkout) -> None:
    ours = (checkout.folder / "dvc.lock").read_bytes()
    for command in (("dvc", "commit", "--force"), REPRO):
        (checkout.folder / "dvc.lock").unlink()
        shutil.rmtree(checkout.folder / ".dvc/cache/runs")
        assert checkout.run(*command).jobs() == set()
        assert (checkout.folder / "dvc.lock").read_bytes() == ours, command


def test_dvc_restores_from_our_entries_of_the_run_cache(checkout: Checkout) -> None:
    before = files_in(checkout.folder)
    (checkout.folder / "dvc.lock").unlink()
    for name in ("data", "records", ".snakemake"):
        shutil.rmtree(checkout.folder / name)
    shutil.rmtree(checkout.folder / FOLDER)
    run = checkout.run(*REPRO)
    assert re.findall(r"Stage '(\w+)' is cached - skipping run", run.text) == ["data", "fit"]
    assert not (checkout.folder / ".snakemake").exists()
    assert files_in(checkout.folder) == before


def test_entries_of_the_run_cache_contain_outputs_and_digests(piped: Checkout) -> None:
    ((name, path),) = Dvc().run_cache_entries()
    assert re.fullmatch("[0-9a-f]{64}", name)
    outs = {out["path"]: out["md5"] for out in _dvc.load(str(path))["outs"]}
    assert outs["out.txt"] == md5(b"fit")
    assert outs.keys() >= {"results/folder", "out.txt"}


def test_dvc_repro_respects_a_lock_on_outputs(checkout: Checkout) -> None:
    checkout.edit("config.yaml", "  scale: 2", "  scale: 3")
    run = checkout.start_hanging("degree-1", *SNAKEMAKE, execute=True)
    half = (checkout.folder / f"{FOLDER}/1.txt").read_bytes()
    assert f"(PID {run.pid})" in checkout.run(*REPRO, rc=1).text
    assert (checkout.folder / f"{FOLDER}/1.txt").read_bytes() == half
    checkout.resume()
    assert run.wait().rc == 0, run
    checkout.is_right()


def test_dvc_checkout_does_not_respect_a_lock_on_outputs(checkout: Checkout) -> None:
    """So the package must detect the outputs that DVC has replaced while their job ran."""
    checkout.edit("config.yaml", "seed: 7", "seed: 8")
    points = (checkout.folder / POINTS).read_bytes()
    run = checkout.start_hanging("points", *SNAKEMAKE)
    checkout.run("dvc", "checkout", "--force")
    assert (checkout.folder / POINTS).read_bytes() == points
    checkout.resume()
    run.wait()
    checkout.computes("snakemake", JOBS - run.jobs("done"))


def test_dvc_records_which_files_it_has_restored_and_acquires_its_lock(piped: Checkout) -> None:
    out = piped.folder / "out.txt"
    (piped.folder / "kept").hardlink_to(out)  # so that the inode is not used again
    out.unlink()
    out.write_text("other")
    before = Dvc().lock_fingerprint()
    assert not Dvc().has_restored("out.txt")
    piped.run("dvc", "checkout", "--force")
    assert out.read_text() == "fit"
    assert Dvc().lock_fingerprint() != before
    assert Dvc().has_restored("out.txt")
    os.utime(out)  # as Snakemake does with each output
    assert Dvc().has_restored("out.txt")


@pytest.mark.parametrize("options", [[], ["../elsewhere"], ["--local", "inside"], ["{}/absolute"]])
def test_the_folder_of_the_cache(piped: Checkout, options: list[str], tmp_path: Path) -> None:
    piped.run("dvc", "cache", "dir", *(option.format(tmp_path) for option in options))
    (piped.folder / "own.txt").write_text("own")
    piped.run("dvc", "add", "--quiet", "own.txt")
    digest = md5(b"own")
    assert (Dvc().cache_root / "files/md5" / digest[:2] / digest[2:]).read_text() == "own"


# YAML as DVC writes it.

SCALAR = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=6)
    | st.text("0123456789_:.eExobInNaAfF+-~ #'\"yYsStTrRuUlLE", max_size=6)
    | st.dates(datetime.date(1900, 1, 1))
    | st.datetimes(datetime.datetime(1900, 1, 1)).map(lambda moment: moment.replace(microsecond=0))
)
CONTENT = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=4), CONTENT, min_size=1, max_size=4))
@example({"\x85": "\x85"})
def test_yaml_of_dvc_is_read_as_dvc_reads_it(tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]) -> None:
    from dvc.utils.serialize import YAMLFileCorruptedError, dumps_yaml, parse_yaml

    path = tmp_path_factory.getbasetemp() / "dvc.lock"
    path.write_text(dumps_yaml(content), encoding="utf-8")
    try:
        theirs = parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except YAMLFileCorruptedError:
        reject()  # DVC cannot read what it has written: the line break "\x85" becomes a space
    assert repr(_dvc.load(str(path))) == repr(theirs)


def test_dvc_removes_outputs_by_a_method_that_sets_unknown_files_aside(checkout: Checkout) -> None:
    (checkout.folder / POINTS).write_text("mine")
    assert any(POINTS in line for line in checkout.run(*REPRO).messages())
    assert [path.read_text() for path in (checkout.folder / ".snakemake/dvc/quarantine").rglob("points.txt")] == [
        "mine"
    ]


def test_dvc_names_the_metrics_to_commit_and_the_runs_of_its_stages_say_nothing(checkout: Checkout) -> None:
    checkout.edit("config.yaml", "  scale: 2", "  scale: 3")
    run = checkout.run(*REPRO)
    (line,) = re.findall(r"(?m)^\tgit add (.*)$", run.text)
    assert sorted(line.split()) == ["dvc.lock", METRICS]
    assert run.messages() == []
