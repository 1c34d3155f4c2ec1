"""Random days of work: whatever is edited, deleted, merged, killed or restored, the engines end in agreement.

Hypothesis draws the steps (`World` in fuzz_world.py); `model.py` knows what is right after them. Variables:

* `FUZZ_SECONDS`: how long to go on, 60 without it.
* `FUZZ_SEED`: the seed to begin with, 1 without it, so that the tests of one commit do the same each time; `random`
  lets `make fuzz` find what nobody has thought of. A failure names its own.
* `FUZZ_REPORT`: a file that gets the numbers of sequences, steps and runs.

A failure prints its steps as JSON. `python tests/test_fuzz.py STEPS.json` replays them, and with `--shorten` leaves out
those that are not needed.
"""

import argparse
import itertools
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from fuzz_world import COMMENTED, ENGINES, MODULES, RULES, SCRIPTS, Server, World, build, environment
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

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
SNAKEMAKE = ENGINES["snakemake"]
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
    "set_salt": {"rule": st.sampled_from(sorted(RULES)), "value": SMALL, "when": WHEN},
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
        "milliseconds": st.integers(0, 3000),
        "job": JOB,
        # Not "terminate": Snakemake's handler of that signal takes a lock that the handled thread may hold.
        "who": st.sampled_from(["group", "main", "interrupt"]),
        "waits": st.booleans(),
    },
    "run_edited": {
        "engine": ENGINE,
        "job": JOB,
        "number": SMALL,
        "edit": st.sampled_from(["script", "module", "rule", "input", "values", "seed", "note", "sweep.scale"]),
    },
    "run_two": {
        "engines": st.sampled_from([["snakemake", "snakemake"], ["dvc", "snakemake"], ["snakemake", "dvc"]]),
        "job": JOB,
        "stale": st.booleans(),
    },
    "settle": {"engine": ENGINE, "dry": st.booleans()},
}
# How often each is offered: what users do most stands more often.
OFTEN = {
    "settle": 9,
    "set_key": 4,
    "set_constant": 4,
    "set_values": 3,
    "switch": 3,
    "run_killed": 3,
    **dict.fromkeys(["set_comment", "set_salt", "delete", "tamper", "run", "run_killed_at", "run_edited"], 2),
    **dict.fromkeys(["run_failing", "run_aside"], 2),
}


class TimeOver(KeyboardInterrupt):
    """The time for random days is over. Hypothesis lets it pass, as it lets the user stop a test."""


class Broken(KeyboardInterrupt):
    """Something is wrong. Hypothesis lets it pass: to do the same again would take long, and need not end the same."""


class Session:
    """What the sequences of one session share.

    Args:
        root: the folder for all that they write.
        seconds: how long they go on.
    """

    def __init__(self, root: Path, seconds: float) -> None:
        self.root = root
        self.until = time.monotonic() + seconds
        self.counts: Counter[str] = Counter()
        self.server = Server({**environment(root / "server")})
        self.base = root / "base"
        self.base.mkdir()
        self.known = build(self.base, self.server)

    def world(self) -> World:
        """Return a world of its own, as a finished checkout leaves it."""
        root = Path(tempfile.mkdtemp(prefix="world", dir=self.root))
        for name in ("main", "remote"):
            subprocess.run(["cp", "-a", "--reflink=auto", self.base / name, root / name], check=True)
        return World(root, self.server, self.known)

    def leave(self, world: World) -> None:
        """Count what was done in a world and remove it."""
        world.close()
        self.counts["sequences"] += 1
        self.counts["steps"] += len(world.steps)
        self.counts["runs"] += sum(run.argv[0] == "snakemake" or run.argv[1] in ("repro", "exp") for run in world.ran)
        self.counts["jobs"] += sum(len(run.jobs("start")) for run in world.ran)
        shutil.rmtree(world.root, ignore_errors=True)

    def close(self) -> None:
        """End the server."""
        self.server.close()


def told(world: World, violation: BaseException) -> str:
    """Return what a failure tells: what is wrong, the steps and what the last commands printed."""
    steps = "".join(f"  {json.dumps(step)},\n" for step in world.steps)
    return f"{violation}\n\nThe steps:\n[\n{steps}]\n\nThe last commands:\n" + "\n".join(world.said)[-12000:]


def machine(session: Session, seed: int) -> type[RuleBasedStateMachine]:
    """Return the state machine whose rules are the steps."""

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            if time.monotonic() > session.until:
                raise TimeOver
            super().__init__()
            self.world = session.world()
            self.broken = False

        def do(self, step: str, arguments: dict[str, Any]) -> None:
            try:
                self.world.do(step, arguments)
            except Exception as error:
                self.broken = True
                raise Broken(f"FUZZ_SEED={seed}\n{told(self.world, error)}") from error

        def teardown(self) -> None:
            try:
                if not self.broken and time.monotonic() < session.until:
                    self.do("settle", {"engine": "dvc" if len(self.world.steps) % 2 else "snakemake", "dry": True})
            finally:
                session.leave(self.world)

    for step, arguments in STEPS.items():
        for copy in range(OFTEN.get(step, 1)):
            setattr(Machine, f"{step}_{copy}", _rule(step, arguments))
    return hypothesis.seed(seed)(Machine)


def _rule(step: str, arguments: dict[str, st.SearchStrategy[Any]]) -> Any:
    def do(self: Any, **drawn: Any) -> None:
        self.do(step, drawn)

    do.__name__ = step
    return rule(**arguments)(do)


@contextmanager
def session_in(root: Path, seconds: float) -> Iterator[Session]:
    """Give a session, and at its end tell how much was done."""
    session = Session(root, seconds)
    try:
        yield session
    finally:
        session.close()
        summary = ", ".join(f"{count} {what}" for what, count in session.counts.items())
        print(f"fuzz: {summary}")
        if report := os.environ.get("FUZZ_REPORT"):
            Path(report).write_text(summary + "\n", encoding="utf-8")


def test_random_days(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is done, the next run makes everything right, and nothing for nothing."""
    seconds = float(os.environ.get("FUZZ_SECONDS", "60"))
    named = os.environ.get("FUZZ_SEED", "1")
    seed = secrets.randbelow(10**9) if named == "random" else int(named)
    settings = hypothesis.settings(
        max_examples=9,  # the first tenth of them would be small ones
        stateful_step_count=int(os.environ.get("FUZZ_STEPS", "14")),
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    with capsys.disabled(), session_in(tmp_path, seconds) as session:
        print(f"\nfuzz: FUZZ_SEED={seed}")
        try:
            for following in itertools.count(seed):
                run_state_machine_as_test(machine(session, following), settings=settings)
        except TimeOver:
            pass
        except Broken as broken:
            pytest.fail(str(broken), pytrace=False)


def replay(session: Session, steps: list[Any]) -> str:
    """Do steps in a fresh world, and settle; return what is wrong, or nothing."""
    world = session.world()
    try:
        for step, arguments in steps:
            world.do(step, arguments)
        if not steps or steps[-1][0] != "settle":
            world.do("settle", {"engine": "snakemake"})
    except Exception as error:
        return told(world, error)
    finally:
        session.leave(world)
    return ""


def shortened(session: Session, steps: list[Any]) -> list[Any]:
    """Return as few of the steps as still fail."""
    size = len(steps)
    while size := size // 2:
        start = 0
        while start < len(steps):
            fewer = steps[:start] + steps[start + size :]
            if replay(session, fewer):
                steps = fewer
            else:
                start += size
    return steps


def main() -> None:
    """Replay the steps in a file."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("steps", type=Path)
    parser.add_argument("--shorten", action="store_true")
    arguments = parser.parse_args()
    steps = json.loads(arguments.steps.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as root, session_in(Path(root), 0) as session:
        if arguments.shorten:
            steps = shortened(session, steps)
        print(replay(session, steps) or "nothing is wrong")


if __name__ == "__main__":
    sys.exit(main())
