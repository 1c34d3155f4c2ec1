"""A small workflow whose jobs end within milliseconds, and the results that they must write.

The workflow has two stages, each of one rules file. `expected` computes the results without any engine.
"""

import json
import re
from pathlib import Path

import yaml

POINTS = "data/points.txt"
FOLDER = "results/fit/by_degree"
METRICS = "results/fit/metrics.json"
JOBS = {"points", "degree-1", "degree-2", "best"}

WORKFLOW = {
    "Snakefile": """\
from snakemake_dvc import Project, reconcile


configfile: "config.yaml"


def dvc_path(path):
    return "results/fit/by_degree" if "by_degree" in path else path


reconcile(workflow, config, Project(environment=("requirements.lock",), dvc_path=dvc_path))


include: "rules/data.smk"
include: "rules/fit.smk"


rule all:
    default_target: True
    input:
        rules.data.input,
        rules.fit.input,
""",
    "rules/data.smk": """\
# The points.
rule points:
    input:
        script="scripts/points.py",
    output:
        "data/points.txt",
    params:
        seed=config["seed"],
        n=config["data"]["n"],
    shell:
        "python -S -B {input.script} salt=0 seed={params.seed} n={params.n} {output}"


rule data:
    input:
        rules.points.output,
""",
    "rules/fit.smk": """\
# A fit for each degree, and the best of them.
rule degree:
    input:
        script="scripts/degree.py",
        points="data/points.txt",
    output:
        "results/fit/by_degree/{degree}.txt",
    params:
        scale=config["fit"]["scale"],
    shell:
        "python -S -B {input.script} salt=0 degree={wildcards.degree} scale={params.scale} {input.points} {output}"


rule best:
    input:
        script="scripts/best.py",
        fits=expand("results/fit/by_degree/{degree}.txt", degree=config["fit"]["degrees"]),
    output:
        "results/fit/metrics.json",
    shell:
        "python -S -B {input.script} salt=0 {input.fits} {output}"


rule fit:
    input:
        rules.best.input.fits,
        rules.best.output,
""",
    "scripts/stub.py": '''\
"""Functions of all jobs."""

import json
import os
import sys
import time
from pathlib import Path

CONSTANT = 1


def make(name, constant):
    """Write what a job was given: one half, then the rest. Wait in between if the file in JOB_HANG names the job."""
    *given, output = sys.argv[1:]
    words = [word for word in given if "=" in word]
    name = next((f"{name}-{word[7:]}" for word in words if word.startswith("degree=")), name)
    lines = [f"{name} {constant} {CONSTANT}", *words]
    for path in [word for word in given if "=" not in word]:
        lines += [f"> {line}" for line in Path(path).read_text().splitlines()]
    text = json.dumps({"lines": lines}) if output.endswith(".json") else "".join(f"{line}\\n" for line in lines)
    log("start", name)
    Path(output).write_text(text[: len(text) // 2])
    if name in listed():
        log("hang", name)
        until = time.monotonic() + 60
        while name in listed() and time.monotonic() < until:
            time.sleep(0.01)
    Path(output).write_text(text)
    log("done", name)


def log(what, name):
    """Add a line to the log of the run."""
    if "JOB_LOG" in os.environ:
        with open(os.environ["JOB_LOG"], "a") as file:
            file.write(f"{what} {name} {os.getpid()}\\n")


def listed():
    """Return the names of the jobs that must wait."""
    try:
        return Path(os.environ["JOB_HANG"]).read_text().split()
    except (KeyError, OSError):
        return []
''',
    **{
        f"scripts/{name}.py": f'from stub import make\n\nCONSTANT = 1\n\nmake("{name}", CONSTANT)\n'
        for name in ("points", "degree", "best")
    },
    "config.yaml": "seed: 7\nnote: 1\ndata:\n  n: 3\nfit:\n  degrees: [1, 2]\n  scale: 2\n",
    "requirements.lock": "package==1\n",
    ".gitignore": "/.snakemake/\n/data/\n/records/\n/results/**\n!/results/**/\n!metrics.json\n",
}


def expected(folder: Path) -> dict[str, bytes]:
    """Return the results that the jobs must write, by path, from the sources in a checkout."""
    config = yaml.safe_load((folder / "config.yaml").read_text())
    shared = _constant(folder, "stub")

    def lines(rule: str, name: str, words: list[str], inputs: list[str]) -> list[str]:
        head = f"{name} {_constant(folder, rule)} {shared}"
        return [head, f"salt={_salt(folder, rule)}", *words, *(f"> {line}" for line in inputs)]

    points = lines("points", "points", [f"seed={config['seed']}", f"n={config['data']['n']}"], [])
    fits = {
        f"{FOLDER}/{d}.txt": lines("degree", f"degree-{d}", [f"degree={d}", f"scale={config['fit']['scale']}"], points)
        for d in config["fit"]["degrees"]
    }
    best = lines("best", "best", [], [line for fit in fits.values() for line in fit])
    texts = {path: "".join(f"{line}\n" for line in found) for path, found in {POINTS: points, **fits}.items()}
    return {path: text.encode() for path, text in {**texts, METRICS: json.dumps({"lines": best})}.items()}


def _constant(folder: Path, script: str) -> str:
    return re.findall(r"(?m)^CONSTANT = (\d+)$", (folder / f"scripts/{script}.py").read_text())[0]


def _salt(folder: Path, rule: str) -> str:
    rules = (folder / "rules" / ("data.smk" if rule == "points" else "fit.smk")).read_text()
    return re.findall(r"salt=(\d+)", rules.split(f"rule {rule}:")[1])[0]


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the results in a checkout, by path."""
    paths = [path for top in ("data", "results") for path in (folder / top).rglob("[!.]*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
