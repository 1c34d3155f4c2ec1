"""Random seeds: the configuration has one integer seed, from which each job derives a generator of its own."""

from hashlib import sha256

import numpy as np


def seed_sequence(seed: int, *names: str | int) -> np.random.SeedSequence:
    """Return the seed sequence of a job.

    Different names give independent streams. The same seed and names always give the same stream.

    Args:
        seed: the root seed.
        names: the name of the job, then its wildcards.
    """
    digest = sha256("\0".join(str(name) for name in names).encode()).digest()
    return np.random.SeedSequence([seed, int.from_bytes(digest, "big")])


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return the NumPy generator of a job; the arguments are those of `seed_sequence`."""
    return np.random.default_rng(seed_sequence(seed, *names))


def integer_seed(seed: int, *names: str | int) -> int:
    """Return a 32-bit seed for a job, as for `numpy.random.seed`; the arguments are those of `seed_sequence`."""
    return int(seed_sequence(seed, *names).generate_state(1)[0])
