"""The modules of a project that a Python script imports: an edit of one makes the results of the script stale."""

import ast
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from snakemake_dvc.contents import Ledger


class Imports:
    """The files that Python scripts import, as they are now.

    Args:
        python_path: folders that Python searches for modules, beside the folder of a script.
        ledger: it remembers what each file imports.
    """

    def __init__(self, python_path: Iterable[str], ledger: Ledger) -> None:
        self.python_path = tuple(python_path)
        self.ledger = ledger
        self._direct: dict[tuple[str, str], set[str]] = {}

    def of(self, script: str) -> set[str]:
        """Return the files that a script imports, directly or not, from its own folder and from the project's.

        Imports inside functions count too. Modules whose names are computed are not found: name those as inputs of
        the rule.
        """
        home = str(Path(script).parent)
        found: set[str] = set()
        waiting = [script]
        while waiting:
            new = self._directly(waiting.pop(), home) - found - {script}
            found |= new
            waiting += new
        return found

    def _directly(self, path: str, home: str) -> set[str]:
        """Return the files that the import statements of one file run, for a script in a folder."""
        if (path, home) not in self._direct:
            names = self.ledger.derived("imports", path, _imported_names)
            roots = [home, *self.python_path]
            self._direct[path, home] = {file for name in names for file in _files_of(name, Path(path), roots)}
        return self._direct[path, home]


def _imported_names(source: bytes) -> list[str]:
    """Return the names in the import statements of a source; relative ones begin with dots."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            joined = module if module.endswith(".") or not module else f"{module}."
            names |= {module, *(f"{joined}{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call) and _is_import_call(node.func):
            names |= {str(word.value) for word in node.args[:1] if isinstance(word, ast.Constant)}
    return sorted(filter(None, names))


def _is_import_call(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("import_module", "__import__")


def _files_of(name: str, importer: Path, roots: Iterable[str]) -> Iterator[str]:
    """Yield the files that an import of a name runs: the module and the packages around it."""
    level = len(name) - len(name.lstrip("."))
    parts = [part for part in name.lstrip(".").split(".") if part]
    if level > len(importer.parents):
        return  # it leads out of the project
    if level:
        folder = importer.parents[level - 1]
        yield from filter(_is_file, [f"{folder.as_posix()}/__init__.py"])
        roots = [str(folder)]
    for root in roots:
        folder_name = root
        for part in parts:
            if part == "*":  # what the package names in __all__ can be any of its modules
                yield from map(str, sorted(Path(folder_name).glob("*.py")))
                yield from map(str, sorted(Path(folder_name).glob("*/__init__.py")))
                break
            package, module = f"{folder_name}/{part}/__init__.py", f"{folder_name}/{part}.py"
            folder_name = f"{folder_name}/{part}"
            if _is_file(package):
                yield _plain(package)
            elif _is_file(module):
                yield _plain(module)
                break
            elif not os.path.isdir(folder_name):  # noqa: PTH112 - this is called thousands of times
                break


def _is_file(path: str) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - this is called thousands of times


def _plain(path: str) -> str:
    return path.removeprefix("./")
