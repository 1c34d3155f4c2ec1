"""Test the library alone, without PyTorch and the packages of the pipeline: `make test-library`.

A fresh environment is made from a lock, once with the oldest and once with the newest versions of what the library
needs. There the lines of the README for researchers run as they are written; they install the library, from a copy of
the checkout. Then those unit tests run that import nothing that is not installed. They test the installed library.
Where the newest versions are those with which `make test` runs all tests, the examples of the library are enough.

This program needs Python 3.11 or newer, and no package.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPIED = ["LICENSE", "README.md", "pyproject.toml", "src", "tests"]
VERSIONS = ["oldest", "newest"]
EXAMPLES = "tests/unit/test_library.py"
# What the locks install, and the modules that need more or are the pipeline's.
INSTALLED = {"hypothesis", "mpmath", "numpy", "pytest", "scipy", "sklearn", "threadpoolctl", "tqdm"}
OTHER_MODULES = re.compile(
    r"nngplab\.(report|problems|theory|pipeline\.(config|resources|statistics)|networks\.(fully_connected|training)|regression\.gpu"
    r"|kernels\.compiled|datasets\.(cifar10_torch|download|http_request))"
)
PROGRAMS = {"sh": ["bash", "-euxo", "pipefail", "-c"], "python": ["python", "-W", "error", "-c"]}


def tests_of_the_library() -> list[str]:
    """Return the unit tests that, like the helpers that they import, import nothing that is not installed."""
    paths = sorted((ROOT / "tests/unit").glob("test_*.py"))
    return [str(path.relative_to(ROOT)) for path in paths if all(map(_is_installed, _imported(path)))]


def _imported(path: Path) -> list[str]:
    """Return the modules that a file imports when it is loaded, and the names that it imports from modules."""
    names = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def _is_installed(name: str) -> bool:
    package, *modules = name.split(".")
    if package == "tests":
        return all(map(_is_installed, _imported(ROOT.joinpath("tests", *modules[:2]).with_suffix(".py"))))
    if package == "nngplab":
        return not OTHER_MODULES.match(name)
    return package in INSTALLED or package in sys.stdlib_module_names


def readme_blocks() -> list[tuple[str, str]]:
    """Return the language and the lines of each code block in the section of the README for researchers."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.split(r"^## ", readme.split("\n## For researchers\n")[1], flags=re.MULTILINE)[0]
    return re.findall(r"^```(\w+)\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)


def check(versions: str) -> str:
    """Test the library with the versions of one lock; return what the tests write.

    Raises:
        RuntimeError: if a program fails, or if the lines of the README install more than the library.
    """
    with tempfile.TemporaryDirectory(prefix="nngp-lab-") as folder:
        project, environment = Path(folder) / "project", Path(folder) / "environment"
        _copy_project(project)
        _run(project, [sys.executable, "-m", "venv", environment])

        def run(*command: str | Path) -> str:
            return _run(project, command, f"{environment / 'bin'}{os.pathsep}")

        run("pip", "install", "--quiet", "--require-hashes", "--requirement", ROOT / f"requirements-{versions}.lock")
        before = run("pip", "freeze").splitlines()
        for language, lines in readme_blocks():
            run(*PROGRAMS[language], lines)
        added = [line for line in run("pip", "freeze").splitlines() if line not in before]
        if [re.split("[ =@]", line)[0] for line in added] != ["nngp-lab"]:
            raise RuntimeError(f"the lines of the README install {added}, and not nngp-lab alone")
        run("pip", "check")
        tests = [EXAMPLES] if are_those_of_all_tests(before) else tests_of_the_library()
        # Without src in the path of pytest.
        pytest = ("pytest", "-q", "--hypothesis-profile=again", "-p", "no:cacheprovider", "-o", "pythonpath=.")
        with ThreadPoolExecutor() as pool:
            shares = [pool.submit(run, *pytest, *tests[first::2]) for first in range(min(2, len(tests)))]
        return "\n".join(share.result() for share in shares)


def are_those_of_all_tests(frozen: list[str]) -> bool:
    """Return whether what the library needs has the versions with which `make test` runs all tests."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split("[<>=~ ]", requirement)[0] for requirement in project["dependencies"]}
    pins = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return all(f"\n{line} " in pins for line in frozen if line.partition("==")[0] in names)


def _copy_project(folder: Path) -> None:
    folder.mkdir()
    for name in COPIED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)


def _run(folder: Path, command: list[str | Path] | tuple[str | Path, ...], first_in_path: str = "") -> str:
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    variables |= {"PATH": f"{first_in_path}{os.environ['PATH']}", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    # By which tests/conftest.py divides the cores.
    variables["PYTEST_XDIST_WORKER_COUNT"] = str(len(VERSIONS))
    done = subprocess.run(
        command, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"exit code {done.returncode} of {' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def main() -> int:
    """Test the library with the oldest and the newest versions side by side; return the exit code."""
    with ThreadPoolExecutor() as pool:
        checks = {versions: pool.submit(check, versions) for versions in VERSIONS}
    for versions, done in checks.items():
        error = done.exception()
        print(f"The library with the {versions} versions of what it needs:", error or done.result(), sep="\n")
    return int(any(done.exception() for done in checks.values()))


if __name__ == "__main__":
    sys.exit(main())
