"""What the tests share: commands in a checkout, and a small workflow whose jobs are over in milliseconds.

The workflow has two stages, each of one rules file. `expected` knows what its jobs make, without any engine.
"""

import atexit
import contextlib
import importlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import yaml

HERE = Path(__file__).parent
SOURCE = HERE.parent / "src"
BIN = Path(sys.executable).parent
PATIENCE = 60

SNAKEMAKE = ("snakemake", "--cores", "2")
REPRO = ("dvc", "repro")
ENGINES = {"snakemake": SNAKEMAKE, "dvc": REPRO}

POINTS = "data/points.txt"
FOLDER = "results/fit/by_degree"
METRICS = "results/fit/metrics.json"
JOBS = {"points", "degree-1", "degree-2", "best"}

WORKFLOW = {
    "Snakefile": """\
from snakemake_dvc import Project, reconcile


configfile: "config.yaml"


def dvc_path(path):
    return "results/fit/by_degree" if "by_degree" in path else path


reconcile(workflow, config, Project(environment=("requirements.lock",), dvc_path=dvc_path))


include: "rules/data.smk"
include: "rules/fit.smk"


rule all:
    default_target: True
    input:
        rules.data.input,
        rules.fit.input,
""",
    "rules/data.smk": """\
# The points.
rule points:
    input:
        script="scripts/points.py",
    output:
        "data/points.txt",
    params:
        seed=config["seed"],
        n=config["data"]["n"],
    shell:
        "python -S -B {input.script} salt=0 seed={params.seed} n={params.n} {output}"


rule data:
    input:
        rules.points.output,
""",
    "rules/fit.smk": """\
# A fit for each degree, and the best of them.
rule degree:
    input:
        script="scripts/degree.py",
        points="data/points.txt",
    output:
        "results/fit/by_degree/{degree}.txt",
    params:
        scale=config["fit"]["scale"],
    shell:
        "python -S -B {input.script} salt=0 degree={wildcards.degree} scale={params.scale} {input.points} {output}"


rule best:
    input:
        script="scripts/best.py",
        fits=expand("results/fit/by_degree/{degree}.txt", degree=config["fit"]["degrees"]),
    output:
        "results/fit/metrics.json",
    shell:
        "python -S -B {input.script} salt=0 {input.fits} {output}"


rule fit:
    input:
        rules.best.input.fits,
        rules.best.output,
""",
    "scripts/stub.py": '''\
"""What the jobs share."""

import json
import os
import sys
import time
from pathlib import Path

CONSTANT = 1


def make(name, constant):
    """Write what a job was given: one half, then the rest. Wait in between, if a file in the environment names it."""
    *given, output = sys.argv[1:]
    words = [word for word in given if "=" in word]
    name = next((f"{name}-{word[7:]}" for word in words if word.startswith("degree=")), name)
    lines = [f"{name} {constant} {CONSTANT}", *words]
    for path in [word for word in given if "=" not in word]:
        lines += [f"> {line}" for line in Path(path).read_text().splitlines()]
    text = json.dumps({"lines": lines}) if output.endswith(".json") else "".join(f"{line}\\n" for line in lines)
    tell("start", name)
    Path(output).write_text(text[: len(text) // 2])
    if name in listed():
        tell("hang", name)
        until = time.monotonic() + 60
        while name in listed() and time.monotonic() < until:
            time.sleep(0.01)
    Path(output).write_text(text)
    tell("done", name)


def tell(what, name):
    """Add a line to the log of the run."""
    if "CASE_LOG" in os.environ:
        with open(os.environ["CASE_LOG"], "a") as log:
            log.write(f"{what} {name} {os.getpid()}\\n")


def listed():
    """Return the names of the jobs that must wait."""
    try:
        return Path(os.environ["CASE_HANG"]).read_text().split()
    except (KeyError, OSError):
        return []
''',
    **{
        f"scripts/{name}.py": f'from stub import make\n\nCONSTANT = 1\n\nmake("{name}", CONSTANT)\n'
        for name in ("points", "degree", "best")
    },
    "config.yaml": "seed: 7\nnote: 1\ndata:\n  n: 3\nfit:\n  degrees: [1, 2]\n  scale: 2\n",
    "requirements.lock": "package==1\n",
    ".gitignore": "/.snakemake/\n/data/\n/records/\n/results/**\n!/results/**/\n!metrics.json\n",
}


def expected(folder: Path) -> dict[str, bytes]:
    """Return what the jobs make of the sources in a checkout, by path."""
    config = yaml.safe_load((folder / "config.yaml").read_text())
    shared = _constant(folder, "stub")

    def lines(rule: str, name: str, words: list[str], inputs: list[str]) -> list[str]:
        head = f"{name} {_constant(folder, rule)} {shared}"
        return [head, f"salt={_salt(folder, rule)}", *words, *(f"> {line}" for line in inputs)]

    points = lines("points", "points", [f"seed={config['seed']}", f"n={config['data']['n']}"], [])
    fits = {
        f"{FOLDER}/{d}.txt": lines("degree", f"degree-{d}", [f"degree={d}", f"scale={config['fit']['scale']}"], points)
        for d in config["fit"]["degrees"]
    }
    best = lines("best", "best", [], [line for fit in fits.values() for line in fit])
    texts = {path: "".join(f"{line}\n" for line in found) for path, found in {POINTS: points, **fits}.items()}
    return {path: text.encode() for path, text in {**texts, METRICS: json.dumps({"lines": best})}.items()}


def _constant(folder: Path, script: str) -> str:
    return re.findall(r"(?m)^CONSTANT = (\d+)$", (folder / f"scripts/{script}.py").read_text())[0]


def _salt(folder: Path, rule: str) -> str:
    rules = (folder / "rules" / ("data.smk" if rule == "points" else "fit.smk")).read_text()
    return re.findall(r"salt=(\d+)", rules.split(f"rule {rule}:")[1])[0]


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the results in a checkout, by path."""
    paths = [path for top in ("data", "results") for path in (folder / top).rglob("[!.]*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def environment(home: Path) -> dict[str, str]:
    """Return the environment of all commands; it keeps them from what the user has set."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "config").write_text("[core]\n    analytics = false\n    check_update = false\n")
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    people = {f"GIT_{who}_{what}": f"{what}@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return {
        **kept,
        **people,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "PYTHONPATH": str(SOURCE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "XDG_CACHE_HOME": str(home / "cache"),
        "DVC_SITE_CACHE_DIR": str(home / "dvc"),
        "DVC_GLOBAL_CONFIG_DIR": str(home),
        "DVC_SYSTEM_CONFIG_DIR": str(home),
        "DVC_NO_ANALYTICS": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_EDITOR": "true",
    }


class Starter:
    """A process that has imported both engines and forks for each command, so that none waits for the imports.

    It reads requests, one line of JSON each: one with a command is answered with the number of its process, and one
    with such a number with its exit status.
    """

    def __init__(self, home: Path) -> None:
        self.env = environment(home)
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "helpers.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self.env,
            text=True,
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and return the answer."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


class Run:
    """A command that was started; if `anew`, as a program of its own, whose name others can read."""

    def __init__(self, starter: Starter, argv: tuple[str, ...], env: dict[str, str], anew: bool) -> None:
        self.argv, self.output, self.log = argv, Path(env["CASE_OUTPUT"]), Path(env["CASE_LOG"])
        self._starter = starter
        self.pid = starter.ask(argv=list(argv), env=env, anew=anew)["pid"]
        self.rc: int | None = None

    def poll(self) -> int | None:
        """Return the exit status; None while the command runs."""
        if self.rc is None:
            self.rc = self._starter.ask(pid=self.pid)["rc"]
        return self.rc

    def wait(self, seconds: float = PATIENCE) -> "Run":
        """Wait until the command has ended."""
        wait_until(lambda: self.poll() is not None, f"{self}\ndoes not end", seconds)
        return self

    def wait_for(self, words: str) -> "Run":
        """Wait until the command has said something."""
        wait_until(lambda: words in self.text or self.poll() is not None, f"{self}\ndoes not say {words}")
        assert words in self.text, self
        return self

    @property
    def text(self) -> str:
        """What the command has said."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def said(self) -> list[str]:
        """Return the lines that are ours, or errors."""
        return [line for line in self.text.splitlines() if line.startswith(("dvc: ", "error: "))]

    def jobs(self, what: str = "start") -> set[str]:
        """Return the names of the jobs that have started, or are done, or hang."""
        return {name for word, name, _ in self._lines() if word == what}

    def pid_of(self, job: str) -> int:
        """Return the process of a job."""
        return next(int(pid) for _, name, pid in self._lines() if name == job)

    def wait_for_job(self, job: str) -> "Run":
        """Wait until a job hangs."""
        wait_until(lambda: job in self.jobs("hang") or self.poll() is not None, f"{self}\n{job} does not start")
        assert job in self.jobs("hang"), self
        return self

    def kill(self, who: str = "group", sign: int = signal.SIGKILL) -> None:
        """Send a signal to the process, or to all of its group."""
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if who == "group" else os.kill)(self.pid, sign)

    def _lines(self) -> list[list[str]]:
        return [line.split() for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def __repr__(self) -> str:
        return f"$ {' '.join(self.argv)}  # exit {self.rc}\n{self.text}"


def wait_until(holds: Any, what: str, seconds: float = PATIENCE) -> None:
    """Wait until something holds; fail if it takes too long."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, what
        time.sleep(0.01)


class Checkout:
    """A folder in which commands run.

    Args:
        folder: the folder; what the commands print goes beside it.
        starter: it starts the commands.
    """

    def __init__(self, folder: Path, starter: Starter) -> None:
        self.folder = folder
        self.starter = starter
        self.beside = folder.with_name(f"{folder.name}.runs")
        self.beside.mkdir(exist_ok=True)
        self.hang = self.beside / "hang"
        self.env = dict(starter.env)

    # Commands.

    def start(self, *argv: str, anew: bool = False) -> Run:
        """Start a command."""
        number = len(list(self.beside.glob("*.out")))
        output = self.beside / f"{number}.out"
        output.touch()
        own = {"CASE_FOLDER": self.folder, "CASE_HANG": self.hang, "CASE_LOG": output.with_suffix(".log")}
        env = {**self.env, "CASE_OUTPUT": str(output), **{name: str(path) for name, path in own.items()}}
        return Run(self.starter, argv, env, anew)

    def run(self, *argv: str, rc: int | None = 0, anew: bool = False) -> Run:
        """Run a command to its end, which must not be a traceback.

        Args:
            argv: the command.
            rc: the exit status that it must have; None if any will do.
            anew: whether it is a program of its own, whose name others can read.
        """
        run = self.start(*argv, anew=anew).wait()
        assert "Traceback" not in run.text, run
        assert rc is None or bool(run.rc) == bool(rc), run
        return run

    def start_hanging(self, job: str, *argv: str, anew: bool = False) -> Run:
        """Start a command, and return when a job of it hangs."""
        self.hang.write_text(job)
        return self.start(*argv, anew=anew).wait_for_job(job)

    def let_go(self) -> None:
        """Let the job that hangs go on."""
        self.hang.unlink(missing_ok=True)

    def git(self, *arguments: str, rc: int | None = 0) -> str:
        """Run git and return what it prints."""
        ended = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=self.env, capture_output=True, text=True, check=False
        )
        assert rc is None or bool(ended.returncode) == bool(rc), (arguments, ended.stdout, ended.stderr)
        return ended.stdout + ended.stderr

    def commit(self, message: str = "state") -> None:
        """Commit everything."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")

    def write_stages(self) -> None:
        """Write dvc.yaml anew."""
        python(self.folder, self.env, "-m", "snakemake_dvc", "stages")

    # Other places.

    def copy(self, name: str = "copy") -> "Checkout":
        """Copy the folder, and all that is in it, to a place beside it."""
        folder = self.folder.with_name(name)
        subprocess.run(["cp", "-a", self.folder, folder], check=True)
        return self._at(folder)

    def clone(self, name: str = "clone") -> "Checkout":
        """Make a fresh clone of the last commit."""
        folder = self.folder.with_name(name)
        self.git("clone", "--quiet", ".", str(folder))
        return self._at(folder)

    def _at(self, folder: Path) -> "Checkout":
        other = Checkout(folder, self.starter)
        other.env = dict(self.env)
        return other

    # Edits.

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text in a file, as editors do, beside and renamed."""
        file = self.folder / path
        text = file.read_text()
        assert old in text
        beside = file.with_name("beside")
        beside.write_text(text.replace(old, new, 1))
        beside.replace(file)

    def write(self, files: dict[str, str]) -> None:
        """Write files."""
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)

    # Checks.

    def is_right(self) -> None:
        """Check that the results are those of the sources, and that there are no others."""
        there, right = files_in(self.folder), expected(self.folder)
        assert there.keys() == right.keys()
        assert [path for path in right if there[path] != right[path]] == []

    def has_nothing_to_do(self, *engines: str) -> None:
        """Check that the engines, or one of them, say so."""
        if "snakemake" in engines or not engines:
            run = self.run(*SNAKEMAKE, "--dry-run")
            assert "Nothing to be done" in run.text, run
        if "dvc" in engines or not engines:
            run = self.run("dvc", "status")
            assert "Data and pipelines are up to date" in run.text, run

    def computes(self, engine: str, jobs: set[str]) -> Run:
        """Check that a run computes some jobs and no others, and that all is right and said in dvc.lock then."""
        run = self.run(*ENGINES[engine])
        assert run.jobs() == jobs, run
        self.is_right()
        self.has_nothing_to_do("dvc" if engine == "snakemake" else "snakemake")
        return run

    def locked(self, stage: str) -> dict[str, Any]:
        """Return what dvc.lock says of a stage; nothing where it says nothing."""
        path = self.folder / "dvc.lock"
        return dict((yaml.safe_load(path.read_text()) if path.exists() else {"stages": {}})["stages"].get(stage, {}))


def python(folder: Path, env: dict[str, str], *arguments: str) -> str:
    """Run Python to its end and return what it prints."""
    ended = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def build(root: Path, starter: Starter, files: dict[str, str]) -> Checkout:
    """Make a project with git, DVC and a remote beside it, and the stages of its rules; nothing has run in it."""
    folder = root / "main"
    folder.mkdir(parents=True)
    checkout = Checkout(folder, starter)
    checkout.write(files)
    checkout.git("init", "--quiet", "--initial-branch=main")
    checkout.run("dvc", "init", "--quiet")
    checkout.run("dvc", "remote", "add", "--quiet", "--default", "lab", "../remote")
    checkout.write_stages()
    checkout.commit("the workflow")
    return checkout


def copied(base: Path, root: Path, starter: Starter) -> Checkout:
    """Copy a checkout `main` and its remote into another folder."""
    for name in ("main", "remote"):
        if (base / name).exists():
            subprocess.run(["cp", "-a", base / name, root / name], check=True)
    return Checkout(root / "main", starter)


@contextlib.contextmanager
def leaving_nothing(root: Path) -> Iterator[None]:
    """Kill, at the end, what commands have left running in a folder, and remove the folder."""
    try:
        yield
    finally:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get("CASE_HANG", "").startswith(f"{root}{os.sep}"):
                    process.kill()
        shutil.rmtree(root, ignore_errors=True)


# What the process behind `Starter` does.

PRELOADED = [
    "snakemake.executors.local",
    "snakemake.ioutils",
    "snakemake.persistence",
    "snakemake.report.html_reporter",
    "snakemake.scheduling.job_scheduler",
    "snakemake.script",
    "snakemake.storage",
    "smart_open",
    "dvc.commands.checkout",
    "dvc.commands.data_sync",
    "dvc.commands.repro",
    "dvc.commands.status",
    "dvc.data_cloud",
    "dvc.dependency.param",
    "dvc.lock",
    "dvc.repo.artifacts",
    "dvc.repo.brancher",
    "dvc.repo.commit",
    "dvc.repo.datasets",
    "dvc.repo.index",
    "dvc.repo.metrics",
    "dvc.repo.open_repo",
    "dvc.repo.params",
    "dvc.repo.plots",
    "dvc.repo.reproduce",
    "dvc.repo.stage",
    "dvc.repo.status",
    "dvc.repo.worktree",
    "dvc.rwlock",
    "dvc.scm",
    "dvc.stage.cache",
    "dvc.stage.run",
    "dvc.types",
    "dvc.utils.strictyaml",
    "dvc_data.hashfile.db.local",
    "dvc_data.hashfile.state",
    "dvc_data.hashfile.status",
    "dvc_data.index.checkout",
    "dvc_data.index.fetch",
    "dvc_data.index.push",
    "dulwich.ignore",
    "dulwich.worktree",
    "fsspec.implementations.memory",
    "configobj",
    "graphlib",
    "ruamel.yaml",
    "sqlite3",
]


def serve() -> dict[str, Any] | None:
    """Answer requests until there are no more; in a process that was forked, return what it must run."""
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    from dvc.cli.parser import get_main_parser
    from snakemake.cli import get_argument_parser

    get_main_parser()
    get_argument_parser()  # collects the plugins
    ended: dict[int, int] = {}
    while line := sys.stdin.readline():
        request = json.loads(line)
        answer: dict[str, Any] = {}
        if "argv" in request:
            answer["pid"] = os.fork()
            if not answer["pid"]:
                return dict(request)
        else:
            with contextlib.suppress(ChildProcessError):
                while (found := os.waitpid(-1, os.WNOHANG))[0]:
                    ended[found[0]] = os.waitstatus_to_exitcode(found[1])
            answer["rc"] = ended.get(request["pid"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return None


def become(request: dict[str, Any]) -> None:
    """Turn this process into the one that a shell would have started for a command."""
    env = request["env"]
    os.setsid()
    nothing, output = os.open(os.devnull, os.O_RDONLY), os.open(env["CASE_OUTPUT"], os.O_WRONLY | os.O_APPEND)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.closerange(3, 64)
    os.chdir(env["CASE_FOLDER"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    program, *arguments = request["argv"]
    if request["anew"]:
        os.execve(BIN / program, request["argv"], env)  # noqa: S606 - no shell stands between
    os.environ.clear()
    os.environ.update(env)
    random.seed()
    sys.argv = [str(BIN / program), *arguments]
    sys.path[0] = str(BIN)
    if program == "snakemake":
        from snakemake.cli import main
        from snakemake.workflow import Workflow

        Workflow._rundir = str(Path.cwd())  # taken at the import
    else:
        from dvc.cli import main
    sys.exit(main())


def end(code: Any) -> None:
    """End this process as Python does, but for the second that it takes to free all modules."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if isinstance(code, str):
        print(code, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else bool(code))


if __name__ == "__main__" and (told := serve()):
    try:
        become(told)
    except SystemExit as exiting:
        end(exiting.code)
    except BaseException:
        traceback.print_exc()
        end(1)
