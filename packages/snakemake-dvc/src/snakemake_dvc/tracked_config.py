"""The keys of the configuration that the rules of each file read. A stage of DVC depends on these."""

import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class TrackedConfig(dict[str, Any]):
    """A configuration that records, for each rules file, the top-level keys that its code reads.

    A read counts for every file on the call stack, and for the file of the rule that calls the code, such as an input
    function that is defined in another file. What the top level of a file reads is also recorded separately, since its
    variables can be used by other files.

    Attributes:
        by_file: the keys that were read, by the name of the file without folder and suffix.
        at_top_level: the keys that were read while the file was executed, and not later by its functions.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.by_file: dict[str, set[str]] = {}
        self.at_top_level: dict[str, set[str]] = {}

    @property
    def plain(self) -> dict[str, Any]:
        """The present configuration as a plain dictionary."""
        return dict(super().items())

    def _record(self, keys: set[str]) -> None:
        frames = [frame for frame, _ in traceback.walk_stack(sys._getframe(2)) if not _is_of_this_package(frame)]
        files = [frame.f_code.co_filename for frame in frames]
        callers: list[Any] = [frame.f_locals.get("self") for frame in frames]
        files += [str(caller.snakefile) for caller in callers if type(caller).__name__ == "Rule"]
        for file in files:
            self.by_file.setdefault(Path(file).stem, set()).update(keys)
        # The top level of a file can store what its comprehensions and functions return in a variable.
        for frame in frames:
            if frame.f_code.co_name == "<module>" and frame.f_globals.get("config") is self:
                self.at_top_level.setdefault(Path(frame.f_code.co_filename).stem, set()).update(keys)
                break

    def __getitem__(self, key: str) -> Any:
        self._record({key})
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._record({str(key)})
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value, or a default."""
        self._record({key})
        return super().get(key, default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return a value; set it to a default if there is none."""
        self._record({key})
        return super().setdefault(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        """Remove a key and return its value, or a default."""
        self._record({key})
        return super().pop(key, *default)

    def __iter__(self) -> Iterator[str]:
        self._record(set(super().keys()))
        return super().__iter__()

    def keys(self) -> Any:
        """Return all keys."""
        self._record(set(super().keys()))
        return super().keys()

    def values(self) -> Any:
        """Return all values."""
        self._record(set(super().keys()))
        return super().values()

    def items(self) -> Any:
        """Return all keys and values."""
        self._record(set(super().keys()))
        return super().items()


def _is_of_this_package(frame: Any) -> bool:
    return Path(frame.f_code.co_filename).is_relative_to(Path(__file__).parent)
