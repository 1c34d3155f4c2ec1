"""The executor plugins of Snakemake for clusters: found in a folder of their own, and missed in one line.

Each start of Snakemake imports every executor plugin that it finds, and some of them ask a cluster then. So plugins can
be in the folder `cluster` of the Python environment (`pip install --target`). They are imported if and only if a
command or its profile asks for an executor that is not installed otherwise.
"""

import importlib
import os
import re
import sys
from contextlib import suppress
from typing import Any, NamedTuple

FOLDER = "cluster"


class Request(NamedTuple):
    """A request for an executor.

    Attributes:
        executor: its name.
        by: what requests it.
        hint: what the profile says in the line of the executor; empty if it says nothing.
    """

    executor: str
    by: str
    hint: str


class _AnyChoice:
    """The names of the executors in the help; any other name is accepted, too."""

    def __init__(self, names: Any) -> None:
        self._names = names

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Any:
        return iter(self._names)


def provide_plugins(module: Any) -> None:
    """Let Snakemake find the executor that a command or its profile asks for; `module` is snakemake.cli."""
    parse = module.parse_args

    def provide_and_parse(argv: Any) -> Any:
        requests = _requests(module, argv)
        registry = module.ExecutorPluginRegistry()
        if any(not registry.is_installed(request.executor) for request in requests):
            _add_folder(registry)
        if requests and not registry.is_installed(requests[-1].executor):
            sys.exit(f"error: {_missing(requests[-1], registry)}")
        return parse(argv)

    module.parse_args = provide_and_parse


def _requests(cli: Any, argv: Any) -> list[Request]:
    """Return the requests for executors, the one that holds last: the command line, or else the last profile."""
    parser = cli.get_argument_parser()
    (option,) = (action for action in parser._actions if action.dest == "executor")
    option.choices = _AnyChoice(option.choices)
    arguments, _ = parser.parse_known_args(argv)
    requests = []
    if arguments.mode == cli.ExecMode.DEFAULT:
        requests = [found for name in _profiles(arguments) if (found := _request_of_profile(cli, name))]
    if arguments.executor:
        requests.append(Request(arguments.executor, f"--executor {arguments.executor}", ""))
    return requests


def _profiles(arguments: Any) -> list[str]:
    """Return the profiles of a command, as Snakemake finds them: those named, and then that of the workflow."""
    of_workflow = arguments.workflow_profile or "default"
    places = [of_workflow, f"profiles/{of_workflow}"] if of_workflow != "none" else []
    return [*(arguments.profile or []), *[place for place in places if os.path.exists(place)][:1]]  # noqa: PTH110


def _request_of_profile(cli: Any, name: str) -> Request | None:
    """Return the executor of a profile. Snakemake itself reports a profile that it cannot find or read."""
    from snakemake.profiles import ProfileConfigFileParser

    with suppress(Exception):
        _, path = cli.get_profile_dir(name)
        text = path.read_text(encoding="utf-8")
        with path.open(encoding="utf-8") as stream:
            executor = ProfileConfigFileParser().parse(stream).get("executor")
        if executor:
            hint = re.search(r"(?m)^executor:.*?\s#\s*(.+?)\s*$", text)
            return Request(executor, f"the profile {name}", hint[1] if hint else "")
    return None


def _add_folder(registry: Any) -> None:
    folder = os.path.join(sys.prefix, FOLDER)  # noqa: PTH118
    if os.path.isdir(folder) and folder not in sys.path:  # noqa: PTH112
        sys.path.append(folder)
        importlib.invalidate_caches()
        registry.collect_plugins()


def _missing(request: Request, registry: Any) -> str:
    package = registry.get_plugin_package_name(request.executor)
    others = ", ".join(sorted(registry.get_registered_plugins()))
    hint = request.hint or f"run `pip install {package}`, or use another executor ({others})"
    return f"{request.by} needs {package}, which is not installed: {hint}"


REPLACEMENTS = {"snakemake.cli": provide_plugins}
