"""The error for bad input."""


class InputError(ValueError):
    """Bad input, described in one line: what is wrong, where, and what to do.

    Scripts print its message without a traceback (`nngplab.pipeline.cli.run`).
    """
