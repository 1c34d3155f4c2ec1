"""The error that a user can mend."""


class InputError(ValueError):
    """Bad input, told in one line: what is wrong, where, and what to do.

    Programs print its message without a traceback (`nngplab.pipeline.cli.run`).
    """
