"""A module that another module imports."""

CONSTANT = 0
