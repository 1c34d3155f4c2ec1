"""The modules of a project that a Python script imports. An edit of one makes the results of the script stale."""

import ast
import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from snakemake_dvc.contents import Ledger

_ALL = "__all__"


class Imports:
    """The files that Python scripts import, as they are now.

    Args:
        python_path: the folders from which scripts import modules, beside their own.
        ledger: caches what each file imports.
    """

    def __init__(self, python_path: Iterable[str], ledger: Ledger) -> None:
        self.python_path = tuple(python_path)
        self.ledger = ledger
        self._direct: dict[tuple[str, str], set[str]] = {}
        # Each script imports the same packages: their names are looked for thousands of times.
        self._is_file = cache(os.path.isfile)
        self._is_folder = cache(os.path.isdir)

    def of(self, script: str) -> set[str]:
        """Return the files of the project that a script imports, directly or indirectly.

        Imports inside functions count too. A module whose name is computed is not found: make it an input of the rule.
        A package can import its public names when they are first used; then its stub `__init__.pyi` must import them.
        """
        folder = str(Path(script).parent)
        found: set[str] = set()
        waiting = [script]
        while waiting:
            new = self._direct_imports(waiting.pop(), folder) - found - {script}
            found |= new
            waiting += new
        return found

    def _direct_imports(self, path: str, folder: str) -> set[str]:
        """Return the files that the import statements of one file load, if the script lies in a folder."""
        if (path, folder) not in self._direct:
            names = self.ledger.derived("imported names", path, _imported_names)
            roots = [folder, *self.python_path]
            self._direct[path, folder] = {
                file
                for name in names
                for found in (name, *self._offered(name, roots))
                for file in self._files_of(found, Path(path), roots)
            }
        return self._direct[path, folder]

    def _offered(self, name: str, roots: list[str]) -> Iterator[str]:
        """Yield the full name of what the stub of a package imports under a name; all of them for a star."""
        package, _, last = name.rpartition(".")
        for root in roots:
            stub = "/".join([root, *package.split("."), "__init__.pyi"])
            if self._is_file(stub):
                imported = self.ledger.derived("imported names", stub, _imported_names)
                relative = [found for found in imported if found.startswith(".") and not found.startswith("..")]
                yield from (package + found for found in relative if last in (found.rpartition(".")[2], "*", _ALL))

    def _files_of(self, name: str, importer: Path, roots: Iterable[str]) -> Iterator[str]:
        """Yield the files that an import of a name loads: the module and the packages that contain it."""
        level = len(name) - len(name.lstrip("."))
        parts = [part for part in name.lstrip(".").split(".") if part]
        if level > len(importer.parents):
            return  # the name lies outside of the project
        if level:
            folder = importer.parents[level - 1]
            yield from filter(self._is_file, [f"{folder.as_posix()}/__init__.py"])
            roots = [str(folder)]
        for root in roots:
            folder_name = root
            for part in parts:
                if part == "*":  # __all__ of the package can name any of its modules
                    yield from map(str, sorted(Path(folder_name).glob("*.py")))
                    yield from map(str, sorted(Path(folder_name).glob("*/__init__.py")))
                    break
                package, module = f"{folder_name}/{part}/__init__.py", f"{folder_name}/{part}.py"
                folder_name = f"{folder_name}/{part}"
                if self._is_file(package):
                    yield _plain(package)
                elif self._is_file(module):
                    yield _plain(module)
                    break
                elif not self._is_folder(folder_name):
                    break


def _imported_names(source: bytes) -> list[str]:
    """Return the names in the import statements of a source; relative ones begin with dots.

    A name that can be that of a package, any of whose names is then used, is also followed by `_ALL`.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {word for alias in node.names for word in (alias.name, f"{alias.name}.{_ALL}")}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            joined = module if module.endswith(".") or not module else f"{module}."
            joined_names = [f"{joined}{alias.name}" for alias in node.names]
            names |= {module, *joined_names, *(f"{name}.{_ALL}" for name in joined_names)}
        elif isinstance(node, ast.Call) and _is_import_call(node.func):
            names |= {str(word.value) for word in node.args[:1] if isinstance(word, ast.Constant)}
    return sorted(filter(None, names))


def _is_import_call(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("import_module", "__import__")


def _plain(path: str) -> str:
    return path.removeprefix("./")
