"""Formulas that Numba compiles: the values of those of NumPy, and the file that keeps them."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nngplab import NNGP, NTK, KernelRegression, dual_of
from nngplab.errors import InputError
from nngplab.kernels import acceleration, compiled, objects
from nngplab.kernels.duals import DUALS, exponential, leaky_relu
from nngplab.kernels.polynomials import hermite, monomial
from tests.unit.test_duals import EXACT

FAMILIES = {
    dual.name: dual for dual in (exponential(0.5), leaky_relu(0.3), monomial(0), monomial(5), hermite(0), hermite(6))
}
MOMENTS = [(name, kind) for name in DUALS for kind in ("moment", "derivative_moment")]
correlations = st.one_of(
    st.floats(-1, 1), st.sampled_from([-1.0, 1.0, 0.0, -0.0, 0.5, -0.5]), st.floats(0, 1e-12).map(lambda x: 1 - x)
)


def formula_of(name, kind):
    return getattr(DUALS[name], kind), getattr(compiled.compiled(DUALS[name]), kind)


class TestValues:
    @pytest.mark.parametrize("name", EXACT)
    def test_they_are_those_of_fifty_digits(self, name):
        xi = np.concatenate([np.linspace(-1, 1, 201), 1 - np.logspace(-16, -1, 31), [1e-300, -1e-20]])
        with mpmath.workdps(50):
            exact = np.array([float(EXACT[name](mpmath.mpf(float(x)))) for x in xi])
        np.testing.assert_allclose(compiled.compiled(DUALS[name])(xi), exact, rtol=0, atol=1e-15)

    @given(c=arrays.arrays(float, st.integers(0, 40), elements=correlations))
    def test_at_unit_variances_they_are_those_of_numpy(self, c):
        one = np.ones(())
        for name, kind in MOMENTS:
            by_numpy, by_loop = formula_of(name, kind)
            np.testing.assert_allclose(by_loop(c, one, one), by_numpy(c, one, one), 4e-15, 2e-15, err_msg=name)

    @given(data=st.data())
    def test_at_other_variances_they_are_those_of_numpy(self, data):
        n, m = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
        variances = st.one_of(st.floats(1e-3, 30), st.sampled_from([0.0, 1.0, 2.0]))
        a = data.draw(arrays.arrays(float, (n, 1), elements=variances))
        b = data.draw(arrays.arrays(float, m, elements=variances))
        c = np.sqrt(a * b) * data.draw(arrays.arrays(float, (n, m), elements=st.floats(-0.9, 0.9)))
        for name, kind in MOMENTS:
            by_numpy, by_loop = formula_of(name, kind)
            np.testing.assert_allclose(by_loop(c, a, b), by_numpy(c, a, b), 1e-13, 1e-13, err_msg=name)
            np.testing.assert_allclose(by_loop(b, b, b), by_numpy(b, b, b), 1e-13, err_msg=name)

    @pytest.mark.parametrize(("name", "kind"), MOMENTS)
    @pytest.mark.parametrize("variance", [0.3, 1.0, 7.7])
    def test_equal_samples_have_equal_entries(self, name, kind, variance):
        a = np.full(37, variance)
        _, by_loop = formula_of(name, kind)
        K = by_loop(np.full((37, 37), variance), a[:, np.newaxis], a)
        np.testing.assert_array_equal(K, np.broadcast_to(by_loop(a, a, a), K.shape))

    @pytest.mark.parametrize("dual", FAMILIES.values(), ids=FAMILIES)
    def test_of_families(self, dual):
        c = np.linspace(-1, 1, 101)
        np.testing.assert_allclose(compiled.compiled(dual)(c), dual(c), rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(compiled.compiled(dual).derivative(c), dual.derivative(c), rtol=1e-14, atol=1e-14)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize(("name", "kind"), MOMENTS)
    def test_what_is_no_number_remains_so(self, name, kind, value):
        by_numpy, by_loop = formula_of(name, kind)
        c, a, b = np.full((2, 3), value), np.full((2, 1), abs(value)), np.ones(3)
        with np.errstate(all="ignore"):
            expected = by_numpy(c, a, b)
        np.testing.assert_array_equal(by_loop(c, a, b), expected)

    @pytest.mark.parametrize(("name", "kind"), MOMENTS)
    def test_single_precision_has_the_digits_of_double(self, name, kind):
        c = np.linspace(-0.99, 0.99, 101, dtype=np.float32)
        by_numpy, by_loop = formula_of(name, kind)
        found = by_loop(c, np.ones((), c.dtype), np.ones((), c.dtype))
        assert found.dtype == np.float32
        expected = by_numpy(c.astype(float), np.ones(()), np.ones(()))
        np.testing.assert_allclose(found, expected, rtol=1.2e-7, atol=1e-8)

    @pytest.mark.parametrize("order", ["rows apart", "columns apart", "transposed"])
    def test_arrays_of_any_layout(self, order):
        base = np.random.default_rng(0).uniform(-1, 1, (12, 12))
        c = {"rows apart": base[::2], "columns apart": base[:, ::2], "transposed": base.T}[order]
        a, b = np.linspace(1, 2, len(c))[:, np.newaxis], np.linspace(1, 2, 2 * c.shape[1])[::2]
        by_numpy, by_loop = formula_of("relu", "moment")
        np.testing.assert_allclose(by_loop(c, a, b), by_numpy(c, a, b), rtol=1e-15, atol=1e-15)

    @pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 3, 4), ()])
    def test_arrays_of_any_shape(self, shape):
        c = np.full(shape, 0.5)
        np.testing.assert_allclose(compiled.compiled(DUALS["relu"])(c), DUALS["relu"](c), rtol=1e-15)

    def test_other_types_and_formulas_of_ones_own_stay_with_numpy(self):
        relu = DUALS["relu"]
        xi = np.linspace(-1, 1, 11, dtype=np.longdouble)
        np.testing.assert_array_equal(compiled.compiled(relu)(xi), relu(xi))
        own = replace(relu, moment=lambda *moments: moments[0])
        assert compiled.compiled(own).moment is own.moment

    @pytest.mark.parametrize("variance", [1.0, 2.5])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_of_a_table(self, variance, dtype):
        dual = dual_of(np.tanh, derivative=lambda x: 1 / np.cosh(x) ** 2)
        c = np.linspace(-1, 1, 2001).reshape(3, 667).astype(dtype)
        a, b = np.full((3, 1), variance, dtype), np.full(667, variance, dtype)
        for kind in ("moment", "derivative_moment"):
            found = getattr(compiled.compiled(dual), kind)(variance * c, a, b)
            assert found.dtype == dtype
            expected = getattr(dual, kind)((variance * c).astype(float), a.astype(float), b.astype(float))
            np.testing.assert_allclose(found, expected, rtol=0, atol=4e-15 if dtype == np.float64 else 2e-7)


@pytest.fixture
def few_are_many(monkeypatch):
    monkeypatch.setattr(objects, "MANY", 2)
    acceleration.accelerated.cache_clear()
    yield
    acceleration.accelerated.cache_clear()


KERNELS = [
    NNGP("relu", depth=3),
    NNGP("erf", normalize=False, sigma_w=1.3, sigma_b=0.2),
    NNGP("step", depth=2, normalize=False),
    NTK("gelu", depth=2),
    NTK("relu", depth=2, normalize=False, sigma_b=0.1),
    0.5 * NNGP("sine") + NNGP(dual_of(np.tanh)),
]


class TestKernels:
    @pytest.mark.parametrize("kernel", KERNELS, ids=repr)
    @pytest.mark.parametrize(("precision", "digits"), [("single", 3), ("double", 11)])
    @pytest.mark.usefixtures("small_tiles")
    def test_a_fit_is_that_without_the_compiler(self, kernel, precision, digits, many, request):
        X, y, X_test = many
        X = np.vstack([X, X[:1]])
        y = np.vstack([y, y[:1]])
        model = KernelRegression(kernel, ridge=0.1, precision=precision)
        by_numpy = model.fit(X, y).predict(X_test)
        request.getfixturevalue("few_are_many")
        found = model.fit(X, y).predict(X_test)
        assert np.any(found != by_numpy)  # it was compiled indeed
        np.testing.assert_allclose(found, by_numpy, rtol=0, atol=10.0**-digits)

    @pytest.mark.usefixtures("few_are_many")
    @pytest.mark.parametrize("kernel", KERNELS, ids=repr)
    def test_the_diagonal_is_that_without_the_compiler(self, kernel, many):
        rows = kernel.rows(many[0])
        np.testing.assert_allclose(np.diag(kernel.tile(rows, rows, offset=0)), kernel.diag(many[0]), rtol=1e-14)

    @pytest.mark.usefixtures("few_are_many")
    def test_without_numba_numpy_computes(self, many, monkeypatch):
        monkeypatch.setitem(sys.modules, "numba", None)
        monkeypatch.delitem(sys.modules, "nngplab.kernels.compiled")
        X, y, X_test = many
        found = KernelRegression("relu").fit(X, y).predict(X_test)
        monkeypatch.setattr(objects, "MANY", len(X) + 1)
        np.testing.assert_array_equal(found, KernelRegression("relu").fit(X, y).predict(X_test))

    @pytest.mark.usefixtures("few_are_many")
    def test_an_infinite_entry_is_an_error_as_without(self, many):
        with pytest.raises(InputError, match=r"returns (nan|inf) for two of the samples"):
            KernelRegression(NNGP("exponential", normalize=False)).fit(many[0] * 1e3, many[1])


# It computes a dual, after changes.
PROGRAM = """
import numpy as np
from nngplab import DUALS
from nngplab.kernels import compiled
{changes}
print(compiled.compiled(DUALS[{name!r}])(np.linspace(-1, 1, 7)).tolist())
"""
# Both processes have read that there is no code yet before one of them writes, and the first to write is the last.
WRITE_AT_ONCE = """
import pathlib, time
from numba.core.caching import IndexDataCacheFile
save_index, save_data, folder = IndexDataCacheFile._save_index, IndexDataCacheFile._save_data, pathlib.Path({folder!r})
def wait_for(number):
    (folder / f"{{number}} {name}").touch()
    end = time.monotonic() + 60
    while len([*folder.glob(f"{{number}} *")]) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)
def index_after_both_have_read(*arguments):
    wait_for(1)
    save_index(*arguments)
def data_after_both_indices(*arguments):
    wait_for(2)
    time.sleep({delay})
    save_data(*arguments)
IndexDataCacheFile._save_index, IndexDataCacheFile._save_data = index_after_both_have_read, data_after_both_indices
"""


class TestTheFile:
    def start(self, folder, name="relu", changes="", **variables):
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(name=name, changes=changes)],
            env={**os.environ, "NUMBA_CACHE_DIR": str(folder), "NUMBA_DEBUG_CACHE": "1"} | variables,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder, *arguments, **variables):
        """Return the values, and what Numba did with its files, of a process of its own."""
        process = self.start(folder, *arguments, **variables)
        *log, values = process.communicate()[0].splitlines()
        assert process.returncode == 0
        return values, [line.split()[1:3] for line in log if "of_unit_variances" in line]

    def test_a_second_process_compiles_nothing_unless_a_formula_or_the_cpu_has_changed(self, tmp_path):
        values, first = self.run(tmp_path)
        assert ["data", "saved"] in first
        again, second = self.run(tmp_path)
        assert ["data", "loaded"] in second
        assert ["data", "saved"] not in second
        (tmp_path / "formula.py").write_text("another formula")
        change = f"compiled._SOURCES.append(compiled.Path({str(tmp_path / 'formula.py')!r}))"
        assert ["data", "saved"] in self.run(tmp_path, "relu", change)[1]
        assert ["data", "saved"] in self.run(tmp_path, NUMBA_CPU_NAME="x86-64", NUMBA_CPU_FEATURES="")[1]
        assert again == values

    @pytest.mark.parametrize("last", ["relu", "erf"])
    def test_two_processes_that_compile_at_once_keep_their_own_code(self, last, tmp_path):
        (tmp_path / "barrier").mkdir()
        started = [
            self.start(
                tmp_path,
                name,
                WRITE_AT_ONCE.format(folder=str(tmp_path / "barrier"), name=name, delay=0.5 * (name == last)),
            )
            for name in ("relu", "erf")
        ]
        assert [(process.communicate(), process.returncode)[1] for process in started] == [0, 0]
        for name in ("relu", "erf"):
            values, log = self.run(tmp_path, name)
            assert ["data", "loaded"] in log
            np.testing.assert_allclose(json.loads(values), DUALS[name](np.linspace(-1, 1, 7)), rtol=0, atol=1e-15)

    def test_each_formula_has_a_name_of_its_own(self):
        moments = [
            moment for dual in {**DUALS, **FAMILIES}.values() for moment in (dual.moment, dual.derivative_moment)
        ]
        formulas = {
            (moment.func.__name__, *moment.keywords.values()) if isinstance(moment, partial) else (moment.__name__,)
            for moment in moments
        }
        assert len({compiled._digest(formula) for formula in formulas}) == len(formulas) > 25

    def test_a_damaged_file_costs_the_compilation_alone(self, tmp_path):
        values, _ = self.run(tmp_path)
        for file in tmp_path.rglob("*.nbc"):
            file.write_bytes(file.read_bytes()[:100])
        assert self.run(tmp_path)[0] == values

    @pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("no locator available")])
    def test_without_a_file(self, error, monkeypatch):
        monkeypatch.setattr("numba.core.caching.FunctionCache.save_overload", lambda *_: (_ for _ in ()).throw(error))
        loops = compiled._Loops(DUALS["sine"].moment)
        c, out = np.linspace(-1, 1, 5), np.empty(5)
        loops.of_unit_variances(c, out)
        np.testing.assert_allclose(out, DUALS["sine"](c), rtol=1e-15, atol=1e-16)

    def test_without_a_folder(self, monkeypatch):
        def fails(*_):
            raise RuntimeError("cannot cache function: no locator available")

        monkeypatch.setattr("numba.core.dispatcher.Dispatcher.enable_caching", fails)
        c, out = np.linspace(-1, 1, 5), np.empty(5)
        compiled._Loops(DUALS["erf"].moment).of_unit_variances(c, out)
        np.testing.assert_allclose(out, DUALS["erf"](c), rtol=1e-15, atol=1e-16)
