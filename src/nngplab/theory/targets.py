"""The power of target functions on the unit sphere by the degree of the harmonics that they are made of."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nngplab.kernels.parameters import check_integer
from nngplab.kernels.spectra import zonal_coefficients

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class TargetPower:
    """The mean square of a target function on the unit sphere, by the degree of the harmonics: 0, 1, 2, ...

    >>> import numpy as np
    >>> TargetPower(np.array([0.0, 1.0]), tail=0.5)  # a linear function and one of degree 2
    <TargetPower degrees: 1, total: 1.5>

    Attributes:
        power: E[f_l(x)^2] of the part f_l of the target of each degree l, (degrees + 1,).
        tail: that of all higher degrees together.
    """

    power: Array
    tail: float

    def __repr__(self) -> str:
        return f"<TargetPower degrees: {len(self.power) - 1}, total: {self.total:.6g}>"

    @property
    def total(self) -> float:
        """E[f(x)^2]: the test MSE of the prediction zero."""
        return float(self.power.sum()) + self.tail


def sine_target_power(d: int, degrees: int) -> TargetPower:
    """Return the power of the target of Problems 11 and 12, f(x) = mean of sin(x_i) over the d coordinates.

    sin(x_i) is a sum of zonal harmonics around the i-th axis, with the coefficients s_l = E[sin(x_i) p_l(x_i)], which
    are 0 for even degrees l. The harmonics of odd degrees around two different axes are uncorrelated, because
    E[p_l(x_i) p_l(x_j)] is P_l(0), and P_l is odd. So the power of degree l is s_l^2 / d.

    Args:
        d: the dimension of the samples, 2 or above.
        degrees: the last degree.

    Raises:
        InputError: if d or the last degree is out of its range.

    >>> sine_target_power(200, 4)
    <TargetPower degrees: 4, total: 2.48766e-05>
    >>> power = sine_target_power(200, 3)
    >>> bool(power.power[1] / power.total > 0.99999)  # almost linear: a coordinate is small
    True
    """
    check_integer("the dimension d", d, 2)
    check_integer("the last degree", degrees, 0)

    def sine(theta: Array) -> Array:
        return np.sin(np.cos(theta))

    coefficients = zonal_coefficients(sine, d, degrees)
    coefficients[::2] = 0
    total = float(zonal_coefficients(lambda theta: sine(theta) ** 2, d, 0)[0])
    power = coefficients**2
    tail = total - float(power.sum())
    return TargetPower(power / d, tail / d if tail > 1e-14 * total else 0.0)
