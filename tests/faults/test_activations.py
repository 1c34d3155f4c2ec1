"""Code of activations that users add, and what can be wrong with it: one line, before any job."""

import re
import shutil

import numpy as np
import pytest
import torch

from nngplab.errors import InputError
from nngplab.kernels import activation_check
from nngplab.kernels.activation_check import check_activations, check_function
from tests.helpers.checkout import ROOT

FUNCTION = "\n\n@activation\ndef swish(x):\n    return {}\n"
RIGHT = FUNCTION.format("x / (1 + np.exp(-x))")
WRONG_CODE = {
    "a syntax error": (RIGHT + "def f(:\n", "activations.py fails: SyntaxError: invalid syntax (activations.py, line "),
    "a module that is not there": ("import no_such_module\n", "in line N: ModuleNotFoundError: No module named"),
    "an exit on import": ("raise SystemExit(0)\n", "activations.py fails in line N: SystemExit: 0"),
    "a signal": ("import os; os.kill(os.getpid(), 9)\n", "ends the process (exit status -9)"),
    "a name that is taken": (FUNCTION.replace("swish", "relu").format("x"), "there is an activation relu already"),
    "the name of a kernel": (FUNCTION.replace("swish", "laplace").format("x"), "an activation laplace already"),
    "an odd name": (FUNCTION.replace("swish", "Größe").format("x"), "the name Größe must consist of"),
    "another name": (RIGHT.replace("swish", "swash"), "unknown activation 'swish': choose one of identity, "),
    "an error": (FUNCTION.format("1 / 0"), "activation swish fails in line N: ZeroDivisionError: division by zero"),
    "an exit": (FUNCTION.format("exit(3)"), "activation swish fails in line N: SystemExit: 3"),
    "an end": (FUNCTION.format("__import__('os')._exit(0)"), "activation swish ends the process (exit status 0)"),
    "no end of recursion": (FUNCTION.format("swish(x)"), "activation swish fails in line N: RecursionError"),
    "NaN": (FUNCTION.format("np.log(x)"), "activation swish: the function is not finite at -16"),
}


@pytest.fixture
def added(tmp_path, monkeypatch):
    """Return a function that checks swish with further code in a copy of the library."""
    shutil.copytree(ROOT / "src/nngplab", tmp_path / "src/nngplab", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(activation_check, "__file__", str(tmp_path / "src/nngplab/kernels/activation_check.py"))

    def check(code):
        with (tmp_path / "src/nngplab/kernels/activations.py").open("a") as module:
            module.write(code)
        check_activations(["swish"])

    return check


@pytest.mark.parametrize("case", WRONG_CODE)
def test_wrong_code(added, case, capfd):
    code, message = WRONG_CODE[case]
    with pytest.raises(InputError) as caught:
        added(code)
    assert message in re.sub(r"in line \d+", "in line N", str(caught.value))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("code", "place"),
    [("while True: pass\n", "src/nngplab/kernels/activations.py"), (FUNCTION.format("swish_(x)"), "activation swish")],
)
def test_code_that_does_not_end(added, monkeypatch, code, place):
    monkeypatch.setattr(activation_check, "LIMIT", 6)
    with pytest.raises(InputError, match=f"{place} does not end within 6 seconds: correct it in src"):
        added("\n\ndef swish_(x):\n    while True: pass\n" + code)


def test_code_that_prints_and_starts_threads(added, capfd):
    threads = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\nprint('done')\n"
    added(threads + RIGHT.replace("return", "print('a\\tb'); return"))
    assert capfd.readouterr() == ("", "")


class Counter:
    calls = 0


def another_each_time(x):
    Counter.calls += 1
    return x + Counter.calls


def in_place(x):
    x *= 2
    return x


WRONG_FUNCTIONS = [
    (lambda x: np.sqrt(x + 0j), "returns ndarray of complex128"),
    (lambda x: x.astype(np.float32), "returns ndarray of float32"),
    (lambda x: x.astype(object), "returns ndarray of object"),
    (lambda x: x.astype(str), "returns ndarray of <U"),
    (lambda x: np.ma.masked_less(x, 0), "returns MaskedArray of float64"),
    (lambda x: torch.from_numpy(x.copy()), "returns Tensor, not an array of NumPy"),
    (lambda x: x.tolist(), "returns list"),
    (lambda _: 1.0, "returns float"),
    (lambda _: None, "returns NoneType"),
    (lambda x: x[..., :1], "returns shape (1,) for an array of shape (60,)"),
    (lambda x: x.ravel(), "returns shape (60,) for an array of shape (3, 4, 5)"),
    (lambda x: x - x.mean(axis=-1, keepdims=True), "returns other values"),
    (lambda x: np.sort(x), "returns other values"),
    (lambda x: np.random.default_rng().normal(size=x.shape), "returns other values"),
    (another_each_time, "returns other values"),
    (in_place, "changes its argument: let it change a copy"),
    (lambda x: np.where(np.abs(x) < 9, x, np.nan), "is not finite at"),
    (lambda x: np.exp(x**4), "is not finite at"),
    (lambda x: np.exp(x**2), "grows too fast"),
    (lambda x: np.sin(1e4 * x), "varies too fast"),
    (lambda x: 0 * x, "zero"),
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("function", "message"), WRONG_FUNCTIONS)
def test_wrong_functions(function, message):
    with pytest.raises(InputError) as caught:
        check_function("swish", function)
    assert str(caught.value).startswith("activation swish")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "function",
    [np.tanh, np.sign, np.ones_like, np.floor, lambda x: x > 0, lambda x: (x > 0).astype(int), lambda x: np.exp(2 * x)],
)
def test_right_functions(function):
    check_function("swish", function)


def test_through_snakemake(run, checkout):
    config, module = checkout / "config/config.yaml", checkout / "src/nngplab/kernels/activations.py"
    config.write_text(config.read_text().replace("extra_activations: []", "extra_activations: [swish]"))
    before = module.read_text()
    for case in ("a syntax error", "an end"):
        code, message = WRONG_CODE[case]
        module.write_text(before + code)
        ended = run(checkout, "snakemake", "--cores", "1", "--", "width_sweep")
        assert ended.returncode == 1
        assert message in ended.stdout
        assert len(ended.stdout.splitlines()) <= 3
        assert not (checkout / "results").exists()
