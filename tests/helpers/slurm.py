"""A real Slurm on this machine: one controller and two nodes, started and stopped by the tests."""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sbatch", "squeue", "scancel", "scontrol")
NODES = ("n1", "n2")
# No accounting. Slurm checks the memory of jobs each second and kills a job that exceeds it. After 8 seconds without an
# answer, a node counts as failed.
CONF = """\
ClusterName={name}
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=10
CredType=cred/munge
SlurmctldPort={ports[0]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmdSpoolDir={folder}/spool/%n
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2
ReturnToService=2
SlurmdTimeout=8
KillWait=3
MinJobAge=3600
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2 RealMemory=8000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2 RealMemory=8000
PartitionName=debug Nodes=n[1-2] Default=YES MaxTime=12:00:00 DefMemPerCPU=100 State=UP
"""


def why_not() -> str | None:
    """Return why Slurm cannot be started on this machine, or None if it can."""
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing:
        return f"Slurm is not installed: {', '.join(missing)} not found"
    return None if os.geteuid() == 0 else "only root can start the nodes of a Slurm"


class Slurm:
    """A cluster with the nodes `NODES`, each with two CPUs, and its state in a folder. `stop` ends its processes.

    Attributes:
        environment: the environment variables of a user of this cluster.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("bin", "munge", "state", *(f"spool/{node}" for node in NODES)):
            (folder / name).mkdir(parents=True)
        ports = _free_ports(1 + len(NODES))
        self.name = f"test{ports[0]}"
        conf = CONF.format(name=self.name, host=socket.gethostname().split(".")[0], folder=folder, ports=ports)
        (folder / "slurm.conf").write_text(conf)
        # A real cluster has its configuration in /etc. The steps of a job do not inherit SLURM_CONF, so `srun` sets it.
        srun = folder / "bin/srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"\n')
        srun.chmod(0o755)
        self.environment = {
            **os.environ,
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": f"{folder}/bin:{os.environ['PATH']}",
        }
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def ask(self, *command: str) -> str:
        """Return the output of a Slurm command."""
        ended = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True)
        return ended.stdout

    def start_node(self, node: str) -> None:
        """Start a node and wait until it accepts jobs."""
        self._daemon(node, "slurmd", "-D", "-f", str(self.folder / "slurm.conf"), "-N", node)
        _wait_until(lambda: self._is_up(node))

    def kill_node(self, node: str) -> None:
        """Kill a node and all processes on it, as a power failure does."""
        jobs = self.ask("squeue", "--noheader", "--nodelist", node, "--format=%i").split()
        steps = tuple(f"slurmstepd: [{job}." for job in jobs)
        daemon = self._daemons.pop(node)
        daemon.kill()
        daemon.wait()
        # Another cluster on this machine can have the same numbers of jobs and the same names of nodes.
        of_a_job = {"SLURM_CLUSTER_NAME": self.name, "SLURMD_NODENAME": node}
        for process in psutil.process_iter():
            try:
                is_step = " ".join(process.cmdline()).startswith(steps) and process.cwd() == str(self.folder)
                if is_step or of_a_job.items() <= process.environ().items():
                    process.kill()
            except psutil.Error:
                continue

    def stop(self) -> None:
        """Stop all daemons and their jobs."""
        if "slurmctld" in self._daemons:
            subprocess.run(["scancel", "--me"], env=self.environment, check=False)
        for daemon in reversed(self._daemons.values()):
            daemon.send_signal(signal.SIGTERM)
        for daemon in self._daemons.values():
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
        self._daemons.clear()

    def _start(self) -> None:
        munge = self.folder / "munge"
        munge.chmod(0o700)
        key = munge / "key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o600)
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        options = [f"--{option}={munge / name}" for option, name in files.items()]
        self._daemon("munged", "munged", "--foreground", "--force", *options)
        _wait_until((munge / "socket").exists)
        self._daemon("slurmctld", "slurmctld", "-D", "-f", str(self.folder / "slurm.conf"))
        _wait_until(self._answers)
        for node in NODES:
            self.start_node(node)

    def _is_up(self, node: str) -> bool:
        state = self.ask("sinfo", "--noheader", "--nodes", node, "--format=%T")
        return not re.search(r"down|unknown|\*", state)  # `*` marks a node that does not answer

    def _answers(self) -> bool:
        return subprocess.run(["scontrol", "ping"], env=self.environment, capture_output=True).returncode == 0

    def _daemon(self, name: str, *command: str) -> None:
        # In a session of its own: Ctrl-C ends the tests, and the tests stop the daemons in order.
        with (self.folder / f"{name}.out").open("ab") as out:
            self._daemons[name] = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=out, stderr=out, start_new_session=True
            )


def running(script: str, folder: Path) -> Iterator[psutil.Process]:
    """Yield the processes that run a script of the pipeline in a checkout."""
    for process in psutil.process_iter():
        try:
            if process.cmdline()[1:2] == [f"workflow/scripts/{script}"] and process.cwd() == str(folder):
                yield process
        except psutil.Error:
            continue


def _free_ports(number: int) -> list[int]:
    with closing(socket.socket()) as first, closing(socket.socket()) as second, closing(socket.socket()) as third:
        sockets = (first, second, third)[:number]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not true within {seconds} seconds")
        time.sleep(0.2)
