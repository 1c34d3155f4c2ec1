"""The entries of dvc.lock, which are written from the records of the present results only."""

import json
import os
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from snakemake_dvc_startup.git import uncommitted

from snakemake_dvc import _dvc, _snakemake
from snakemake_dvc._snakemake import UndeterminedError
from snakemake_dvc.cache import git_files
from snakemake_dvc.commit import commit_command
from snakemake_dvc.contents import files_in
from snakemake_dvc.messages import Problem, join_names, print_message
from snakemake_dvc.recipes import Recipes
from snakemake_dvc.records import Record
from snakemake_dvc.results import Results
from snakemake_dvc.stages import Stage, is_within, lookup, reads

# The problem of a stage that is not finished, which is not reported.
UNFINISHED = Problem("unfinished", "", "")


class Recorder:
    """Records stages after a run.

    Args:
        workflow: Snakemake's workflow, after its run.
        jobs: its jobs that write files.
        recipes: the recipes of the jobs.
        results: the outputs of the jobs.
        base: the content of the configuration file that both engines read, at the start of the run.
    """

    def __init__(
        self, workflow: Any, jobs: list[Any], recipes: Recipes, results: Results, base: dict[str, Any]
    ) -> None:
        self.workflow = workflow
        self.jobs = jobs
        self.recipes = recipes
        self.project = recipes.project
        self.results = results
        self.base = base
        self._in_git: set[str] = set()

    def record(self, stages: list[Stage]) -> bool:
        """Record the stages whose results are complete and current; return whether there was no problem.

        If this process is the command of a stage of DVC, only the records are written, since DVC writes dvc.lock.

        Args:
            stages: the stages, each after the stages whose outputs it reads.

        Raises:
            ValueError, OSError: with one line.
        """
        only = _dvc.running_stage()
        recorded = _dvc.recorded_stages()
        problems: list[tuple[str, Problem]] = []
        entries: dict[str, dict[str, Any]] = {}
        for stage in stages:
            stage.recorded = recorded.get(stage.name, {})
        for stage in stages:
            if only not in (None, stage.name) or not self._is_requested(stage):
                continue
            jobs = [job for job in self.jobs if any(is_within(str(path), stage.outs) for path in job.output)]
            records = [self._current_record(job) for job in jobs]
            problem = self._problem(stage, jobs, records) or self._unrecorded_dep(stage, stages, entries)
            if problem:
                problems.append((stage.name, problem))
            else:
                entry = self._entry(stage, [record for record in records if record])
                if not stage.is_recorded_as(entry):
                    entries[stage.name] = entry
        report([(name, problem) for name, problem in problems if problem != UNFINISHED])
        self.results.quarantine.report()
        if entries and not only:
            self._write(entries, stages)
        return not problems

    def _write(self, entries: dict[str, dict[str, Any]], stages: list[Stage]) -> None:
        names = ", ".join(sorted(entries))
        if self.results.dvc.can_record:
            self._in_git = self.results.dvc.write_lock(entries).union(
                *(self._recorded_in_git(stage, entries) for stage in stages)
            )
            print_message(f"recorded in dvc.lock: {names}")
        else:  # as in an archive of the project: its results are complete, and only DVC does not know them
            print_message(f"not recorded in dvc.lock: {names}: this folder is not a git repository")

    def _recorded_in_git(self, stage: Stage, entries: dict[str, dict[str, Any]]) -> set[str]:
        """Return the outputs of a stage that DVC does not cache and that are as its entry in dvc.lock says."""
        outs = entries.get(stage.name, stage.recorded).get("outs", [])
        recorded = {out["path"]: out.get("md5") for out in outs}
        return {path for path in stage.outs_in_git if self.results.ledger.digest(path) == recorded.get(path, "")}

    def print_commit_command(self) -> None:
        """Print the command that commits what was recorded, if there is something to commit."""
        if changed := uncommitted(sorted(self._in_git)):
            print_message(f"commit the recorded results: {commit_command(changed, self._in_git & git_files())}")

    def _is_requested(self, stage: Stage) -> bool:
        """Return whether the run was started for all results of a stage."""
        files = [_snakemake.target_files(self.workflow, target) for target in stage.targets]
        wanted = {path for found in files if found for path in found if is_within(path, stage.outs)}
        return None not in files and bool(wanted) and wanted <= {str(path) for job in self.jobs for path in job.output}

    def _current_record(self, job: Any) -> Record | None:
        """Return the record that the present outputs of a job were made from its present recipe."""
        try:
            recipe = self.recipes.of(job, self.results.digest)
        except UndeterminedError:
            return None
        return self.results.current_record(recipe, _snakemake.temporary_outputs(job))

    def _problem(self, stage: Stage, jobs: list[Any], records: list[Record | None]) -> Problem | None:
        """Return why a stage cannot be recorded; None if it can."""
        for job, record in zip(jobs, records, strict=True):
            if record is None:
                kept = set(map(str, job.output)) - _snakemake.temporary_outputs(job)
                is_missing = any(not os.path.lexists(path) for path in kept)
                stale = Problem("", str(job.output[0]), ": not made from the present inputs, code and parameters")
                return UNFINISHED if is_missing else stale
        if unnamed := sorted(self._unnamed_files(stage, jobs)):
            return Problem("dvc.yaml does not name ", unnamed[0], ": run `snakemake-dvc stages`")
        if any(lookup(self.recipes.snapshot.config, key) != lookup(self.base, key) for key in self._keys(stage)):
            return Problem("the configuration of this run differs from ", self.project.config_file, "")
        for key in self._keys(stage):
            if not _is_recordable(lookup(self.base, key)):
                what = " (a date, or texts and numbers among the keys of one section): put it in quotes"
                return Problem(f"{self.project.config_file}: DVC cannot record the value of ", key, what)
        if _dvc.running_stage():
            return next(self._edited(stage), None)
        return None

    def _keys(self, stage: Stage) -> list[str]:
        return stage.keys.get(self.project.config_file, [])

    def _unnamed_files(self, stage: Stage, jobs: list[Any]) -> set[str]:
        """Return the files that the jobs of a stage read or write and that its entry in dvc.yaml does not name."""
        written = {path for job in jobs for path in map(str, job.output)}
        temporary = {path for job in jobs for path in _snakemake.temporary_outputs(job)}
        read = {path for job in jobs for path in [*_snakemake.inputs(job), *self.recipes.sources_of(job)]}
        deps = (read - written) | set(self.project.environment)
        return {path for path in deps if not is_within(path, stage.deps)} | {
            path for path in written - temporary if not is_within(path, stage.outs)
        }

    def _edited(self, stage: Stage) -> Iterator[Problem]:
        """Yield what was edited during the run of a stage of DVC, which reads the files after the run."""
        for path in self.recipes.snapshot.edited_rules_files():
            yield Problem("", path, ": edited during the run: run again")
        now = _snakemake.read_config(self.project.config_file)
        for key in self._keys(stage):
            if lookup(now, key) != lookup(self.base, key):
                yield Problem("", self.project.config_file, ": edited during the run: run again")

    def _unrecorded_dep(self, stage: Stage, stages: list[Stage], entries: dict[str, dict[str, Any]]) -> Problem | None:
        """Return `UNFINISHED` if the stage has read an output of another stage that dvc.lock does not contain."""
        for other in stages:
            entry = entries.get(other.name)
            outs = {out["path"]: out["md5"] for out in entry["outs"]} if entry else other.recorded_outs
            read = [out for out in other.outs if reads(stage, out)]
            if other is not stage and any(self.results.ledger.digest(out) != outs.get(out) for out in read):
                return UNFINISHED
        return None

    def _entry(self, stage: Stage, records: list[Record]) -> dict[str, Any]:
        """Return the entry of a stage in dvc.lock, and add all contents that it names to the cache."""
        made = {path for record in records for path in record.digests}
        for path in made:
            if os.path.lexists(path):
                self.results.cache.add(path)
        self._remove_leftovers(stage, made)
        self._write_records(Path(stage.records), records)
        digests = {path: self.results.cache.add(path) for path in [*stage.outs, stage.records]}
        rules_files = self.recipes.snapshot.rules_files
        deps = {path: rules_files.get(path) or self.results.ledger.digest(path) for path in stage.deps}
        # Copies: for one object in two stages DVC would write an anchor, and the text of dvc.lock would depend on which
        # stages were recorded together.
        params = {path: {key: deepcopy(lookup(self.base, key)) for key in keys} for path, keys in stage.keys.items()}
        return {
            "cmd": stage.declared["cmd"],
            "deps": [_path_entry(path, deps[path]) for path in sorted(deps)],
            "params": params,
            "outs": [_path_entry(path, digests[path]) for path in sorted(digests)],
        }

    def _write_records(self, path: Path, records: list[Record]) -> None:
        text = "\n".join([*sorted(record.line() for record in records), ""])
        if not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_suffix(f".{os.getpid()}")
            beside.write_text(text, encoding="utf-8")
            beside.replace(path)

    def _remove_leftovers(self, stage: Stage, made: set[str]) -> None:
        """Remove from the folders of a stage the files that no job makes any more, so that DVC does not record them."""
        for folder in [out for out in stage.outs if out not in made and Path(out).is_dir()]:
            for path in map(str, files_in(folder)):
                if not is_within(path, made):
                    self.results.remove(path)


def report(problems: list[tuple[str, Problem]]) -> None:
    """Print why stages are not recorded, in one line for each kind of problem."""
    for kind in dict.fromkeys(problem.kind for _, problem in problems):
        stages = [stage for stage, problem in problems if problem.kind == kind]
        names = dict.fromkeys(problem.name for _, problem in problems if problem.kind == kind)
        what = Problem(kind[0], join_names([*names]), kind[1])
        print_message(f"not recorded in dvc.lock: {', '.join(stages)}: {what}")


def _is_recordable(value: Any) -> bool:
    """Return whether DVC, which computes a digest of the JSON, accepts a value as a parameter."""
    try:
        json.dumps(value, sort_keys=True)
    except TypeError:
        return False
    return True


def _path_entry(path: str, digest: str | None) -> dict[str, Any]:
    if digest is None:
        raise ValueError(f"dvc.yaml names {path}, which does not exist: run `snakemake-dvc stages`")
    files = files_in(path) if digest.endswith(".dir") else [Path(path)]
    counts = {"nfiles": len(files)} if digest.endswith(".dir") else {}
    return {"path": path, "hash": "md5", "md5": digest, "size": sum(file.stat().st_size for file in files), **counts}
