"""A home folder for a process whose user has none, or one that cannot be used, as in some containers."""

import os

# In the folder of the project, where the jobs find it too.
SUBSTITUTE = ".snakemake/home"


def provide() -> None:
    """Set environment variables where Snakemake, DVC and libraries of the jobs could not store files for the user."""
    home = os.path.expanduser("~")  # noqa: PTH111 - pathlib raises an error if there is none
    substitute = os.path.abspath(SUBSTITUTE)  # noqa: PTH100 - pathlib is slow to import
    if not (os.path.isdir(home) and os.access(home, os.R_OK | os.X_OK)):  # noqa: PTH112
        os.environ["HOME"] = substitute
    elif not os.access(home, os.W_OK):  # it can contain settings, so only the caches are elsewhere
        os.environ.setdefault("XDG_CACHE_HOME", f"{substitute}/.cache")
    if not _has_name():
        os.environ["USER"] = str(os.getuid())


def _has_name() -> bool:
    import pwd

    try:
        return any(name in os.environ for name in ("LOGNAME", "USER")) or bool(pwd.getpwuid(os.getuid()))
    except KeyError:
        return False
