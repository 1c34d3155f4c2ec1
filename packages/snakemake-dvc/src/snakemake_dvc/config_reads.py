"""Which keys of the configuration the rules of each file read: a stage of DVC depends on these."""

import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class ConfigReads(dict[str, Any]):
    """A configuration that notes, for each file of rules, the top-level keys that code in the file reads.

    Code counts for each file that is on the call stack: the rules themselves, functions of inputs and params, and what
    they call. What a file reads outside of functions is also noted apart, since other files can use it.

    Attributes:
        by_file: the keys that were read, by the name of the file without folder and suffix.
        outside_of_functions: those of them that were read outside of functions.
        plain: the configuration, as a dictionary that notes nothing.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.plain = config
        self.by_file: dict[str, set[str]] = {}
        self.outside_of_functions: dict[str, set[str]] = {}

    def _note(self, keys: set[str]) -> None:
        frames = [frame for frame, _ in traceback.walk_stack(sys._getframe(2)) if not _is_ours(frame)]
        for frame in frames:
            self.by_file.setdefault(Path(frame.f_code.co_filename).stem, set()).update(keys)
        if frames[0].f_code.co_name == "<module>":
            self.outside_of_functions.setdefault(Path(frames[0].f_code.co_filename).stem, set()).update(keys)

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
