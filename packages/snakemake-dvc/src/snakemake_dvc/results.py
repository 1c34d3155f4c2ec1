"""Results that a record describes: as they are, from DVC's cache, from its remote, or from git."""

import os
from pathlib import Path
from typing import Any

from snakemake_dvc import _dvc, _snakemake
from snakemake_dvc._dvc import Dvc
from snakemake_dvc.cache import Cache, git_index, in_git, placed_by_git
from snakemake_dvc.contents import Ledger, files_in, fingerprint
from snakemake_dvc.messages import say
from snakemake_dvc.quarantine import Quarantine
from snakemake_dvc.records import Recipe, Record, RecordStore
from snakemake_dvc.stages import Stage, is_within


class Results:
    """The outputs of jobs, compared with the records, and restored where files may be written.

    Attributes:
        virtual: files that a run would restore, where this one only looks.
        restored: files whose metadata Snakemake may lack, since others made them.
        collecting: whether contents that are missing are only counted, to be fetched together.
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
        self.virtual: set[str] = set()
        self.restored: set[str] = set()
        self.collecting = False
        self._recorded: dict[str, str] = {}  # digests of files that are not there
        self._collected: set[str] = set()
        self._asked: set[str] = set()
        self._in_remote: set[str] = set()
        self._has_imported = False

    def start_over(self) -> None:
        """Forget what a look at all jobs has found."""
        self.virtual, self._recorded = set(), {}

    def look_at_files(self) -> None:
        """Take the files as they are, from now on."""
        self.virtual = set()

    def digest(self, path: str) -> str | None:
        """Return the digest of a file; of one that a run would restore, the one that it would have."""
        if path in self.virtual:
            return self._recorded[path]
        return self.ledger.digest(path) or self._recorded.get(path)

    # Outputs.

    def obtain(self, recipe: Recipe, temporary: set[str]) -> bool:
        """Return whether outputs are what a record of their recipe names; restore them if need be.

        Args:
            recipe: what they must have been made from.
            temporary: those that Snakemake deletes when they are not needed any more.
        """
        for record in self._records_of(recipe):
            absent = {path for path in temporary if not os.path.lexists(path)}
            differing = {path: digest for path, digest in record.made.items() if self.ledger.digest(path) != digest}
            wanted = {path: digest for path, digest in differing.items() if path not in absent}
            if not wanted or self._restore_all(wanted):
                self._recorded |= {path: record.made[path] for path in absent}
                self._describe(record)
                return True
        return False

    def settled(self, recipe: Recipe, temporary: set[str]) -> Record | None:
        """Return the record that describes outputs as they are, without restoring anything."""
        for record in self.store.find(recipe.key):
            kept = {path: digest for path, digest in record.made.items() if path not in temporary}
            if all(self.ledger.digest(path) == digest for path, digest in kept.items()):
                self._recorded |= {path: record.made[path] for path in temporary}
                return record
        return None

    def keep(self, recipe: Recipe, temporary: set[str]) -> None:
        """Put the outputs of a job that has succeeded into the cache, and then write its record."""
        made = {
            path: self.ledger.digest(path) if path in temporary else self.cache.add(path) for path in recipe.outputs
        }
        if None not in made.values():
            self.store.add(Record(recipe, {path: str(digest) for path, digest in made.items()}))
            self.ledger.produced |= dict.fromkeys(made, recipe.key)

    def last_uses(self) -> tuple[Any, Any]:
        """Return what changes whenever a command of DVC, or one of git, may have put files here."""
        return self.dvc.last_use(), fingerprint(git_index())

    def replaced(self, recipe: Recipe, last_uses: tuple[Any, Any]) -> str | None:
        """Return, in words, which output of a job DVC or git seems to have put there.

        They do not care for locks on outputs. A job that goes on writing into the file that was replaced seems to
        have made the other content.

        Args:
            recipe: what the job was started with.
            last_uses: those before it was started.
        """
        for_dvc, for_git = (now != before for now, before in zip(self.last_uses(), last_uses, strict=True))
        for path in recipe.outputs:
            if for_dvc and self._is_placed_by_dvc(path):
                return f"dvc put {path} there"
            if for_git and placed_by_git(path, self.ledger.digest(path)):
                return f"git put {path} there"
        return None

    def _is_placed_by_dvc(self, path: str) -> bool:
        files = map(str, files_in(path)) if Path(path).is_dir() else [path]
        if not any(self.cache.has(self.ledger.digest(file) or "") for file in files):
            return False
        outs = {out for stage in self.stages for out in stage.outs}
        return any(self.dvc.has_placed(out) for out in outs if is_within(path, [out]) or is_within(out, [path]))

    def recipe_of_present(self, outputs: tuple[str, ...]) -> Recipe | None:
        """Return the recipe of the outputs that are there, if it is known."""
        keys = {self.ledger.produced.get(path) for path in outputs} - {None}
        return next((record.recipe for key in keys for record in self.store.find(str(key))), None)

    def _records_of(self, recipe: Recipe) -> list[Record]:
        """Return the records of a recipe; first the one that describes what is there, or what dvc.lock names."""
        records = self.store.find(recipe.key)
        if not records and self._import_records():
            records = self.store.find(recipe.key)
        locked = {path: digest for stage in self.stages for path, digest in stage.recorded_outs.items()}

        def agreement(record: Record) -> int:
            there = sum(self.ledger.digest(path) == digest for path, digest in record.made.items())
            return 2 * there + sum(locked.get(path) == digest for path, digest in record.made.items())

        return sorted(records, key=agreement, reverse=True) if len(records) > 1 else records

    def _describe(self, record: Record) -> None:
        """Remember which recipe made the outputs that are there."""
        key = record.recipe.key
        if self._writes and any(self.ledger.produced.get(path) != key for path in record.made):
            self.ledger.produced |= dict.fromkeys(record.made, key)
            self.restored |= record.made.keys()

    @property
    def _writes(self) -> bool:
        return self.may_write and not self.collecting

    # Contents.

    def fetch_collected(self) -> None:
        """Ask the remote, once, for all contents that were missing."""
        wanted, self._collected = self._collected, set()
        self._ask_remote(wanted)

    def _restore_all(self, wanted: dict[str, str]) -> bool:
        """Restore files, or say whether a run could."""
        lacking = self._lacking(wanted)
        if lacking and self.collecting:
            self._collected |= lacking
        elif lacking and self.dvc.has_remote:
            self._ask_remote(lacking)
            # A folder is known by its list: once the list is there, its files can be asked for.
            listed = {inner for digest in wanted.values() for inner in (self.cache.files_of(digest) or {}).values()}
            self._ask_remote(self.cache.missing(listed))
            lacking = self._lacking(wanted)
        if lacking and not self.collecting:
            return False
        if self._writes:
            return all(self._restore(path, digest) for path, digest in wanted.items())
        self._recorded |= wanted
        self.virtual |= wanted.keys()
        return True

    def _lacking(self, wanted: dict[str, str]) -> set[str]:
        """Return the digests of those contents that nobody here has, nor the remote as far as it was asked."""
        return {
            digest
            for path, digest in wanted.items()
            if digest not in self._in_remote and not self.cache.has(digest) and in_git(path, digest) is None
        }

    def _ask_remote(self, digests: set[str]) -> None:
        wanted = digests - self._asked
        self._asked |= wanted
        if wanted and self.may_write:
            self.dvc.fetch(wanted)
        elif wanted:
            self._in_remote |= self.dvc.in_remote(wanted)

    def _restore(self, path: str, digest: str) -> bool:
        aside = self.quarantine.move(path) if self._is_foreign(path) else None
        restored = self.cache.restore(path, digest)
        if aside and restored:
            say(f"{path} is not what its job made; restored from DVC's cache (what was there is in {aside})")
        elif aside:
            say(f"{path} is not what its job made: moved to {aside}")
        return restored

    # What is not ours is never lost.

    def set_aside_foreign(self, outputs: set[str]) -> None:
        """Move files that no job has made out of the way of a job that is about to run."""
        for path in outputs if self._writes else ():
            if self._is_foreign(path):
                self.quarantine.move_and_tell(path)

    def _is_foreign(self, path: str) -> bool:
        """Return whether a file is there whose content cannot be had again, unless a killed job has left it."""
        if not os.path.lexists(path):
            return False
        digest = self.ledger.digest(path)
        is_known = digest and (self.cache.has(digest) or in_git(path, digest) is not None)
        return not is_known and not _snakemake.marked_incomplete(self.workflow, [path])

    def remove(self, path: str) -> None:
        """Remove a file that no job makes any more; one that cannot be had again is moved out of the way."""
        if self._is_foreign(path):
            self.quarantine.move_and_tell(path)
        else:
            Path(path).unlink()

    # Records that came with results, by git and DVC, from another branch or machine.

    def _import_records(self) -> bool:
        """Take in the records that dvc.lock, the run cache and the folder here name; return whether any is new."""
        if self._has_imported:
            return False
        self._has_imported = True
        digests = {stage.recorded_outs.get(stage.records, "") for stage in self.stages} - {""}
        digests = {digest for digest in digests if not self.store.has_read(digest)}
        if self.dvc.has_remote and (lacking := self.cache.missing(digests)):
            self.dvc.fetch(lacking)
        files = {digest: self.cache.path(digest) for digest in digests | self._of_former_runs()}
        files |= {self.ledger.digest(stage.records) or "": Path(stage.records) for stage in self.stages}
        new = {digest: path for digest, path in files.items() if path.is_file() and not self.store.has_read(digest)}
        for digest, path in new.items():
            self.store.add_all(path.read_text(encoding="utf-8", errors="replace"))
            self.store.note_read(digest)
        return bool(new)

    def _of_former_runs(self) -> set[str]:
        """Return the digests of the records in entries of DVC's run cache that were not read before."""
        found: set[str] = set()
        names = {stage.records for stage in self.stages}
        for name, path in self.dvc.run_cache_entries():
            if not self.store.has_read(name):
                self.store.note_read(name)
                try:
                    outs = _dvc.load(str(path)).get("outs", [])
                    found |= {out["md5"] for out in outs if out["path"] in names}
                except (ValueError, KeyError, TypeError):
                    continue
        return found
