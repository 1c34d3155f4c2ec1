"""Write docs/configuration.md from the schema and the configuration of the sheet."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from nngplab.pipeline.config import describe, load_schema
from nngplab.pipeline.files import atomic_write

HEADER = """<!-- Made from workflow/schemas/config.schema.yaml: `make docs/configuration.md`. -->
# Configuration

`config/config.yaml` is the problem set exactly as set. Change a number there, or put what differs into a file of your
own and give it beside: `snakemake --cores all --configfile mine.yaml`. Two such files come along: `config/tiny.yaml`
(the whole pipeline in under two minutes, for tests) and `config/full.yaml` (the official CIFAR-10 archive and more
repeats). `dvc repro` reads `config/config.yaml` alone.

A mistyped key, a wrong type or a value out of bounds stops the run before any job, with one line that names the key,
its value and what is allowed.
"""


def page(schema: dict[str, Any], config: dict[str, Any]) -> str:
    """Return the page in Markdown: a heading for each section, a table row for each key."""
    return HEADER + "".join(_section(name, schema["properties"][name], config[name]) for name in schema["properties"])


def _section(name: str, schema: dict[str, Any], value: Any) -> str:
    keys = schema.get("properties", {})
    rows = [(key, keys[key], value[key]) for key in keys] or [(name, schema, value)]
    head = f"\n## `{name}`\n\n" + (f"{schema['description']}\n\n" if keys else "")
    return head + "| key | allowed | the sheet's | what it does |\n|---|---|---|---|\n" + "".join(_rows(rows))


def _rows(rows: list[tuple[str, dict[str, Any], Any]]) -> Iterator[str]:
    for key, schema, value in rows:
        shown = yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("...\n").strip()
        allowed = describe(schema).replace("|", "\\|")
        yield f"| `{key}` | {allowed} | `{shown}` | {schema['description']} |\n"


def main() -> None:
    """Write the page, to docs/configuration.md or where --output says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/configuration.md"))
    output = parser.parse_args().output
    schema = load_schema(Path("workflow/schemas/config.schema.yaml"))
    config = yaml.safe_load(Path("config/config.yaml").read_text(encoding="utf-8"))
    with atomic_write(output) as beside:
        beside.write_text(page(schema, config), encoding="utf-8")


if __name__ == "__main__":
    main()
