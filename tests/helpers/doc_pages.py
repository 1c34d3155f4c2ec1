"""The code blocks of the documentation, and how they are run as written.

- `console`: commands after `$ `, continued after `> `, each followed by its output; `sh`: commands alone. All of a page
  run in one shell, in the checkout in which its session starts.
- `python`: all of a page run in one namespace. A `text` block right after one of them is what it prints.
- A comment before a block says what a reader does with it: `<!-- file: PATH -->` writes the file,
  `<!-- edit: PATH -->` gives new values to keys of a YAML file. `<!-- fails -->` marks commands with an error.
- `diff`: a change of files of the clone, which `git apply` makes.
- `yaml`: an overlay for the configuration, which is validated.
"""

import contextlib
import io
import re
import shlex
import subprocess
import sys
import warnings
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from tests.helpers.checkout import ROOT
from tests.helpers.warm import PROGRAMS

# All but the page on adding a problem, which tests/pipeline/test_add_a_problem.py runs.
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.stem != "add_a_problem"),
    *sorted((ROOT / "docs/theory").glob("*.md")),
]
BLOCK = re.compile(
    r"(?:^<!-- (?P<note>file: \S+|edit: \S+|fails) -->\n\n?)?^```(?P<language>[\w{}-]*)\n(?P<text>.*?)^```$",
    flags=re.MULTILINE | re.DOTALL,
)
MARK = "\x1e"
# The lines of a run about its jobs and stages, among many about times, paths and resources.
OF_A_RUN = re.compile(
    r"(Job \d+: |Reason: Params |Nothing to be done|snakemake-dvc: |The report is |The answer is "
    r"|Running stage |Stage '|Ran experiment|Experiment results |To apply the |\tdvc exp |error: |Error in rule )"
)
NUMBERS = re.compile(r"\b[0-9a-f]{7,}\b|[-+]?\d[\d.]*(?:e[-+]?\d+)?")
SHOWN_LINES = 16
# What is recorded, and so what there is to commit, depends on whether this machine rounds as that of the last commit.
OF_THE_MACHINE = "snakemake-dvc: "


@dataclass(frozen=True)
class Block:
    """A block of code in a page: the line of its first line of code, and the comment before it."""

    language: str
    text: str
    line: int
    note: str = ""


@dataclass
class Step:
    """A command of a page, the block that shows it, and the output on the page and of the run."""

    command: str
    block: Block
    shown: str = ""
    output: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """The command without the comment at its end."""
        return re.sub(r"\s+# .*$", "", self.command)


def blocks(page: Path) -> list[Block]:
    """Return the code blocks of a page, in their order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found["language"], found["text"], text[: found.start("text")].count("\n"), found["note"] or "")
        for found in BLOCK.finditer(text)
    ]


def steps(page: Path) -> list[Step]:
    """Return the commands of a page, and those that write and edit the files that it shows."""
    found = []
    for block in blocks(page):
        kind, _, path = block.note.partition(": ")
        if kind in ("file", "edit"):
            found.append(Step(_writing(kind, path, block.text), block))
        elif block.language == "diff":
            found.append(Step(f"git apply {_document(block.text)}", block))
        elif block.language == "console":
            found += _console(block)
        elif block.language == "sh":
            joined = block.text.replace("\\\n", "")
            found += [Step(line, block) for line in joined.splitlines() if line and not line.startswith("#")]
    return found


def _writing(kind: str, path: str, text: str) -> str:
    document = _document(text)
    if kind == "edit":
        return f"python {shlex.quote(str(Path(__file__).with_name('edit_yaml.py')))} {path} {document}"
    return f"mkdir -p {Path(path).parent} && cat >{path} {document}"


def _document(text: str) -> str:
    return f"<<'END OF THE BLOCK'\n{text}END OF THE BLOCK"


def _console(block: Block) -> list[Step]:
    found: list[Step] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(Step(line[2:], block))
        elif line.startswith("> ") and not found[-1].shown:
            found[-1].command += f"\n{line[2:]}"
        else:
            found[-1].shown += f"{line}\n"
    return found


def lent_environment(folder: Path, warm: Path) -> Path:
    """Make the environment that a fresh clone would install: that of these tests, with programs that start quickly."""
    (folder / "bin").mkdir(parents=True)
    for path in [*Path(sys.prefix).glob("[!.]*"), *Path(sys.prefix, "bin").iterdir()]:
        if path.name != "bin":
            (folder / path.relative_to(sys.prefix)).symlink_to(path)
    for path in [folder / "bin" / name for name in (*PROGRAMS, "activate")]:
        path.unlink()
    for name in PROGRAMS:
        (folder / "bin" / name).symlink_to(warm / name)
    (folder / "bin/activate").write_text(f'export PATH={shlex.quote(str(folder / "bin"))}:"$PATH"\n')
    return folder


def run_steps(
    page_steps: list[Step], folder: Path, home: Path, lent: Path, environment: dict[str, str], dry: dict[str, str]
) -> None:
    """Run commands one after the other in one shell, and fill in their outputs; the first that fails ends the test.

    Args:
        page_steps: the commands.
        folder: where the shell starts.
        home: the folder that pages show as that of the user.
        lent: what a clone gets as its environment.
        environment: the variables of the shell.
        dry: more of it for the commands that are run as a dry run, by their names.
    """
    lines = [
        # A fresh clone does not install its environment.
        f'lend() {{ if [ -e Makefile ] && [ ! -e .venv ]; then mkdir .venv; ln -s "{lent}"/* .venv/;'
        f' for stamp in "{sys.prefix}"/.[a-z]*; do touch ".venv/${{stamp##*/}}"; done; fi; }}'
    ]
    for step in page_steps:
        command = f"! {{ {step.command}\n}}" if step.block.note == "fails" else step.command
        if step.name in dry:
            command = f"export SNAKEMAKE_PROFILE={shlex.quote(dry[step.name])}\n{command}\nunset SNAKEMAKE_PROFILE"
        lines += [f"lend\necho {MARK}", command]
    lines.append("true")  # so that the shell does not become the last command: it has started before the others
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(lines)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    outputs = ended.stdout.split(f"{MARK}\n")[1:]
    for step, output in zip(page_steps, outputs, strict=True):
        step.output = _of_interest(output, home)


def _of_interest(text: str, home: Path) -> str:
    """Return what a page shows of an output: of a run, its jobs; paths without the folder of this machine."""
    lines = [line.rstrip() for line in text.replace(f"{home}/", "/home/you/").splitlines()]
    if any("Building DAG of jobs" in line for line in lines):
        lines = [line for line in lines if OF_A_RUN.match(line)]
    return "\n".join(lines).strip("\n")


def missing_lines(step: Step) -> list[str]:
    """Return the lines of an output that the page shows and the run has not printed, apart from numbers."""
    printed = [masked(line) for line in step.output.splitlines()]
    missing = []
    for line in step.shown.splitlines():
        if masked(line) in printed:
            printed.remove(masked(line))
        elif line not in ("", "...") and not line.startswith(OF_THE_MACHINE):
            missing.append(line)
    return missing


def masked(line: str) -> str:
    """Return a text with 0 for each number and checksum, and without the width of columns.

    DVC names the files to add in any order.
    """
    if line.startswith("\tgit add "):
        line = " ".join(sorted(line.split()))
    return re.sub(r"[\s-]+", " ", NUMBERS.sub("0", line))


def run_python(page: Path) -> list[tuple[Block, str]]:
    """Run the Python blocks of a page one after the other in one namespace; return what each has printed.

    Blocks that a comment declares as a file are not among them.
    """
    names, done = {"__name__": "__main__"}, []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for block in blocks(page):
            if block.language == "python" and not block.note:
                printed = io.StringIO()
                with contextlib.redirect_stdout(printed):
                    exec(compile("\n" * block.line + block.text, page, "exec"), names)  # noqa: S102
                done.append((block, printed.getvalue()))
    return done


def shown_after(page: Path) -> dict[int, str]:
    """Return the text that a page shows as the output of a Python block, by the line of the block."""
    return {
        block.line: following.text
        for block, following in pairwise([*blocks(page), Block("", "", 0)])
        if block.language == "python" and following.language == "text"
    }


def updated(page: Path, page_steps: list[Step], printed: list[tuple[Block, str]]) -> str:
    """Return a page with the outputs of a run."""
    outputs = {block.line: text for block, text in printed}
    new: dict[int, str] = {}
    for step in page_steps:
        if step.block.language == "console":
            command = "\n> ".join(step.command.splitlines())
            new[step.block.line] = new.get(step.block.line, "") + f"$ {command}\n{_elided(step.output)}"
    found = blocks(page)
    for block, following in pairwise(found):
        if following.line and block.line in outputs and following.language == "text":
            new[following.line] = outputs[block.line]
    places = iter(found)

    def fill(match: re.Match[str]) -> str:
        block = next(places)
        changed = replace(block, text=new.get(block.line, block.text))
        return match[0].replace(f"\n{block.text}```", f"\n{changed.text}```")

    return BLOCK.sub(fill, page.read_text(encoding="utf-8"))


def _elided(output: str) -> str:
    lines = output.splitlines()
    if len(lines) > SHOWN_LINES:
        lines = [*lines[: SHOWN_LINES // 2], "...", *lines[-3:]]
    return "".join(f"{line}\n" for line in lines)
