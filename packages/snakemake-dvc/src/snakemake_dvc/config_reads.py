"""Which keys of the configuration the rules of each file read: a stage of DVC depends on these."""

import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class ConfigReads(dict[str, Any]):
    """A configuration that notes, for each file of rules, the top-level keys that code in the file reads.

    Code counts for each file that is on the call stack: the rules themselves, functions of inputs and params, and what
    they call. A function that a rule calls counts for the file of the rule too, wherever the function stands. What is
    read while a file is read, and not when its functions are called later, is also noted apart: other files can use it.

    Attributes:
        by_file: the keys that were read, by the name of the file without folder and suffix.
        outside_of_functions: those of them that were read while the file was.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.by_file: dict[str, set[str]] = {}
        self.outside_of_functions: dict[str, set[str]] = {}

    @property
    def plain(self) -> dict[str, Any]:
        """The configuration as it is now, as a dictionary that notes nothing."""
        return dict(super().items())

    def _note(self, keys: set[str]) -> None:
        frames = [frame for frame, _ in traceback.walk_stack(sys._getframe(2)) if not _is_ours(frame)]
        files = [frame.f_code.co_filename for frame in frames]
        callers: list[Any] = [frame.f_locals.get("self") for frame in frames]
        files += [str(caller.snakefile) for caller in callers if type(caller).__name__ == "Rule"]
        for file in files:
            self.by_file.setdefault(Path(file).stem, set()).update(keys)
        # While a file is read, what its comprehensions and functions return can end in a name that other files use.
        for frame in frames:
            if frame.f_code.co_name == "<module>" and frame.f_globals.get("config") is self:
                self.outside_of_functions.setdefault(Path(frame.f_code.co_filename).stem, set()).update(keys)
                break

    def __getitem__(self, key: str) -> Any:
        self._note({key})
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._note({str(key)})
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value, or a default."""
        self._note({key})
        return super().get(key, default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return a value; set it to a default where there is none."""
        self._note({key})
        return super().setdefault(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        """Remove a key and return its value, or a default."""
        self._note({key})
        return super().pop(key, *default)

    def __iter__(self) -> Iterator[str]:
        self._note(set(super().keys()))
        return super().__iter__()

    def keys(self) -> Any:
        """Return all keys."""
        self._note(set(super().keys()))
        return super().keys()

    def values(self) -> Any:
        """Return all values."""
        self._note(set(super().keys()))
        return super().values()

    def items(self) -> Any:
        """Return all keys and values."""
        self._note(set(super().keys()))
        return super().items()


def _is_ours(frame: Any) -> bool:
    return Path(frame.f_code.co_filename).parent == Path(__file__).parent
