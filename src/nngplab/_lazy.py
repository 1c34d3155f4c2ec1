"""Public names of a package that are imported when they are first used."""

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def attach(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package (PEP 562).

    The names and their modules are those that the stub of the package, `__init__.pyi`, imports. Type checkers and
    editors read the same file. So the package itself imports nothing: an edit of one module makes stale only the
    results of those jobs that use this module, and `import nngplab` is fast.

    Args:
        package: the name of the package.
        file: its `__init__.py`.
    """
    home = _modules(Path(file).with_suffix(".pyi").read_text(encoding="utf-8"))

    def getattr_(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            return getattr(import_module(f"{package}.{home[name]}"), name)
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise ModuleNotFoundError(
                f"{package}.{name} needs PyTorch: run `pip install nngp-lab[torch]`", name="torch"
            ) from error

    def dir_() -> list[str]:
        return sorted({*vars(import_module(package)), *home})

    return getattr_, dir_, sorted(name for name in home if not name.startswith("_"))


def _modules(stub: str) -> dict[str, str]:
    """Return the module of each name that the relative imports of a stub export."""
    imports = [node for node in ast.parse(stub).body if isinstance(node, ast.ImportFrom) and node.level == 1]
    return {alias.name: str(node.module) for node in imports for alias in node.names}
