"""A module beside the scripts, which two of them import."""

CONSTANT = 0
