"""What the outputs of a job can depend on, as it is now."""

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
from snakemake_dvc.values import without_comments


class Recipes:
    """The recipes of jobs.

    Args:
        project: what differs between projects.
        snapshot: what the run takes as given.
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
            digest: from an input to the digest of its content; None if it is not there.

        Raises:
            UndeterminedError: if something is not there yet.
        """
        inputs = {}
        for path, is_ancient in _snakemake.inputs(job).items():
            found = "" if is_ancient else digest(path)
            if found is None:
                raise UndeterminedError
            inputs[path] = found
        code = _snakemake.commands(job, self._rules_without_comments)
        code |= {path: self.ledger.digest(path) or "" for path in self.sources_of(job)}
        environment = {path: self.ledger.digest(path) or "" for path in self.project.environment}
        outputs = tuple(map(str, job.output))
        return Recipe(job.rule.name, code, environment, _snakemake.params(job), inputs, outputs)

    def sources_of(self, job: Any) -> set[str]:
        """Return the files that are the code of a job, beside its inputs."""
        inputs = _snakemake.inputs(job)
        script = _snakemake.script_of(job)
        scripts = [path for path in inputs if path.endswith(".py")] + ([script] if script else [])
        found = {script} if script else set()
        for path in scripts:
            found |= self._imports.of(path) if Path(path).is_file() else set()
        return found - set(inputs)

    def look_again(self) -> None:
        """Forget what scripts import: they may have been edited."""
        self._imports = Imports(self.project.python_path, self.ledger)

    def _rules_without_comments(self) -> dict[str, str]:
        paths = [path for path in self.snapshot.rules_files if Path(path).is_file()]
        return {path: str(self.ledger.derived("code", path, without_comments)) for path in paths}


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
