"""After a run that has recorded something, the last message is the command that commits it."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from helpers.checkouts import Checkout
from helpers.commands import SNAKEMAKE
from helpers.environment import AUTHOR
from helpers.faults import set_scale
from helpers.small_workflow import METRICS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from snakemake_dvc.commit import commit_command
from snakemake_dvc_startup.git import uncommitted

HINT = "snakemake-dvc: commit the recorded results: "
NAME = st.text(st.sampled_from("ab :-*?['\"$\\é\n"), min_size=1, max_size=3).filter(lambda name: "\0" not in name)
PATHS = st.sets(st.tuples(NAME, NAME).map("/".join) | NAME.map("{}.lock".format), min_size=1, max_size=8)


def git(*arguments: str) -> str:
    ended = subprocess.run(["git", *arguments], env={**os.environ, **AUTHOR}, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return os.fsdecode(ended.stdout)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new repository without a commit; its subfolder `sub` is the current folder."""
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    git("init", "--quiet", "..")
    return tmp_path / "sub"


def write(paths: dict[str, str] | set[str]) -> None:
    for path in paths:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(paths[path] if isinstance(paths, dict) else "1")


# The files.


def test_new_edited_and_staged_files_are_uncommitted_and_ignored_ones_are_not(repository: Path) -> None:
    names = ["new", "edited", "staged", "same", "ignored", "touched"]
    write({"edited": "1", "staged": "1", "same": "1", "touched": "1", ".gitignore": "ignored\n"})
    assert uncommitted(["edited", "new"]) == ["edited"]  # there is no commit
    git("add", ".")
    assert uncommitted(names) == ["edited", "staged", "same", "touched"]
    git("commit", "--quiet", "--message=x")
    assert uncommitted(names) == []
    write({"new": "1", "edited": "2", "staged": "2", "ignored": "1", "touched": "1"})
    git("add", "staged")
    assert uncommitted(names) == ["new", "edited", "staged"]
    write({"staged": "1"})  # as in the last commit, but not as in the index
    assert uncommitted(names) == ["new", "edited", "staged"]
    assert uncommitted([]) == []


def test_outside_of_a_repository_nothing_is_uncommitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    write({"a": "1"})
    assert uncommitted(["a"]) == []


# The command.


@pytest.mark.parametrize(
    ("changed", "others", "words"),
    [
        (["dvc.lock"], set(), "dvc.lock"),
        (["dvc.lock", "r/a/m.json", "r/b/m.json"], set(), "dvc.lock r/a/m.json r/b/m.json"),
        (["dvc.lock", *(f"r/{name}/m.json" for name in "abcd")], set(), "dvc.lock 'r/*/m.json'".replace("'", "")),
        ([f"{name}/m.json" for name in "abcd"], {"e/m.json"}, "*/m.json"),
        ([f"{name}/m.json" for name in "abcd"], set(), "a/m.json b/m.json c/m.json d/m.json"),
        (["a b/it's.json", "-a", ":a"], set(), """'a b/it'"'"'s.json' ./-a ':(literal):a'"""),
    ],
)
def test_the_command(repository: Path, changed: list[str], others: set[str], words: str) -> None:
    """The file `e/m.json` exists. A pattern is used if it names many files, and none that must not be added."""
    write({*changed, "e/m.json"})
    assert commit_command(changed, others) == f"git add {words} && git commit"


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(PATHS, PATHS, PATHS)
def test_the_command_adds_exactly_the_files(
    tmp_path_factory: pytest.TempPathFactory, changed: set[str], same: set[str], mine: set[str]
) -> None:
    """Whatever their names are, also beside files that are not to be added."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("repository"))
        patch.setenv("GIT_LITERAL_PATHSPECS", "0")
        git("init", "--quiet")
        files = [path for path in [*changed, *same, *mine] if not re.search(r"(^|/)[.]", path)]
        kept = {path for path in files if not any(path != other and other.startswith(f"{path}/") for other in files)}
        write(same & kept)
        git("add", "--all")
        git("commit", "--quiet", "--allow-empty", "--message=x")
        write(kept - same)
        todo = uncommitted(sorted((changed & kept) - same))
        assert set(todo) == (changed & kept) - same
        if todo:
            command = commit_command(todo, same & kept).replace("git commit", "true")
            subprocess.run(["sh", "-ec", command], check=True)
        assert set(git("diff", "--cached", "--name-only", "-z").split("\0")) - {""} == set(todo)


# Runs.


def paste(checkout: Checkout, line: str) -> str:
    """Run the command of a message in a shell, with a message for the commit; return what is still uncommitted."""
    command = line.removeprefix(HINT) + " --quiet --message=x"
    subprocess.run(["sh", "-ec", command], cwd=checkout.folder, env=checkout.env, check=True)
    return checkout.git("status", "--short")


def test_the_last_message_of_a_run_commits_what_it_has_recorded(checkout: Checkout) -> None:
    set_scale(checkout)
    run = checkout.run(*SNAKEMAKE)
    assert run.messages()[-2:] == [
        "snakemake-dvc: recorded in dvc.lock: fit",
        f"{HINT}git add dvc.lock {METRICS} && git commit",
    ]
    assert checkout.run(*SNAKEMAKE).messages() == []
    assert paste(checkout, run.messages()[-1]) == " M config.yaml\n"


def test_a_run_that_records_what_git_has_names_nothing(checkout: Checkout) -> None:
    """As after the entries of dvc.lock were lost and are written again."""
    (checkout.folder / "dvc.lock").unlink()
    run = checkout.run(*SNAKEMAKE)
    assert run.messages() == ["snakemake-dvc: recorded in dvc.lock: data, fit"]
