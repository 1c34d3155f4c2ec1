"""The agreement of Snakemake and DVC over the results, before and after a run."""

import atexit
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from snakemake.cli import get_argument_parser
from snakemake.persistence import RECORD_FORMAT_VERSION, MetadataRecord
from snakemake.persistence.file import FilePersistence
from snakemake.settings.types import RerunTrigger

from workflow.doors.contents import FOLDER, Cache, Ledger
from workflow.doors.lock import forget_dead_holders, hold, let_go
from workflow.doors.stages import CONFIG, Stage, is_source, load, outs_of, overlap, recorded_stages
from workflow.doors.tell import dvc, last_line, say
from workflow.doors.view import VIEW, View, refuse_to_mix, sources

CHANGED = FOLDER / "changed"

# The options with which Snakemake runs no job.
LOOKING = (
    *("dryrun", "lint", "report", "unlock", "dag", "rulegraph", "filegraph", "d3dag", "summary"),
    *("detailed_summary", "list_rules", "list_target_rules", "list_changes", "list_input_changes"),
    *("list_params_changes", "list_untracked", "cleanup_metadata", "cleanup_shadow", "print_compilation", "archive"),
    *("delete_all_output", "delete_temp_output", "conda_create_envs_only", "conda_cleanup_envs", "list_conda_envs"),
    *("generate_unit_tests", "containerize"),
)


def open_doors(workflow: Any, outputs: list[str], view: View) -> None:
    """Make Snakemake and DVC agree before a run, and see to it that they do after; called once the rules are known.

    Args:
        workflow: Snakemake's workflow, its rules read.
        outputs: every file that the workflow keeps.
        view: the view of the run.
    """
    if not workflow.is_main_process:
        refuse_to_mix(workflow, view)
        return
    if VIEW in os.environ or Path(sys.argv[0]).name not in ("snakemake", "__main__.py"):
        return
    arguments = get_argument_parser().parse_known_args(sys.argv[1:])[0]
    acts = not any(vars(arguments)[name] for name in LOOKING)
    if not (acts or arguments.dryrun):
        return
    if arguments.touch:
        sys.exit("error: --touch lets stale results pass as current, and nothing needs it: run without it")
    os.environ.update({VIEW: view.environment()[VIEW]})
    if not hold(acts):
        return
    doors = Doors(outputs, view)
    said = False
    while acts and (holder := doors.keep_dvc_out()):
        if not said:
            say(f"waiting for {holder}, which is running in this folder")
            said = True
        let_go()  # a stage that this process of DVC runs needs the lock before DVC can end
        time.sleep(1)
        hold(waits=True)
        doors = Doors(outputs, view)
    doors.agree(acts)
    if acts:
        atexit.register(doors.conclude, workflow)
    else:
        let_go()


class Doors:
    """The agreement of Snakemake and DVC over the files of one folder.

    Args:
        outputs: every file that the workflow keeps.
        view: the view of the run.
    """

    def __init__(self, outputs: list[str], view: View) -> None:
        self.view = view
        self.ledger = Ledger.read()
        self.cache = Cache()
        self.records = FilePersistence()
        self.stages = self._stages(outputs)
        self.dvc_runs = os.environ.get("DVC_STAGE")
        self.kept_out = ExitStack()
        self.at_start: dict[str, str | None] = {}

    def _stages(self, outputs: list[str]) -> list[Stage]:
        """Return the stages, each after those whose outputs it reads."""
        declared = load("dvc.yaml").get("stages", {})
        recorded = recorded_stages()
        outs = {name: outs_of(stage) for name, stage in declared.items()}
        reads = {
            name: {other for other in declared if other != name and overlap(stage["deps"], outs[other])}
            for name, stage in declared.items()
        }
        return [
            Stage(
                name, declared[name], recorded.get(name, {}), [path for path in outputs if overlap([path], outs[name])]
            )
            for name in TopologicalSorter(reads).static_order()
        ]

    # Before a run.

    def agree(self, acts: bool) -> None:
        """Make sure that Snakemake's records describe the results that are there.

        Args:
            acts: put files back, too. Without it, only records and times change.
        """
        adopted: list[tuple[Stage, list[str]]] = []
        current = True
        for stage in self.stages:
            ours = self.dvc_runs in (None, stage.name)
            if acts and not self.dvc_runs and current and not self._is_recorded(stage):
                self._look_up_a_former_run(stage)
            locked = stage.locked(self.cache) if self._asks(stage) else {}
            current = current and self._is_recorded(stage)
            if acts and ours:
                self._put_back(stage, locked)
            unknown = [path for path in stage.outputs if not self._is_made(path)]
            if unknown and self._can_adopt(stage, locked):
                adopted.append((stage, [path for path in stage.outputs if self.ledger.digest(path)]))
            elif unknown and ours:
                self._distrust(unknown, locked, acts)
        self._adopt(adopted)
        self._let_contents_decide()
        self.at_start = {path: self.ledger.digest(path) for stage in self.stages for path in stage.outputs}
        self.ledger.write()

    def _asks(self, stage: Stage) -> bool:
        """Whether anything about the outputs of a stage is not as Snakemake made it or not as dvc.lock has it."""
        return not all(self._is_made(path) and self.ledger.digest(path) for path in stage.outputs) or (
            self._is_recorded(stage) and not self._outs_are_recorded(stage)
        )

    def _is_made(self, path: str) -> bool:
        """Whether a file is as Snakemake's job left it, or is not there."""
        digest = self.ledger.digest(path)
        if digest is None:
            return True
        record = self._record(path)
        if not record:
            return False
        if self.ledger.made.get(path) == digest:
            return True
        # The run that made it was killed before it wrote the ledger: then nothing has touched the file since.
        status, written = Path(path).stat(), self._record_path(path).stat().st_mtime_ns
        if record.get("endtime") == status.st_mtime and status.st_ctime_ns <= written:
            self.ledger.made[path] = digest
            return True
        return False

    def _record_path(self, path: str) -> Path:
        return Path(self.records._record_path(self.records._metadata_path, path))

    def _record(self, path: str) -> dict[str, Any]:
        try:
            return dict(json.loads(self._record_path(path).read_text(encoding="utf-8")))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}

    def _give_its_time(self, path: str) -> None:
        """Give a result, copied by DVC or from its cache, the time at which its job ended."""
        if endtime := self._record(path).get("endtime"):
            os.utime(path, (endtime, endtime))

    def _let_contents_decide(self) -> None:
        """Make data newer than the results that were made from other contents of them.

        Snakemake looks at the content of an input only if it is newer than the output.
        """
        for stage in self.stages:
            for path in stage.outputs:
                if not Path(path).is_file():
                    continue
                for data, checksum in (self._record(path).get("input_checksums") or {}).items():
                    differs = not is_source(data) and self.ledger.digest(data, "sha256") != checksum.split(":")[-1]
                    if differs and Path(data).is_file() and Path(data).stat().st_mtime <= Path(path).stat().st_mtime:
                        os.utime(data)

    def _is_recorded(self, stage: Stage) -> bool:
        """Whether the entry of a stage in dvc.lock is of the present configuration, sources and data."""
        deps = stage.recorded_deps
        return (
            stage.recorded.get("cmd") == stage.declared["cmd"]
            and stage.recorded_params == {key: self.view.config.get(key) for key in stage.keys}
            and deps.keys() == set(stage.declared["deps"])
            and all(self._present(path) == digest for path, digest in deps.items())
        )

    def _present(self, path: str) -> str | None:
        return self.view.sources.get(path) if is_source(path) else self.ledger.digest(path)

    def _outs_are_recorded(self, stage: Stage) -> bool:
        outs = {out["path"]: out["md5"] for out in stage.recorded.get("outs", [])}
        return outs.keys() == set(outs_of(stage.declared)) and all(
            self.ledger.digest(path) == digest for path, digest in outs.items()
        )

    def _look_up_a_former_run(self, stage: Stage) -> None:
        """Let a former run with the present configuration, code and data, if DVC remembers one, count as recorded."""
        if not (self.cache.folder.parents[1] / "runs").is_dir():
            return
        from dvc.exceptions import DvcException  # slow to import and seldom needed, like all of DVC
        from dvc.repo import Repo

        try:
            with Repo() as repo, repo.lock:
                run = repo.stage.load_one(name=stage.name)
                run.save_deps()
                former = repo.stage_cache._load(run)
        except (DvcException, TypeError):  # the latter where DVC has tidied an entry away but for its folder
            return
        if former:
            say(f"{stage.name}: DVC remembers a run with this configuration, code and data")
            stage.recorded = former

    def _put_back(self, stage: Stage, locked: dict[str, str]) -> None:
        """Take from the cache what is missing or changed by hand, and what dvc.lock has of the present sources."""
        if not stage.recorded:
            return
        recorded = self._is_recorded(stage)
        if recorded and self.dvc_runs:
            return  # nothing has changed, and DVC runs the stage all the same: it was told to compute it again
        if recorded and not self._outs_are_recorded(stage):
            locked = self._fetched(stage, locked)
        differs = [path for path in stage.outputs if self.ledger.digest(path) != locked.get(path)]
        if recorded and self.cache.has(locked.get(path) for path in differs):
            wanted: dict[str, str | None] = {path: locked[path] for path in differs}
        else:
            changed = [path for path in stage.outputs if not (self.ledger.digest(path) and self._is_made(path))]
            wanted = {path: self.ledger.made.get(path) or locked.get(path) for path in changed}
        for path, digest in wanted.items():
            present = self.ledger.digest(path)
            if present in (digest, locked.get(path, "")) or not digest or not self.cache.has([digest]):
                continue
            if present and not self._is_made(path):
                aside = _put_aside(Path(path))
                say(f"{path} is not what its job made; put back from DVC's cache (what was there is in {aside})")
            self.cache.put_back(path, digest)
            if digest == self.ledger.made.get(path):
                self._give_its_time(path)

    def _fetched(self, stage: Stage, locked: dict[str, str]) -> dict[str, str]:
        """Return what dvc.lock records of the outputs, after asking the remote for what the cache lacks."""
        missing = [locked.get(path) for path in stage.outputs if self.ledger.digest(path) != locked.get(path)]
        if not self.cache.has(missing) and self.cache.has_remote:
            ended = dvc("fetch", stage.name)
            if ended.returncode:
                say(f"{stage.name}: not in the remote ({last_line(ended)})")
            return stage.locked(self.cache)
        return locked

    def _can_adopt(self, stage: Stage, locked: dict[str, str]) -> bool:
        """Whether dvc.lock tells what the present outputs were made with."""
        deps = stage.recorded_deps
        present = {path: self.ledger.digest(path) for path in stage.outputs}
        return (
            stage.recorded.get("cmd") == stage.declared["cmd"]
            and all(locked.get(path) == digest for path, digest in present.items() if digest)
            and all(
                self._present(path) == digest
                for path, digest in deps.items()
                if not is_source(path) or path.endswith(".smk")
            )
        )

    def _adopt(self, adopted: list[tuple[Stage, list[str]]]) -> None:
        """Let Snakemake write, for results that it did not make, the records that it would have written."""
        while adopted:
            stage, files = adopted.pop(0)
            config, recorded = dict(stage.recorded_params), dict(stage.recorded_deps)
            names, targets = [stage.name], list(files)
            for other, more in list(adopted):  # one process for all stages that were recorded alike
                if _agree(config, other.recorded_params) and _agree(recorded, other.recorded_deps):
                    config |= other.recorded_params
                    recorded |= other.recorded_deps
                    names.append(other.name)
                    targets += more
                    adopted.remove((other, more))
            view = View(self.view.config | config, {path: recorded.get(path, "") for path in self.view.sources})
            ended = subprocess.run(
                [sys.executable, "-m", "workflow.doors.adopt", *targets],
                env=view.environment(),
                capture_output=True,
                text=True,
                check=False,
            )
            if ended.returncode:
                say(f"dvc.lock is of other rules than those that are there now; run again: {', '.join(names)}")
                self._mark(targets)
                continue
            self.ledger.made |= {path: digest for path in targets if (digest := self.ledger.digest(path))}

    def _distrust(self, unknown: list[str], locked: dict[str, str], acts: bool) -> None:
        """Let the jobs of results of unknown origin run again."""
        for path in unknown:
            made = self.ledger.made.get(path) or locked.get(path)
            if not acts and self.cache.has([made]):
                say(f"{path} is not what its job made; a run puts it back from DVC's cache")
                continue
            if locked.get(path) != self.ledger.digest(path):
                say(f"{path} is not what its job made; the job runs again")
            self._mark([path])

    def _mark(self, paths: Iterable[str]) -> None:
        """Write records that no job agrees with."""
        for path in paths:
            record = MetadataRecord(code="not made by a job of Snakemake", record_format_version=RECORD_FORMAT_VERSION)
            self.records._write_record(path, record)
            self.ledger.made.pop(path, None)

    def keep_dvc_out(self) -> str | None:
        """Hold DVC's own locks on all outputs, so that DVC deletes nothing meanwhile; or return who holds them."""
        if self.dvc_runs:
            return None
        from dvc.fs import localfs
        from dvc.lock import LockError
        from dvc.rwlock import rwlock

        forget_dead_holders()
        outs = [str(Path(path).absolute()) for stage in self.stages for path in outs_of(stage.declared)]
        folder = Path(".dvc/tmp").absolute()
        folder.mkdir(exist_ok=True)
        command = " ".join(sys.argv)  # as DVC itself would put it, so that its functions called from here are let in
        try:
            self.kept_out.enter_context(rwlock(str(folder), localfs, command, [], outs, False))
        except LockError as error:
            return next(iter(re.findall(r"\(PID \d+\): .*", str(error))), "DVC")
        return None

    # After a run.

    def conclude(self, workflow: Any) -> None:
        """Write the ledger, and record in dvc.lock the stages whose outputs are all there and current."""
        self.kept_out.close()
        if workflow.scheduler is None:
            return  # it ended before it knew which jobs must run
        jobs = [job for job in workflow.dag.jobs if workflow.dag.finished(job) or not workflow.dag.needrun(job)]
        outputs = {str(path) for job in jobs for path in job.output}
        made = {path for path in outputs if self.ledger.digest(path) and self._is_made(path)}
        self.ledger.write()
        triggers = frozenset(workflow.dag_settings.rerun_triggers)
        if workflow.workflow_settings.consider_ancient or triggers != RerunTrigger.all():
            self._give_up("--consider-ancient and --rerun-triggers let stale results pass as current")
            return
        try:
            config, recorded = load(CONFIG), recorded_stages()
        except SystemExit as error:
            self._give_up(str(error))
            return
        now = sources()
        finished = []
        for stage in self.stages:
            whole = outputs.issuperset(stage.outputs) and all(map(self.ledger.digest, stage.outputs))
            if self.dvc_runs not in (None, stage.name) or not whole:
                continue
            if lacking := self._lacks(stage, jobs):
                self._give_up(f"dvc.yaml lacks {lacking[0]}; run `make dvc.yaml`", stage)
            elif edited := self._edited(stage, made, now, config):
                self._give_up(f"{edited[0]} is not what the run was given", stage)
            elif not self.dvc_runs:
                stage.recorded = recorded.get(stage.name, {})
                self._remove_leftovers(stage)
                if not (self._is_recorded(stage) and self._outs_are_recorded(stage)):
                    finished.append(stage.name)
        if finished:
            self._commit(finished, made)

    def _give_up(self, why: str, stage: Stage | None = None) -> None:
        """Say why nothing, or a stage, is not recorded; make DVC, if it runs this process, not record it either."""
        say(f"{f'{stage.name}: ' if stage else ''}not recorded in dvc.lock: {why}")
        if self.dvc_runs:
            sys.stderr.flush()
            os._exit(1)  # at exit there is no other way to fail

    def _edited(self, stage: Stage, made: set[str], now: dict[str, str], config: dict[str, Any]) -> list[str]:
        """Return the outputs, sources, data and keys of a stage that were changed by hand since the run began."""
        same = {path for path, digest in self.at_start.items() if self.ledger.digest(path) == digest}
        data = [path for path in stage.declared["deps"] if path in self.at_start]
        return [
            *(path for path in stage.outputs if path not in made),
            *(path for path in stage.declared["deps"] if now.get(path) != self.view.sources.get(path)),
            *(path for path in data if path not in made | same),
            *(key for key in stage.keys if config.get(key) != self.view.config.get(key)),
        ]

    def _commit(self, names: list[str], made: set[str]) -> None:
        """Record stages in dvc.lock and their results in DVC's cache."""
        ended = dvc("commit", "--force", *names)
        if ended.returncode:
            say(f"not recorded in dvc.lock: {last_line(ended)}")
        else:
            say(f"recorded in dvc.lock: {', '.join(sorted(names))}")
        for path in made:
            self._give_its_time(path)  # DVC copies what it commits; older than their results, data need no hashing
            self.ledger.digest(path)
        self.ledger.write()

    def _lacks(self, stage: Stage, jobs: list[Any]) -> list[str]:
        """Return what the jobs of a stage read of sources, or make, that dvc.yaml does not name."""
        ours = [job for job in jobs if not set(stage.outputs).isdisjoint(map(str, job.output))]
        files = {str(path) for job in ours for path in job.output}
        files |= {str(path) for job in ours for path in job.input if is_source(str(path))}
        named = [*stage.declared["deps"], *outs_of(stage.declared)]
        return sorted(path for path in files if not overlap([path], named))

    def _remove_leftovers(self, stage: Stage) -> None:
        """Remove from the folders of a stage what no job makes any more, so that it is not recorded either."""
        folders = [Path(out) for out in outs_of(stage.declared) if Path(out).is_dir()]
        for path in [path for folder in folders for path in folder.rglob("*") if path.is_file()]:
            if str(path) not in stage.outputs:
                say(f"{path} is of no job of this configuration; it is now in {_put_aside(path)}")


def _put_aside(path: Path) -> Path:
    """Move a file of unknown origin to where it is in nobody's way, and return where that is."""
    folder = next(folder for number in itertools.count() if not (folder := CHANGED / str(number) / path).exists())
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, folder)
    return folder


def _agree(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[key] == other[key] for key in one.keys() & other.keys())
