"""Functions of all jobs: they log what they do, and fail or wait if a file names them."""

import json
import os
import signal
import sys
import time
from pathlib import Path


def begin(name):
    """Log the start of a job, and return the words and the files among its arguments."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _log("start", name)
    words = [word for word in sys.argv[1:] if "=" in word]
    return words, [word for word in sys.argv[1:] if "=" not in word]


def read(path):
    """Return the lines of an input, each with a prefix."""
    return [f"> {line}" for line in Path(path).read_text().splitlines()]


def finish(name, texts):
    """Write the outputs in two halves; in between, fail or wait if the file in JOB_FAIL or JOB_HANG names the job."""
    for path, lines in texts.items():
        text = whole(path, lines)
        Path(path).write_text(text[: len(text) // 2])
    if name in _listed("JOB_FAIL"):
        sys.exit(1)
    if name in _listed("JOB_HANG"):
        _log("hang", name)
        until = time.monotonic() + 60
        while name in _listed("JOB_HANG") and time.monotonic() < until:
            time.sleep(0.01)
    for path, lines in texts.items():
        Path(path).write_text(whole(path, lines))
    _log("done", name)


def whole(path, lines):
    """Return the text of an output: JSON if its name ends so, else its lines."""
    return json.dumps({"lines": lines}) if path.endswith(".json") else "".join(f"{line}\n" for line in lines)


def _log(what, name):
    if log := os.environ.get("JOB_LOG"):
        with Path(log).open("a") as file:
            file.write(f"{what} {name} {os.getpid()}\n")


def _listed(variable):
    try:
        return Path(os.environ.get(variable, "")).read_text().split()
    except OSError:
        return []
