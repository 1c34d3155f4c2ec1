"""Write the page with every answer: one file, which opens without a network."""

import argparse
import json
from pathlib import Path
from typing import Any

from nngplab.errors import InputError
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import written_whole
from nngplab.report.labels import kernel_label
from nngplab.report.page import Page, Results, as_yaml, provenance

PACKAGES = ("numpy", "scipy", "pandas", "torch", "torchvision", "sympy", "mpmath", "snakemake", "dvc", "nngp-lab")


def main(arguments: argparse.Namespace) -> None:
    config = read_config(arguments.config_json)
    page = Page(
        arguments.templates,
        Results(arguments.results_folder),
        kernel_label=kernel_label,
        student=config["report"]["name"],
        config=as_yaml(config),
        provenance=provenance(Path.cwd(), PACKAGES, made=[str(arguments.results_folder), "dvc.lock"]),
    )
    with written_whole(arguments.output) as beside:
        beside.write_text(page.render(arguments.sections), encoding="utf-8")


def read_config(text: str) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads(text)
        config["report"]["name"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise InputError(f"--config-json is no configuration in JSON with a key report.name: {error}") from error
    return config


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results-folder", type=Path, required=True, help="the folder of all results")
    parser.add_argument("--templates", type=Path, required=True, help="the folder of the page's templates")
    parser.add_argument("--sections", nargs="+", required=True, metavar="NAME", help="sections of the page, in order")
    parser.add_argument("--config-json", required=True, metavar="JSON", help="the whole configuration, as JSON")
    parser.add_argument("--output", type=Path, required=True, help="the page, HTML")
    run(parser, main)
