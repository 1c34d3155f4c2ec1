"""The page of `dvc plots` needs no network."""

from pathlib import Path

import dvc_render
import pytest
from dvc_render import vega
from snakemake_dvc_startup import plots

LINKS = 'src="https://'


@pytest.fixture(autouse=True)
def _links(monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC as it is without the package."""
    links = '<script src="https://cdn.jsdelivr.net/npm/vega@5.20.2"></script>'
    monkeypatch.setattr(vega.VegaRenderer, "SCRIPTS", links)
    plots.libraries.cache_clear()


def page(folder: Path) -> str:
    plot = dvc_render.VegaRenderer([{"x": 1, "y": 2, "rev": "workspace"}], "a plot", x="x", y="y")
    dvc_render.render_html([plot], folder / "index.html")
    return (folder / "index.html").read_text(encoding="utf-8")


def test_the_libraries_are_in_the_page(tmp_path: Path) -> None:
    assert LINKS in page(tmp_path)
    plots.inline_libraries(vega)
    made = page(tmp_path)
    assert LINKS not in made
    for name in ("vega", "vegaLite", "vegaEmbed"):
        assert f"global.{name} = " in made, name


def test_the_links_stay_if_snakemake_has_no_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "LIBRARIES", ("no/such.js",))
    plots.inline_libraries(vega)
    assert LINKS in page(tmp_path)
