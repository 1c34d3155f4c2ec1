"""What dvc.lock says is written from the records of the results that are there, and from nothing else."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from snakemake_dvc import _dvc, _snakemake
from snakemake_dvc._snakemake import UndeterminedError
from snakemake_dvc.contents import files_in
from snakemake_dvc.messages import say
from snakemake_dvc.recipes import Recipes
from snakemake_dvc.records import Record
from snakemake_dvc.results import Results
from snakemake_dvc.stages import Stage, is_within, lookup

# A stage of which nothing is wrong and something is missing: no word about it.
UNFINISHED = "unfinished"


class Recorder:
    """Records stages after a run.

    Args:
        workflow: Snakemake's workflow, after its run.
        jobs: its jobs that make files.
        recipes: what their outputs depend on.
        results: their outputs.
        base: the configuration file that both engines read, as it was at the start of the run.
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

    def record(self, stages: list[Stage]) -> bool:
        """Record the stages whose results are all there and current; return whether nothing else was found.

        If DVC runs this process, for one of its stages, it writes dvc.lock itself, and this writes the records only.

        Args:
            stages: the stages, each after those whose outputs it reads.

        Raises:
            ValueError, OSError: with one line.
        """
        only = _dvc.running_stage()
        recorded = _dvc.recorded_stages()
        problems: dict[str, list[str]] = {}
        entries: dict[str, dict[str, Any]] = {}
        for stage in stages:
            stage.recorded = recorded.get(stage.name, {})
        for stage in stages:
            if only not in (None, stage.name) or not self._is_whole(stage):
                continue
            jobs = [job for job in self.jobs if any(is_within(str(path), stage.outs) for path in job.output)]
            records = [self._settled(job) for job in jobs]
            problem = self._problem(stage, jobs, records) or self._unrecorded_dep(stage, stages, entries)
            if problem:
                problems.setdefault(problem, []).append(stage.name)
            else:
                entry = self._entry(stage, [record for record in records if record])
                if not stage.is_recorded_as(entry):
                    entries[stage.name] = entry
        for problem, names in problems.items():
            if problem != UNFINISHED:
                say(f"not recorded in dvc.lock: {', '.join(names)}: {problem}")
        self.results.quarantine.tell("of no job of this configuration")
        if entries and not only:
            self.results.dvc.write_lock(entries)
            say(f"recorded in dvc.lock: {', '.join(sorted(entries))}")
        return not problems

    def _is_whole(self, stage: Stage) -> bool:
        """Return whether the run was asked for all that a stage makes."""
        files = [_snakemake.target_files(self.workflow, target) for target in stage.targets]
        wanted = {path for found in files if found for path in found if is_within(path, stage.outs)}
        return None not in files and bool(wanted) and wanted <= {str(path) for job in self.jobs for path in job.output}

    def _settled(self, job: Any) -> Record | None:
        """Return the record that says that the present inputs, code and parameters made the present outputs."""
        try:
            recipe = self.recipes.of(job, self.results.digest)
        except UndeterminedError:
            return None
        return self.results.settled(recipe, _snakemake.temporary(job))

    def _problem(self, stage: Stage, jobs: list[Any], records: list[Record | None]) -> str | None:
        """Return why a stage cannot be recorded."""
        for job, record in zip(jobs, records, strict=True):
            if record is None:
                lacks = any(not os.path.lexists(path) for path in set(map(str, job.output)) - _snakemake.temporary(job))
                what = f"{job.output[0]} is not what the present inputs, code and parameters make"
                return UNFINISHED if lacks else what
        if lacking := sorted(self._unnamed(stage, jobs)):
            return f"dvc.yaml lacks {lacking[0]}: write it anew with `snakemake-dvc stages`"
        if any(lookup(self.recipes.snapshot.config, key) != lookup(self.base, key) for key in self._keys(stage)):
            return f"the configuration of this run is not that of {self.project.config_file}"
        for key in self._keys(stage):
            if not _is_recordable(lookup(self.base, key)):
                what = "a date, or texts and numbers among the keys of one section"
                return f"{self.project.config_file}: {key} holds what DVC cannot record ({what}): put quotes around it"
        if _dvc.running_stage():
            return next(self._edited(stage), None)
        return None

    def _keys(self, stage: Stage) -> list[str]:
        return stage.keys.get(self.project.config_file, [])

    def _unnamed(self, stage: Stage, jobs: list[Any]) -> set[str]:
        """Return what the jobs of a stage read and make that dvc.yaml does not name."""
        made = {str(path) for job in jobs for path in job.output}
        temporary = {path for job in jobs for path in _snakemake.temporary(job)}
        read = {path for job in jobs for path in [*_snakemake.inputs(job), *self.recipes.sources_of(job)]}
        named = {path for path in read - made | set(self.project.environment) if is_within(path, stage.deps)}
        return (read - made | set(self.project.environment)) - named | {
            path for path in made - temporary if not is_within(path, stage.outs)
        }

    def _edited(self, stage: Stage) -> Iterator[str]:
        """Yield what was edited while DVC, which reads it only now, had this stage run."""
        for path in self.recipes.snapshot.edited_rules_files():
            yield f"{path} was edited while the run was going: run again"
        now = _snakemake.read_config(self.project.config_file)
        for key in self._keys(stage):
            if lookup(now, key) != lookup(self.base, key):
                yield f"{self.project.config_file} was edited while the run was going: run again"

    def _unrecorded_dep(self, stage: Stage, stages: list[Stage], entries: dict[str, dict[str, Any]]) -> str | None:
        """Return `UNFINISHED` if what another stage makes is not recorded as this stage has read it."""
        for other in stages:
            entry = entries.get(other.name)
            outs = {out["path"]: out["md5"] for out in entry["outs"]} if entry else other.recorded_outs
            read = [
                out for out in other.outs if is_within(out, stage.deps) or any(is_within(d, [out]) for d in stage.deps)
            ]
            if other is not stage and any(self.results.ledger.digest(out) != outs.get(out) for out in read):
                return UNFINISHED
        return None

    def _entry(self, stage: Stage, records: list[Record]) -> dict[str, Any]:
        """Return what dvc.lock must say of a stage, and put all contents that it names into the cache."""
        made = {path for record in records for path in record.made}
        for path in made:
            if os.path.lexists(path):
                self.results.cache.add(path)
        self._remove_leftovers(stage, made)
        self._write_records(Path(stage.records), records)
        digests = {path: self.results.cache.add(path) for path in [*stage.outs, stage.records]}
        rules_files = self.recipes.snapshot.rules_files
        deps = {path: rules_files.get(path) or self.results.ledger.digest(path) for path in stage.deps}
        params = {path: {key: lookup(self.base, key) for key in keys} for path, keys in stage.keys.items()}
        return {
            "cmd": stage.declared["cmd"],
            "deps": [_entry_of(path, deps[path]) for path in sorted(deps)],
            "params": params,
            "outs": [_entry_of(path, digests[path]) for path in sorted(digests)],
        }

    def _write_records(self, path: Path, records: list[Record]) -> None:
        text = "\n".join([*sorted(record.line() for record in records), ""])
        if not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_suffix(f".{os.getpid()}")
            beside.write_text(text, encoding="utf-8")
            beside.replace(path)

    def _remove_leftovers(self, stage: Stage, made: set[str]) -> None:
        """Remove from the folders of a stage what no job makes any more, so that it is not recorded either."""
        for folder in [out for out in stage.outs if out not in made and Path(out).is_dir()]:
            for path in map(str, files_in(folder)):
                if not is_within(path, made):
                    self.results.remove(path)


def _is_recordable(value: Any) -> bool:
    """Return whether DVC, which computes a digest of the JSON, can have a value as a parameter."""
    try:
        json.dumps(value, sort_keys=True)
    except TypeError:
        return False
    return True


def _entry_of(path: str, digest: str | None) -> dict[str, Any]:
    if digest is None:
        raise ValueError(f"dvc.yaml names {path}, which is not there: write it anew with `snakemake-dvc stages`")
    files = files_in(path) if digest.endswith(".dir") else [Path(path)]
    counts = {"nfiles": len(files)} if digest.endswith(".dir") else {}
    return {"path": path, "hash": "md5", "md5": digest, "size": sum(file.stat().st_size for file in files), **counts}
