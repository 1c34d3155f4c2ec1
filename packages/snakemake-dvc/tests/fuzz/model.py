"""The jobs of the fuzzed workflow and the right results, computed from the sources without any engine."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

# The modules that each script imports, directly or not.
LIBRARY = ("lib/common.py", "lib/deep.py", "lib/stub.py")
HELPER = ("scripts/helper.py", "lib/stub.py")
# A module that a step can make them import.
EXTRA = "lib/extra.py"
CODE = {
    "numbers": ("scripts/data.py", *LIBRARY),
    "shard": ("scripts/shard.py", *LIBRARY),
    "table": ("scripts/table.py", *HELPER),
    "answer": ("scripts/final.py", *HELPER),
}
STAGES = {"numbers": "data", "shard": "sweep", "table": "sweep", "answer": "final"}
ENVIRONMENT = "requirements.lock"


@dataclass(frozen=True)
class Job:
    """A job and its right results.

    Attributes:
        name: its name in the log of the jobs.
        stage: the stage that it belongs to.
        key: the digest of all that its outputs could depend on.
        outputs: the content of each output.
        upstream: the names of the jobs that it depends on, directly or not.
    """

    name: str
    stage: str
    key: str
    outputs: dict[str, bytes]
    upstream: frozenset[str]


def md5(content: bytes) -> str:
    """Return the MD5, which DVC uses."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def config_of(folder: Path, overlay: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the configuration in a checkout, with an overlay."""
    config = yaml.safe_load((folder / "config.yaml").read_text())
    for key, value in (overlay or {}).items():
        config[key] = {**config[key], **value} if isinstance(value, dict) else value
    return dict(config)


def value_of(folder: Path, key: str) -> Any:
    """Return the value of a key of the configuration, which may be in a section: `section.key`."""
    value: Any = config_of(folder)
    for part in key.split("."):
        value = value[part]
    return value


def jobs_of(folder: Path, overlay: dict[str, Any] | None = None) -> dict[str, Job]:
    """Return the jobs of the present sources in a checkout by name, each after those that it depends on."""
    return _Model(folder, config_of(folder, overlay)).jobs


def results_of(jobs: dict[str, Job]) -> dict[str, bytes]:
    """Return the content of each result."""
    return {path: content for job in jobs.values() for path, content in job.outputs.items()}


def stages_lack_an_import(folder: Path) -> bool:
    """Return whether dvc.yaml is out of date, since a stage imports the extra module or imports it no longer."""
    stages = yaml.safe_load((folder / "dvc.yaml").read_text())["stages"]
    importing = {STAGES[rule] for rule, code in CODE.items() if EXTRA in _with_extra(folder, code)}
    return importing != {name for name, stage in stages.items() if EXTRA in stage["deps"]}


def _with_extra(folder: Path, code: tuple[str, ...]) -> tuple[str, ...]:
    imports = any("\nimport extra\n" in (folder / path).read_text() for path in code)
    return (*code, EXTRA) if imports else code


class _Model:
    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        self.folder = folder
        self.jobs: dict[str, Job] = {}
        self._numbers(config)
        values = list(dict.fromkeys(config["sweep"]["values"]))
        for k in values:
            self._shard(config, k)
        self._table([f"shard-{k}" for k in values])
        self._answer(config)

    def _numbers(self, config: dict[str, Any]) -> None:
        seed, size = config["seed"], config["data"]["size"]
        lines = ["numbers", *self._constants("data", "lib"), self._salt("numbers"), f"size={size}"]
        lines.append(f"half of the seed {seed // 2}")
        made = {"data/numbers.txt": _text(lines)}
        self._add("numbers", "data", [seed, size], [], made)

    def _shard(self, config: dict[str, Any], k: int) -> None:
        seed, scale = config["seed"], config["sweep"]["scale"]
        lines = ["shard", *self._constants("shard", "lib"), self._salt("shard")]
        lines += [f"k={k}", f"seed={seed}", f"scale={scale}"]
        made = {f"results/sweep/shards/{k}.txt": _text(lines)}
        self._add(f"shard-{k}", "sweep", [seed, scale], [], made)

    def _table(self, shards: list[str]) -> None:
        lines = ["table", *self._constants("table", "helper"), self._salt("table")]
        lines += [line for shard in shards for line in self._read(shard)]
        made = {"results/sweep/table.txt": _text(lines)}
        self._add("table", "sweep", [], shards, made)

    def _answer(self, config: dict[str, Any]) -> None:
        title = config["final"]["title"]
        lines = ["answer", *self._constants("final", "helper"), self._salt("answer"), f"title={title}"]
        lines += [*self._read("numbers"), *self._read("table")]
        made = {
            "results/final/answer.txt": _text(lines),
            "results/final/metrics.json": json.dumps({"lines": ["metrics", *lines]}).encode(),
        }
        self._add("answer", "final", [title], ["numbers", "table"], made)

    def _add(
        self,
        name: str,
        stage: str,
        params: list[Any],
        inputs: list[str],
        made: dict[str, bytes],
    ) -> None:
        rule = name.split("-")[0]
        recipe = [
            rule,
            _block(self._text(f"rules/{stage}.smk"), rule),
            [self._text(path) for path in (*_with_extra(self.folder, CODE[rule]), ENVIRONMENT)],
            params,
            [(path, md5(content)) for job in inputs for path, content in self.jobs[job].outputs.items()],
            sorted(made),
        ]
        key = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()
        upstream = frozenset(inputs).union(*(self.jobs[job].upstream for job in inputs))
        self.jobs[name] = Job(name, stage, key, made, upstream)

    def _text(self, path: str) -> str:
        return (self.folder / path).read_text()

    def _constants(self, script: str, modules: str) -> list[str]:
        named = {"script": f"scripts/{script}.py"}
        if modules == "lib":
            named |= {"common": "lib/common.py", "deep": "lib/deep.py"}
        else:
            named |= {"helper": "scripts/helper.py"}
        return [f"{name} {_constant(self._text(path))}" for name, path in named.items()]

    def _salt(self, rule: str) -> str:
        return re.search(r"salt=\d+", _block(self._text(f"rules/{STAGES[rule]}.smk"), rule))[0]

    def _read(self, job: str) -> list[str]:
        (content,) = self.jobs[job].outputs.values()
        return [f"> {line}" for line in content.decode().splitlines()]


def _constant(source: str) -> str:
    return re.search(r"^CONSTANT = (\d+)$", source, flags=re.MULTILINE)[1]


def _block(source: str, rule: str) -> str:
    """Return the command of a rule as it is written in the rules file."""
    body = source.split(f"rule {rule}:\n")[1].split("\nrule ")[0]
    command = body.split("    shell:\n")[1]
    return "".join(line + "\n" for line in command.splitlines() if line.startswith("        "))


def _text(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
