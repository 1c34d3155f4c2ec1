"""The outputs of jobs: compared with the records, and restored from DVC's cache, from its remote, or from git."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from snakemake_dvc import _dvc, _snakemake
from snakemake_dvc._dvc import Dvc
from snakemake_dvc.cache import Cache, content_in_git, git_index, is_checked_out
from snakemake_dvc.contents import Ledger, files_in, fingerprint, fingerprints
from snakemake_dvc.messages import join_paths, print_message
from snakemake_dvc.quarantine import DIFFERENT, LEFTOVER, RESTORED, UNFINISHED, Quarantine
from snakemake_dvc.records import Recipe, Record, RecordStore
from snakemake_dvc.stages import Stage, is_within


class Results:
    """The outputs of the jobs of a run.

    Args:
        workflow: Snakemake's workflow.
        dvc: the DVC project.
        ledger: the digests of files.
        stages: the stages whose results have records.
        quarantine: the folder to which unknown files are moved.
        may_write: whether files may be restored, unlike in a dry run.

    Attributes:
        would_restore: the files that a run would restore, if this one does not.
        restored: the files that no job of this checkout has made, so that Snakemake may have no metadata of them.
        collecting: whether missing contents are only collected, so that the remote is queried once for all of them.
    """

    def __init__(
        self, workflow: Any, dvc: Dvc, ledger: Ledger, stages: list[Stage], quarantine: Quarantine, may_write: bool
    ) -> None:
        self.workflow = workflow
        self.dvc = dvc
        self.ledger = ledger
        self.stages = stages
        self.quarantine = quarantine
        self.may_write = may_write
        self.cache = Cache(dvc.cache_root, ledger, dvc.is_shared)
        self.store = RecordStore(dvc.cache_root / "snakemake-dvc/records", dvc.is_shared)
        self.would_restore: set[str] = set()
        self.restored: set[str] = set()
        self.collecting = False
        self._recorded: dict[str, str] = {}  # digests of files that do not exist
        self._collected: set[str] = set()
        self._queried: set[str] = set()
        self._in_remote: set[str] = set()
        self._has_imported = False

    def reset(self) -> None:
        """Discard the result of an earlier comparison of all jobs with the records."""
        self.would_restore, self._recorded = set(), {}

    def use_present_files(self) -> None:
        """Take the digest of each file from its present content."""
        self.would_restore = set()

    def digest(self, path: str) -> str | None:
        """Return the digest of a file; the recorded digest of a file that a run would restore."""
        if path in self.would_restore:
            return self._recorded[path]
        return self.ledger.digest(path) or self._recorded.get(path)

    # Outputs.

    def restore(self, recipe: Recipe, temporary: set[str]) -> bool:
        """Restore the outputs of a recipe where they are missing or differ; return whether they are current then.

        Args:
            recipe: what they must have been made from.
            temporary: the outputs that Snakemake deletes as soon as no job needs them.
        """
        for record in self._records_of(recipe):
            absent = {path for path in temporary if not os.path.lexists(path)}
            present = {path: self.ledger.readable_digest(path) for path in record.digests}
            differing = {path: digest for path, digest in record.digests.items() if present[path] != digest}
            wanted = {path: digest for path, digest in differing.items() if path not in absent}
            if not wanted or self._restore_all(wanted):
                self._recorded |= {path: record.digests[path] for path in absent}
                self._note_produced(record)
                return True
        return False

    def current_record(self, recipe: Recipe, temporary: set[str]) -> Record | None:
        """Return the record of a recipe that describes its present outputs; restore nothing."""
        for record in self.store.find(recipe.key):
            kept = {path: digest for path, digest in record.digests.items() if path not in temporary}
            if all(self.ledger.digest(path) == digest for path, digest in kept.items()):
                self._recorded |= {path: record.digests[path] for path in temporary}
                return record
        return None

    def record(self, recipe: Recipe, temporary: set[str]) -> bool:
        """Add the outputs of a job that has succeeded to the cache, and then write its record; return whether it did.

        An output that is neither a file nor a folder, such as a named pipe, has no digest.
        """
        digests = {
            path: self.ledger.digest(path) if path in temporary else self.cache.add(path) for path in recipe.outputs
        }
        if None in digests.values():
            return False
        self.store.add(Record(recipe, {path: str(digest) for path, digest in digests.items()}))
        self.ledger.produced |= dict.fromkeys(digests, recipe.key)
        return True

    def fingerprints(self) -> tuple[Any, Any]:
        """Return two values that change whenever a command of DVC, or of git, may have written files here."""
        return self.dvc.lock_fingerprint(), fingerprint(git_index())

    def replaced_output(self, recipe: Recipe, before: tuple[Any, Any]) -> tuple[str, str] | None:
        """Return the program that has replaced an output while its job ran, DVC or git, and the output.

        DVC and git do not respect locks on outputs. If the job still writes to the replaced file, the other content
        seems to be its output.

        Args:
            recipe: the recipe of the job.
            before: the fingerprints before the job was started.
        """
        by_dvc, by_git = (now != then for now, then in zip(self.fingerprints(), before, strict=True))
        for path in recipe.outputs:
            if by_dvc and self._is_restored_by_dvc(path):
                return "DVC", path
            if by_git and is_checked_out(path, self.ledger.digest(path)):
                return "git", path
        return None

    def is_unchanged(self, path: str, before: list[Any], recipe: Recipe) -> bool:
        """Return whether a file that a job has read is as it was when the job started.

        A job can make its output by a hard link to an input, and Snakemake then sets the time of both. So new or lost
        hard links are no change if the content is the same.

        Args:
            path: the file, or a folder.
            before: its fingerprints when the job started.
            recipe: the recipe of the job.
        """
        now = fingerprints(path)
        if now == before or not Path(path).is_file():
            return now == before
        is_output = any(Path(output).exists() and Path(output).samefile(path) for output in recipe.outputs)
        digest = {**recipe.inputs, **recipe.code, **recipe.environment}.get(path)
        links_differ = [links for *_, links in before] != [links for *_, links in now]
        return (is_output or links_differ) and self.ledger.digest(path) == digest

    def are_replaced(self, jobs: Iterable[Any]) -> bool:
        """Return whether an output of jobs that have records was replaced since then, and print which ones."""
        paths = {str(path) for job in jobs for path in set(job.output) - set(job.temp_output)}
        replaced = sorted(path for path in paths if os.path.lexists(path) and not self._is_recorded(path))
        if replaced:
            print_message(f"{join_paths(replaced)}: replaced during the run")
        return bool(replaced)

    def _is_restored_by_dvc(self, path: str) -> bool:
        files = map(str, files_in(path)) if Path(path).is_dir() else [path]
        if not any(self.cache.has(self.ledger.digest(file) or "") for file in files):
            return False
        outs = {out for stage in self.stages for out in stage.outs}
        return any(self.dvc.has_restored(out) for out in outs if is_within(path, [out]) or is_within(out, [path]))

    def recipe_of_present(self, outputs: tuple[str, ...]) -> Recipe | None:
        """Return the recipe from which present outputs were made; None if there is no record of it."""
        keys = {self.ledger.produced.get(path) for path in outputs} - {None}
        return next((record.recipe for key in keys for record in self.store.find(str(key))), None)

    def _records_of(self, recipe: Recipe) -> list[Record]:
        """Return the records of a recipe, sorted: first those that describe the present files, then dvc.lock."""
        records = self.store.find(recipe.key)
        if not records and self._import_records():
            records = self.store.find(recipe.key)
        locked = {path: digest for stage in self.stages for path, digest in stage.recorded_outs.items()}

        def number_of_matches(record: Record) -> int:
            present = sum(self.ledger.readable_digest(path) == digest for path, digest in record.digests.items())
            return 2 * present + sum(locked.get(path) == digest for path, digest in record.digests.items())

        return sorted(records, key=number_of_matches, reverse=True) if len(records) > 1 else records

    def _note_produced(self, record: Record) -> None:
        """Note in the ledger from which recipe the present outputs were made."""
        key = record.recipe.key
        if self._writes and any(self.ledger.produced.get(path) != key for path in record.digests):
            self.ledger.produced |= dict.fromkeys(record.digests, key)
            self.restored |= record.digests.keys()

    @property
    def _writes(self) -> bool:
        return self.may_write and not self.collecting

    # Contents.

    def fetch_collected(self) -> None:
        """Query the remote, once, for all contents that were missing."""
        wanted, self._collected = self._collected, set()
        self._query_remote(wanted)

    def _restore_all(self, wanted: dict[str, str]) -> bool:
        """Restore files by their digests; return whether this was possible, or would be if files may not be written."""
        missing = self._missing(wanted)
        if missing and self.collecting:
            self._collected |= missing
        elif missing and self.dvc.has_remote:
            self._query_remote(missing)
            # The files of a folder are known only after its list was fetched.
            listed = {inner for digest in wanted.values() for inner in (self.cache.files_of(digest) or {}).values()}
            self._query_remote(self.cache.missing(listed))
            missing = self._missing(wanted)
        if missing and not self.collecting:
            return False
        if self._writes:
            return all(self._restore_file(path, digest) for path, digest in wanted.items())
        self._recorded |= wanted
        self.would_restore |= wanted.keys()
        return True

    def _missing(self, wanted: dict[str, str]) -> set[str]:
        """Return the digests of those contents that are neither in the cache, nor in git, nor found in the remote."""
        return {
            digest
            for path, digest in wanted.items()
            if digest not in self._in_remote and not self.cache.has(digest) and content_in_git(path, digest) is None
        }

    def _query_remote(self, digests: set[str]) -> None:
        wanted = digests - self._queried
        self._queried |= wanted
        if wanted and self.may_write:
            self.dvc.fetch(wanted)
        elif wanted:
            self._in_remote |= self.dvc.in_remote(wanted)

    def _restore_file(self, path: str, digest: str) -> bool:
        was_moved = self.is_unknown(path)
        if was_moved:
            self.quarantine.move(path)
        restored = self.cache.restore(path, digest)
        if was_moved:
            self.quarantine.note(path, RESTORED if restored else DIFFERENT)
        return restored

    # Unknown files.

    def quarantine_unknown(self, paths: Iterable[str]) -> None:
        """Move unknown files that lie in the place of outputs or logs of a job that is about to run."""
        moved = [path for path in paths if self.is_unknown(path)] if self._writes else []
        for path in moved:
            self.quarantine.move_and_report(path, UNFINISHED)
        if moved:
            _snakemake.clear_file_cache(self.workflow)

    def is_unknown(self, path: str) -> bool:
        """Return whether a file is none that a job has left, and neither DVC's cache nor git contains it.

        What a killed job has left counts as unknown, since the user can have put another file there afterwards.
        """
        if not os.path.lexists(path):
            return False
        digest = self.ledger.readable_digest(path)
        if digest is None:
            return True
        is_made = digest == self.ledger.logs.get(path) or self._is_recorded(path)
        return not (is_made or self.cache.has_copy_of(path))

    def _is_recorded(self, path: str) -> bool:
        digest = self.ledger.readable_digest(path)
        records = self.store.find(self.ledger.produced.get(path, ""))
        return any(record.digests.get(path) == digest for record in records)

    def remove(self, path: str) -> None:
        """Remove a file that is not an output any more; move it to the quarantine if it is unknown."""
        if self.is_unknown(path):
            self.quarantine.move_and_report(path, LEFTOVER)
        else:
            Path(path).unlink()

    # Records from other branches and machines, which came with the results by git and DVC.

    def _import_records(self) -> bool:
        """Import the records that dvc.lock, the run cache and the files here contain; return whether any was new."""
        if self._has_imported:
            return False
        self._has_imported = True
        digests = {stage.recorded_outs.get(stage.records, "") for stage in self.stages} - {""}
        digests = {digest for digest in digests if not self.store.has_imported(digest)}
        if self.dvc.has_remote and (missing := self.cache.missing(digests)):
            self.dvc.fetch(missing)
        files = {digest: self.cache.path(digest) for digest in digests | self._records_in_run_cache()}
        files |= {self.ledger.digest(stage.records) or "": Path(stage.records) for stage in self.stages}
        new = {digest: path for digest, path in files.items() if path.is_file() and not self.store.has_imported(digest)}
        for digest, path in new.items():
            self.store.import_records(path.read_text(encoding="utf-8", errors="replace"))
            self.store.mark_imported(digest)
        return bool(new)

    def _records_in_run_cache(self) -> set[str]:
        """Return the digests of the records in entries of DVC's run cache that were not imported before."""
        found: set[str] = set()
        names = {stage.records for stage in self.stages}
        for name, path in self.dvc.run_cache_entries():
            if not self.store.has_imported(name):
                self.store.mark_imported(name)
                try:
                    outs = _dvc.load(str(path)).get("outs", [])
                    found |= {out["md5"] for out in outs if out["path"] in names}
                except (ValueError, KeyError, TypeError):
                    continue
        return found
