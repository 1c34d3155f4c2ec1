"""Write the report with all answers: one HTML file that needs no network."""

import argparse
import json
from pathlib import Path
from typing import Any

from nngplab.errors import InputError
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import atomic_write
from nngplab.report.page import HTMLReport
from nngplab.report.provenance import provenance
from nngplab.report.results import Results

PACKAGES = ("numpy", "scipy", "pandas", "torch", "torchvision", "sympy", "mpmath", "snakemake", "dvc", "nngp-lab")


def main(arguments: argparse.Namespace) -> None:
    config = read_config(arguments.config_json)
    report = HTMLReport(
        arguments.templates,
        Results(arguments.results_folder),
        student=config["report"]["name"],
        config=config,
        with_images=not arguments.without_images,
        origins=json.loads(arguments.origins.read_text(encoding="utf-8")) if arguments.origins else None,
        provenance=provenance(Path.cwd(), PACKAGES, exclude=[str(arguments.results_folder), "dvc.lock"]),
    )
    with atomic_write(arguments.output) as temporary:
        temporary.write_text(report.render(arguments.sections), encoding="utf-8")


def read_config(text: str) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads(text)
        config["report"]["name"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise InputError(f"--config-json is not a configuration in JSON with the key report.name: {error}") from error
    return config


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results-folder", type=Path, required=True, help="the folder of all results")
    parser.add_argument("--templates", type=Path, required=True, help="the folder of templates")
    parser.add_argument("--sections", nargs="+", required=True, metavar="NAME", help="the sections, in order")
    parser.add_argument("--without-images", action="store_true", help="the sections do not use the images of CIFAR-10")
    parser.add_argument("--config-json", required=True, metavar="JSON", help="the configuration")
    parser.add_argument(
        "--origins",
        type=Path,
        help="the rule, script and parameters of each file of results, JSON; without it the page does not name them",
    )
    parser.add_argument("--output", type=Path, required=True, help="the report, HTML")
    run(parser, main)
