"""The metrics of a stage: the numbers in `results/NAME/metrics.json`, which git tracks and `dvc metrics diff` compares.

They are rounded to the digits that are the same on every machine, so that a run on another CPU changes none of them.
The tables from which they are taken keep all digits.
"""

import os
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

from nngplab.pipeline.files import write_json

# Without AVX-512, or with another number of threads, sums are added up in another order. The relative differences are
# below 1e-11 for the default configuration, so that about one number in 100,000 is close enough to the middle
# between two rounded numbers to change.
EXACT_DIGITS = 6
# A training amplifies rounding errors: on another machine it ends like one with another seed, and the accuracies of two
# seeds differ in the third digit.
TRAINED_DIGITS = 2


def write_metrics(
    path: str | os.PathLike[str], metrics: Mapping[Any, Any], trained: Mapping[Any, Any] | None = None
) -> None:
    """Write the metrics of a stage as JSON, with rounded floats. Integers, booleans and texts are not rounded.

    Args:
        path: the file, `metrics.json`.
        metrics: numbers by name, also in nested mappings; rounded to `EXACT_DIGITS` significant digits.
        trained: numbers that depend on the training of a network; rounded to `TRAINED_DIGITS` significant digits. They
            are written under the key `trained`, which tells them apart in the output of `dvc metrics diff`.

    Raises:
        ValueError: if a number is NaN or infinite, which JSON cannot represent.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "metrics.json"
        >>> write_metrics(path, {"test_mse": 1.2834868216461432e-05, "k": 100}, trained={"accuracy": 0.57906})
        >>> print(path.read_text().strip())
        {
          "test_mse": 1.28349e-05,
          "k": 100,
          "trained": {
            "accuracy": 0.58
          }
        }
    """
    content = round_numbers(metrics, EXACT_DIGITS)
    if trained is not None:
        content["trained"] = round_numbers(trained, TRAINED_DIGITS)
    write_json(content, path)


def round_numbers(value: Any, digits: int) -> Any:
    """Return a value in which floats, also those in mappings and lists, are rounded to some significant digits.

    Two numbers that are close to each other are rounded to the same number, unless the middle between two rounded
    numbers is between them: then to neighbours. Rounding cannot exclude this case. Fewer digits make it rarer.

    Example:
        >>> round_numbers({"r2": [0.37523307809764317, 0.0], "runs": 120}, digits=6)
        {'r2': [0.375233, 0.0], 'runs': 120}
    """
    if isinstance(value, Mapping):
        return {str(name): round_numbers(inner, digits) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [round_numbers(inner, digits) for inner in value]
    if isinstance(value, bool) or not isinstance(value, Real):
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(f"{value:.{digits - 1}e}") + 0.0  # -0.0 becomes 0.0
