"""Code of activations that users add, and what can be wrong with it: one line, before any job."""

import numpy as np
import pytest
import torch
import yaml

from nngplab.errors import InputError
from nngplab.kernels import activation_check
from nngplab.kernels.activation_check import check_activations, check_function
from tests.helpers.checkout import ROOT

FUNCTION = "import numpy as np\n\n\ndef swish(x):\n    return {}\n"
RIGHT = FUNCTION.format("x / (1 + np.exp(-x))")
SQUARE = FUNCTION.format("x**2") + "\n\ndef dual(xi):\n    return {}\n"
WRONG_CODE = {
    "a syntax error": (RIGHT + "def f(:\n", "swish.py fails: SyntaxError: invalid syntax (swish.py, line 6)"),
    "a module that is not there": ("import no_such_module\n", "in line 1: ModuleNotFoundError: No module named"),
    "an exit on import": ("raise SystemExit(0)\n", "swish.py fails in line 1: SystemExit: 0"),
    "a signal": ("import os; os.kill(os.getpid(), 9)\n", "swish.py ends the process (exit status -9)"),
    "another name": (RIGHT.replace("swish", "swash"), "swish.py: it must define the function swish"),
    "an error": (FUNCTION.format("1 / 0"), "swish.py fails in line 5: ZeroDivisionError: division by zero"),
    "an exit": (FUNCTION.format("exit(3)"), "swish.py fails in line 5: SystemExit: 3"),
    "an end": (FUNCTION.format("__import__('os')._exit(0)"), "swish.py ends the process (exit status 0)"),
    "no end of recursion": (FUNCTION.format("swish(x)"), "swish.py fails in line 5: RecursionError"),
    "NaN": (FUNCTION.format("np.log(x)"), "activation swish: the function is not finite at -16"),
    "a dual that is no function": (RIGHT + "dual = 1\n", "swish.py: dual must be a function of correlations"),
    "a wrong dual": (
        SQUARE.format("xi**2"),
        "the dual of activation swish is wrong: divided by its value at 1, it is ",
    ),
    "a dual without values": (SQUARE.format("np.log(xi)"), "the dual of activation swish is wrong"),
    "a dual of one number": (SQUARE.format("1.0"), "the dual of activation swish returns float, not an array"),
    "an error in the dual": (SQUARE.format("xi / y"), "swish.py fails in line 9: NameError: name 'y' is not defined"),
}


@pytest.fixture
def added(tmp_path):
    """Return a function that checks an activation in a file with some code."""

    def check(code, name="swish"):
        (tmp_path / f"{name}.py").write_text(code)
        check_activations([name], tmp_path)

    return check


@pytest.mark.parametrize("case", WRONG_CODE)
def test_wrong_code(added, case, capfd):
    code, message = WRONG_CODE[case]
    with pytest.raises(InputError) as caught:
        added(code)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


# The kernels beside the activations that the configuration knows.
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/kernel_regression.schema.yaml").read_text())
EXTRA_KERNELS = SCHEMA["properties"]["extra_kernels"]["items"]["enum"]


@pytest.mark.parametrize("name", ["relu", "laplace", "linear", "zero", "dual", *EXTRA_KERNELS])
def test_a_name_that_is_taken(added, name):
    with pytest.raises(InputError, match=f"{name}.py: there is an activation {name} already: choose another name"):
        added(RIGHT.replace("swish", name), name)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"^unknown activation 'swish': choose one of identity, .* into .*swish\.py$"):
        check_activations(["gelu", "swish"], tmp_path)


def test_a_dual_of_ones_own_counts_up_to_a_factor(added):
    added(SQUARE.format("1 + 2 * xi**2"))
    added(SQUARE.format("7 + 14 * xi**2"))


@pytest.mark.parametrize(
    ("code", "place"),
    [("while True: time.sleep(1)\n", "swish.py"), (FUNCTION.format("swish_(x)"), "activation swish of .*swish.py")],
)
def test_code_that_does_not_end(added, monkeypatch, code, place):
    monkeypatch.setattr(activation_check, "LIMIT", 15)
    with pytest.raises(InputError, match=f"{place} does not end within 15 seconds: correct it"):
        added("import time\n\n\ndef swish_(x):\n    while True: time.sleep(1)\n\n\n" + code)


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
    config, file = checkout / "config/config.yaml", checkout / "workflow/activations/swish.py"
    config.write_text(config.read_text().replace("extra_activations: []", "extra_activations: [swish]"))
    for case in ("a syntax error", "an end", "no file"):
        code, message = WRONG_CODE.get(case, (None, "unknown activation 'swish': choose one of identity, relu"))
        file.write_text(code) if code else file.unlink()
        ended = run(checkout, "snakemake", "--cores", "1", "--", "width_sweep")
        assert ended.returncode == 1
        assert message in ended.stdout
        assert len(ended.stdout.splitlines()) <= 3
        assert not (checkout / "results").exists()
