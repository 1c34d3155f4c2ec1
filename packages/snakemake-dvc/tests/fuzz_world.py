"""A checkout of the fuzzed workflow, the things that users do to it, and what must be true after them.

Each method of `World` without an underscore is a step. Its arguments are plain values and it can be done in any state,
so that a list of steps can be replayed, and made shorter.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import model
import psutil
import yaml

HERE = Path(__file__).parent
PROJECT = HERE / "fuzz_project"
SOURCE = HERE.parent / "src"
BIN = Path(sys.executable).parent
SCRIPTS = ("scripts/data.py", "scripts/shard.py", "scripts/table.py", "scripts/final.py")
MODULES = ("scripts/helper.py", "lib/common.py", "lib/deep.py", "lib/extra.py")
RULES = model.STAGES
# The script of each job: a new constant in it makes the job stale.
SCRIPT_OF = {"numbers": "data", "shard": "shard", "table": "table", "answer": "final"}
COMMENTED = (*SCRIPTS, *MODULES, "rules/data.smk", "rules/sweep.smk", "Snakefile", "config.yaml", "requirements.lock")
ENGINES = {"snakemake": ["snakemake", "--cores", "2"], "dvc": ["dvc", "repro"]}
PATIENCE = 120
RESULTS = ("data", "results")


class ViolationError(AssertionError):
    """Something is not as it must be."""


class Server:
    """A process that starts snakemake and dvc quickly."""

    def __init__(self, env: dict[str, str]) -> None:
        command = [sys.executable, str(HERE / "fuzz_server.py")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True)

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and return the answer."""
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return dict(json.loads(self.process.stdout.readline()))

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


@dataclass
class Run:
    """A command that was started."""

    server: Server
    argv: list[str]
    pid: int
    output: Path
    log: Path
    rc: int | None = None

    def poll(self) -> int | None:
        """Return the exit status; None while the command runs."""
        if self.rc is None:
            self.rc = self.server.ask(pid=self.pid)["rc"]
        return self.rc

    def wait(self) -> int:
        """Return the exit status once the command has ended."""
        until = time.monotonic() + PATIENCE
        while self.poll() is None:
            if time.monotonic() > until:
                raise ViolationError(f"{' '.join(self.argv)} did not end in {PATIENCE} s\n{self.text()}")
            time.sleep(0.005)
        return int(self.rc or 0)

    def text(self) -> str:
        """Return what the command printed."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def jobs(self, what: str) -> set[str]:
        """Return the names of the jobs that started, or are done, or hang."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return {line.split()[1] for line in lines if line.startswith(f"{what} ")}

    def kill(self, who: str) -> None:
        """Kill the process, or with it all of its group, or end it as Ctrl-C or a system that goes down does."""
        number = {"interrupt": signal.SIGINT, "terminate": signal.SIGTERM}.get(who, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if who in ("group", "interrupt") else os.kill)(self.pid, number)


@dataclass
class Place:
    """A checkout.

    Attributes:
        folder: where it is.
        known: the keys of the jobs that are recorded there.
        hidden: whether a result was changed so that DVC does not see it: size, time and inode are as they were.
    """

    folder: Path
    known: set[str] = field(default_factory=set)
    hidden: bool = False


def environment(root: Path) -> dict[str, str]:
    """Return the environment of all commands; it keeps them to one folder."""
    home = root / "home"
    home.mkdir(parents=True, exist_ok=True)
    (home / "config").write_text("[core]\n    analytics = false\n    check_update = false\n")
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    return {
        **kept,
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
        "GIT_AUTHOR_NAME": "fuzz",
        "GIT_AUTHOR_EMAIL": "fuzz@localhost",
        "GIT_COMMITTER_NAME": "fuzz",
        "GIT_COMMITTER_EMAIL": "fuzz@localhost",
        "GIT_EDITOR": "true",
    }


class World:
    """Checkouts beside each other in one folder, with a remote for DVC.

    Args:
        root: the folder, which has a finished checkout `main` and `remote`.
        server: it starts the commands.
        known: the keys of the jobs that are recorded in `main`.
    """

    def __init__(self, root: Path, server: Server, known: Iterable[str] = ()) -> None:
        self.root = root
        self.server = server
        self.env = {**environment(root), "FUZZ_ROOT": str(root)}
        self.fail, self.hang = root / "fail", root / "hang"
        self.places = [Place(root / "main", set(known))]
        self.here = self.places[0]
        self.ran: list[Run] = []
        self.steps: list[tuple[str, dict[str, Any]]] = []
        self.said: list[str] = []
        self.counter = 0

    @property
    def folder(self) -> Path:
        """The checkout that the steps are done to."""
        return self.here.folder

    def do(self, step: str, arguments: dict[str, Any]) -> None:
        """Do a step, and tell of it."""
        self.steps.append((step, arguments))
        self.said.append(f"== {step} {arguments}")
        getattr(self, step)(**arguments)

    def close(self) -> None:
        """Kill what is left of the commands."""
        for run in self.ran:
            if run.poll() is None:
                run.kill("group")
        for process in self._left():
            with contextlib.suppress(psutil.Error):
                process.kill()

    # Programs.

    def _start(self, *argv: str, anew: bool = False) -> Run:
        self.counter += 1
        output, log = self.root / f"output{self.counter}", self.root / f"log{self.counter}"
        env = {**self.env, "FUZZ_LOG": str(log), "FUZZ_FAIL": str(self.fail), "FUZZ_HANG": str(self.hang)}
        answer = self.server.ask(argv=list(argv), cwd=str(self.folder), env=env, output=str(output), anew=anew)
        run = Run(self.server, list(argv), answer["pid"], output, log)
        self.ran.append(run)
        return run

    def _end(self, run: Run, traceback: bool = False) -> Run:
        """Wait for a command; see to it that it ends as programs do."""
        rc = run.wait()
        text = run.text()
        self.said.append(f"$ {' '.join(run.argv)}  # exit {rc}\n{text}")
        self._require(traceback or "Traceback" not in text, f"{' '.join(run.argv)} printed a traceback")
        return run

    def _run(self, *argv: str) -> Run:
        return self._end(self._start(*argv))

    def _engine(
        self, *argv: str, must: bool = True, overlay: dict[str, Any] | None = None, anew: bool = True, sees: bool = True
    ) -> Run:
        """Run a command that computes, undisturbed, and note which jobs are recorded thereafter.

        Args:
            argv: the command.
            must: whether it must succeed.
            overlay: the configuration that it lays over the one in git.
            anew: whether its program is started anew.
            sees: whether it looks what is there. Where it is told to compute, it may compute for nothing.
        """
        jobs, needless = self._jobs(overlay), self._must_not_run(argv[0], overlay)
        run = self._end(self._start(*argv, anew=anew))
        ran = run.jobs("start") & jobs.keys()
        self._require(run.rc == 0 or not must, f"{' '.join(argv)} failed")
        self._note(run, jobs)
        idle = {name for name in ran & needless if not ran & jobs[name].upstream}
        self._require(not idle or not sees, f"{' '.join(argv)} ran {sorted(ran)}: for nothing {sorted(idle)}")
        return run

    def _note(self, run: Run, jobs: dict[str, model.Job]) -> None:
        self.here.known |= {jobs[name].key for name in run.jobs("done") & jobs.keys()}

    def _note_killed(self, run: Run, jobs: dict[str, model.Job]) -> None:
        """Note the jobs of a killed run that are recorded: those whose results another job has begun to read."""
        self.here.known |= {jobs[name].key for name in run.jobs("done") & self._read(run, jobs)}

    def _read(self, run: Run, jobs: dict[str, model.Job]) -> frozenset[str]:
        """Return the names of the jobs whose results a job of a run has begun to read."""
        began = [jobs[name] for name in run.jobs("start") & jobs.keys()]
        return frozenset().union(*(job.upstream for job in began))

    def _git(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=self.env, capture_output=True, text=True, check=False
        )
        self.said.append(f"$ git {' '.join(arguments)}  # exit {ended.returncode}\n{ended.stdout}{ended.stderr}")
        return ended

    def _left(self) -> list[psutil.Process]:
        """Return the processes that commands of this world left."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get("FUZZ_ROOT") == str(self.root) and process.status() != "zombie":
                    found.append(process)
        return found

    def _wait_for_the_left(self) -> None:
        until = time.monotonic() + PATIENCE
        while self._left():
            self._require(time.monotonic() < until, "processes are left")
            time.sleep(0.02)

    # Checks.

    def _require(self, holds: bool, what: str) -> None:
        if not holds:
            raise ViolationError(what)

    def _jobs(self, overlay: dict[str, Any] | None = None) -> dict[str, model.Job]:
        return model.jobs_of(self.folder, overlay)

    def _wrong(self, expected: dict[str, bytes], among: Iterable[str] | None = None) -> list[str]:
        """Return what is not as it must be of the results, or of some."""
        if among is not None:
            expected = {path: expected[path] for path in among}
        there = {path: (self.folder / path).read_bytes() for path in self._files()}
        faults = [f"{path} is missing" for path in expected.keys() - there.keys()]
        faults += [f"{path} is wrong" for path in expected.keys() & there.keys() if expected[path] != there[path]]
        if among is None:
            faults += [f"{path} should not be there" for path in there.keys() - expected.keys()]
        return sorted(faults)

    def _files(self) -> list[str]:
        paths = (path for top in RESULTS for path in (self.folder / top).rglob("*"))
        return sorted(
            path.relative_to(self.folder).as_posix()
            for path in paths
            if path.is_file() and path.name not in (".snakemake_timestamp", ".gitignore")
        )

    def _lock_faults(self, jobs: dict[str, model.Job], stage: str) -> list[str]:
        """Return where the entry of a stage in dvc.lock is not of the present sources and their results."""
        declared = yaml.safe_load((self.folder / "dvc.yaml").read_text())["stages"][stage]
        try:
            locked = yaml.safe_load((self.folder / "dvc.lock").read_text())["stages"][stage]
        except (FileNotFoundError, KeyError):
            return [f"dvc.lock has no stage {stage}"]
        outs = [*declared.get("outs", []), *declared.get("metrics", [])]
        outs = [next(iter(out)) if isinstance(out, dict) else out for out in outs]
        results = model.results_of(jobs)
        expected = {path: self._digest(path, results) for path in (*declared["deps"], *outs)}
        recorded = {entry["path"]: entry["md5"] for entry in (*locked["deps"], *locked["outs"])}
        faults = [
            f"dvc.lock, {stage}: {path} is {recorded.get(path)}, should be {expected.get(path)}"
            for path in sorted(expected.keys() | recorded.keys())
            if recorded.get(path) != expected.get(path)
        ]
        params = {key: model.value_of(self.folder, key) for key in declared["params"][0]["config.yaml"]}
        if locked["params"] != {"config.yaml": params}:
            faults.append(f"dvc.lock, {stage}: the params are {locked['params']}, should be {params}")
        if locked["cmd"] != declared["cmd"]:
            faults.append(f"dvc.lock, {stage}: the cmd is another")
        return faults

    def _digest(self, path: str, results: dict[str, bytes]) -> str | None:
        """Return the digest that DVC computes of a result, a folder of results or a source."""
        if path in results:
            return model.md5(results[path])
        inside = {name.removeprefix(f"{path}/"): content for name, content in results.items() if name.startswith(path)}
        if inside and not path.startswith("records"):
            entries = [{"md5": model.md5(content), "relpath": name} for name, content in sorted(inside.items())]
            return model.md5(json.dumps(entries, sort_keys=True).encode()) + ".dir"
        file = self.folder / path
        return model.md5(file.read_bytes()) if file.is_file() else None

    def _must_not_run(self, engine: str, overlay: dict[str, Any] | None = None) -> set[str]:
        """Return the jobs whose results are recorded and can be had, so that nothing else could come of them."""
        jobs = self._jobs(overlay)
        # What dvc.lock says is of the configuration in git.
        travelled = {stage for stage in set(RULES.values()) if not overlay and self._travelled(stage, jobs)}
        return {
            job.name
            for job in jobs.values()
            if (job.key in self.here.known or job.stage in travelled)
            and all(self._can_be_had(path, content, engine) for path, content in job.outputs.items())
        }

    def _travelled(self, stage: str, jobs: dict[str, model.Job]) -> bool:
        """Whether the records of a stage came with its results, as dvc.lock has them."""
        records = f"records/{stage}.jsonl"
        faults = [fault for fault in self._lock_faults(jobs, stage) if records not in fault]
        if faults:
            return False
        outs = yaml.safe_load((self.folder / "dvc.lock").read_text())["stages"][stage]["outs"]
        digest = next((out["md5"] for out in outs if out["path"] == records), None)
        file = self.folder / records
        return digest is not None and (
            self._is_stored(digest) or (file.is_file() and model.md5(file.read_bytes()) == digest)
        )

    def _can_be_had(self, path: str, content: bytes, engine: str) -> bool:
        if self._is_stored(model.md5(content)):
            return True
        # DVC deletes the outputs of a stage before it runs it.
        file = self.folder / path
        return engine == "snakemake" and file.is_file() and file.read_bytes() == content

    def _is_stored(self, digest: str) -> bool:
        name = Path("files/md5", digest[:2], digest[2:])
        return (self.folder / ".dvc/cache" / name).exists() or (self.root / "remote" / name).exists()

    # Edits.

    def _write(self, path: str, text: str, when: str = "now") -> None:
        """Write a source as editors do, beside and renamed, with a time."""
        file = self.folder / path
        beside = file.with_name("beside")
        beside.write_text(text)
        self._date(beside, when)
        beside.replace(file)

    def _date(self, file: Path, when: str) -> None:
        self.counter += 1
        if when != "now":
            moment = 1e9 + self.counter if when == "old" else time.time() + 1e6 + self.counter
            os.utime(file, (moment, moment))

    def _set_constant(self, path: str, value: int, when: str = "now") -> None:
        text = (self.folder / path).read_text()
        self._write(path, re.sub(r"(?m)^CONSTANT = \d+$", f"CONSTANT = {value}", text), when)

    def set_key(self, key: str, value: int, when: str = "now") -> None:
        """Set a key of the configuration."""
        config = model.config_of(self.folder)
        *section, name = key.split(".")
        (config[section[0]] if section else config)[name] = value
        self._write("config.yaml", yaml.safe_dump(config, sort_keys=False), when)

    def set_values(self, values: list[int], when: str = "now") -> None:
        """Set the list of the sweep."""
        config = model.config_of(self.folder)
        config["sweep"]["values"] = list(values)
        self._write("config.yaml", yaml.safe_dump(config, sort_keys=False), when)

    def set_constant(self, path: str, value: int, when: str = "now") -> None:
        """Set the constant in a script or module."""
        self._set_constant(path, value, when)

    def set_comment(self, path: str, number: int, when: str = "now") -> None:
        """Set the comment that ends a source."""
        text = re.sub(r"# comment \d+\n$", "", (self.folder / path).read_text())
        self._write(path, f"{text}# comment {number}\n", when)

    def set_import(self, path: str, imports: bool) -> None:
        """Let a script or module import one module more, or no longer, and write dvc.yaml anew."""
        text = (self.folder / path).read_text().replace("import extra\n", "")
        if imports:
            text = text.replace("\nimport ", "\nimport extra\nimport ", 1)
        self._write(path, text)
        self._write_stages()

    def _write_stages(self) -> None:
        written = subprocess.run(
            [sys.executable, "-m", "snakemake_dvc", "stages"],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        self._require(written.returncode == 0, f"no dvc.yaml: {written.stdout}{written.stderr}")

    def set_salt(self, rule: str, value: int, when: str = "now") -> None:
        """Change the command of a rule."""
        path = f"rules/{RULES[rule]}.smk"
        head, tail = (self.folder / path).read_text().split(f"rule {rule}:\n")
        self._write(path, f"{head}rule {rule}:\n" + re.sub(r"salt=\d+", f"salt={value}", tail, count=1), when)

    def delete(self, what: str) -> None:
        """Delete a result, a folder, or all that one of the engines knows."""
        for path in [path for pattern in what.split() for path in self.folder.glob(pattern)]:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def delete_cache(self) -> None:
        """Lose DVC's cache, and the records beside it."""
        shutil.rmtree(self.folder / ".dvc/cache", ignore_errors=True)
        self.here.known.clear()

    def tamper(self, which: int, how: str, spared: frozenset[str] = frozenset()) -> None:
        """Change a result by hand: so that its time tells, or only its inode, or only the time of its inode."""
        files = [path for path in self._files() if path not in spared]
        if not files:
            return
        file = self.folder / files[which % len(files)]
        content, status = file.read_bytes(), file.stat()
        changed = {"longer": content + b"X", "empty": b""}.get(how, content[:-1] + b"X")
        if how == "folder":
            file.unlink()
            file.mkdir()
            file /= "inside.txt"
        elif how != "inode time":
            file.rename(self.root / "was")  # keeps the inode from being used again
        file.write_bytes(changed)
        if how in ("inode", "inode time"):
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.here.hidden |= how == "inode time"

    def litter(self, name: str) -> None:
        """Put a file of no job among the results."""
        folder = self.folder / "results/sweep/shards"
        if folder.is_dir():
            (folder / name).write_text("litter\n")

    def touch(self, what: str, when: str) -> None:
        """Change the times of files and not their contents."""
        for path in sorted(self.folder.glob(what)):
            for file in path.rglob("*") if path.is_dir() else [path]:
                if file.is_file() and not {".git", ".dvc", ".snakemake"} & set(file.parts):
                    os.utime(file)
                    self._date(file, when)

    # git.

    def commit(self) -> None:
        """Commit everything."""
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message=state")

    def switch(self, branch: str, commits: bool, restores: bool) -> None:
        """Go to a branch, which may be new; DVC is told, or is not."""
        if commits:
            self.commit()
        if self._git("switch", "--quiet", branch).returncode:
            self._git("switch", "--quiet", "--create", branch)
        if restores:
            self._run("dvc", "checkout")

    def merge(self, branch: str, side: str) -> None:
        """Merge a branch; where dvc.lock or metrics conflict take a side, and give up on other conflicts."""
        self.commit()
        ended = self._git("merge", "--no-edit", self._known_as(branch))
        if ended.returncode and not self._take(side, "commit", "--no-edit"):
            self._git("merge", "--abort")

    def rebase(self, branch: str, side: str) -> None:
        """Rebase on a branch, in the same way."""
        self.commit()
        ended = self._git("rebase", self._known_as(branch))
        while ended.returncode and self._take(side, "add", "dvc.lock"):
            ended = self._git("rebase", "--continue")
        if ended.returncode:
            self._git("rebase", "--abort")

    def _known_as(self, branch: str) -> str:
        """Return the name of a branch, which a clone knows by another."""
        return branch if self._git("rev-parse", "--verify", branch).returncode == 0 else f"origin/{branch}"

    def _take(self, side: str, *then: str) -> bool:
        conflicts = self._git("diff", "--name-only", "--diff-filter=U").stdout.split()
        if not conflicts or not set(conflicts) <= {"dvc.lock", "results/final/metrics.json"}:
            return False
        self._git("checkout", f"--{side}", *conflicts)
        self._git("add", *conflicts)
        return self._git(*then).returncode == 0

    def stash(self) -> None:
        """Put what is not committed away, or take back what was; where that conflicts it wins."""
        if not self._git("stash", "list").stdout:
            self._git("stash")
        elif self._git("stash", "pop").returncode:
            conflicts = self._git("diff", "--name-only", "--diff-filter=U").stdout.split()
            if conflicts:
                self._git("checkout", "--theirs", *conflicts)
                self._git("reset", "--quiet")
                self._git("stash", "drop")

    def worktree(self) -> None:
        """Go to a new worktree."""
        self._go_to_new(lambda folder: self._git("worktree", "add", "-b", folder.name, str(folder)), set())

    def clone(self, commits: bool, pushes: bool, pulls: bool) -> None:
        """Go to a fresh clone of the last commit."""
        if commits:
            self.commit()
        if pushes:
            self._run("dvc", "push")
        if self._go_to_new(lambda folder: self._git("clone", "--quiet", ".", str(folder)), set()) and pulls:
            self._run("dvc", "pull")

    def copy(self) -> None:
        """Go to a copy of the checkout and all that is in it."""
        known = set(self.here.known)
        command = ["cp", "-a", "--reflink=auto"]
        self._go_to_new(lambda folder: subprocess.run([*command, self.folder, folder], check=True), known)

    def _go_to_new(self, make: Callable[[Path], Any], known: set[str]) -> bool:
        if len(self.places) > 3:
            return False
        folder = self.root / f"place{len(self.places)}"
        if make(folder).returncode:
            return False
        self.here = Place(folder, known)
        self.places.append(self.here)
        return True

    def go(self, place: int) -> None:
        """Go to another checkout."""
        self.here = self.places[place % len(self.places)]

    def take_from(self, place: int, side: str) -> None:
        """Merge the last commit of another checkout."""
        self.commit()
        self._git("fetch", "--quiet", str(self.places[place % len(self.places)].folder), "HEAD")
        self.merge("FETCH_HEAD", side)

    # DVC.

    def dvc(self, *, command: list[str]) -> None:
        """Run a command of DVC that computes nothing; it may fail, as where a content is lost."""
        self._run("dvc", *command)

    def dvc_commit(self) -> None:
        """Tell DVC that the results are those of the sources, where they are and were made from them."""
        jobs = self._jobs()
        made = self.here.known >= {job.key for job in jobs.values()}
        if made and not self._wrong(model.results_of(jobs)):
            self._run("dvc", "commit", "--force")

    def experiment(self, key: str, value: int) -> None:
        """Run an experiment with DVC in this folder."""
        run = self._end(self._start("dvc", "exp", "run", "-S", f"config.yaml:{key}={value}", anew=True))
        if run.rc == 0 and not self.here.hidden:
            wrong = self._wrong(model.results_of(self._jobs()))
            self._require(not wrong, f"after an experiment: {wrong}")

    # Runs.

    def run(self, argv: list[str]) -> None:
        """Run an engine on all or on a part, undisturbed."""
        results = model.results_of(self._jobs())
        among = [word for word in argv if word.startswith(RESULTS)]
        if not results.keys() >= set(among):
            return
        # A stage of DVC alone may lack what it reads.
        alone = "--single-item" in argv
        sees = not any(word.startswith("--force") for word in argv)
        run = self._engine(*argv, must=not alone, sees=sees)
        blind = argv[0] == "dvc" and self.here.hidden
        if run.rc == 0 and not blind and not alone and not set(argv) & {"--until", "data"}:
            wrong = self._wrong(results, among or None)
            self._require(not wrong, f"after {' '.join(argv)}: {wrong}")

    def run_aside(self, argv: list[str]) -> None:
        """Run an engine in a way that may do half of the work, or refuse to; it may not mislead the next run."""
        self._end(self._start(*argv, anew=True))

    def run_overlay(self, key: str, value: int) -> None:
        """Run Snakemake with another configuration laid over the one in git."""
        *section, name = key.split(".")
        overlay = {section[0]: {name: value}} if section else {name: value}
        (self.root / "overlay.yaml").write_text(yaml.safe_dump(overlay))
        argv = [*ENGINES["snakemake"], "--configfile", "config.yaml", "../overlay.yaml"]
        self._engine(*argv, overlay=overlay)
        # Such a run is not recorded: what else lies in a folder of results stays until one is.
        results = model.results_of(self._jobs(overlay))
        wrong = self._wrong(results, results)
        self._require(not wrong, f"after a run with another configuration: {wrong}")

    def _name(self, job: int, stale: bool) -> str:
        """Return the name of a job; make it stale, so that it will run."""
        names = list(self._jobs())
        name = names[job % len(names)]
        if stale:
            self.counter += 1
            self._set_constant(f"scripts/{SCRIPT_OF[name.split('-')[0]]}.py", 10 + self.counter)
        return name

    def run_failing(self, engine: str, job: int, stale: bool, keep_going: bool) -> None:
        """Run an engine with a job that fails, if it runs."""
        name = self._name(job, stale)
        self.fail.write_text(name)
        run = self._engine(*ENGINES[engine], *(["--keep-going"] if keep_going else []), must=False)
        self.fail.unlink()
        failed = name in run.jobs("start")
        self._require(failed == (run.rc != 0), f"{name} {'failed' if failed else 'did not run'}, and the run did not")

    def _start_hanging(self, engine: str, name: str) -> Run:
        """Start an engine; return when a job hangs, or the engine has ended without it."""
        self.hang.write_text(name)
        run = self._start(*ENGINES[engine], anew=True)
        until = time.monotonic() + PATIENCE
        while name not in run.jobs("hang") and run.poll() is None and time.monotonic() < until:
            time.sleep(0.005)
        return run

    def run_killed(self, engine: str, job: int, stale: bool, who: str, waits: bool) -> None:
        """Kill an engine in the middle of a job."""
        name = self._name(job, stale)
        jobs = self._jobs()
        run = self._start_hanging(engine, name)
        if run.poll() is None:
            self._kill(run, who)
            self._note_killed(run, jobs)
        else:
            self._end(run)
            self._note(run, jobs)
        self._let_go(waits)

    def run_killed_at(self, engine: str, milliseconds: int, job: int, who: str, waits: bool) -> None:
        """Kill an engine at a moment."""
        self._name(job, stale=True)
        run = self._start(*ENGINES[engine], anew=True)
        time.sleep(milliseconds / 1000)
        self._kill(run, who)
        self._let_go(waits)

    def _kill(self, run: Run, who: str) -> None:
        run.kill(who)
        if who == "terminate":
            self.hang.unlink(missing_ok=True)  # Snakemake waits for its jobs
        # Python itself prints a traceback where it is interrupted while it imports.
        self._end(run, traceback=who == "interrupt")

    def _let_go(self, waits: bool) -> None:
        self.hang.unlink(missing_ok=True)
        if waits:
            self._wait_for_the_left()

    def run_edited(self, engine: str, job: int, edit: str, number: int) -> None:
        """Edit something while a job hangs, and then let it go on. The run may fail; it must not record a mixture."""
        name = self._name(job, stale=True)
        jobs = self._jobs()
        run = self._start_hanging(engine, name)
        rule = name.split("-")[0]
        if edit == "script":
            self._set_constant(f"scripts/{SCRIPT_OF[rule]}.py", number)
        elif edit == "module":
            self._set_constant(MODULES[number % len(MODULES)], number)
        elif edit == "rule":
            self.set_salt(rule, number)
        elif edit == "input":
            # What is written into the output of a job that runs cannot be told from what the job writes itself.
            unread = (run.jobs("start") & jobs.keys()) - self._read(run, jobs)
            self.tamper(number, "longer", frozenset().union(*(jobs[name].outputs for name in unread)))
        elif edit == "values":
            self.set_values([[1], [3, 1], [1, 2, 3]][number % 3])
        else:
            self.set_key(edit, number)
        self.hang.unlink()
        self._end(run)

    def run_two(self, engines: list[str], job: int, stale: bool) -> None:
        """Start an engine beside another."""
        name = self._name(job, stale)
        jobs = self._jobs()
        first = self._start_hanging(engines[0], name)
        second = self._start(*ENGINES[engines[1]], anew=True)
        time.sleep(0.3)
        self.hang.unlink()
        for run in (first, second):
            self._end(run)
        for run in (first, second):
            self._note(run, jobs)
        self._require(first.rc == 0, "the first of two runs failed")
        twice = first.jobs("done") & second.jobs("done")
        self._require(not twice, f"both of two runs ran {sorted(twice)}")

    # What must be true at the end.

    def settle(self, engine: str, dry: bool = False) -> None:
        """Run an engine, undisturbed; then everything must be right, and no job may have run for nothing."""
        if self.here.hidden:
            engine = "snakemake"
        if model.stages_lack_an_import(self.folder):
            self._write_stages()  # a merge or a branch can bring the import alone
        announced = self._announced() if dry and engine == "snakemake" else None
        jobs = self._jobs()
        run = self._engine(*ENGINES[engine], anew=False)
        self.here.hidden = False
        ran = run.jobs("start")
        faults = self._wrong(model.results_of(jobs))
        if announced is not None and announced != ran:
            faults.append(f"the dry run announced {sorted(announced)}, but {sorted(ran)} ran")
        for stage in sorted(set(RULES.values())):
            faults += self._lock_faults(jobs, stage)
        faults += self._nothing_to_do()
        self._require(not faults, f"after {' '.join(run.argv)}, which ran {sorted(ran)}:\n" + "\n".join(faults))

    def _announced(self) -> set[str]:
        self._wait_for_the_left()
        before = self._state()
        run = self._run(*ENGINES["snakemake"], "--dry-run")
        self._require(run.rc == 0, "the dry run failed")
        self._require(before == self._state(), "the dry run changed something")
        return set(re.findall(r"^Job \d+: JOB (\S+)$", run.text(), flags=re.MULTILINE))

    def _state(self) -> dict[str, str]:
        files = [*self._files(), *(["dvc.lock"] if (self.folder / "dvc.lock").exists() else [])]
        return {path: hashlib.sha256((self.folder / path).read_bytes()).hexdigest() for path in files}

    def _nothing_to_do(self) -> list[str]:
        faults = []
        for argv, words in (
            ((*ENGINES["snakemake"], "--dry-run"), "Nothing to be done"),
            (("dvc", "status"), "Data and pipelines are up to date"),
        ):
            run = self._run(*argv)
            if run.rc or words not in run.text():
                faults.append(f"{' '.join(argv)} does not say: {words}")
        return faults


def build(root: Path, server: Server) -> set[str]:
    """Make the finished checkout that all worlds begin with, recorded, committed and pushed.

    It has two more branches, which are finished too.

    Returns:
        The keys of the jobs that are recorded in it.
    """
    shutil.copytree(PROJECT, root / "main")
    world = World(root, server)
    try:
        _build(world)
    except ViolationError as error:
        raise ViolationError("\n".join([*world.said, str(error)])) from error
    return world.here.known


def _build(world: World) -> None:
    world._git("init", "--quiet", "--initial-branch=main")
    for argv in (["init", "--quiet"], ["remote", "add", "--quiet", "--default", "lab", "../remote"]):
        world._require(world._run("dvc", *argv).rc == 0, "DVC could not be set up")
    with (world.folder / ".dvc/config").open("a") as file:
        file.write("[cache]\n    type = copy\n")
    world._write_stages()
    world.commit()
    branches: dict[str, Callable[[], None]] = {
        "main": lambda: None,
        "one": lambda: world.set_values([1, 2, 3]),
        "two": lambda: world.set_constant("scripts/final.py", 1),
    }
    for branch, edit in branches.items():
        if branch != "main":
            world.switch(branch, commits=False, restores=False)
        edit()
        world.settle("snakemake")
        world.commit()
        world._require(world._run("dvc", "push").rc == 0, "the results could not be pushed")
        world.switch("main", commits=False, restores=True)
