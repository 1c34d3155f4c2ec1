"""The progress of long jobs, and how long they take: plain lines, also where the output is no terminal."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

Item = TypeVar("Item")

log = logging.getLogger("nngplab.progress")

# Seconds between two lines: at least the first number, and at most about the second if there is any progress. Between
# them, there is a line for each such share of the work.
SHORTEST, LONGEST, SHARE = 10, 30, 0.1


class Progress:
    """How far a job is, as lines of the log with the time that is left.

    Args:
        total: the amount of work; if it is 1, percentages are shown.
        unit: what the amount counts, such as "epoch", or what is done if the total is 1.
        done: the amount that is done already, as by a run that is resumed.
        at_most: whether the job can end before all is done.
        clock: a function that returns the time in seconds.

    >>> from nngplab.pipeline.progress import Progress
    >>> Progress(50, "epoch").text(10, elapsed=30)
    'epoch 10 of 50, about 2 min left'
    """

    def __init__(
        self,
        total: float,
        unit: str,
        done: float = 0,
        at_most: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total = total
        self.unit = unit
        self.at_most = at_most
        self._clock = clock
        self.done = self._first = self._shown = done
        self._start = self._last = clock()

    def advance(self, share: float) -> None:
        """Add an amount of work that has been done, and log a line if there is more to say than in the last one."""
        self.update(self.done + share)

    def update(self, done: float) -> None:
        """Log a line, if there is more to say than in the last one.

        Args:
            done: the amount of work that is done.
        """
        self.done = done
        now = self._clock()
        since = now - self._last
        if not self._shown < done < self.total or since < SHORTEST:
            return
        if since >= LONGEST or done - self._shown >= SHARE * self.total:
            self._shown, self._last = done, now
            log.info(self.text(done, now - self._start), extra={"is_progress": True})

    def text(self, done: float, elapsed: float) -> str:
        """Return a line.

        Args:
            done: the amount of work that is done.
            elapsed: the seconds since the start.
        """
        left = elapsed / (done - self._first) * (self.total - done)
        bound, limit = ("at most", "at most ") if self.at_most else ("about", "")
        share = f"{done / self.total:.0%}{' of the longest run' if self.at_most else ''}"
        amount = f"{done:,} of {limit}{self.total:,}" if self.total > 1 else share
        return f"{self.unit} {amount}, {bound} {duration(left)} left"


def track(items: Iterable[Item], unit: str, total: int | None = None) -> Iterator[Item]:
    """Yield items, and log the progress after each.

    Args:
        items: the items.
        unit: what they are, such as "network".
        total: their number, for an iterator.

    >>> from nngplab.pipeline.progress import track
    >>> list(track(["a", "b"], "network"))
    ['a', 'b']
    """
    progress = Progress(len(items) if isinstance(items, Sized) else total or 0, unit)
    for number, item in enumerate(items, start=1):
        yield item
        progress.update(number)


def duration(seconds: float) -> str:
    """Return a duration in words, rounded.

    >>> from nngplab.pipeline.progress import duration
    >>> duration(7), duration(48), duration(130), duration(9000)
    ('10 s', '50 s', '2 min', '2 h 30 min')
    """
    if seconds < 55:
        return f"{max(10, round(seconds, -1)):.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(round(minutes, -1), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def describe_run(jobs: Iterable[tuple[float, int]], cores: int | None) -> str:
    """Return how many jobs there are, and about how long they take.

    Args:
        jobs: for each job the seconds that it takes, and its threads.
        cores: the number of cores; None on a cluster.

    >>> from nngplab.pipeline.progress import describe_run
    >>> describe_run([(60, 1), (60, 1), (200, 1)], cores=2)
    '3 jobs, about 3 min on 2 cores'
    """
    jobs = list(jobs)
    number = f"{len(jobs)} job{'s' if len(jobs) != 1 else ''}"
    if cores is None:
        return f"{number}, about {duration(sum(seconds for seconds, _ in jobs))} of computing in all"
    work = sum(seconds * min(threads, cores) for seconds, threads in jobs)
    longest = max((seconds for seconds, _ in jobs), default=0)
    return f"{number}, about {duration(max(work / cores, longest))} on {cores} core{'s' if cores != 1 else ''}"
