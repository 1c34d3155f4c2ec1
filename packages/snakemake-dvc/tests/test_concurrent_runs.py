"""Runs at the same time in one folder: one waits for the other, and no job runs twice."""

import fcntl
import signal
import time

import pytest
from helpers.checkouts import Checkout
from helpers.commands import ENGINES, SNAKEMAKE
from helpers.faults import FITS, set_scale


@pytest.mark.parametrize(("first", "second"), [("snakemake", "snakemake"), ("snakemake", "dvc"), ("dvc", "snakemake")])
def test_a_second_run_waits_or_names_the_first(checkout: Checkout, first: str, second: str) -> None:
    set_scale(checkout)
    run = checkout.start_hanging("degree-1", *ENGINES[first], execute=True)
    other = checkout.start(*ENGINES[second])
    if second == "snakemake":
        other.wait_for("snakemake-dvc: waiting for ")
        if first == "snakemake":
            assert f"waiting for process {run.pid} (snakemake --cores 2)" in other.text
        checkout.resume()
        assert other.wait().rc == 0, other
        assert other.jobs() == set()
    else:
        assert other.wait().rc
        assert f"PID {run.pid}" in other.text
        checkout.resume()
    assert run.wait().rc == 0, run
    checkout.is_right()
    checkout.has_nothing_to_do()


def test_a_dry_run_during_a_run_names_it(checkout: Checkout) -> None:
    set_scale(checkout)
    run = checkout.start_hanging("degree-1", *SNAKEMAKE)
    dry = checkout.run(*SNAKEMAKE, "--dry-run")
    named = f"process {run.pid} (snakemake --cores 2) is running in this folder"
    assert any(named in line for line in dry.messages())
    checkout.resume()
    assert run.wait().rc == 0, run
    checkout.is_right()


def test_an_interrupt_while_a_run_waits(checkout: Checkout) -> None:
    with (checkout.folder / ".snakemake/dvc/lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        set_scale(checkout)
        run = checkout.start(*SNAKEMAKE).wait_for("snakemake-dvc: waiting for ")
        interrupted = time.monotonic()
        run.kill("group", signal.SIGINT)
        run.wait()
        assert time.monotonic() - interrupted < 15
        assert run.rc
    checkout.computes("dvc", FITS)
