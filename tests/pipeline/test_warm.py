"""Programs that start quickly behave as those that start as usual."""

import signal
import subprocess
import sys

import pytest

from tests.helpers import slow_cpu
from tests.helpers.warm import READ_AT_IMPORT

ENDS = [
    "print('out'); print('error', file=sys.stderr)",
    "print(os.getcwd(), os.environ['COLUMNS'], sys.argv, __name__)",
    "sys.exit(3)",
    "sys.exit('error: one line')",
    "1 / 0",
    "os.kill(os.getpid(), 9)",
    "import snakemake; print(sys.stdin.read())",
]
DRAWS = "import random, numpy, torch; print(random.random(), numpy.random.rand(), torch.rand(1).item())"


@pytest.mark.parametrize("code", ENDS)
def test_a_program_ends_as_usual(warm, tmp_path, monkeypatch, code):
    monkeypatch.setenv("COLUMNS", "123")
    command = ["-c", f"import os, sys; {code}", "first", "second"]
    ended = [
        subprocess.run([python, *command], cwd=tmp_path, input="in", capture_output=True, text=True)
        for python in (warm / "python", sys.executable)
    ]
    quick, usual = [(each.returncode, each.stdout, each.stderr.splitlines()[-1:]) for each in ended]
    assert quick == usual


def test_two_programs_draw_other_numbers(warm):
    one, other = [subprocess.check_output([warm / "python", "-c", DRAWS]).split() for _ in range(2)]
    assert not set(one) & set(other)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_reaches_the_program(warm, number):
    code = "import time; print('started', flush=True); time.sleep(600)"
    program = subprocess.Popen([warm / "python", "-c", code], stdout=subprocess.PIPE, text=True)
    assert program.stdout
    assert program.stdout.readline() == "started\n"
    program.send_signal(number)
    assert program.wait(60) == -number


def test_what_the_clients_do_not_know_runs_as_usual(warm):
    assert "Python" in subprocess.check_output([warm / "python", "--version"], text=True)
    assert subprocess.check_output([warm / "python", "-X", "dev", "-c", "print(1)"], text=True) == "1\n"


def test_on_another_kind_of_cpu_programs_start_as_usual(warm, monkeypatch):
    code = "import sys; print(sys.executable)"
    assert subprocess.check_output([warm / "python", "-c", code], text=True) == f"{warm / 'python'}\n"
    for name in {*slow_cpu.settings(), *READ_AT_IMPORT}:
        with monkeypatch.context() as patch:
            patch.setenv(name, "other")
            assert subprocess.check_output([warm / "python", "-c", code], text=True) == f"{sys.executable}\n", name
