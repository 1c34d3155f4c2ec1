"""Steps that run an engine: undisturbed, with a failing job, killed, or with edits during the run."""

import signal
import time
from typing import Any

import yaml
from helpers.commands import ENGINES, SNAKEMAKE, Run

from fuzz import model
from fuzz.checkouts import RESULTS
from fuzz.checks import Checks
from fuzz.edits import MODULES, Edits

# The script of each job: a new constant in it makes the job stale.
SCRIPT_OF = {"numbers": "data", "shard": "shard", "table": "table", "answer": "final"}
SIGNALS = {"interrupt": signal.SIGINT, "terminate": signal.SIGTERM}


class Runs(Edits, Checks):
    """Checkouts, and steps that run an engine."""

    def _run_engine(
        self, *argv: str, must: bool = True, overlay: dict[str, Any] | None = None, forced: bool = False
    ) -> Run:
        """Run a command that runs jobs, without disturbance, and check that it runs no job needlessly.

        Args:
            argv: the command.
            must: whether it must succeed.
            overlay: the configuration that it lays over the one in git.
            forced: whether it is told to run jobs that are up to date.
        """
        jobs, needless = self._jobs(overlay), self._must_not_run(argv[0], overlay)
        # DVC's option is read from the command line of its process.
        run = self._end(self._start(*argv, execute=forced))
        ran = run.jobs("start") & jobs.keys()
        self._require(run.rc == 0 or not must, f"{' '.join(argv)} failed")
        self._note(run, jobs)
        idle = {name for name in ran & needless if not ran & jobs[name].upstream}
        self._require(not idle or forced, f"{' '.join(argv)} ran {sorted(ran)}: needlessly {sorted(idle)}")
        return run

    def _note(self, run: Run, jobs: dict[str, model.Job]) -> None:
        """Note the jobs of a run that have records now."""
        self.here.recorded |= {jobs[name].key for name in run.jobs("done") & jobs.keys()}

    def _note_killed(self, run: Run, jobs: dict[str, model.Job]) -> None:
        """Note the jobs of a killed run that have records: those whose results another job has started to read."""
        self.here.recorded |= {jobs[name].key for name in run.jobs("done") & self._read(run, jobs)}

    def _read(self, run: Run, jobs: dict[str, model.Job]) -> frozenset[str]:
        """Return the names of the jobs whose results a job of a run has started to read."""
        started = [jobs[name] for name in run.jobs("start") & jobs.keys()]
        return frozenset().union(*(job.upstream for job in started))

    # Undisturbed runs.

    def run(self, argv: list[str]) -> None:
        """Run an engine on all results or on a part."""
        results = model.results_of(self._jobs())
        among = [word for word in argv if word.startswith(RESULTS)]
        if not results.keys() >= set(among):
            return
        # A single stage of DVC may lack its dependencies.
        single = "--single-item" in argv
        run = self._run_engine(*argv, must=not single, forced=any(word.startswith("--force") for word in argv))
        blind = argv[0] == "dvc" and self.here.hidden
        if run.rc == 0 and not blind and not single and not set(argv) & {"--until", "data"}:
            wrong = self._wrong(results, among or None)
            self._require(not wrong, f"after {' '.join(argv)}: {wrong}")

    def run_aside(self, argv: list[str]) -> None:
        """Run an engine with options that do a part of the work, or are refused. The next run must be right."""
        self._run(*argv)

    def run_overlay(self, key: str, value: int) -> None:
        """Run Snakemake with a configuration file laid over the one in git."""
        *section, name = key.split(".")
        overlay = {section[0]: {name: value}} if section else {name: value}
        (self.root / "overlay.yaml").write_text(yaml.safe_dump(overlay))
        self._run_engine(*SNAKEMAKE, "--configfile", "config.yaml", "../overlay.yaml", overlay=overlay)
        # Such a run is not recorded, so it does not remove other files from the folders of results.
        results = model.results_of(self._jobs(overlay))
        wrong = self._wrong(results, results)
        self._require(not wrong, f"after a run with another configuration: {wrong}")

    def experiment(self, key: str, value: int) -> None:
        """Run an experiment of DVC in this folder."""
        run = self._run("dvc", "exp", "run", "-S", f"config.yaml:{key}={value}")
        if run.rc == 0 and not self.here.hidden:
            wrong = self._wrong(model.results_of(self._jobs()))
            self._require(not wrong, f"after an experiment: {wrong}")

    # Disturbed runs.

    def _job(self, number: int, stale: bool) -> str:
        """Return the name of a job; if `stale`, edit its script, so that it must run."""
        names = list(self._jobs())
        name = names[number % len(names)]
        if stale:
            self.counter += 1
            self.set_constant(f"scripts/{SCRIPT_OF[name.split('-')[0]]}.py", 10 + self.counter)
        return name

    def run_failing(self, engine: str, job: int, stale: bool, keep_going: bool) -> None:
        """Run an engine with a job that fails, if it runs."""
        name = self._job(job, stale)
        self.fail.write_text(name)
        run = self._run_engine(*ENGINES[engine], *(["--keep-going"] if keep_going else []), must=False)
        self.fail.unlink()
        failed = name in run.jobs("start")
        self._require(failed == (run.rc != 0), f"{name} {'failed' if failed else 'did not run'}, and the run did not")

    def _start_hanging(self, engine: str, name: str, execute: bool = False) -> Run:
        """Start an engine; return when a job has stopped, or the engine has ended without it."""
        self.hang.write_text(name)
        return self._start(*ENGINES[engine], execute=execute).wait_for_job(name)

    def run_killed(self, engine: str, job: int, stale: bool, who: str, waits: bool) -> None:
        """Kill an engine in the middle of a job."""
        name = self._job(job, stale)
        jobs = self._jobs()
        run = self._start_hanging(engine, name)
        if run.poll() is None:
            self._kill(run, who)
            self._note_killed(run, jobs)
        else:
            self._end(run)
            self._note(run, jobs)
        self._resume(waits)

    def run_killed_at(self, engine: str, milliseconds: int, job: int, who: str, waits: bool) -> None:
        """Kill an engine after some time."""
        self._job(job, stale=True)
        run = self._start(*ENGINES[engine])
        time.sleep(milliseconds / 1000)
        self._kill(run, who)
        self._resume(waits)

    def _kill(self, run: Run, who: str) -> None:
        """End a run as `kill -9`, Ctrl-C or a shutdown of the system does."""
        run.kill("group" if who in ("group", "interrupt") else "main", SIGNALS.get(who, signal.SIGKILL))
        if who == "terminate":
            self.hang.unlink(missing_ok=True)  # Snakemake waits for its jobs
        # Python itself prints a traceback if it is interrupted during an import.
        self._end(run, traceback=who == "interrupt")
        lock = self.folder / "dvc.lock"
        if run.argv[0] == "dvc" and lock.is_file() and not lock.read_bytes():
            lock.unlink()  # DVC was killed while it wrote the file, and could not read it

    def _resume(self, waits: bool) -> None:
        """Let a job that has stopped continue, and wait for it or not."""
        self.hang.unlink(missing_ok=True)
        if waits:
            self._wait_for_processes()

    def run_edited(self, engine: str, job: int, edit: str, number: int) -> None:
        """Edit something in the middle of a job. The run may fail, but dvc.lock must stay consistent."""
        name = self._job(job, stale=True)
        jobs, idle = self._jobs(), self._must_not_run(engine)
        run = self._start_hanging(engine, name)
        rule = name.split("-")[0]
        if edit == "script":
            self.set_constant(f"scripts/{SCRIPT_OF[rule]}.py", number)
        elif edit == "module":
            self.set_constant(MODULES[number % len(MODULES)], number)
        elif edit == "rule":
            self.set_salt(rule, number)
        elif edit == "input":
            # A change of the output of a running job cannot be told from what the job itself writes.
            may_run = jobs.keys() - idle - self._read(run, jobs)
            self.tamper(number, "longer", frozenset().union(*(jobs[name].outputs for name in may_run)))
        elif edit == "values":
            self.set_values([[1], [3, 1], [1, 2, 3]][number % 3])
        else:
            self.set_key(edit, number)
        self.hang.unlink()
        self._end(run)

    def run_over_file(self, job: int, stale: bool, which: int, during: bool) -> None:
        """Put a file of the user in the place of an output, before or during a run of Snakemake: the file is kept.

        Args:
            job: the number of a job.
            stale: whether the script of the job is edited first.
            which: the number of the output; `during` a run, of those whose jobs wait for the job.
            during: whether the file is put there in the middle of the job.
        """
        name = self._job(job, stale)
        jobs = self._jobs()
        waiting = [one for one in jobs.values() if not during or name in one.upstream]
        outputs = sorted(path for one in waiting for path in one.outputs)
        if not outputs or (self.folder / outputs[which % len(outputs)]).is_dir():
            return
        content = f"a file of the user {self.counter}\n"
        run = self._start_hanging("snakemake", name) if during else None
        file = self.folder / outputs[which % len(outputs)]
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = self.root / "beside"
        beside.write_text(content)
        beside.replace(file)
        self.hang.unlink(missing_ok=True)
        run = self._end(run or self._start(*SNAKEMAKE))
        self._note(run, jobs)
        kept = [path for path in (self.folder / ".snakemake/dvc/quarantine").rglob(file.name) if path.is_file()]
        kept += [file] if file.is_file() else []
        self._require(run.rc == 0, "a run over a file of the user failed")
        self._require(content in [path.read_text() for path in kept], f"the file of the user at {file} is lost")

    def run_two(self, engines: list[str], job: int, stale: bool) -> None:
        """Start an engine while another runs."""
        name = self._job(job, stale)
        jobs = self._jobs()
        first = self._start_hanging(engines[0], name, execute=True)
        second = self._start(*ENGINES[engines[1]], execute=True)
        time.sleep(0.3)
        self.hang.unlink()
        for run in (first, second):
            self._end(run)
            self._note(run, jobs)
        self._require(first.rc == 0, "the first of two runs failed")
        twice = first.jobs("done") & second.jobs("done")
        self._require(not twice, f"both of two runs ran {sorted(twice)}")
