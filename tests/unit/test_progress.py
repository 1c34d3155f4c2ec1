"""The progress of long jobs: few lines, whatever the work."""

import itertools
import logging
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from nngplab.pipeline.progress import LONGEST, SHARE, SHORTEST, Progress, describe_run, duration, track
from tests.helpers.checkout import ROOT

SCRIPT = """
import argparse
from nngplab.pipeline import progress
from nngplab.pipeline.cli import run

progress.SHORTEST = 0
run(argparse.ArgumentParser(prog="job.py"), lambda _: list(progress.track("abc", "letter")))
"""


class Collector(logging.Handler):
    """Keeps the records of a log."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def lines(seconds: list[float], collector: Collector) -> list[float]:
    """Return the times at which there is a line, for units of work that take some seconds each."""
    now = 0.0
    progress = Progress(len(seconds), "step", clock=lambda: now)
    shown = []
    for number, step in enumerate(seconds, start=1):
        now += step
        before = len(collector.records)
        progress.update(number)
        shown += [now] * (len(collector.records) - before)
    return shown


@given(st.lists(st.floats(0, 50), min_size=1, max_size=60))
def test_the_lines_are_not_a_flood_and_none_is_missing(seconds):
    handler = Collector()
    log = logging.getLogger("nngplab.progress")
    before = log.level
    log.addHandler(handler)
    log.setLevel("INFO")
    try:
        shown = [0.0, *lines(seconds, handler)]
    finally:
        log.removeHandler(handler)
        log.setLevel(before)
    gaps = [after - before for before, after in itertools.pairwise(shown)]
    assert all(gap >= SHORTEST for gap in gaps)
    # After the last step there is nothing to say.
    assert all(gap < LONGEST + max(seconds) + 1e-6 for gap in [*gaps, sum(seconds[:-1]) - shown[-1]])
    assert len(shown) - 1 <= sum(seconds) / LONGEST + 1 / SHARE


def test_the_text():
    assert Progress(40, "epoch").text(12, elapsed=25) == "epoch 12 of 40, about 1 min left"
    bounded = Progress(10_000, "epoch", at_most=True)
    assert bounded.text(2500, elapsed=60) == "epoch 2,500 of at most 10,000, at most 3 min left"
    assert Progress(1, "iterating:").text(0.25, elapsed=60) == "iterating: 25%, about 3 min left"
    resumed = Progress(40, "epoch", done=30)
    assert resumed.text(35, elapsed=300) == "epoch 35 of 40, about 5 min left"


@given(st.floats(0, 1e7))
def test_a_duration_is_rounded_to_a_fifth(seconds):
    words = duration(seconds).split()
    units = {"s": 1, "min": 60, "h": 3600}
    read = sum(int(number) * units[unit] for number, unit in zip(words[::2], words[1::2], strict=True))
    assert abs(read - seconds) <= max(10, seconds / 5)


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 64)), max_size=20), st.integers(1, 8))
def test_more_cores_take_no_longer_and_no_job_is_shorter_than_itself(jobs, cores):
    def seconds(cores: int) -> float:
        words = describe_run(jobs, cores).partition(", about ")[2].partition(" on ")[0].split()
        units = {"s": 1, "min": 60, "h": 3600}
        return sum(int(number) * units[unit] for number, unit in zip(words[::2], words[1::2], strict=True))

    assert describe_run(jobs, cores).startswith(f"{len(jobs)} job")
    longest = max((seconds for seconds, _ in jobs), default=0)
    assert seconds(cores) >= 0.8 * longest - 10
    if all(threads == 1 for _, threads in jobs):
        assert seconds(cores + 1) <= seconds(cores)


def test_on_a_cluster_the_number_of_cores_is_unknown():
    assert describe_run([(60, 64), (60, 1)], cores=None) == "2 jobs, about 2 min of computing in all"


def test_items_of_unknown_number():
    assert list(track(iter("ab"), "letter", total=2)) == ["a", "b"]


def test_the_console_names_the_job(tmp_path):
    command = [sys.executable, "-c", SCRIPT]
    ended = subprocess.run(
        [*command, "--log", "logs/job_1.log"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == ""
    assert ended.stderr.splitlines() == [f"job_1: letter {number} of 3, about 10 s left" for number in (1, 2)]
    assert "letter 1 of 3" in (tmp_path / "logs/job_1.log").read_text()
