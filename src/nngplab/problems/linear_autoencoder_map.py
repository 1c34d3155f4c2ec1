"""Gradient descent on the linear autoencoder of Problem 3b as an exact map of two numbers, and where it converges.

With α, β, ε, h and c of `nngplab.problems.linear_autoencoder`, let s = 2 c η ||z||² be the relative step and

    r = (||B z||² + ||z||² ||A||²) / ||z||² = (β² ||h||² + α² ||z||⁴ ||h||²) / ||z||².

The loss is c ||z||² ε². The update rules of α and γ give, without approximation,

    ε' = ε (1 - s r - s² ε (1 - ε)),   r' = (1 + s² ε²) r + 4 s ε (1 - ε),

from ε = 1 and r = ρ = ||h||² / ||z||². So ρ and s decide what becomes of a run. Two facts bound the convergence set:

* At a minimum r >= 2. So if s > 1 then |1 - s r| > 1, every minimum repels, and a run reaches one only by a step that
  ends at ε = 0 exactly. Each ε is a polynomial in ρ and s that is not zero everywhere: the probability of that is 0.
* F = s r + s² ε, which is s (ρ + s) at the start, satisfies F' - 4 = (F - 4) (1 - s² ε (1 - ε)). For s < 2 the last
  factor is positive, so F never crosses 4. If F < 4, then |s ε| < 2 at all steps, since r >= 2 |1 - ε|. If F > 4, no
  step is at a stable minimum, where F = s r < 2.

So s < 1 and s (ρ + s) < 4 is necessary. It is also sufficient, but for draws of probability 0: see Liang and Montúfar,
"Gradient Descent with Large Step Sizes: Chaos and Fractal Convergence Region" (2025, arXiv:2509.25351).
"""

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import scipy.integrate
import scipy.special
import scipy.stats

Array = npt.NDArray[np.float64]
Value = TypeVar("Value", float, Array)

# A run is at the minimum once |ε| is at most this, which is a loss of 1e-12 of the initial loss.
TARGET = 1e-6
# A run has diverged once |ε| is larger than this, which is a million times the initial loss.
LARGEST = 1e3
# The map is iterated for this many steps, or as many as a run has if these are more.
MOST_STEPS = 10_000

CONVERGES, NEITHER, DIVERGES = BEHAVIOURS = ("converges", "neither", "diverges")


def step(residual: Value, r: Value, s: Value) -> tuple[Value, Value]:
    """Return ε and r after a step of gradient descent with the relative step s."""
    move = s * residual
    return residual * (1 - s * r - s * move * (1 - residual)), (1 + move * move) * r + 4 * move * (1 - residual)


def plane_step(b: Value, a: Value, s: Value) -> tuple[Value, Value]:
    """Return b and a after a step of gradient descent with the relative step s.

    They are the weights along h and z, b = sqrt(2 c η) h·Bz / ||h|| and a = sqrt(2 c η) z·Ah / ||h||. Then
    s ε = s - a b and s r = a² + b², and the update rules are b' = b + s ε a and a' = a + s ε b, from b = sqrt(s ρ) and
    a = 0.
    """
    move = s - a * b
    return b + move * a, a + move * b


def plane_path(rho: float, s: float, steps: int) -> Array:
    """Return b and a after 0, 1, ..., `steps` steps, (steps + 1, 2); infinity or NaN after an overflow."""
    b, a = math.sqrt(s * rho), 0.0
    found = np.empty((steps + 1, 2))
    for index in range(steps + 1):
        found[index] = b, a
        b, a = plane_step(b, a, s)
    return found


def residuals(rho: float, s: float, steps: int) -> Array:
    """Return ε after 0, 1, ..., `steps` steps, (steps + 1,); infinity or NaN after an overflow."""
    residual, r = 1.0, rho
    found = np.empty(steps + 1)
    for index in range(steps + 1):
        found[index] = residual
        residual, r = step(residual, r, s)
    return found


def predict_behaviour(rho: Array, s: Array) -> npt.NDArray[np.str_]:
    """Return what becomes of runs in any number of steps, of BEHAVIOURS, by the conditions s < 1 and s (ρ + s) < 4.

    Args:
        rho: the numbers ||h||² / ||z||², all positive.
        s: the relative steps, of the same shape, all positive.
    """
    bounded = (s < 2) & (s * (rho + s) < 4)
    return np.where(bounded, np.where(s < 1, CONVERGES, NEITHER), DIVERGES)


@dataclass(frozen=True)
class Iteration:
    """What the iteration of the map proves about runs.

    Attributes:
        behaviour: (n,) of BEHAVIOURS; NEITHER if it proves neither that the run converges nor that it diverges.
        steps: (n,) the number of steps to |ε| <= TARGET, or to the proof that the run diverges; NaN if there is none.
    """

    behaviour: npt.NDArray[np.str_]
    steps: Array


def iterate(rho: Array, s: Array, steps: int) -> Iteration:
    """Iterate the map until it is proved that a run converges or diverges.

    The conditions of `predict_behaviour` are not used. There are three proofs:

    * A run converges if s sqrt(ρ² + 4) + s²/4 <= 1. The imbalance r² - 4 (1 - ε)² is multiplied by (1 - s² ε²)² in each
      step. So by induction 0 <= ε <= 1 and ρ <= r <= sqrt(ρ² + 4), and ε falls at least as fast as (1 - s ρ)ᵗ.
    * It converges once |ε| <= g²/25 with g = min(s r, 2 - s r) > 0. As r >= 2 (1 - ε), this implies s < 1.05. By
      induction |ε| shrinks by the factor 1 - g/2 in each later step, and s r moves by 0.37 g at most in all of them.
    * It diverges once s r >= 4 + 20 s. While |s ε| < 1, |ε| grows by the factor 2 + 3 s or more in each step, so s r
      falls by less than 8 s until |s ε| >= 1. A step with |s ε| >= 1 adds 8 s or more. So r grows without bound, unless
      ε becomes exactly 0, which has probability 0.

    Args:
        rho: the numbers ||h||² / ||z||² (n,), all positive.
        s: the relative steps (n,), all positive.
        steps: the largest number of steps.
    """
    found = Iteration(np.full(len(rho), NEITHER, dtype="U9"), np.full(len(rho), np.nan))
    index, residual, r = np.arange(len(rho)), np.ones(len(rho)), np.array(rho, dtype=np.float64)
    s = np.array(s, dtype=np.float64)
    monotone = s * np.hypot(rho, 2) + s**2 / 4 <= 1
    with np.errstate(over="ignore", invalid="ignore"):
        for count in range(steps + 1):
            gap = np.minimum(s * r, 2 - s * r)
            converges = monotone | ((gap > 0) & (np.abs(residual) <= gap**2 / 25))
            # The negation is true for NaN too, after an overflow.
            diverges = ~(s * r < 4 + 20 * s)
            found.behaviour[index[converges]], found.behaviour[index[diverges]] = CONVERGES, DIVERGES
            ended = diverges | (converges & (np.abs(residual) <= TARGET))
            if ended.any():
                found.steps[index[ended]] = count
                index, residual, r = index[~ended], residual[~ended], r[~ended]
                s, monotone = s[~ended], monotone[~ended]
            if not len(index):
                break
            residual, r = step(residual, r, s)
    return found


def outcome_probabilities(d: int, k: int, factor: float) -> dict[str, float]:
    """Return the probability of each of BEHAVIOURS in any number of steps, by numerical integration.

    Given z, the k entries of h = B z are independent with the distribution N(0, ||z||²/k). So ρ has the distribution of
    χ²_k / k for any z, and ||z||² has that of χ²_d. The integral is that of P(ρ < 4/s - s) over the distribution of
    s = `factor` ||z||², below 1 for the runs that converge and from 1 to 2 for those that do neither.

    Args:
        d: the dimension of z ~ N(0, I).
        k: the width; the entries of B have the distribution N(0, 1/k).
        factor: 2 c η.
    """
    # The density of the norm; `scipy.stats` would take most of the time.
    constant = (1 - d / 2) * math.log(2) - math.lgamma(d / 2)
    # Almost all of the distribution of ||z||, and the norms at which s is 1 and 2.
    least, most = (math.sqrt(2 * scipy.special.gammaincinv(d / 2, share)) for share in (1e-15, 1 - 1e-15))
    one, two = (min(max(math.sqrt(s / factor), least), most) for s in (1, 2))

    def given_norm(norm: float) -> float:
        s = factor * norm**2
        density = math.exp(constant + (d - 1) * math.log(norm) - norm**2 / 2)
        return float(scipy.special.gammainc(k / 2, k * max(4 / s - s, 0) / 2) * density)

    converges, neither = (float(scipy.integrate.quad(given_norm, *ends)[0]) for ends in ((least, one), (one, two)))
    return {CONVERGES: min(1.0, converges), NEITHER: neither, DIVERGES: max(0.0, 1 - converges - neither)}


def draw_invariants(d: int, k: int, count: int, generator: np.random.Generator) -> tuple[Array, Array]:
    """Draw ||z||² and ρ, each (count,), from the distributions of `outcome_probabilities`.

    There is one draw of ||z||² in each of `count` intervals of equal probability, so shares of such draws vary less
    than those of independent ones.
    """
    z_squared = scipy.stats.chi2.ppf((np.arange(count) + generator.random(count)) / count, d)
    return z_squared, generator.chisquare(k, count) / k
