"""The recipe of each job: everything that its outputs can depend on, as it is now."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from snakemake_dvc import _snakemake
from snakemake_dvc._snakemake import Change, UndeterminedError
from snakemake_dvc.contents import Ledger
from snakemake_dvc.imports import Imports
from snakemake_dvc.project import Project
from snakemake_dvc.records import Recipe
from snakemake_dvc.snapshot import RunSnapshot
from snakemake_dvc.values import digest_without_comments


class Recipes:
    """The recipes of jobs.

    Args:
        project: the settings of the project.
        snapshot: the configuration and the rules of the run.
        ledger: the digests of files.
    """

    def __init__(self, project: Project, snapshot: RunSnapshot, ledger: Ledger) -> None:
        self.project = project
        self.snapshot = snapshot
        self.ledger = ledger
        self._imports = Imports(project.python_path, ledger)

    def of(self, job: Any, digest: Callable[[str], str | None]) -> Recipe:
        """Return the recipe of a job.

        Args:
            job: the job.
            digest: a function from an input to its digest; None if the input does not exist.

        Raises:
            UndeterminedError: if a file that counts does not exist yet.
        """
        inputs = {}
        for path, is_ancient in _snakemake.inputs(job).items():
            found = "" if is_ancient else digest(path)
            if found is None:
                raise UndeterminedError
            inputs[path] = found
        code = _snakemake.code_digests(job, self._rules_digests)
        code |= {path: self.ledger.digest(path) or "" for path in self.sources_of(job)}
        environment = {path: self.ledger.digest(path) or "" for path in self.project.environment}
        outputs = tuple(map(str, job.output))
        return Recipe(job.rule.name, code, environment, _snakemake.params(job), inputs, outputs)

    def sources_of(self, job: Any) -> set[str]:
        """Return the source files of a job that are not among its inputs."""
        inputs = _snakemake.inputs(job)
        script = _snakemake.script(job)
        scripts = [path for path in inputs if path.endswith(".py")] + ([script] if script else [])
        found = {script} if script else set()
        for path in scripts:
            found |= self._imports.of(path) if Path(path).is_file() else set()
        return found - set(inputs)

    def clear_imports(self) -> None:
        """Read again what the scripts import, since they may have been edited."""
        self._imports = Imports(self.project.python_path, self.ledger)

    def _rules_digests(self) -> dict[str, str]:
        paths = [path for path in self.snapshot.rules_files if Path(path).is_file()]
        return {path: str(self.ledger.derived("code", path, digest_without_comments)) for path in paths}


def change_between(before: Recipe, now: Recipe) -> Change:
    """Return what differs between two recipes of the same outputs."""
    names = {name for name in now.params | before.params if now.params.get(name) != before.params.get(name)}
    names = {name for name in names if name.startswith("params.")}
    both = now.inputs.keys() & before.inputs.keys()
    return Change(
        inputs={path for path in both if now.inputs[path] != before.inputs[path]},
        params=(
            {repr(before.params[name]) for name in names if name in before.params},
            {repr(now.params[name]) for name in names if name in now.params},
        ),
        code=now.code != before.code,
        input_set=now.inputs.keys() != before.inputs.keys(),
        environment=now.environment != before.environment,
    )
