"""The report: every number traced to its file, nothing from outside, and one line for each fault."""

import base64
import hashlib
import itertools
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nngplab.errors import InputError
from nngplab.report.page import HTMLReport
from nngplab.report.provenance import provenance
from nngplab.report.results import Results
from tests.helpers.checkout import ROOT
from tests.helpers.report_page import (
    SECTIONS,
    TEMPLATES,
    Reader,
    alternative_texts,
    check_traces,
    files_named,
    read_shown,
    read_title,
    render,
    sentences,
    write_cifar10,
    write_results,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_results(tmp_path / "results")


class TestTracing:
    def test_every_number_is_in_the_file_that_it_names_or_follows_from_such(self, folder):
        page = render(folder)
        origins = [read_title(entry["title"]) for entry, _ in Reader(page).data]
        assert sum("file" in origin for origin in origins) > 100
        assert sum("formula" in origin for origin in origins) > 5
        check_traces(folder, page)

    def test_every_number_is_shown_as_it_is(self, folder):
        page = re.sub(r'<span class="interval">.*?</span>', "", render(folder))
        for entry, text in Reader(page).data:
            if re.fullmatch(r"[-\d.e]+", entry["value"]) and text != entry["value"]:
                tolerance = 0.005 if "%" in text else 0.0005 if re.fullmatch(r"−?0\.\d+", text) else 0
                assert read_shown(text) == pytest.approx(float(entry["value"]), rel=0.05, abs=tolerance), entry

    def test_no_number_in_an_answer_or_a_table_is_typed_in(self, folder):
        typed = "".join(text for section, text in Reader(render(folder)).untraced if section in SECTIONS)
        typed = re.sub(r"CIFAR-10|Problem \d+a?|95%|\s×\s10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", "", typed)
        assert re.findall(r"\d+", typed) == []

    def test_a_tampered_file_shows_in_the_page(self, folder):
        before = render(folder)
        path = folder / "kernel_regression/summary.csv"
        path.write_text(path.read_text().replace("1.6e-05", "7.77e-05"))
        after = render(folder)
        assert "7.770\u00a0×\u00a010⁻⁵" not in before
        assert "7.770\u00a0×\u00a010⁻⁵" in after
        assert hashlib.sha256(path.read_bytes()).hexdigest() in after

    def test_every_file_used_is_listed_with_its_size_and_checksum(self, folder):
        page = render(folder)
        named = files_named(page)
        assert len(named) == 21
        for name in named:
            content = (folder.parent / name).read_bytes()
            row = re.search(rf'<th scope="row"><code>{re.escape(name)}</code></th>.*?</tr>', page, re.DOTALL)
            assert f"{len(content):,}" in row[0]
            assert hashlib.sha256(content).hexdigest() in row[0]


class TestPage:
    def test_nothing_comes_from_outside(self, folder):
        page = render(folder)
        for tag, attributes in Reader(page).tags:
            assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
            for name in ("src", "srcset", "data", "poster", "background"):
                assert attributes.get(name, "data:").startswith("data:")
        assert re.findall(r"url\(|@import", page) == []

    def test_only_its_own_style_sheets_and_scripts_are_allowed(self, folder):
        page = render(folder)
        policy = next(attributes["content"] for tag, attributes in Reader(page).tags if "http-equiv" in attributes)
        assert policy.startswith("default-src 'none'; img-src data:; ")
        for element in ("style", "script"):
            texts = re.findall(f"<{element}>(.*?)</{element}>", page, flags=re.DOTALL)
            digests = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts}
            (directive,) = re.findall(f"{element}-src ([^;]*)", policy)
            assert set(directive.split()) == {f"'sha256-{digest}'" for digest in digests}
        assert page.index("Content-Security-Policy") < page.index("<style>")

    def test_links_lead_to_an_element_of_the_page(self, folder):
        tags = Reader(render(folder)).tags
        identifiers = [attributes["id"] for _, attributes in tags if "id" in attributes]
        assert len(set(identifiers)) == len(identifiers)
        targets = {attributes["href"] for tag, attributes in tags if tag == "a"}
        assert targets <= {f"#{identifier}" for identifier in identifiers}
        assert targets >= {f"#{name}" for name in (*SECTIONS, "images", "provenance")}

    def test_the_same_results_give_the_same_bytes(self, folder):
        assert render(folder) == render(folder)

    def test_it_can_be_used_without_seeing_it(self, folder):
        tags = Reader(render(folder)).tags
        assert len(alternative_texts(tags)) >= 4
        assert all(len(text) > 30 for text in alternative_texts(tags))
        assert dict(tags)["html"] == {"lang": "en-GB"}
        assert [tag for tag, _ in tags].count("table") == [tag for tag, _ in tags].count("caption") == 13
        assert all("scope" in attributes for tag, attributes in tags if tag == "th")
        levels = [int(tag[1]) for tag, _ in tags if re.fullmatch(r"h[1-6]", tag)]
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))

    def test_the_name_of_the_student_is_text(self, folder):
        assert "Name: &lt;script&gt;alert(1)&lt;/script&gt; &amp; Co" in render(
            folder, "<script>alert(1)</script> & Co"
        )
        assert "Name: </p>" in render(folder)

    def test_words_of_a_file_are_text(self, folder):
        write_cifar10(folder / "cifar10", reason='<img src="http://x">', label="<i>", stand_in=False, source="archive")
        page = render(folder)
        assert "&lt;img src=&#34;http://x&#34;&gt;" in page
        assert "<i>" not in page
        Reader(page)

    def test_mathematics_is_mathml(self, folder):
        page = render(folder)
        assert "$" not in re.sub(r"<(pre|script|style)>.*?</\1>", "", page, flags=re.DOTALL)
        assert page.count("<math") > 20
        assert "<merror" not in page

    def test_the_misprint_differs_by_its_sign_only(self, folder):
        page = render(folder)
        blocks = re.findall(r'<math [^>]*display="block">.*?</math>', page)
        printed, corrected = ("".join(Reader(block).text) for block in blocks[-2:])
        assert printed == corrected.replace("(π−", "(π")
        assert printed != corrected
        assert "64 negative eigenvalues of 100 and 0 on the diagonal" in sentences(page, "kernel_regression")


class TestErrors:
    def test_a_missing_file(self, folder):
        (folder / "width_sweep/summary.csv").unlink()
        with pytest.raises(InputError, match=r"^results/width_sweep/summary\.csv cannot be read \(No such file"):
            render(folder)

    @pytest.mark.parametrize("column", ["median_test_mse", "k"])
    def test_a_missing_column(self, folder, column):
        path = folder / "width_sweep/summary.csv"
        pd.read_csv(path).drop(columns=column).to_csv(path, index=False)
        with pytest.raises(InputError, match=rf"^results/width_sweep/summary\.csv has no '{column}', only .*on_sheet"):
            render(folder)

    def test_a_missing_row(self, folder):
        path = folder / "kernel_regression/summary.csv"
        table = pd.read_csv(path)
        table[table["kernel"] != "zero"].to_csv(path, index=False)
        with pytest.raises(InputError, match=r"^results/kernel_regression/summary\.csv has no row with kernel = zero"):
            render(folder)

    @pytest.mark.parametrize("content", [b"", b"k,on_sheet\n", b"k,on_sheet\n1\n", b"\xff\xfe"])
    def test_what_is_no_table(self, folder, content):
        (folder / "width_sweep/summary.csv").write_bytes(content)
        with pytest.raises(
            InputError, match=r"^results/width_sweep/summary\.csv (is not|has no) .*; rerun the job that writes it"
        ):
            render(folder)

    @pytest.mark.parametrize("content", ["{", "[]", '{"label": "x"}'])
    def test_what_is_no_record(self, folder, content):
        (folder / "cifar10/provenance.json").write_text(content)
        with pytest.raises(
            InputError, match=r"^results/cifar10/provenance\.json (is not|has no) .*; rerun the job that writes it"
        ):
            render(folder)

    @pytest.mark.parametrize("content", [b"", b"x", b"\x89PNG\r\n\x1a\n"])
    def test_what_is_no_picture(self, tmp_path, content):
        (tmp_path / "x.png").write_bytes(content)
        with pytest.raises(InputError, match=r"x\.png is not a PNG .*; rerun the job that writes it"):
            Results(tmp_path).image("x.png", "a picture")

    def test_a_missing_template(self, folder):
        page = HTMLReport(TEMPLATES, Results(folder))
        with pytest.raises(InputError, match=r"no template no_such_section\.html\.j2"):
            page.render(["no_such_section"])

    @pytest.mark.parametrize(
        ("missing", "config", "expected"),
        [
            (None, '{"report": {"name": "Ada"}}', ""),
            ("width_sweep/curve.svg", '{"report": {"name": null}}', "error: results/width_sweep/curve.svg cannot be"),
            (None, '{"report": 3}', "error: --config-json is not a configuration in JSON with the key report.name"),
        ],
    )
    def test_the_program_ends_with_one_line(self, folder, missing, config, expected):
        if missing:
            (folder / missing).unlink()
        script = ROOT / "workflow/scripts/report.py"
        arguments = ["--results-folder", folder, "--templates", TEMPLATES, "--sections", *SECTIONS]
        arguments += ["--config-json", config, "--output", folder / "report.html"]
        ended = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)
        if expected:
            assert ended.returncode == 1
            assert ended.stderr.startswith(expected)
            assert len(ended.stderr.splitlines()) == 1
            assert not (folder / "report.html").exists()
        else:
            assert ended.returncode == 0, ended.stderr
            assert "Name: Ada" in (folder / "report.html").read_text()


class TestProvenance:
    def git(self, folder: Path, *arguments: str) -> str:
        author = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
        ended = subprocess.run(["git", *author, *arguments], cwd=folder, check=True, capture_output=True, text=True)
        return ended.stdout.strip()

    def commit(self, folder: Path) -> str:
        return provenance(folder, [])["code"]["git commit"]

    def test_the_commit_and_whether_files_differ_from_it(self, tmp_path):
        assert self.commit(tmp_path) == "none: not a git checkout"
        self.git(tmp_path, "init", "--quiet")
        self.git(tmp_path, "commit", "--quiet", "--allow-empty", "--message=test")
        head = self.git(tmp_path, "rev-parse", "HEAD")
        assert self.commit(tmp_path) == head
        (tmp_path / "results").mkdir()
        (tmp_path / "results/made.csv").touch()
        assert provenance(tmp_path, [], exclude=["results", "no.lock"])["code"]["git commit"] == head
        (tmp_path / "new.py").touch()
        assert self.commit(tmp_path) == f"{head}, with uncommitted changes"

    def test_versions_and_machine(self, tmp_path):
        facts = provenance(tmp_path, ["numpy", "no-such-package"])
        assert facts["versions"]["numpy"] == np.__version__
        assert facts["versions"]["no-such-package"] == "not installed"
        assert all(facts["machine"].values())
        assert facts == provenance(tmp_path, ["numpy", "no-such-package"])
