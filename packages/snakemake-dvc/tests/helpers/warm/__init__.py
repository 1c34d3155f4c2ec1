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
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
# What the engines import: packages of others only.
ENGINE_MODULES = """
snakemake.cli snakemake.executors.local snakemake.ioutils snakemake.persistence snakemake.report
snakemake.report.html_reporter snakemake.scheduling.job_scheduler snakemake.script snakemake.storage smart_open
dvc.cachemgr dvc.cli dvc.cli.parser dvc.commands.checkout dvc.commands.data_sync dvc.commands.gc dvc.commands.repro
dvc.commands.status dvc.daemon dvc.data_cloud dvc.dependency.param dvc.fs dvc.lock dvc.repo.artifacts dvc.repo.brancher
dvc.repo.commit dvc.repo.datasets dvc.repo.experiments dvc.repo.index dvc.repo.metrics dvc.repo.open_repo
dvc.repo.params dvc.repo.plots dvc.repo.reproduce dvc.repo.stage dvc.repo.status dvc.repo.worktree dvc.rwlock dvc.scm
dvc.stage.cache dvc.stage.run dvc.types dvc.utils.strictyaml dvc_data.hashfile.db.local dvc_data.hashfile.state
dvc_data.hashfile.status dvc_data.index.checkout dvc_data.index.fetch dvc_data.index.push dvc_objects.fs.local
dvc_render dulwich.ignore dulwich.worktree fsspec.implementations.memory scmrepo.git
configobj graphlib networkx pandas pathspec ruamel.yaml sqlite3 yaml
"""
PROGRAMS = ("python", "snakemake", "dvc")
# NumPy and PyTorch read these variables when they are imported: with other values, programs start as usual.
READ_AT_IMPORT = (
    *("ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS", "NPY_DISABLE_CPU_FEATURES", "ONEDNN_MAX_CPU_ISA"),
    *("NUMBA_CPU_FEATURES", "NUMBA_CPU_NAME", "OPENBLAS_CORETYPE"),
)


def connect(folder: Path, more_modules: str = "", environment: Mapping[str, str] = os.environ) -> socket.socket:
    """Start the server if none runs in a folder; return a connection, which keeps the server running while it is open.

    The clients are in the same folder.

    Args:
        folder: the folder.
        more_modules: what the server imports beside `ENGINE_MODULES`, divided by spaces.
        environment: the environment variables of the server.
    """
    address = folder / "socket"
    if (connection := _connection(address)) is None:
        address.unlink(missing_ok=True)
        _write_clients(folder, environment)
        (folder / "modules").write_text(ENGINE_MODULES + more_modules)
        with (folder / "server.log").open("wb") as log:
            server = subprocess.Popen(
                [sys.executable, HERE / "server.py", folder],
                cwd="/",
                env={name: value for name, value in environment.items() if name != "PYTHONPATH"},
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


def _write_clients(folder: Path, environment: Mapping[str, str]) -> None:
    values = {name: environment.get(name) for name in READ_AT_IMPORT}
    (folder / "read_at_import.json").write_text(json.dumps(values))
    # Isolated and without site-packages: the client imports little.
    text = f"#!{sys.executable} -IS\n" + (HERE / "client.py").read_text()
    for name in PROGRAMS:
        path = folder / name
        path.write_text(text)
        path.chmod(0o755)
