"""The iteration x -> f(x) of an autoencoder of Problem 4, and the limits of inputs under it.

With phi = ReLU and no biases, f(c x) = c f(x) for c >= 0. If f fits an image z, every c z with c >= 0 is a fixed point:
only the directions of inputs can have limits, and inputs are scaled to the same length at each iteration. With other
activations they are not scaled. Tanh and sine are odd, so -z is a fixed point if z is.

An output is at an image if the angle between them is at most `arrival_angle`: images are close to each other, so a
fixed angle would not tell an image from a mixture of two.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from nngplab.networks.fully_connected import ACTIVATIONS, OneHiddenLayer
from nngplab.pipeline.progress import Progress
from nngplab.problems.attractors_jacobian import jacobian_eigenvalues

Array = npt.NDArray[np.float64]

# The largest angle to an image at which an output is at the image, relative to the angle between the closest images.
ARRIVAL_SHARE = 0.1
# The classes of outputs: see `classify_outputs`.
OUTPUT_CLASSES = ("image", "negative", "mixture", "elsewhere", "zero")
# An input has reached its limit when an iteration changes it by at most this share of its length.
SETTLED_STEP = 1e-10
MAX_ITERATIONS = 2**15
# The largest number of iterations, summed over the inputs that are not merged. It bounds the time of a network under
# which thousands of inputs neither settle nor come close to each other.
MAX_WORK = 2e7
# Inputs whose hidden layers differ by at most this share of the arrival angle are iterated as one from then on.
MERGED_SHARE = 0.05
# An input whose hidden layer became this much smaller has the limit zero.
ZERO_SHARE = 1e-9


@dataclass(frozen=True)
class Limits:
    """The limits of inputs.

    Attributes:
        group: the number of the limit of each input, from 1; -1 for the inputs that still move. Inputs with the limit
            zero have the number 0.
        iterations: the number of iterations of each input.
        points: the limits (m, d), sorted by falling number of inputs; of unit length if the network is homogeneous.
    """

    group: npt.NDArray[np.int64]
    iterations: npt.NDArray[np.int64]
    points: Tensor


def is_homogeneous(network: OneHiddenLayer) -> bool:
    """Return whether f(c x) = c f(x) for all c >= 0."""
    return network.activation in ("relu", "identity")


@torch.no_grad()
def iterate(network: OneHiddenLayer, x: Tensor, times: int) -> Tensor:
    """Return f^times(x) for each row of x (n, d), without any scaling."""
    for _ in range(times):
        x = network(x)
    return x


@torch.no_grad()
def iterate_directions(network: OneHiddenLayer, X: Tensor, iterations: Iterable[int]) -> Iterator[tuple[int, Tensor]]:
    """Yield r and vectors along f^r(x) for the rows x of X (n, d), for each r of `iterations` in ascending order.

    If the network is homogeneous, vectors are scaled between iterations, which does not change their directions. The
    iteration runs in the hidden layer, f^r(x) = A (phi B A)^(r-1) phi(B x), which is cheaper for width < d.
    """
    transition = (network.B @ network.A).mT
    hidden, done = network.hidden(X), 1
    for r in sorted(iterations):
        if r == 0:
            yield 0, X
            continue
        while done < r:
            hidden, done = _step(network, transition, hidden), done + 1
        yield r, network.last(hidden)


@torch.no_grad()
def find_limits(network: OneHiddenLayer, X: Tensor, angle: float) -> Limits:
    """Iterate a network on inputs until they stop moving, within MAX_ITERATIONS and MAX_WORK.

    Args:
        network: the network, in float64.
        X: the inputs (n, d).
        angle: the arrival angle, in radians. Inputs that come closer than MERGED_SHARE of it are iterated as one, and
            limits that are closer than this count as one.
    """
    transition = (network.B @ network.A).mT
    state = _scaled(network, network.hidden(X))
    start = state.norm(dim=1)
    leader = torch.arange(len(X))
    iterations = torch.ones(len(X), dtype=torch.int64)
    moving, done, work, block = leader.clone(), 1, 0, 4
    progress = Progress(1, "iterating:", at_most=True)
    while len(moving) and done < MAX_ITERATIONS and work < MAX_WORK:
        rows = before = state[moving]
        for _ in range(block):
            before, rows = rows, _step(network, transition, rows)
        done += block
        work += block * len(moving)
        lengths = rows.norm(dim=1)
        vanished = lengths <= ZERO_SHARE * start[moving]
        rows[vanished] = 0
        settled = vanished | ((rows - before).norm(dim=1) <= SETTLED_STEP * lengths)
        state[moving], iterations[moving] = rows, done
        moving = moving[~settled]
        first = _first_within(state[moving], MERGED_SHARE * angle)
        follows = torch.arange(len(X))
        follows[moving] = moving[first]
        leader, moving = follows[leader], moving[first == torch.arange(len(moving))]
        block = min(2 * block, 256, MAX_ITERATIONS - done)
        progress.update(max(done / MAX_ITERATIONS, work / MAX_WORK))
    return _group(network, state[leader], iterations[leader], torch.isin(leader, moving), MERGED_SHARE * angle)


def _group(network: OneHiddenLayer, state: Tensor, iterations: Tensor, moving: Tensor, angle: float) -> Limits:
    outputs = _scaled(network, network.last(state))
    arrived = ~moving & state.any(dim=1)
    first = _first_within(outputs[arrived], angle)
    found, counts = first.unique(return_counts=True)
    found = found[torch.argsort(counts, descending=True, stable=True)]
    group = torch.where(moving, -1, 0)
    number = torch.zeros(len(first), dtype=torch.int64)
    number[found] = torch.arange(1, len(found) + 1)
    group[arrived] = number[first]
    return Limits(group.numpy(), iterations.numpy(), outputs[arrived][found])


def _step(network: OneHiddenLayer, transition: Tensor, hidden: Tensor) -> Tensor:
    return _scaled(network, ACTIVATIONS[network.activation](hidden @ transition))


def _scaled(network: OneHiddenLayer, rows: Tensor) -> Tensor:
    return torch.nn.functional.normalize(rows) if is_homogeneous(network) else rows


def _first_within(rows: Tensor, share: float) -> Tensor:
    """Return, for each row of (n, k), the first row that leads no further than `share` of its length away.

    A row that follows another one leads no further rows.
    """
    close = torch.cdist(rows, rows) <= share * rows.norm(dim=1)
    first = torch.full((len(rows),), -1)
    for i in range(len(rows)):
        if first[i] < 0:
            first[close[:, i] & (first < 0)] = i
            first[i] = i
    return first


def arrival_angle(Z: Tensor, others: Tensor) -> float:
    """Return ARRIVAL_SHARE of the angle between the closest two images of Z (n, d), in radians.

    For a single image, it is the angle to the closest one of `others` (m, d).
    """
    units = torch.nn.functional.normalize(Z)
    if len(Z) == 1:
        cosine = (torch.nn.functional.normalize(others) @ units[0]).max()
    else:
        cosine = (units @ units.T).fill_diagonal_(-1).max()
    return ARRIVAL_SHARE * float(torch.arccos(cosine.clamp(-1, 1)))


def classify_outputs(outputs: Array, Z: Array, angle: float, lines: bool = False) -> pd.DataFrame:
    """Compare the directions of outputs with those of images.

    Args:
        outputs: (n, d).
        Z: the images (m, d).
        angle: the arrival angle, in radians.
        lines: whether the nearest image is that with the smallest angle to the line through it, in both directions.

    Returns:
        A table with the columns nearest (the number of the nearest image, from 1), cosine (with this image),
        span_cosine (with the span of all images) and outcome: "image" if the angle to the image is at most `angle`,
        else "negative" if that to its negative is, else "mixture" if that to the span is, else "elsewhere". An output
        of zeros has the outcome "zero", the nearest image 0 and the cosines 0.
    """
    norms = np.linalg.norm(outputs, axis=1)
    units = outputs / np.where(norms == 0, 1, norms)[:, None]
    cosines = units @ (Z / np.linalg.norm(Z, axis=1, keepdims=True)).T
    nearest = (np.abs(cosines) if lines else cosines).argmax(axis=1)
    cosine = cosines[np.arange(len(outputs)), nearest]
    span = np.linalg.norm(units @ np.linalg.qr(Z.T)[0], axis=1)
    arrived = np.cos(angle)
    conditions = [norms == 0, cosine >= arrived, cosine <= -arrived, span >= arrived]
    outcome = np.select(conditions, ["zero", "image", "negative", "mixture"], "elsewhere")
    nearest = np.where(norms == 0, 0, nearest + 1)
    return pd.DataFrame({"nearest": nearest, "cosine": cosine, "span_cosine": span, "outcome": outcome})


def describe_limits(network: OneHiddenLayer, limits: Limits, Z: Tensor, angle: float) -> pd.DataFrame:
    """Return a row for each limit of a float64 network trained on images Z (n, d).

    Returns:
        The columns limit (its number), those of `classify_outputs`, degrees (the angle to the nearest image or its
        negative), residual (how far f moves the limit, relative to its length), rate, attracting and tenfold. Near an
        attracting limit, each iteration multiplies the distance from it by about `rate` < 1, so that `tenfold`
        iterations lead ten times closer. The rate is the largest modulus of an eigenvalue of the Jacobian; if the
        network is homogeneous, of the eigenvalues other than that of the limit itself, relative to the latter.
    """
    # The other activations are odd, so what holds for x holds for -x.
    table = classify_outputs(limits.points.numpy(), Z.numpy(), angle, lines=not is_homogeneous(network))
    table.insert(0, "limit", range(1, len(table) + 1))
    table["degrees"] = np.degrees(np.arccos(table["cosine"].abs().clip(upper=1)))
    moved = _scaled(network, iterate(network, limits.points, 1)) - limits.points
    table["residual"] = (moved.norm(dim=1) / limits.points.norm(dim=1)).numpy()
    table["rate"] = [_rate(network, point) for point in limits.points]
    # Directions that all stay where they are have the rate 1, up to rounding.
    table["attracting"] = table["rate"] < 1 - SETTLED_STEP
    table["tenfold"] = np.log(0.1) / np.log(table["rate"].where(table["attracting"] & (table["rate"] > 0)))
    return table


def _rate(network: OneHiddenLayer, point: Tensor) -> float:
    # A row more than units: with a single unit, the other eigenvalues are 0.
    table = jacobian_eigenvalues(network, point, len(network.B) + 1)
    if not is_homogeneous(network):
        return float(table["modulus"].max())
    # The limit is an eigenvector, f(x) = J(x) x = c x, along which directions do not move.
    c = float(iterate(network, point, 1).norm() / point.norm())
    along = int(np.argmin(np.hypot(table["real"] - c, table["imaginary"])))
    return float(table["modulus"].drop(along).max() / c)
