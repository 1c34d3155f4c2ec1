"""Elementary functions of one number in float64, without branches, so that Numba makes vector code of a loop over them.

They have the names of NumPy's functions, so that a formula for arrays is one for numbers too: Numba compiles it with
this module in the place of NumPy (`nngplab.kernels.compiled`). The coefficients are from Chebyshev interpolation by
mpmath with 50 digits. The polynomials have an error below a tenth of a unit of rounding.
"""

import math

import numpy as np
from numba.extending import register_jitable

# (arcsin(x) - x) / x^3 in powers of x^2, up to x^2 = 1/4.
_ARCSIN = (
    0.16666666666666667827,
    0.074999999999984329332,
    0.044642857146355429783,
    0.030381944138531247287,
    0.022372172942149887875,
    0.017352392720869972942,
    0.013971212973552933304,
    0.011479177415184905896,
    0.010322814350185779287,
    0.0054575067186403583004,
    0.017400879442694022443,
    -0.014851887071247203224,
    0.028757851367421564708,
)
# (exp(x) - 1 - x) / x^2 in powers of x, for |x| up to log(2) / 2.
_EXP = (
    0.5,
    0.16666666666666670986,
    0.041666666666666669752,
    0.008333333333326140884,
    0.0013888888888883752417,
    0.00019841269874800491981,
    0.000024801587325533363819,
    2.7557255425746434282e-6,
    2.7557273661348636219e-7,
    2.5105206373957011116e-8,
    2.09146793765839351e-9,
)
# Adding it to a number leaves the nearest integer in the last bits.
_ROUNDING = 1.5 * 2.0**52
_LOG_2_HIGH, _LOG_2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10


@register_jitable(forceinline=True)
def _polynomial(coefficients: tuple[float, ...], x: float) -> float:
    total = 0.0
    for k in range(len(coefficients) - 1, -1, -1):
        total = total * x + coefficients[k]
    return total


@register_jitable(forceinline=True)
def _arcsin_of_half(x: float) -> tuple[float, bool]:
    """Return arcsin(r) and whether |x| > 1/2, where r is |x|, or sqrt((1 - |x|) / 2): up to 1/2 either way."""
    z = math.fabs(x)
    far = z > 0.5
    # Both cases are computed for each number: vector code has no branches.
    half, square = (1 - z) * 0.5, z * z
    root = math.sqrt(half)
    r, t = (root, half) if far else (z, square)
    return r + r * t * _polynomial(_ARCSIN, t), far


@register_jitable(forceinline=True)
def arcsin(x: float) -> float:
    """Return the angle whose sine is x, from -1 to 1; the error is at most a unit of rounding."""
    angle, far = _arcsin_of_half(x)
    other = math.pi / 2 - 2 * angle
    return math.copysign(other if far else angle, x)


@register_jitable(forceinline=True)
def arccos(x: float) -> float:
    """Return the angle whose cosine is x, from -1 to 1; the error is at most 5e-16."""
    angle, far = _arcsin_of_half(x)
    near, other = math.pi / 2 - angle, 2 * angle
    of_absolute_value = other if far else near
    of_negative = math.pi - of_absolute_value
    return of_absolute_value if x >= 0 else of_negative


@register_jitable(forceinline=True)
def _power_of_two(k: float) -> float:
    """Return 2^k for a float k that is an integer from -1022 to 1023."""
    bits = np.float64(k + (_ROUNDING + 1023)).view(np.int64)
    return np.int64(bits << 52).view(np.float64)


@register_jitable(forceinline=True)
def _exponent_and_rest(x: float) -> tuple[float, float, float]:
    """Return two powers of two, whose product is 2^k, and exp(x) / 2^k - 1 for the nearest k."""
    x = -746.0 if x < -746.0 else x
    x = 710.0 if x > 710.0 else x
    k = (x * (1 / math.log(2)) + _ROUNDING) - _ROUNDING
    half = (k * 0.5 + _ROUNDING) - _ROUNDING
    r = (x - k * _LOG_2_HIGH) - k * _LOG_2_LOW
    # 2^k itself can overflow or underflow where exp(x) does not.
    return _power_of_two(half), _power_of_two(k - half), r + r * r * _polynomial(_EXP, r)


@register_jitable(forceinline=True)
def exp(x: float) -> float:
    """Return e^x; the relative error is at most 3e-16."""
    first, second, rest = _exponent_and_rest(x)
    return (first + first * rest) * second


@register_jitable(forceinline=True)
def expm1(x: float) -> float:
    """Return e^x - 1; the relative error is at most 4e-16."""
    first, second, rest = _exponent_and_rest(x)
    power = first * second
    return power * rest + (power - 1)


@register_jitable(forceinline=True)
def sqrt(x: float) -> float:
    """Return the square root of x."""
    return math.sqrt(x)


@register_jitable(forceinline=True)
def abs(x: float) -> float:  # noqa: A001
    """Return |x|."""
    return math.fabs(x)


@register_jitable(forceinline=True)
def sign(x: float) -> float:
    """Return 1 for x above 0, -1 below 0, and 0 for 0."""
    return 0.0 if x == 0 else math.copysign(1.0, x)


@register_jitable(forceinline=True)
def where(condition: bool, x: float, y: float) -> float:
    """Return x if the condition holds, and y otherwise."""
    return x if condition else y


@register_jitable(forceinline=True)
def clip(x: float, low: float | None, high: float | None) -> float:
    """Return x, or the nearest number from `low` to `high`; None is no limit."""
    x = low if low is not None and x < low else x
    return high if high is not None and x > high else x


@register_jitable(forceinline=True)
def ones_like(x: float) -> float:  # noqa: ARG001
    """Return 1."""
    return 1.0


@register_jitable(forceinline=True)
def zeros_like(x: float) -> float:  # noqa: ARG001
    """Return 0."""
    return 0.0
