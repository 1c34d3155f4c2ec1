"""A module of the library that two scripts import."""

import deep

CONSTANT = 0


def constants():
    """Return the constants of the library as lines of an output."""
    return [f"common {CONSTANT}", f"deep {deep.CONSTANT}"]
