"""Run a program in the server whose socket is in the folder of this file, and end as the program does."""
# pathlib would take as long to import as all the rest.
# ruff: noqa: PTH109, PTH118, PTH120, PTH123

import json
import os
import signal
import socket
import sys

STREAMS = (0, 1, 2)
# What a program can be asked to end with.
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    here, program = os.path.split(os.path.realpath(sys.argv[0]))
    words = sys.argv[1:]
    is_known = program != "python" or (words and (words[0] in ("-c", "-m") or words[0].endswith(".py")))
    if program != "python":
        words = [os.path.join(os.path.dirname(sys.executable), program), *words]
    with open(os.path.join(here, "read_at_import.json"), encoding="utf-8") as file:
        is_as_imported = all(os.environ.get(name) == value for name, value in json.load(file).items())
    if not (is_known and is_as_imported):
        os.execv(sys.executable, [sys.executable, *words])  # noqa: S606 - no shell is involved
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(os.path.join(here, "socket"))
        request = {"argv": words, "cwd": os.getcwd(), "env": dict(os.environ), "python": os.path.join(here, "python")}
        request["cores"] = list(os.sched_getaffinity(0))
        socket.send_fds(server, [b"{"], STREAMS)
        server.sendall(json.dumps(request).encode()[1:] + b"\n")
        for number in FORWARDED:
            signal.signal(number, lambda number, _: server.send(bytes([number])))
        status = int(server.makefile().readline())
    if status < 0:
        signal.signal(-status, signal.SIG_DFL) if -status in FORWARDED else None
        os.kill(os.getpid(), -status)
    os._exit(status)


main()
