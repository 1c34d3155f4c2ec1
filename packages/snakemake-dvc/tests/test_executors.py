"""Executor plugins in a folder of their own are loaded if a command asks for one, and missed in one line."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import snakemake.cli
from snakemake_dvc_startup import executors
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

PLUGIN = """\
from snakemake.executors.local import Executor, common_settings
from pathlib import Path

Path("loaded").touch()
"""
FAR = "snakemake_executor_plugin_far"


@pytest.fixture
def parse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The parser of Snakemake's command line, in a folder with a Snakefile and an environment with the plugin `far`."""
    (tmp_path / "cluster" / FAR).mkdir(parents=True)
    (tmp_path / "cluster" / FAR / "__init__.py").write_text(PLUGIN)
    (tmp_path / "Snakefile").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(ExecutorPluginRegistry(), "plugins", dict(ExecutorPluginRegistry().plugins))
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    cli = SimpleNamespace(**vars(snakemake.cli))
    executors.provide_plugins(cli)
    yield lambda *words: cli.parse_args([*words])[1]
    sys.modules.pop(FAR, None)


def profile(folder: str, text: str) -> None:
    Path(folder).mkdir(parents=True)
    Path(folder, "profile.yaml").write_text(text)


def is_loaded() -> bool:
    return Path("loaded").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["--executor", "far"],
        ["--executor=far", "all"],
        ["-e", "far", "--", "--profile"],
        ["--profile", "far", "--cores", "1"],
        ["--profile", "local", "--profile", "far"],
        ["--workflow-profile", "far"],
    ],
)
def test_a_command_that_asks_for_an_executor_gets_it(parse: Callable[..., Any], words: list[str]) -> None:
    profile("far", "executor: far\n")
    profile("local", "executor: local\n")
    assert parse(*words).executor == "far"
    assert is_loaded()


def test_the_default_profile_and_that_of_the_environment_count(
    parse: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    profile("profiles/default", "executor: far\n")
    assert parse("--workflow-profile", "none").executor is None
    assert not is_loaded()
    assert parse().executor == "far"
    monkeypatch.setenv("SNAKEMAKE_PROFILE", "profiles/default")
    assert parse("--workflow-profile", "none").executor == "far"


@pytest.mark.parametrize(
    "words", [[], ["-e", "local"], ["--profile", "local"], ["all", "--", "-e", "far"], ["--mode", "remote"]]
)
def test_other_commands_do_not_load_the_plugins(parse: Callable[..., Any], words: list[str]) -> None:
    profile("local", "executor: local\ncores: 2\n")
    parse(*words)
    assert not is_loaded()


def test_a_job_on_a_node_does_not_read_profiles(parse: Callable[..., Any]) -> None:
    profile("profiles/default", "executor: none-such\n")
    assert parse("--mode", "remote", "--executor", "far").executor == "far"


@pytest.mark.parametrize(
    ("line", "words", "message"),
    [
        ("executor: none", ["--profile", "p"], "the profile p needs {}, which is not installed: run `pip install {}`"),
        (
            "executor: none  # run `make x` ",
            ["--profile", "p"],
            "the profile p needs {}, which is not installed: run `make x`",
        ),
        ("cores: 2  # none", ["-e", "none"], "--executor none needs {}, which is not installed: run `pip install {}`"),
        ("executor: far", ["--profile", "p", "-e", "none"], "--executor none needs {}, which is not installed: run "),
        ("executor: none", ["--workflow-profile", "p"], "the profile p needs {}, which is not installed: run "),
    ],
)
def test_a_plugin_that_is_not_installed_is_named_in_one_line(
    parse: Callable[..., Any], line: str, words: list[str], message: str
) -> None:
    profile("p", f"jobs: 2\n{line}\n")
    with pytest.raises(SystemExit) as raised:
        parse(*words)
    package = "snakemake-executor-plugin-none"
    assert str(raised.value).startswith(f"error: {message.format(package, package)}")
    assert len(str(raised.value).splitlines()) == 1


def test_the_command_line_decides_if_the_executor_of_a_profile_is_not_installed(parse: Callable[..., Any]) -> None:
    profile("p", "executor: none\n")
    assert parse("--profile", "p", "-e", "local").executor == "local"


@pytest.mark.parametrize("words", [["--profile", "none-such"], ["-e"], ["--cores"]])
def test_other_errors_are_those_of_snakemake(parse: Callable[..., Any], words: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        parse(*words)
    assert raised.value.code in (1, 2)


def test_the_help_lists_the_executors(parse: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--help")
    assert re.search(r"--executor \{[a-z,-]*local", capsys.readouterr().out)
