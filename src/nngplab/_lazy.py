"""Public names of a package that are imported when they are first asked for."""

from collections.abc import Callable
from importlib import import_module
from typing import Any


def attach(package: str, modules: dict[str, list[str]]) -> tuple[Callable[[str], Any], list[str]]:
    """Return `__getattr__` and `__all__` of a package (PEP 562).

    So the file of the package imports nothing of the library: an edit of one module makes stale only the results of
    those jobs that use this module, and `import nngplab` is fast.

    Args:
        package: the name of the package.
        modules: the public names of each of its modules.
    """
    home = {name: module for module, names in modules.items() for name in names}

    def getattr_(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{home[name]}"), name)

    return getattr_, sorted(home)
