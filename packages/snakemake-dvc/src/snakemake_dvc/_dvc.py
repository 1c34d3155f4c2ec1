"""All use of DVC beyond its command line. Checked with DVC 3.66.1 and 3.67.1.

The package relies on the following, each with a test in tests/test_dvc_contracts.py:

- the location of the cache;
- the format of dvc.lock and of the run cache;
- the lock file with the paths that processes of DVC read and write;
- DVC removes the outputs of a stage before it runs the stage, by `Stage.remove_outs`, and reads the dependencies again
  afterwards;
- DVC records a stage by `Stage.dump`, and then asks to add the files in `scm_context.files_to_track` to git.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import yaml

from snakemake_dvc.contents import fingerprint, md5
from snakemake_dvc.messages import one_line, print_once
from snakemake_dvc.yaml_core import CoreLoader

LOCK_FILE = "dvc.lock"
PIPELINE_FILE = "dvc.yaml"


def load(path: str) -> dict[str, Any]:
    """Return the content of dvc.yaml or dvc.lock; empty if the file does not exist.

    Raises:
        ValueError: with one line, if the file cannot be read, as after a merge with conflicts.
    """
    if not Path(path).is_file():
        return {}
    content = Path(path).read_bytes()
    if md5(content) not in _loaded:
        _loaded[md5(content)] = _parse(path, content)
    return _loaded[md5(content)]


# dvc.lock can be long, and is read several times in a run.
_loaded: dict[str, dict[str, Any]] = {}


def _parse(path: str, text: bytes) -> dict[str, Any]:
    try:
        content = yaml.load(text, CoreLoader) or {}  # noqa: S506
    except yaml.YAMLError as error:
        where = " ".join(str(getattr(error, "problem_mark", "")).split())
        raise ValueError(
            f"{path} cannot be read {where}; after a merge conflict, take one side: git checkout --ours {path}"
        ) from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} is damaged: restore it by git checkout {path}")
    return content


def recorded_stages() -> dict[str, Any]:
    """Return the stages of dvc.lock.

    Raises:
        ValueError: with one line, if the file is not as DVC writes it, as after a crash.
    """
    stages: dict[str, Any] = load(LOCK_FILE).get("stages") or {}
    try:
        for stage in stages.values():
            for entry in [*stage.get("deps", []), *stage.get("outs", [])]:
                if not ("path" in entry and {"md5", "etag", "checksum", "files"} & entry.keys()):
                    raise TypeError
    except (AttributeError, TypeError):
        raise ValueError(f"{LOCK_FILE} is damaged: restore it by git checkout {LOCK_FILE}") from None
    return stages


def running_stage() -> str | None:
    """Return the stage of DVC whose command this process is; None if DVC has not started it."""
    return os.environ.get("DVC_STAGE")


def is_forced() -> bool:
    """Return whether DVC, which has started this process, was called with `--force`."""
    for process in psutil.Process().parents():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if {"repro", "exp"} & set(words):
            return any(word == "--force" or re.fullmatch(r"-[a-eg-zA-Z]*f[a-zA-Z]*", word) for word in words)
    return False


class Dvc:
    """The DVC project in the current folder.

    Raises:
        ValueError: with one line, if there is no project.
    """

    def __init__(self) -> None:
        if not Path(".dvc").is_dir():
            raise ValueError("there is no DVC project in this folder: run `dvc init`")

    @cached_property
    def config(self) -> Any:
        """The configuration of DVC for this project and user."""
        from dvc.config import Config

        return Config(".dvc")

    @property
    def cache_root(self) -> Path:
        """The folder of the cache."""
        return Path(self.config["cache"].get("dir") or ".dvc/cache")

    @property
    def is_shared(self) -> bool:
        """Whether the members of a group share the cache."""
        return self.config["cache"].get("shared") == "group"

    @property
    def has_remote(self) -> bool:
        """Whether there is a default remote."""
        return bool(self.config["core"].get("remote"))

    def fetch(self, digests: Iterable[str]) -> None:
        """Fetch contents from the default remote. If this fails, print one line."""
        from dvc.repo import Repo
        from dvc_data.hashfile.hash_info import HashInfo

        with _quiet():
            try:
                with Repo() as repo:
                    odb = repo.cloud.get_remote_odb()
                    present = set(odb.oids_exist(sorted(digests)))
                    if present:
                        repo.cloud.pull({HashInfo("md5", digest) for digest in present})
            except Exception as error:  # each library for storage raises errors of its own
                print_once(f"nothing fetched from the remote ({one_line(error)})")

    def in_remote(self, digests: Iterable[str]) -> set[str]:
        """Return which of some contents the default remote has. If it cannot be queried, print one line."""
        from dvc.repo import Repo

        with _quiet():
            try:
                with Repo() as repo:
                    return set(repo.cloud.get_remote_odb().oids_exist(sorted(digests)))
            except Exception as error:
                print_once(f"the remote could not be queried ({one_line(error)})")
                return set()

    @property
    def can_record(self) -> bool:
        """Whether DVC can write dvc.lock: the folder is in a git repository, or configured to do without."""
        from dvc.scm import SCM, SCMError

        try:
            SCM(os.curdir, no_scm=self.config["core"].get("no_scm", False)).close()
        except SCMError:
            return False
        return True

    @staticmethod
    def lock_fingerprint() -> Any:
        """Return a value that changes whenever a command of DVC acquires the lock of the project."""
        return fingerprint(".dvc/tmp/lock")

    def has_restored(self, out: str) -> bool:
        """Return whether DVC has written the present file; for a folder, whether it has ever written into it."""
        from dvc.repo import Repo

        with _quiet(), Repo() as repo:
            inode, _ = repo.state.links.get(str(Path(out)), (None, None))
        return inode is not None and (Path(out).is_dir() or inode == Path(out).lstat().st_ino)

    def run_cache_entries(self) -> Iterator[tuple[str, Path]]:
        """Yield the name and the file of each entry of the run cache."""
        for path in (self.cache_root / "runs").glob("*/*/*"):
            yield path.name, path

    def write_lock(self, entries: dict[str, dict[str, Any]]) -> set[str]:
        """Write entries of dvc.lock, and add them to the run cache.

        Args:
            entries: the entry of each stage, as DVC would write it.

        Returns:
            The files in git that DVC has changed: dvc.lock, and .gitignore files.

        Raises:
            ValueError: with one line, if DVC raises an error.
        """
        from dvc.exceptions import DvcException
        from dvc.repo import Repo
        from dvc.stage.loader import StageLoader

        _remove_empty_lock_file()
        with _quiet():
            try:
                with Repo() as repo, repo.lock, repo.scm_context(quiet=True):
                    stages = [repo.stage.load_one(name=name) for name in entries]
                    for stage in stages:
                        StageLoader.fill_from_lock(stage, entries[stage.name])
                        stage.cmd_changed = False
                        _ignore_outs(stage)
                    _replace_lock_file(stages)
                    repo.scm_context.track_file(LOCK_FILE)
                    for stage in stages:
                        repo.stage_cache.save(stage)
                    return set(repo.scm_context.files_to_track)
            except DvcException as error:
                raise ValueError(one_line(error)) from None

    @contextmanager
    def lock_outputs(self, outs: Iterable[str]) -> Iterator[None]:
        """Hold DVC's own locks on outputs, so that `dvc repro` does not delete them.

        `dvc checkout` does not respect these locks: see `Results.replaced_output`.

        Raises:
            BlockingIOError: if another process holds them, with a description of it.
        """
        from dvc.fs import localfs
        from dvc.lock import LockError
        from dvc.rwlock import rwlock

        folder = Path(".dvc/tmp").absolute()
        folder.mkdir(exist_ok=True)
        _remove_dead_holders(folder)
        command = " ".join(sys.argv)  # as DVC itself writes it
        with _quiet():
            try:
                held = rwlock(str(folder), localfs, command, [], [str(Path(out).absolute()) for out in outs], False)
                held.__enter__()
            except LockError as error:
                holder = next(iter(re.findall(r"\(PID \d+\): .*", str(error))), "DVC")
                raise BlockingIOError(holder) from None
        try:
            yield
        finally:
            held.__exit__(None, None, None)


def _ignore_outs(stage: Any) -> None:
    """Add the outputs of a stage to .gitignore; not those that a symbolic link places outside of the repository."""
    from dvc.scm import SCMError
    from scmrepo.exceptions import FileNotInRepoError

    try:
        stage.ignore_outs()
    except SCMError as error:
        if not isinstance(error.__context__, FileNotInRepoError):
            raise


def _remove_empty_lock_file() -> None:
    """Remove a dvc.lock that DVC has left empty, since it was killed while it wrote the file. DVC cannot read it."""
    if Path(LOCK_FILE).is_file() and not Path(LOCK_FILE).stat().st_size:
        Path(LOCK_FILE).unlink()


def _replace_lock_file(stages: Iterable[Any]) -> None:
    """Write the entries of stages to a copy of dvc.lock, and replace the file by the copy.

    A killed run leaves the old or the new file. DVC's own function truncates the file first.
    """
    from dvc.stage.serialize import to_lockfile
    from dvc.utils.serialize import modify_yaml

    draft = Path(f".dvc/tmp/{LOCK_FILE}.{os.getpid()}")
    try:
        if Path(LOCK_FILE).is_file():
            shutil.copyfile(LOCK_FILE, draft)
        with modify_yaml(draft) as content:
            content.setdefault("schema", "2.0")
            content.setdefault("stages", {})
            for stage in stages:
                content["stages"].update(to_lockfile(stage))
        draft.replace(LOCK_FILE)
    finally:
        draft.unlink(missing_ok=True)


def _remove_dead_holders(folder: Path) -> None:
    """Remove the processes that have ended from DVC's lock file, even if another process has their number now."""
    from dvc.fs import localfs
    from dvc.rwlock import RWLockFileCorruptedError, RWLockFileFormatError, _edit_rwlock

    try:
        with _edit_rwlock(str(folder), localfs, False) as lock:
            lock["write"] = {path: holder for path, holder in lock["write"].items() if _is_alive(holder)}
            readers = {path: [*filter(_is_alive, holders)] for path, holders in lock["read"].items()}
            lock["read"] = {path: holders for path, holders in readers.items() if holders}
    except (RWLockFileCorruptedError, RWLockFileFormatError):
        (folder / "rwlock").unlink()  # its writer was killed: a running one would hold the lock of the file


def _is_alive(holder: dict[str, Any]) -> bool:
    try:
        words = psutil.Process(holder["pid"]).cmdline()
    except psutil.Error:
        return False
    return " ".join(words).endswith(" ".join(holder["cmd"].split()[1:]))


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the log of DVC. Errors are printed in one line instead."""
    import logging

    logger = logging.getLogger("dvc")
    before = logger.level, logger.propagate
    logger.setLevel(logging.CRITICAL)
    logger.propagate = False
    try:
        yield
    finally:
        logger.setLevel(before[0])
        logger.propagate = before[1]
