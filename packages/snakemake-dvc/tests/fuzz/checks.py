"""What must hold after the steps of a simulation."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from fuzz import model
from fuzz.checkouts import Checkouts


class Checks(Checkouts):
    """Checkouts, and checks of their results and of dvc.lock."""

    def _wrong(self, expected: dict[str, bytes], among: Iterable[str] | None = None) -> list[str]:
        """Return the faults of all results, or of some."""
        if among is not None:
            expected = {path: expected[path] for path in among}
        present = {path: (self.folder / path).read_bytes() for path in self._files()}
        faults = [f"{path} is missing" for path in expected.keys() - present.keys()]
        faults += [f"{path} is wrong" for path in expected.keys() & present.keys() if expected[path] != present[path]]
        if among is None:
            faults += [f"{path} should not exist" for path in present.keys() - expected.keys()]
        return sorted(faults)

    def _lock_faults(self, jobs: dict[str, model.Job], stage: str) -> list[str]:
        """Return where the entry of a stage in dvc.lock differs from the present sources and their results."""
        declared = yaml.safe_load((self.folder / "dvc.yaml").read_text())["stages"][stage]
        locked = self._locked().get(stage)
        if locked is None:
            return [f"dvc.lock has no stage {stage}"]
        outs = [*declared.get("outs", []), *declared.get("metrics", [])]
        outs = [next(iter(out)) if isinstance(out, dict) else out for out in outs]
        results = model.results_of(jobs)
        expected = {path: self._digest(path, results) for path in (*declared["deps"], *outs)}
        recorded = {entry["path"]: entry["md5"] for entry in (*locked["deps"], *locked["outs"])}
        faults = [
            f"dvc.lock, {stage}: {path} is {recorded.get(path)}, should be {expected.get(path)}"
            for path in sorted(expected.keys() | recorded.keys())
            if recorded.get(path) != expected.get(path)
        ]
        params = {key: model.value_of(self.folder, key) for key in declared["params"][0]["config.yaml"]}
        if locked["params"] != {"config.yaml": params}:
            faults.append(f"dvc.lock, {stage}: the params are {locked['params']}, should be {params}")
        if locked["cmd"] != declared["cmd"]:
            faults.append(f"dvc.lock, {stage}: the cmd differs from dvc.yaml")
        return faults

    def _locked(self) -> dict[str, Any]:
        """Return the stages in dvc.lock."""
        path = self.folder / "dvc.lock"
        return dict(yaml.safe_load(path.read_text())["stages"] if path.exists() else {})

    def _digest(self, path: str, results: dict[str, bytes]) -> str | None:
        """Return the digest that DVC computes of a result, a folder of results or a source."""
        if path in results:
            return model.md5(results[path])
        inside = {name.removeprefix(f"{path}/"): content for name, content in results.items() if name.startswith(path)}
        if inside and not path.startswith("records"):
            entries = [{"md5": model.md5(content), "relpath": name} for name, content in sorted(inside.items())]
            return model.md5(json.dumps(entries, sort_keys=True).encode()) + ".dir"
        file = self.folder / path
        return model.md5(file.read_bytes()) if file.is_file() else None

    # Jobs that must not run.

    def _must_not_run(self, engine: str, overlay: dict[str, Any] | None = None) -> set[str]:
        """Return the jobs that have records and whose results can be restored."""
        jobs = self._jobs(overlay)
        # dvc.lock describes the configuration in git, without an overlay.
        imported = {stage for stage in set(model.STAGES.values()) if not overlay and self._is_imported(stage, jobs)}
        return {
            job.name
            for job in jobs.values()
            if (job.key in self.here.recorded or job.stage in imported)
            and all(self._can_be_restored(path, content, engine) for path, content in job.outputs.items())
        }

    def _is_imported(self, stage: str, jobs: dict[str, model.Job]) -> bool:
        """Return whether the records of a stage are available from another checkout, by dvc.lock."""
        records = f"records/{stage}.jsonl"
        if any(records not in fault for fault in self._lock_faults(jobs, stage)):
            return False
        outs = self._locked()[stage]["outs"]
        digest = next((out["md5"] for out in outs if out["path"] == records), None)
        file = self.folder / records
        return digest is not None and (
            self._is_stored(digest) or (file.is_file() and model.md5(file.read_bytes()) == digest)
        )

    def _can_be_restored(self, path: str, content: bytes, engine: str) -> bool:
        if self._is_stored(model.md5(content)):
            return True
        # DVC deletes the outputs of a stage before it runs it.
        file = self.folder / path
        return engine == "snakemake" and file.is_file() and file.read_bytes() == content

    def _is_stored(self, digest: str) -> bool:
        name = Path("files/md5", digest[:2], digest[2:])
        return (self.folder / ".dvc/cache" / name).exists() or (self.root / "remote" / name).exists()
