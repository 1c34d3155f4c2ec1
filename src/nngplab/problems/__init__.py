"""Library code that belongs to a single problem."""
