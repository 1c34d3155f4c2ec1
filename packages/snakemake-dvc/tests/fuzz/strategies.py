"""The steps of a simulation, and how their arguments are drawn."""

from typing import Any

from helpers.commands import ENGINES, SNAKEMAKE
from hypothesis import strategies as st

from fuzz.edits import COMMENTED, MODULES, SCRIPTS
from fuzz.model import STAGES

ENGINE = st.sampled_from(sorted(ENGINES))
WHEN = st.sampled_from(["now", "now", "old", "future"])
KEY = st.sampled_from(["seed", "note", "data.size", "sweep.scale", "final.title", "final.unused"])
SMALL = st.integers(1, 3)
JOB = st.integers(0, 5)
BRANCH = st.sampled_from(["main", "one", "two"])
SIDE = st.sampled_from(["ours", "theirs"])
WHO = st.sampled_from(["group", "group", "main", "main", "interrupt", "terminate"])
SHARDS = "results/sweep/shards"
DELETED = [
    *("data/numbers.txt", "results/final/answer.txt", "results/final/metrics.json", "results/sweep/table.txt"),
    *(f"{SHARDS}/1.txt", SHARDS, "results/sweep", "results", "data", "results data", ".snakemake", "records"),
    *("records/sweep.jsonl", "dvc.lock", ".dvc/tmp"),
]
RUNS = [
    [*SNAKEMAKE, "results/sweep/table.txt"],
    [*SNAKEMAKE, f"{SHARDS}/1.txt"],
    [*SNAKEMAKE, "data/numbers.txt"],
    [*SNAKEMAKE, "--until", "shard"],
    [*SNAKEMAKE, "--until", "table"],
    [*SNAKEMAKE, "--keep-going"],
    [*SNAKEMAKE, "--forcerun", "shard"],
    [*SNAKEMAKE, "--forcerun", "numbers"],
    [*SNAKEMAKE, "--forceall"],
    [*SNAKEMAKE, "--persistence-backend", "db"],
    ["dvc", "repro", "--no-commit"],
    ["dvc", "repro", "--force"],
    ["dvc", "repro", "--single-item", "sweep"],
    ["dvc", "repro", "--single-item", "final"],
    ["dvc", "repro", "data"],
]
ASIDE = [
    [*SNAKEMAKE, "--touch"],
    [*SNAKEMAKE, "--rerun-triggers", "mtime"],
    [*SNAKEMAKE, "--ignore-incomplete"],
    [*SNAKEMAKE, "--rerun-incomplete"],
    [*SNAKEMAKE, "--delete-all-output"],
    [*SNAKEMAKE, "--cleanup-metadata", "results/sweep/table.txt"],
    [*SNAKEMAKE, "--config", "seed=3"],
    [*SNAKEMAKE, "--unlock"],
    [*SNAKEMAKE, "--summary"],
    [*SNAKEMAKE, "--nolock"],
    [*SNAKEMAKE, "--dry-run", "--forceall"],
    [*SNAKEMAKE, "--omit-from", "table"],
    ["dvc", "repro", "--dry"],
    ["dvc", "repro", "--pull"],
    ["dvc", "repro", "--no-run-cache"],
    ["dvc", "repro", "--keep-going"],
    ["dvc", "repro", "--downstream", "sweep"],
    ["dvc", "status", "--cloud"],
]
GC = ["gc", "--workspace", "--force"]
DVC = [["push"], ["pull"], ["fetch"], ["checkout", "--force"], GC, [*GC, "--cloud"]]

# The arguments of each step.
STEPS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "set_key": {"key": KEY, "value": SMALL, "when": WHEN},
    "set_values": {"values": st.sampled_from([[1], [1, 2], [2, 1], [1, 2, 3], [3]]), "when": WHEN},
    "set_constant": {"path": st.sampled_from([*SCRIPTS, *MODULES]), "value": SMALL, "when": WHEN},
    "set_comment": {"path": st.sampled_from(COMMENTED), "number": SMALL, "when": WHEN},
    "set_import": {
        "path": st.sampled_from(["scripts/table.py", "lib/common.py", "scripts/final.py"]),
        "imports": st.booleans(),
    },
    "set_salt": {"rule": st.sampled_from(sorted(STAGES)), "value": SMALL, "when": WHEN},
    "delete": {"what": st.sampled_from(DELETED)},
    "delete_cache": {},
    "tamper": {"which": JOB, "how": st.sampled_from(["longer", "empty", "folder", "time", "inode", "inode time"])},
    "litter": {"name": st.sampled_from(["1.txt", "9.txt", "notes.md"])},
    "touch": {"what": st.sampled_from(["*", "results", "scripts", "data"]), "when": WHEN},
    "commit": {},
    "switch": {"branch": BRANCH, "commits": st.booleans(), "restores": st.booleans()},
    "merge": {"branch": BRANCH, "side": SIDE},
    "rebase": {"branch": BRANCH, "side": SIDE},
    "stash": {},
    "worktree": {},
    "clone": {"commits": st.booleans(), "pushes": st.booleans(), "pulls": st.booleans()},
    "copy": {},
    "go": {"place": SMALL},
    "take_from": {"place": SMALL, "side": SIDE},
    "dvc": {"command": st.sampled_from(DVC)},
    "dvc_commit": {},
    "experiment": {"key": KEY, "value": SMALL},
    "run": {"argv": st.sampled_from(RUNS)},
    "run_aside": {"argv": st.sampled_from(ASIDE)},
    "run_overlay": {"key": KEY, "value": SMALL},
    "run_failing": {"engine": ENGINE, "job": JOB, "stale": st.booleans(), "keep_going": st.booleans()},
    "run_killed": {"engine": ENGINE, "job": JOB, "stale": st.booleans(), "who": WHO, "waits": st.booleans()},
    "run_killed_at": {
        "engine": ENGINE,
        "milliseconds": st.integers(0, 2000),
        "job": JOB,
        "who": WHO,
        "waits": st.booleans(),
    },
    "run_edited": {
        "engine": ENGINE,
        "job": JOB,
        "number": SMALL,
        "edit": st.sampled_from(["script", "module", "rule", "input", "values", "seed", "note", "sweep.scale"]),
    },
    "run_over_file": {"job": JOB, "stale": st.booleans(), "which": JOB, "during": st.booleans()},
    "run_two": {
        "engines": st.sampled_from([["snakemake", "snakemake"], ["dvc", "snakemake"], ["snakemake", "dvc"]]),
        "job": JOB,
        "stale": st.booleans(),
    },
    "settle": {"engine": ENGINE, "dry": st.booleans()},
}
# How often each step is drawn, compared with the others.
OFTEN = {
    "settle": 9,
    "set_key": 4,
    "set_constant": 4,
    "set_values": 3,
    "switch": 3,
    "run_killed": 3,
    **dict.fromkeys(["set_comment", "set_salt", "delete", "tamper", "run", "run_killed_at", "run_edited"], 2),
    **dict.fromkeys(["run_failing", "run_aside", "run_over_file"], 2),
}
