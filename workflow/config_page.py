"""Write docs/configuration.md from the schemas and config/config.yaml, and the table of all stages in README.md."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from nngplab.pipeline.config import describe_schema, load_schema
from nngplab.pipeline.files import atomic_write

HEADER = """<!-- Generated from workflow/schemas by `make docs/configuration.md`. -->
# Configuration

`config/config.yaml` has the values of the problem set. Change a value there, or write the keys that differ into a file
of your own and run `snakemake --cores all --configfile mine.yaml`. Two such files exist: `config/tiny.yaml` (the whole
pipeline in under two minutes, for tests) and `config/full.yaml` (the official CIFAR-10 archive and more repeats).
`dvc repro` reads `config/config.yaml` only.

An unknown key, a wrong type or a value out of bounds stops the run before the first job, with one line that names the
key, its value and the allowed values. Of more than three errors, the first two are printed. 20.0 counts as the integer
20. A text must not contain line breaks or other control characters.

A file is in UTF-8, with at most 1 MB, 100,000 values and 50 levels of nesting. It must not contain a key twice.
"""


def render_page(schema: dict[str, Any], config: dict[str, Any]) -> str:
    """Return the page in Markdown, with a heading for each section and a table row for each key."""
    return HEADER + "".join(_section(name, schema["properties"][name], config[name]) for name in schema["properties"])


def _section(name: str, schema: dict[str, Any], value: Any) -> str:
    keys = schema.get("properties", {})
    rows = [(key, keys[key], value[key]) for key in keys] or [(name, schema, value)]
    head = f"\n## `{name}`\n\n" + (f"{schema['description']}\n\n" if keys else "")
    return head + "| key | allowed values | default | description |\n|---|---|---|---|\n" + "".join(_rows(rows))


def _rows(rows: list[tuple[str, dict[str, Any], Any]]) -> Iterator[str]:
    for key, schema, value in rows:
        default = yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("...\n").strip()
        allowed = describe_schema(schema).replace("|", "\\|")
        yield f"| `{key}` | {allowed} | `{default}` | {schema['description']} |\n"


def with_table(readme: str, stages: dict[str, Any]) -> str:
    """Return the text of README.md with a table row for each stage."""
    rows = "".join(f"| `{name}` | {stage['problem']} | {stage['content']} |\n" for name, stage in stages.items())
    start, end = "<!-- stages: `make docs/configuration.md` -->\n", "<!-- end of the stages -->\n"
    table = f"| name | problem | content |\n|---|---|---|\n{rows}"
    return re.sub(f"{start}.*{end}", lambda _: start + table + end, readme, flags=re.DOTALL)


def main() -> None:
    """Write both files, or those of the same names in the folder of --output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(), help="the folder of README.md and docs")
    output = parser.parse_args().output
    stages, config = (
        yaml.safe_load(Path(name).read_text(encoding="utf-8"))
        for name in ("workflow/stages.yaml", "config/config.yaml")
    )
    page = render_page(load_schema(Path("workflow/schemas"), stages), config)
    readme = with_table(Path("README.md").read_text(encoding="utf-8"), stages)
    for path, text in ((output / "docs/configuration.md", page), (output / "README.md", readme)):
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
