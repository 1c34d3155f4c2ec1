"""Python, Snakemake and DVC without the seconds in which each start imports its packages.

A server has imported the packages of others, and forks for each program. Folders in PATH hold the clients: `python`,
`snakemake` and `dvc`, which pass their command line, environment variables, folder and streams to the server, forward
signals, and end as the program does. What belongs to the project is imported in each process from its own checkout.

This is for tests of what a run does. Those of how a process starts or is killed use the programs themselves.
"""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
PROGRAMS = ("python", "snakemake", "dvc")
# NumPy and PyTorch read these variables when they are imported: with other values, programs start as usual.
READ_AT_IMPORT = (
    *("ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS", "NPY_DISABLE_CPU_FEATURES", "ONEDNN_MAX_CPU_ISA"),
    "OPENBLAS_CORETYPE",
)


def connect(folder: Path) -> socket.socket:
    """Start the server if none runs in a folder; return a connection, which keeps the server running while it is open.

    The clients are in the same folder.
    """
    address = folder / "socket"
    if (connection := _connection(address)) is None:
        address.unlink(missing_ok=True)
        _write_clients(folder)
        with (folder / "server.log").open("wb") as log:
            server = subprocess.Popen(
                [sys.executable, HERE / "server.py", folder],
                cwd="/",
                env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while (connection := _connection(address)) is None:
            assert server.poll() is None, (folder / "server.log").read_text()
            time.sleep(0.05)
    connection.sendall(b"\n")
    return connection


def _connection(address: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(address))
    except OSError:
        connection.close()
        return None
    return connection


def _write_clients(folder: Path) -> None:
    values = {name: os.environ.get(name) for name in READ_AT_IMPORT}
    (folder / "read_at_import.json").write_text(json.dumps(values))
    # Isolated and without site-packages: the client imports little.
    text = f"#!{sys.executable} -IS\n" + (HERE / "client.py").read_text()
    for name in PROGRAMS:
        path = folder / name
        path.write_text(text)
        path.chmod(0o755)
