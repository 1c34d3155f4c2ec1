"""A module that a script or another module may import."""

CONSTANT = 0
