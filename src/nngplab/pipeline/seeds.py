"""One integer seed in the config; every job derives its own randomness from it."""

from hashlib import sha256

import numpy as np


def seed_sequence(seed: int, *names: str | int) -> np.random.SeedSequence:
    """Return the seed sequence of the job called `names` (its name, then its wildcards) under the root `seed`.

    Different names give independent streams; the same names always give the same stream.
    """
    digest = sha256("\0".join(str(name) for name in names).encode()).digest()
    return np.random.SeedSequence([seed, int.from_bytes(digest, "big")])


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return the NumPy generator of the job called `names` under the root `seed`."""
    return np.random.default_rng(seed_sequence(seed, *names))


def integer_seed(seed: int, *names: str | int) -> int:
    """Return a 32-bit seed for the job called `names`: what one would pass to `numpy.random.seed`."""
    return int(seed_sequence(seed, *names).generate_state(1)[0])
