"""Checkouts whose path has characters that are special to a shell, to Snakemake or to DVC."""

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.checkouts import Checkout, cleaned_up, copied, plain_project
from helpers.commands import SNAKEMAKE, Server
from helpers.small_workflow import JOBS
from hypothesis import given
from hypothesis import strategies as st
from snakemake.sourcecache import LocalSourceFile
from snakemake_dvc._snakemake import allow_all_paths
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.utils import format_cli_arg

NAMES = ['it\'s "hi" é雪 a&b|c<d>; $(touch x) back\\slash co:lon', "{brace} {{x}}"]
# Each character that a file name can have.
names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda name: name not in (".", "..")
)

# A job that runs in a process of its own, with an environment file.
SPAWNED = """\
from snakemake_dvc import Project, reconcile


configfile: "config.yaml"


reconcile(workflow, config, Project(environment=()))


rule one:
    output:
        "results/fit/one.txt",
    run:
        from pathlib import Path

        Path(output[0]).write_text("done")


rule two:
    output:
        "results/fit/two.txt",
    conda:
        "environment.yml"
    shell:
        "echo done >{output}"
"""


@pytest.fixture(params=NAMES)
def named(request: pytest.FixtureRequest, base: Path, tmp_path: Path, server: Server) -> Iterator[Checkout]:
    """A copy of the finished checkout with a special path."""
    with cleaned_up(tmp_path):
        copied(base, tmp_path, server)
        yield Checkout((tmp_path / "main").rename(tmp_path / request.param), server)


def test_both_engines_run_and_restore(named: Checkout) -> None:
    named.edit("config.yaml", "  scale: 2", "  scale: 3")
    named.computes("snakemake", {"degree-1", "degree-2", "best"})
    named.edit("config.yaml", "seed: 7", "seed: 8")
    named.computes("dvc", JOBS)
    shutil.rmtree(named.folder / "results")
    named.computes("snakemake", set())


@pytest.mark.parametrize("name", ['it\'s "a" {x} $HOME `b` co:lon;&(c)%\\ é'])
def test_jobs_in_processes_of_their_own_run(tmp_path: Path, server: Server, name: str) -> None:
    root = tmp_path / name
    root.mkdir()
    checkout = plain_project(root, server, {"Snakefile": SPAWNED, "config.yaml": "a: 1\n", "environment.yml": "a: 1\n"})
    checkout.git("init", "--quiet")
    checkout.run("dvc", "init", "--quiet")
    checkout.run(*SNAKEMAKE, "--", "results/fit/one.txt", "results/fit/two.txt", execute=True)
    assert (checkout.folder / "results/fit/one.txt").read_text() == "done"


@given(names)
def test_a_path_in_a_command_is_read_by_a_shell_as_it_is(name: str) -> None:
    allow_all_paths()
    assert shlex.split(format_cli_arg("--snakefile", f"/{name}/Snakefile")) == ["--snakefile", f"/{name}/Snakefile"]


@given(names)
def test_wildcards_are_not_replaced_in_the_path_of_the_current_folder(name: str) -> None:
    allow_all_paths()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "cwd", lambda: Path("/checkouts") / name)
        file = LocalSourceFile(f"/checkouts/{name}/envs/{{width}}.yml")
        assert file.format(width=3).path == f"/checkouts/{name}/envs/3.yml"


class Executor(RemoteExecutor):
    """An executor that submits no jobs."""

    __init__ = object.__init__
    common_settings = SimpleNamespace(pass_envvar_declarations_to_cmd=False)
    job_specific_local_groupid = True
    snakefile = "/a b/Snakefile"
    workflow = SimpleNamespace(
        group_settings=SimpleNamespace(local_groupid="local"),
        spawned_job_args_factory=SimpleNamespace(
            general_args=lambda **_: "", precommand=lambda **_: "", envvars=dict[str, str]
        ),
    )
    run_job = cancel_jobs = check_active_jobs = None
    _tmpdir = ".snakemake/tmp.x"

    def get_job_args(self, job: object) -> str:
        return f"--job {job}"

    def get_python_executable(self) -> str:
        return "/the environment/bin/python"


def test_the_path_of_python_is_quoted() -> None:
    allow_all_paths()
    words = shlex.split(Executor().format_job_exec(1))
    assert words[:7] == [
        "/the environment/bin/python",
        "-m",
        "snakemake",
        "--snakefile",
        "/a b/Snakefile",
        "--job",
        "1",
    ]


@pytest.mark.parametrize("name", ["a$b", 'a"b', "a\\b", "a`b"])
def test_a_script_in_a_folder_that_double_quotes_do_not_protect_has_a_relative_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    allow_all_paths()
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    assert Executor().tmpdir == ".snakemake/tmp.x"
