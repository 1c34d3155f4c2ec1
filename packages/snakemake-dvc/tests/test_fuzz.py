"""Random sequences of edits, deletions, merges, kills and runs: the next run makes every result right.

Hypothesis draws the steps; the package `fuzz` performs and checks them. Environment variables:

* `FUZZ_SECONDS`: the time to spend, 15 by default.
* `FUZZ_SEED`: the first seed, 1 by default, so that the tests of one commit are the same each time. `random` draws one.
  A failure prints its seed.
* `FUZZ_REPORT`: a file to which the numbers of sequences, steps and runs are written.

A failure prints its steps as JSON. `python tests/test_fuzz.py STEPS.json` replays them, and `--shorten` removes the
steps that are not needed.
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
from fuzz.simulation import Simulation, build
from fuzz.strategies import OFTEN, STEPS
from helpers.commands import Server
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test


class TimeOver(KeyboardInterrupt):
    """The time is over. Hypothesis does not catch this exception, so that the user can stop a test."""


class Broken(KeyboardInterrupt):
    """A check has failed. Hypothesis does not catch this exception: to repeat the sequence takes too long."""


class Session:
    """What the sequences of one session share: a server, and a finished checkout that each one copies.

    Args:
        root: the folder of all files.
        seconds: the time to spend.
    """

    def __init__(self, root: Path, seconds: float) -> None:
        self.root = root
        self.until = time.monotonic() + seconds
        self.counts: Counter[str] = Counter()
        self.server = Server(root / "server", root / "quick")
        self.base = root / "base"
        self.base.mkdir()
        self.recorded = build(self.base, self.server)

    def simulation(self) -> Simulation:
        """Return a new simulation, which begins with a copy of the finished checkout."""
        root = Path(tempfile.mkdtemp(prefix="simulation", dir=self.root))
        for name in ("main", "remote"):
            subprocess.run(["cp", "-a", "--reflink=auto", self.base / name, root / name], check=True)
        return Simulation(root, self.server, self.recorded)

    def end(self, simulation: Simulation) -> None:
        """Count what was done in a simulation, and remove it."""
        simulation.close()
        runs = [run for run in simulation.runs if run.argv[0] == "snakemake" or run.argv[1] in ("repro", "exp")]
        self.counts.update(sequences=1, steps=len(simulation.steps), runs=len(runs))
        self.counts["jobs"] += sum(len(run.jobs("start")) for run in runs)
        shutil.rmtree(simulation.root, ignore_errors=True)

    def close(self) -> None:
        """End the server."""
        self.server.close()


def report(simulation: Simulation, violation: BaseException) -> str:
    """Return the report of a failure: what is wrong, the steps, and what the last commands have printed."""
    steps = "".join(f"  {json.dumps(step)},\n" for step in simulation.steps)
    last = "\n".join(simulation.transcript)[-12000:]
    return f"{violation}\n\nThe steps:\n[\n{steps}]\n\nThe last commands:\n{last}"


def machine(session: Session, seed: int) -> type[RuleBasedStateMachine]:
    """Return the state machine whose rules are the steps."""

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            if time.monotonic() > session.until:
                raise TimeOver
            super().__init__()
            self.simulation = session.simulation()
            self.broken = False

        def perform(self, step: str, arguments: dict[str, Any]) -> None:
            try:
                self.simulation.perform(step, arguments)
            except Exception as error:
                self.broken = True
                raise Broken(f"FUZZ_SEED={seed}\n{report(self.simulation, error)}") from error

        def teardown(self) -> None:
            try:
                if not self.broken and time.monotonic() < session.until:
                    engine = "dvc" if len(self.simulation.steps) % 2 else "snakemake"
                    self.perform("settle", {"engine": engine, "dry": True})
            finally:
                session.end(self.simulation)

    for step, arguments in STEPS.items():
        for number in range(OFTEN.get(step, 1)):
            setattr(Machine, f"{step}_{number}", _rule(step, arguments))
    return hypothesis.seed(seed)(Machine)


def _rule(step: str, arguments: dict[str, st.SearchStrategy[Any]]) -> Any:
    def perform(self: Any, **drawn: Any) -> None:
        self.perform(step, drawn)

    perform.__name__ = step
    return rule(**arguments)(perform)


@contextmanager
def session_in(root: Path, seconds: float) -> Iterator[Session]:
    """Provide a session, and print at its end how much was done."""
    session = Session(root, seconds)
    try:
        yield session
    finally:
        session.close()
        summary = ", ".join(f"{count} {what}" for what, count in session.counts.items())
        print(f"fuzz: {summary}")
        if path := os.environ.get("FUZZ_REPORT"):
            Path(path).write_text(summary + "\n", encoding="utf-8")


def test_random_sequences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After any sequence of steps, a run makes all results right and runs no job needlessly."""
    seconds = float(os.environ.get("FUZZ_SECONDS", "15"))
    named = os.environ.get("FUZZ_SEED", "1")
    seed = secrets.randbelow(10**9) if named == "random" else int(named)
    settings = hypothesis.settings(
        max_examples=9,  # of many examples, Hypothesis makes the first tenth small
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
    """Perform steps in a new simulation, and settle; return the report of a failure, or nothing."""
    simulation = session.simulation()
    try:
        for step, arguments in steps:
            simulation.perform(step, arguments)
        if not steps or steps[-1][0] != "settle":
            simulation.perform("settle", {"engine": "snakemake"})
    except Exception as error:
        return report(simulation, error)
    finally:
        session.end(simulation)
    return ""


def shortened(session: Session, steps: list[Any]) -> list[Any]:
    """Return a short list of steps that still fails."""
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
    parser.add_argument("--shorten", action="store_true", help="remove the steps that are not needed")
    arguments = parser.parse_args()
    steps = json.loads(arguments.steps.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as root, session_in(Path(root), 0) as session:
        if arguments.shorten:
            steps = shortened(session, steps)
        print(replay(session, steps) or "no failure")


if __name__ == "__main__":
    sys.exit(main())
