"""The modules of a project that a Python script imports: an edit of one makes the results of the script stale."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from snakemake_dvc.contents import Ledger


def imported_files(script: str, python_path: Iterable[str], ledger: Ledger) -> set[str]:
    """Return the files that a script imports, directly or not, from its own folder and from the project's.

    Imports inside functions count too. Modules whose names are computed are not found: name those as inputs of the
    rule.

    Args:
        script: the path of the script.
        python_path: further folders that Python searches for modules.
        ledger: it remembers what each file imports.
    """
    roots = [Path(script).parent, *map(Path, python_path)]
    found: set[str] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        for name in ledger.derived("imports", path, _imported_names):
            for file in _files_of(name, Path(path), roots):
                if file not in found and file != script:
                    found.add(file)
                    waiting.append(file)
    return found


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


def _files_of(name: str, importer: Path, roots: Iterable[Path]) -> Iterator[str]:
    """Yield the files that an import of a name runs: the module and the packages around it."""
    parts = name.lstrip(".").split(".") if name.strip(".") else []
    if level := len(name) - len(name.lstrip(".")):
        folder = importer.parent
        for _ in range(level - 1):
            folder = folder.parent
        yield from _package_file(folder)
        roots = [folder]
    for root in roots:
        folder = root
        for part in parts:
            module = folder / f"{part}.py"
            folder = folder / part
            yield from _package_file(folder)
            if module.is_file() and not (folder / "__init__.py").is_file():
                yield module.as_posix()


def _package_file(folder: Path) -> Iterator[str]:
    if (folder / "__init__.py").is_file():
        yield (folder / "__init__.py").as_posix()
