"""`make report` for some stages only, with further configuration files."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers.checkout import ROOT, TINY

# Takes the place of Snakemake: prints its arguments.
FAKE = "#!/usr/bin/env python3\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n"
NAMES = [
    "my.yaml",
    "a b.yaml",
    "a'b.yaml",
    'a"b.yaml',
    "$HOME $(HOME) $$.yaml",
    "a`b`;c&d.yaml",
    "a\\b.yaml",
    "#{x}.yaml",
]


@pytest.fixture
def make(tmp_path):
    """Run `make report` of the project with a Snakemake that prints its arguments; return the run."""
    for name in ("Makefile", "workflow/make_report.py", "workflow/stages.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    fake = tmp_path / ".venv/bin/snakemake"
    fake.parent.mkdir(parents=True)
    fake.write_text(FAKE)
    fake.chmod(0o755)

    def run_make(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        return subprocess.run(
            ["make", "INSTALLED=", "report", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run_make


def arguments(ended: subprocess.CompletedProcess[str]) -> list[str]:
    assert ended.returncode == 0, ended.stderr
    return list(json.loads(ended.stdout.splitlines()[0]))


def test_without_variables_all_stages_run(make):
    ended = make()
    assert arguments(ended) == ["--cores", "all", "--"]
    assert ended.stdout.splitlines()[1:] == ["The report is in results/report.html"]


def test_some_stages(make):
    ended = make("ONLY=challenge theory", "CORES=3")
    assert arguments(ended) == [
        *["--cores", "3", "--", "challenge", "theory", "results/challenge.html", "results/theory.html"]
    ]
    assert "results/report.html is not written" in ended.stdout


@pytest.mark.parametrize("name", NAMES)
def test_a_file_with_any_name(make, tmp_path, name):
    (tmp_path / name).touch()
    assert arguments(make(f"CONFIG={name}")) == ["--cores", "all", "--configfile", name, "--"]


def test_several_files(make, tmp_path):
    for name in ("a b.yaml", "-c.yaml"):
        (tmp_path / name).touch()
    assert arguments(make("CONFIG='a b.yaml' -c.yaml"))[2:] == ["--configfile", "a b.yaml", "./-c.yaml", "--"]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("ONLY=challange", "error: ONLY: 'challange' is not a stage: choose from cifar10, fc_net,"),
        ("ONLY=$(HOME)", "error: ONLY: '$(HOME)' is not a stage"),
        ("CONFIG=my.yaml", "error: CONFIG: 'my.yaml' is not a file"),
        ("CONFIG=it's", 'error: CONFIG: "it\'s" is not a file, nor a list of files'),
    ],
)
def test_what_is_wrong_is_one_line(make, word, message):
    ended = make(word)
    assert ended.returncode != 0
    assert ended.stdout == ""
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("make: ***")]
    assert len(lines) == 1
    assert lines[0].startswith(message)


def test_a_page_shows_its_section_only(finished, done, tmp_path):
    folder: Path = shutil.copytree(finished, tmp_path / "checkout", symlinks=True)
    whole = (folder / "results/report.html").read_bytes()
    names = ["challenge", "kernel_regression"]
    targets = [*names, *(f"results/{name}.html" for name in names)]
    output = done(folder, "snakemake", "--cores", "2", *TINY, "--", *targets)
    assert output.count("(Rule: report_section)") == 2
    assert "\n2 jobs, about 10 s on 2 cores\n" in output
    pages = {name: (folder / f"results/{name}.html").read_text() for name in names}
    sections = {name: re.findall('<section id="(.*?)">', page) for name, page in pages.items()}
    # Problem 11 uses no images.
    assert sections["challenge"] == ["challenge", "images", "provenance"]
    assert sections["kernel_regression"] == ["kernel_regression", "provenance"]
    assert all("This page answers a part of the problem set." in page for page in pages.values())
    assert (folder / "results/report.html").read_bytes() == whole
    assert "Nothing to be done" in done(folder, "snakemake", "--dry-run", "--cores", "2", *TINY)
