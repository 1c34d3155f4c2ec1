"""Python imports this at the start of each command of the tests, and then does not wait for timers at its end.

Snakemake starts a timer of one second each time it has started jobs.
"""

import threading

_init = threading.Timer.__init__


def _init_as_daemon(self: threading.Timer, *args: object, **kwargs: object) -> None:
    _init(self, *args, **kwargs)
    self.daemon = True


threading.Timer.__init__ = _init_as_daemon  # type: ignore[method-assign]
