"""Write the pages of the reference that are made from the code: the rules, and the command lines of the scripts."""

import ast
import contextlib
import io
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs/generated"
RULES = """# Rules and stages

A stage is a rules file, `workflow/rules/NAME.smk`, and a stage of DVC in `dvc.yaml`. Its last rule has the name of the
stage and requests all its results: `snakemake --cores 2 NAME` and `dvc repro NAME` run it. The page is made from the
rules files.
"""
COMMANDS = """# Command lines of the scripts

Every script in `workflow/scripts/` also runs without the pipeline, with the environment active. `--log` names the file
for the log. The page shows the output of `--help`.
"""


def write_reference_pages() -> None:
    """Write the pages into docs/generated; a page that has not changed keeps its time."""
    for name, text in (("rules", RULES + "".join(_stages())), ("command_line", COMMANDS + "".join(_commands()))):
        page = FOLDER / f"{name}.md"
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.parent.mkdir(exist_ok=True)
            page.write_text(text, encoding="utf-8")


def _stages() -> Iterator[str]:
    for name, stage in yaml.safe_load((ROOT / "workflow/stages.yaml").read_text(encoding="utf-8")).items():
        yield f"\n## {name}\n\nProblems: {stage['problem']}.\n\n| rule | message | script |\n|---|---|---|\n"
        yield from _rules((ROOT / f"workflow/rules/{name}.smk").read_text(encoding="utf-8"))


def _rules(text: str) -> Iterator[str]:
    for rule, body in re.findall(r"^rule (\w+):\n((?:    .*\n|\n)*)", text, flags=re.MULTILINE):
        message = re.search(r"^    message:\n((?:        .*\n)+)", body, flags=re.MULTILINE)
        script = re.search(r'script="workflow/scripts/(\w+\.py)"', body)
        what = ast.literal_eval(f"({message[1]})").replace("wildcards.", "").replace("|", "\\|") if message else ""
        yield f"| `{rule}` | {what} | {f'`{script[1]}`' if script else ''} |\n"


def _commands() -> Iterator[str]:
    for script in sorted((ROOT / "workflow/scripts").glob("*.py")):
        yield f"\n## {script.name}\n\n```text\n{_help(script)}```\n"


def _help(script: Path) -> str:
    output, before = io.StringIO(), sys.argv
    sys.argv = [str(script.relative_to(ROOT)), "--help"]
    try:
        with contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
            runpy.run_path(str(script), run_name="__main__")
    finally:
        sys.argv = before
    return output.getvalue()
