"""What the stubs share: they tell a log what they do, and end badly or wait where they are told to."""

import json
import os
import signal
import sys
import time
from pathlib import Path


def begin(name):
    """Tell that a job has started, and return its words and the files it is given."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _tell("start", name)
    words = [word for word in sys.argv[1:] if "=" in word]
    return words, [word for word in sys.argv[1:] if "=" not in word]


def read(path):
    """Return the lines of an input, each marked."""
    return [f"> {line}" for line in Path(path).read_text().splitlines()]


def finish(name, texts):
    """Write the outputs in two halves; between them fail or wait, if the files in the environment list the job."""
    for path, lines in texts.items():
        text = whole(path, lines)
        Path(path).write_text(text[: len(text) // 2])
    if name in _listed("FUZZ_FAIL"):
        sys.exit(1)
    if name in _listed("FUZZ_HANG"):
        _tell("hang", name)
        until = time.monotonic() + 60
        while name in _listed("FUZZ_HANG") and time.monotonic() < until:
            time.sleep(0.01)
    for path, lines in texts.items():
        Path(path).write_text(whole(path, lines))
    _tell("done", name)


def whole(path, lines):
    """Return the text of an output: its lines, or JSON where it is named so."""
    return json.dumps({"lines": lines}) if path.endswith(".json") else "".join(f"{line}\n" for line in lines)


def _tell(what, name):
    if log := os.environ.get("FUZZ_LOG"):
        with Path(log).open("a") as file:
            file.write(f"{what} {name}\n")


def _listed(variable):
    try:
        return Path(os.environ.get(variable, "")).read_text().split()
    except OSError:
        return []
