"""A clone on another machine has the same recipes: they contain no folder of a machine."""

import sys
from pathlib import Path
from shlex import quote

import pytest
from snakemake_dvc._snakemake.jobs import _without_machine_paths


@pytest.mark.parametrize("environment", [".venv", "../shared-environment", "deep/er/.venv"])
@pytest.mark.parametrize("checkout", ["one", "another/checkout", "with a space"])
def test_a_prefix_does_not_contain_the_folders_of_checkout_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkout: str, environment: str
) -> None:
    folder = tmp_path / checkout
    folder.mkdir(parents=True)
    prefix = (folder / environment).resolve()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "prefix", str(prefix))
    monkeypatch.setattr(sys, "executable", str(prefix / "bin/python"))
    folders = [quote(f"{prefix}/bin"), quote(f"{folder}/src"), quote(str(prefix))]
    text = "PATH={}:$PATH; export PYTHONPATH={} PLACE={}; ".format(*folders)
    assert _without_machine_paths(text) == "PATH={bin}:$PATH; export PYTHONPATH=./src PLACE={prefix}; "
