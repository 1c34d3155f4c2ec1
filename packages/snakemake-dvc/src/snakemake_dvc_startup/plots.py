"""The page of `dvc plots`: it needs no network, since it contains the libraries that draw, as Snakemake has them."""

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

# The files of Snakemake with the libraries that DVC's page would load from a server.
LIBRARIES = ("vega/vega.js", "vega-lite/vega-lite.js", "vega-embed/vega-embed.js")


def inline_libraries(module: Any) -> None:
    """Put the libraries into the page in place of links to them; `module` is dvc_render.vega.

    The links stay if this version of Snakemake does not have these files.
    """
    links = module.VegaRenderer.SCRIPTS
    module.VegaRenderer.SCRIPTS = property(lambda _: libraries() or links)


@cache
def libraries() -> str:
    """Return the libraries as elements of a page; an empty string if Snakemake does not have them."""
    spec = importlib.util.find_spec("snakemake")  # Snakemake itself is not imported
    folder = Path(str(spec.origin)).parent / "assets/data" if spec and spec.origin else Path()
    try:
        texts = [(folder / name).read_text(encoding="utf-8") for name in LIBRARIES]
    except OSError:
        return ""
    return "\n".join(f"<script>{text}</script>" for text in texts)


REPLACEMENTS = {"dvc_render.vega": inline_libraries}
