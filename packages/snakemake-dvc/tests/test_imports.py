"""The imports found for a script are the files that Python loads for it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake_dvc.contents import Ledger
from snakemake_dvc.imports import Imports

SCRIPT = "scripts/main.py"
# The modules and their files.
MODULES = {
    "helper": "scripts/helper.py",
    "local": "scripts/local/__init__.py",
    "local.near": "scripts/local/near.py",
    "alone": "lib/alone.py",
    "pack": "lib/pack/__init__.py",
    "pack.one": "lib/pack/one.py",
    "pack.two": "lib/pack/two.py",
    "pack.inner": "lib/pack/inner/__init__.py",
    "pack.inner.deep": "lib/pack/inner/deep.py",
    "space.far": "lib/space/far.py",  # a package without __init__.py
}
# Relative imports of modules in a package.
RELATIVE = {
    "pack": ["from . import one", "from .two import NAME", "from .inner import deep", "from .inner.deep import NAME"],
    "pack.one": ["from . import two", "from .inner import NAME", "from . import NAME"],
    "pack.two": ["from .inner import deep as other"],
    "pack.inner": ["from . import deep", "from .. import one", "from ..two import NAME"],
    "pack.inner.deep": ["from ..one import NAME as other", "from .. import two", "from . import NAME"],
    "local": ["from .near import NAME"],
    "local.near": ["from . import NAME"],
}
LOADED = """
import json, runpy, sys
runpy.run_path(sys.argv[1], run_name="__main__")
files = [getattr(module, "__file__", None) for module in sys.modules.values()]
print(json.dumps([file for file in files if file]))
"""


def absolute(name: str) -> list[str]:
    """Return statements that import a module by its absolute name."""
    package, _, last = name.rpartition(".")
    found = [f"import {name}", f"from {name} import NAME", f"import {name} as other, json"]
    found.append(f"import importlib; importlib.import_module('{name}')")
    return [*found, f"from {package} import {last}"] if package else found


def statements(importer: str) -> st.SearchStrategy[list[str]]:
    """Return a strategy for the import statements of a module."""
    some = [line for name in MODULES if name != importer for line in absolute(name)]
    relative = RELATIVE.get(importer, [])
    return st.lists(st.sampled_from(some) | (st.sampled_from(relative) if relative else st.nothing()), max_size=2)


TREE = st.fixed_dictionaries({"main": statements("main"), **{name: statements(name) for name in MODULES}})


def write(folder: Path, tree: dict[str, list[str]]) -> None:
    """Write the modules. Each defines NAME before its imports, so that circular imports are no error."""
    for name, lines in tree.items():
        path = folder / MODULES.get(name, SCRIPT)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(["NAME = 1", *lines, ""]))


def found_in(folder: Path, script: str = SCRIPT, python_path: tuple[str, ...] = ("lib",)) -> set[str]:
    """Return the imports found for a script, relative to a folder."""
    here = Path.cwd()
    os.chdir(folder)
    try:
        return Imports(python_path, Ledger(Path("ledger.json"))).of(script)
    finally:
        os.chdir(here)


def loaded_in(folder: Path, script: str = SCRIPT) -> set[str]:
    """Return the files of a folder that a Python process loads for a script, without the script."""
    program = LOADED.replace("import json, runpy, sys", "import json, runpy, sys; sys.path.insert(0, 'scripts')")
    ended = subprocess.run(
        [sys.executable, "-S", "-B", "-c", program, script],
        cwd=folder,
        env={"PYTHONPATH": str(folder / "lib")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    paths = [(folder / path).resolve() for path in json.loads(ended.stdout)]
    here = folder.resolve()
    return {path.relative_to(here).as_posix() for path in paths if path.is_relative_to(here)} - {script}


@settings(max_examples=60, deadline=None)
@given(TREE)
def test_the_files_found_are_those_that_python_loads(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    write(folder, tree)
    assert found_in(folder) == loaded_in(folder)


def imports_of(folder: Path, text: str) -> set[str]:
    """Return the imports found for a script, if all modules exist and import nothing."""
    write(folder, {name: [] for name in MODULES})
    (folder / SCRIPT).write_text(text)
    return found_in(folder)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def late():\n    import alone\n", {"lib/alone.py"}),
        ("try:\n    import none\nexcept ImportError:\n    import helper\n", {"scripts/helper.py"}),
        ("if False:\n    from pack import two\n", {"lib/pack/__init__.py", "lib/pack/two.py"}),
        ("from importlib import import_module\nimport_module('alone')\n", {"lib/alone.py"}),
        ("__import__('alone')\n", {"lib/alone.py"}),
        ("import numpy, os.path\nfrom json import loads\n", set()),
        ("import none_such\nfrom . import nothing\n", set()),
        ("from .... import far_out\nfrom .....a.b import c\n", set()),
        ("name = 'alone'\n__import__(name)\n", set()),
        ("this is no Python\n", set()),
        ("import alone\0\n", set()),
        ("# -*- coding: latin-1 -*-\n# \N{LATIN SMALL LETTER U WITH DIAERESIS}\nimport alone\n", {"lib/alone.py"}),
        ("\ufeffimport alone\n", {"lib/alone.py"}),
        ("from scripts import helper\n", set()),
        ("", set()),
    ],
)
def test_the_imports_of_a_script(tmp_path: Path, text: str, found: set[str]) -> None:
    assert imports_of(tmp_path, text) == found


def test_all_modules_of_a_star_import_are_found(tmp_path: Path) -> None:
    """A star import loads the modules that the package lists."""
    write(tmp_path, {name: [] for name in MODULES})
    (tmp_path / "lib/pack/__init__.py").write_text("__all__ = ['one']\n")
    (tmp_path / SCRIPT).write_text("from pack import *\n")
    assert found_in(tmp_path) >= loaded_in(tmp_path)
    assert "lib/pack/one.py" in found_in(tmp_path)


LAZY = """
from importlib import import_module
def __getattr__(name):
    homes = {"One": ".one", "Deep": ".inner.deep"}
    if name not in homes:
        raise AttributeError(name)
    return getattr(import_module(homes[name], __name__), "NAME")
"""
STUB = "from .one import One as One\nfrom .inner.deep import Deep as Deep\n"


@pytest.mark.parametrize(
    "text",
    [
        "from pack import One",
        "from pack import Deep as other, two",
        "from pack import two",
        "import alone, pack\npack.One, pack.Deep",
        "import pack as p\np.One, p.Deep",
        "from pack.inner import deep",
    ],
)
def test_the_modules_of_names_that_a_package_imports_late(tmp_path: Path, text: str) -> None:
    """The stub of the package names them."""
    write(tmp_path, {name: [] for name in MODULES})
    (tmp_path / "lib/pack/__init__.py").write_text(LAZY)
    (tmp_path / "lib/pack/__init__.pyi").write_text(STUB)
    (tmp_path / SCRIPT).write_text(text)
    assert found_in(tmp_path) == loaded_in(tmp_path)


def test_a_module_of_the_same_name_in_both_folders_is_found_in_both(tmp_path: Path) -> None:
    """Python loads the other one as soon as the first is deleted."""
    write(tmp_path, {name: [] for name in MODULES})
    (tmp_path / "lib/helper.py").touch()
    (tmp_path / SCRIPT).write_text("import helper\n")
    assert found_in(tmp_path) == {"scripts/helper.py", "lib/helper.py"}


def test_a_package_is_preferred_to_a_module_of_its_name(tmp_path: Path) -> None:
    write(tmp_path, {name: [] for name in MODULES})
    (tmp_path / "lib/pack.py").touch()
    (tmp_path / SCRIPT).write_text("import pack\n")
    assert found_in(tmp_path) == loaded_in(tmp_path) == {"lib/pack/__init__.py"}


def test_a_module_is_preferred_to_a_folder_of_its_name(tmp_path: Path) -> None:
    write(tmp_path, {name: [] for name in MODULES})
    (tmp_path / "lib/space.py").touch()
    (tmp_path / SCRIPT).write_text("import space\n")
    assert found_in(tmp_path) == loaded_in(tmp_path) == {"lib/space.py"}


def test_a_script_in_the_project_folder(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import helper\n")
    (tmp_path / "helper.py").write_text("import main\n")
    assert found_in(tmp_path, "main.py", ()) == {"helper.py"}


def test_an_edit_of_an_import_is_seen(tmp_path: Path) -> None:
    assert imports_of(tmp_path, "import alone\n") == {"lib/alone.py"}
    assert imports_of(tmp_path, "import helper\n") == {"scripts/helper.py"}
