"""The progress of DVC, which takes braces in the path of its cache for a format."""

from typing import Any


def escape_braces(module: Any) -> None:
    """Let DVC run in a folder with braces in its path; `module` is dvc_data.hashfile._progress."""
    init = module.QueryingProgress.__init__

    def init_with_name(bar: Any, iterable: Any = None, total: Any = None, name: Any = None, **options: Any) -> None:
        escaped = name and str(name).replace("{", "{{").replace("}", "}}")
        init(bar, iterable, total, escaped, **options)

    module.QueryingProgress.__init__ = init_with_name


REPLACEMENTS = {"dvc_data.hashfile._progress": escape_braces}
