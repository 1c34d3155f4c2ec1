"""Files of the course challenge in other formats: each is named, and nobody is told to remove a row of numbers."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nngplab.datasets.challenge import FILES, find_course_files, read_course_data
from tests.helpers.checkout import ROOT
from tests.helpers.course_files import refused, same, write_small_files


@pytest.fixture
def folder(tmp_path) -> Path:
    return write_small_files(tmp_path)


def each(line: Callable[[list[str]], str]) -> Callable[[str], str]:
    """Rewrite each row of a table from its fields."""
    return lambda text: "".join(line(row.split(",")) + "\n" for row in text.splitlines())


SPACED = "the numbers are separated by {}: save the file with commas between numbers"
DECIMAL = (
    "the numbers are separated by {} and have decimal commas: save the file with decimal points, and commas between "
    "numbers"
)
QUOTED = "the numbers are in quotes: save the file without quotes, with commas between numbers"
FORMATS = {
    "semicolons": (each(";".join), SPACED.format("semicolons")),
    "semicolons and spaces": (each("; ".join), SPACED.format("semicolons")),
    "tabs": (each("\t".join), SPACED.format("tabs")),
    "spaces": (each(" ".join), SPACED.format("spaces")),
    "many spaces": (each("   ".join), SPACED.format("spaces")),
    "bars": (each("|".join), SPACED.format("vertical bars")),
    "decimal commas": (lambda text: text.replace(",", ";").replace(".", ","), DECIMAL.format("semicolons")),
    "decimal commas and tabs": (lambda text: text.replace(",", "\t").replace(".", ","), DECIMAL.format("tabs")),
    "quotes": (each(lambda row: ",".join(f'"{field}"' for field in row)), QUOTED),
    "single quotes": (each(lambda row: ",".join(f"'{field}'" for field in row)), QUOTED),
    "one quote around the row": (each(lambda row: f'"{",".join(row)}"'), QUOTED),
    "quotes and semicolons": (each(lambda row: ";".join(f'"{field}"' for field in row)), QUOTED),
    "quoted decimal commas": (
        each(lambda row: ";".join('"{}"'.format(field.replace(".", ",")) for field in row)),
        QUOTED,
    ),
    "commas at the ends": (each(lambda row: ",".join([*row, ""])), "a comma is at the end: remove the commas"),
    "index": (
        lambda text: ",0,1,2,3\n" + "".join(f"{k},{row}\n" for k, row in enumerate(text.splitlines())),
        "the numbers 0, 1, 2, ... are a header line, and the first column is an index: save the file without both",
    ),
    "header twice": (lambda text: "a,b,c,d\na,b,c,d\n" + text, "'a,b,c,d' is a header line: remove it"),
    "header of savetxt": (lambda text: "# a,b,c,d\n" + text, "'# a,b,c,d' is a header line: remove it"),
    "words": (each(lambda row: ",".join("x" for _ in row)), None),
    "other words": (lambda _text: "a,b,c,d\ne,f,g,h\n", "'a,b,c,d' is not a row of numbers with commas between them"),
    "web page": (lambda _text: "<!DOCTYPE html>\n<p>", None),
    "JSON": (lambda _text: "[[1, 2], [3, 4]]", None),
    "missing first": (lambda text: "NA,NA,NA,NA\n" + text, "column 1: 'NA' is not a finite number"),
    "unknown first": (lambda text: "?,?,?,?\n" + text, "column 1: '?' is not a finite number"),
    "infinite first": (lambda text: "inf,inf,inf,inf\n" + text, "column 1: 'inf' is not a finite number"),
    "hexadecimal first": (lambda text: "0x1,0x2,0x3,0x4\n" + text, "column 1: '0x1' is not a finite number"),
    "huge first": (lambda text: "1e400,1,1,1\n" + text, "column 1: '1e400' is not a finite number"),
    "spaces in numbers": (lambda text: "1 000,2,3,4\n" + text, "column 1: '1 000' is not a finite number"),
    "units first": (lambda text: "$1,$2,$3,$4\n" + text, "column 1: '$1' is not a finite number"),
    "nan after spaces": (lambda text: "1, 2, 3, nan\n" + text, "column 4: 'nan' is not a finite number"),
}


class TestFormats:
    @pytest.mark.parametrize("form", FORMATS)
    def test_another_format_is_named_and_no_row_is_to_be_removed(self, folder, form):
        rewrite, named = FORMATS[form]
        path = folder / "X_train.csv"
        path.write_text(rewrite(path.read_text()))
        message = refused(folder)
        assert message.startswith(f"{path}, row 1")
        assert named is None or named in message
        if "header" not in (named or "header"):
            assert "remove it" not in message

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
    def test_another_encoding(self, folder, encoding):
        path = folder / "X_train.csv"
        path.write_bytes(path.read_text().encode(encoding))
        assert re.search(r"is (in UTF-16|not a text file \(byte \d+\)): save it as CSV in UTF-8$", refused(folder))

    def test_a_null_byte(self, folder):
        path = folder / "X_train.csv"
        path.write_text(path.read_text() + "\0")
        assert refused(folder).endswith("): save it as CSV in UTF-8")

    def test_line_ends_of_old_computers(self, folder):
        before = read_course_data(folder)
        for path in find_course_files(folder):
            path.write_bytes(path.read_text().replace("\n", "\r").encode())
        assert same(read_course_data(folder), before)

    @given(st.sampled_from(";\t| "), st.lists(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=2), min_size=1))
    def test_no_table_with_other_separators_is_taken_for_a_header(self, tmp_path_factory, separator, rows):
        folder = tmp_path_factory.mktemp("course")
        for name in FILES:
            (folder / name).write_text("".join(separator.join(map(repr, row)) + "\n" for row in rows))
        assert "the numbers are separated by" in refused(folder)

    def test_a_row_of_a_million_columns_and_an_error_after_a_million_rows_are_found_soon(self, folder):
        (folder / "X_train.csv").write_text("1," * 1_000_000 + "x\n")
        assert "has 1,000,001 columns, more than 10,000" in refused(folder)
        (folder / "X_train.csv").write_text("a" * 10_000_000)
        assert len(refused(folder)) < 300
        (folder / "X_train.csv").write_text("1\n" * 1_000_000 + "x\n")
        assert "row 1000001, column 1: 'x'" in refused(folder)


def run_job(folder: Path, output: Path, **options: object) -> "subprocess.CompletedProcess[str]":
    script = ROOT / "workflow" / "scripts" / "challenge_course_data.py"
    outputs = [word for name in ("selection", "test", "record") for word in (f"--{name}", str(output / name))]
    command = [sys.executable, str(script), "--folder", str(folder), "--seed", "1", *outputs]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


class TestJob:
    @pytest.mark.parametrize("form", ["semicolons", "quotes", "hexadecimal first", "web page"])
    def test_the_job_ends_with_one_line_and_writes_nothing(self, folder, tmp_path, form):
        path = folder / "X_train.csv"
        path.write_text(FORMATS[form][0](path.read_text()))
        ended = run_job(folder, tmp_path / "output")
        assert ended.returncode == 1
        assert ended.stderr.startswith(f"error: {path}, row 1")
        assert ended.stderr.count("\n") == 1
        assert not (tmp_path / "output").exists()

    def test_a_pipe_does_not_hold_the_job(self, folder, tmp_path):
        (folder / "X_test.csv").unlink()
        os.mkfifo(folder / "X_test.csv")
        assert run_job(folder, tmp_path / "output").stderr.endswith("is a device or a pipe: replace it by a file\n")

    def test_a_file_that_the_user_may_not_read(self, folder):
        with tempfile.TemporaryDirectory() as readable:
            own = Path(shutil.copytree(folder, readable, dirs_exist_ok=True))
            own.chmod(0o755)
            (own / "X_test.csv").chmod(0)
            user = os.geteuid()
            os.seteuid(user or 12345)
            try:
                message = refused(own)
            finally:
                os.seteuid(user)
            assert message == f"{own / 'X_test.csv'} cannot be read (Permission denied): correct its permissions"
