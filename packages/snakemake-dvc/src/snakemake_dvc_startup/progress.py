"""The progress of DVC, which takes braces in the path of its cache for a format."""

import sys
from typing import Any

_MODULE = "dvc_data.hashfile._progress"


def allow_braces() -> None:
    """Let DVC run in a folder with braces in its path, in this process and from now on."""
    from snakemake_dvc_startup import _AfterImport

    if _MODULE in sys.modules:
        _escape_braces(sys.modules[_MODULE])
    elif not any(isinstance(finder, _AfterImport) and finder.name == _MODULE for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterImport(_MODULE, _escape_braces))


def _escape_braces(module: Any) -> None:
    init = module.QueryingProgress.__init__
    if hasattr(init, "original"):
        return

    def init_with_name(bar: Any, iterable: Any = None, total: Any = None, name: Any = None, **options: Any) -> None:
        escaped = name and str(name).replace("{", "{{").replace("}", "}}")
        init(bar, iterable, total, escaped, **options)

    init_with_name.original = init  # type: ignore[attr-defined]
    module.QueryingProgress.__init__ = init_with_name
