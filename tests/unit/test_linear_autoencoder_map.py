"""Problem 3b: the exact map of two numbers, and its convergence set."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nngplab.problems.linear_autoencoder import ReducedDynamics, train_autoencoder
from nngplab.problems.linear_autoencoder_map import (
    BEHAVIOURS,
    CONVERGES,
    DIVERGES,
    NEITHER,
    draw_invariants,
    iterate,
    outcome_probabilities,
    plane_path,
    predict_behaviour,
    residuals,
    step,
)
from nngplab.theory import edge_of_stability

RHO = st.floats(1e-3, 50)


def problem(d: int = 7, k: int = 3, seed: int = 0, c: float = 0.5) -> ReducedDynamics:
    generator = np.random.default_rng(seed)
    return ReducedDynamics(generator.standard_normal(d), generator.standard_normal((k, d)) / np.sqrt(k), c)


def plane(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return np.exp(generator.uniform(np.log(1e-3), np.log(50), count)), generator.uniform(0.02, 2.3, count)


class TestMap:
    @given(st.integers(2, 9), st.integers(1, 9), st.integers(0, 100), st.integers(0, 30), st.floats(0.01, 1.2))
    def test_it_is_the_recursion_of_alpha_and_gamma(self, d, k, seed, steps, share):
        of = problem(d, k, seed, c=0.7)
        eta = share * of.largest_stable_step
        z_squared, h_squared = of.z @ of.z, of.h @ of.h
        alpha, gamma = of.after(steps, eta)
        residual, r = 1.0, of.rho
        for _ in range(steps):
            residual, r = step(residual, r, of.relative_step(eta))
        if not r < 100:
            return
        beta = 1 + gamma * z_squared
        assert residual == pytest.approx(1 - alpha * beta * h_squared, rel=1e-6, abs=1e-6)
        assert r == pytest.approx(beta**2 * of.rho + alpha**2 * z_squared * h_squared, rel=1e-6, abs=1e-6)

    @pytest.mark.parametrize("share", [0.05, 0.5, 0.95, 1.1])
    @pytest.mark.parametrize("c", [0.5, 1.0])
    def test_it_is_what_training_does(self, share, c):
        of = problem(d=30, k=10, c=c)
        eta = share * of.largest_stable_step
        losses = np.array(train_autoencoder(of, eta, 60)[1].losses)
        predicted = np.abs(residuals(of.rho, of.relative_step(eta), 60))
        np.testing.assert_allclose(np.sqrt(losses / losses[0]), predicted, atol=1e-12)

    @given(st.floats(-3, 3), st.floats(0, 9), st.floats(0.01, 3))
    def test_the_invariant_sign(self, residual, r, s):
        after, r_after = step(residual, r, s)
        expected = (s * r + s**2 * residual - 4) * (1 - s**2 * residual * (1 - residual))
        assert s * r_after + s**2 * after - 4 == pytest.approx(expected, rel=1e-6, abs=1e-6)

    def test_an_overflow_ends_without_an_error(self):
        assert not np.isfinite(residuals(1.0, 10.0, 10)[-1])


class TestConvergenceSet:
    def test_by_hand(self):
        rho, s = np.array([1.0, 1.0, 1.0, 3.5, 0.5]), np.array([0.99, 1.01, 1.6, 0.95, 2.1])
        assert predict_behaviour(rho, s).tolist() == [CONVERGES, NEITHER, DIVERGES, DIVERGES, DIVERGES]

    def test_the_iteration_proves_it_for_almost_every_draw(self):
        rho, s = plane(20_000)
        found, expected = iterate(rho, s, 3000).behaviour, predict_behaviour(rho, s)
        undecided = found != expected
        assert set(found[undecided]) <= {NEITHER}
        assert undecided.mean() < 0.002
        assert (s[undecided] > 0.99).all()

    @settings(max_examples=60)
    @given(RHO, st.floats(0.02, 2.3))
    def test_the_proofs_hold(self, rho, s):
        """After the step at which the behaviour is proved, ten thousand more steps agree with it."""
        found = iterate(np.array([rho]), np.array([s]), 300)
        later = np.abs(residuals(rho, s, 10_300))[300:]
        if found.behaviour[0] == CONVERGES:
            assert (np.diff(later) <= 0).all()
            assert (later <= 1e-6).all() or np.isnan(found.steps[0])
        elif found.behaviour[0] == DIVERGES:
            assert not np.isfinite(later[-1])

    def test_the_steps_to_the_target(self):
        (count,) = iterate(np.array([1.0]), np.array([0.3]), 1000).steps
        expected = np.abs(residuals(1.0, 0.3, 100))
        assert expected[int(count)] <= 1e-6 < expected[int(count) - 1]

    def test_small_steps_converge_without_many_iterations(self):
        found = iterate(np.array([1.0]), np.array([1e-9]), 10)
        assert found.behaviour[0] == CONVERGES
        assert np.isnan(found.steps[0])


class TestProbability:
    @pytest.mark.parametrize(("d", "k", "factor"), [(100, 2, 0.01), (10, 4, 0.1), (100, 100, 0.01), (5, 1, 0.3)])
    def test_against_draws_of_the_matrices(self, d, k, factor):
        generator = np.random.default_rng(0)
        count = 3000
        z = generator.standard_normal((count, d))
        h = np.einsum("nkd,nd->nk", generator.standard_normal((count, k, d)) / np.sqrt(k), z) if k < 10 else None
        z_squared = (z**2).sum(axis=1)
        rho = (h**2).sum(axis=1) / z_squared if h is not None else generator.chisquare(k, count) / k
        behaviours, chances = predict_behaviour(rho, factor * z_squared), outcome_probabilities(d, k, factor)
        shares = {behaviour: (behaviours == behaviour).mean() for behaviour in BEHAVIOURS}
        assert chances == pytest.approx(shares, abs=0.03)

    @given(st.integers(1, 300), st.integers(1, 300), st.floats(-5, 1))
    @settings(max_examples=25, deadline=None)
    def test_against_a_sum_over_many_intervals(self, d, k, power):
        """The edges of the intervals are equally spaced in ||z||, where the densities are smooth."""
        found, factor = outcome_probabilities(d, k, 10**power / d), 10**power / d
        for behaviour, low, high in ((CONVERGES, 0, 1), (NEITHER, 1, 2)):
            edges = np.linspace(low**0.5, high**0.5, 20_001)
            s = ((edges[1:] + edges[:-1]) / 2) ** 2
            share = np.diff(scipy.stats.chi2.cdf(edges**2 / factor, d)) @ scipy.stats.chi2.cdf(k * (4 / s - s), k)
            assert found[behaviour] == pytest.approx(share, abs=1e-6)
        assert sum(found.values()) == pytest.approx(1, abs=1e-12)


class TestPlane:
    @given(st.floats(0.01, 10), st.floats(0.01, 2.5))
    def test_it_is_the_map(self, rho, s):
        path, expected = plane_path(rho, s, 5), residuals(rho, s, 5)
        product = path.prod(axis=1)
        np.testing.assert_allclose(s - product, s * expected, rtol=1e-6, atol=1e-9)

    @given(st.floats(0.01, 10), st.floats(0.01, 1.99))
    def test_no_run_crosses_the_ellipse(self, rho, s):
        assume(abs(s * (rho + s) - 4) > 1e-3)
        b, a = plane_path(rho, s, 30).T
        with np.errstate(over="ignore", invalid="ignore"):
            inside = a**2 + b**2 - s * a * b < 4 - s**2
        assert (inside == (s * (rho + s) < 4)).all()

    def test_a_wide_network_needs_a_stable_minimum_only(self):
        assert outcome_probabilities(100, 100_000, 0.01)[CONVERGES] == pytest.approx(
            scipy.stats.chi2.cdf(100, 100), abs=1e-9
        )

    @pytest.mark.parametrize(("factor", "expected"), [(1e-9, 1), (20, 0)])
    def test_the_ends(self, factor, expected):
        assert outcome_probabilities(10, 3, factor)[CONVERGES] == pytest.approx(expected, abs=1e-9)

    def test_the_draws(self):
        z_squared, rho = draw_invariants(10, 3, 4000, np.random.default_rng(1))
        assert scipy.stats.kstest(z_squared, scipy.stats.chi2(10).cdf).pvalue > 0.5
        assert scipy.stats.kstest(3 * rho, scipy.stats.chi2(3).cdf).pvalue > 0.01


class TestTheory:
    """The equations of docs/theory/edge_of_stability.md are those of this module, as their checks compute them."""

    @given(st.floats(-3, 3), st.floats(0, 9), st.floats(0.01, 3))
    def test_the_map(self, residual, r, s):
        assert step(residual, r, s) == pytest.approx(tuple(edge_of_stability._map(residual, r, s)), abs=1e-12)

    def test_the_plane(self):
        of = problem()
        run = edge_of_stability._Run(of.B, of.z[:, np.newaxis], 0.5 * of.largest_stable_step, 4)
        np.testing.assert_allclose(edge_of_stability._plane(run), plane_path(of.rho, 0.5, 4)[-1], rtol=1e-12)
        assert edge_of_stability._limit(run) == pytest.approx(of.small_step_curvature)

    @pytest.mark.parametrize(("d", "k", "eta"), [(4, 6, 0.4), (100, 30, 0.011), (3, 1, 0.2)])
    def test_the_probability(self, d, k, eta):
        probability = outcome_probabilities(d, k, eta)[CONVERGES]
        assert edge_of_stability._integral(d, k, eta, k) == pytest.approx(probability, abs=1e-7)
