"""A configuration file is read as it looks, or refused in one line within seconds."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from snakemake_dvc.strict_yaml import MAX_BYTES, MAX_DEPTH, check_file, check_text
from snakemake_dvc.yaml_versions import differences

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(9 * ['*' + before])}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
REFUSED = {
    "": "has no keys at top level",
    "# a comment\n": "has no keys at top level",
    "- 1\n": "has no keys at top level",
    "88\n": "has no keys at top level",
    "n: 1\nm: 2\nn: 3\n": "line 3: the key n is in line 1 already",
    "n: 1\n'n': 2\n": "line 2: the key n is in line 1 already",
    "s:\n  n: 1\n  n: 2\n": "line 3: the key n is in line 2 already",
    "1: a\n0x1: b\n": "line 2: the key 1 is in line 1 already",
    '{"n": 1, "n": 2}': "line 1: the key n is in line 1 already",
    "b: &b {n: 1}\ns: {<<: *b, <<: *b}\n": "line 2: the key << is in line 2 already",
    "n: " + 10_000 * "[" + 10_000 * "]": "line 1: is nested more than 50 levels deep",
    "n: " + 10_000 * "{a: " + 10_000 * "}": "line 1: is nested more than 50 levels deep",
    "".join(f"{' ' * depth}a:\n" for depth in range(200)): "line 51: is nested more than 50 levels deep",
    "a: &a [*a]\n": "line 1: the alias *a is inside of its own value",
    "a: &a {b: {c: *a}}\n": "line 1: the alias *a is inside of its own value",
    "a: &a\n  <<: *a\n": "line 2: the alias *a is inside of its own value",
    "a: *b\n": "line 1: the alias *b has no anchor",
    BOMB: "line 6: has more than 100,000 values, aliases included",
    f"n: [{'1,' * 100_001}]": "line 1: has more than 100,000 values",
    "---\nn: 1\n---\nn: 2\n": "line 3: a second document starts",
    "n: !!python/object/apply:os.system [date]\n": "line 1: the tag !!python/object/apply:os.system is not supported",
    "n: !!binary aGVsbG8=\n": "line 1: the tag !!binary is not supported",
    "n: !!float ''\n": "line 1: the tag !!float is not supported",
    "n: !own 1\n": "line 1: the tag !own is not supported",
    "? [1, 2]\n: 3\n": "line 1: a key is a list or a section",
    "s:\n\tn: 1\n": "line 2: ",
    "n: 1\nm: [1\n": "line 3: ",
    "n: @x\n": "line 1: ",
    "n: 1\nm: \0\n": "line 2: the character U+0000 is not allowed",
    "n: 1" + 5000 * "0": "line 1: a number has more than 1,000 characters",
    "n: 0x" + 5000 * "f": "line 1: a number has more than 1,000 characters",
    "n: 2024-13-45\n": "line 1: 2024-13-45 is not valid",
    "%YAML 3.0\n---\nn: 1\n": "line 1: ",
    "__use_yte__: true\nn: ?1 + 1\n": "the key __use_yte__ is not supported",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=[text[:20] for text in REFUSED])
def test_a_wrong_file_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        check_text(text)
    assert message in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize(
    "text",
    [
        "n: 1\n",
        "n: 1\r\nm: 2\r\n",
        "n: 1\rm: 2\r",
        '{"n": 1, "s": {"m": [1, 2]}}',
        "b: &b {n: 1}\ns: {<<: *b, n: 2}\n",
        "---\nn: 1\n...\n",
        "%YAML 1.1\n---\nn: 1\n",
        "n: !!str 3\n",
        "1: a\n'1': b\n",
        "n: " + (MAX_DEPTH - 1) * "[" + (MAX_DEPTH - 1) * "]",
        f"n: [{'1, ' * 99_000}]",
        "n: 'é {x} 😀'\n",
    ],
    ids=range(12),
)
def test_an_ordinary_file_is_accepted(text: str) -> None:
    check_text(text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"n: 1\nm: \xff\n", "line 2: is not UTF-8 text"),
        ("n: 1\n".encode("utf-16"), "line 1: is not UTF-8 text"),
        ("n: 1\n".encode("utf-16-le"), "line 1: the character U+0000 is not allowed"),
        (b"n: " + MAX_BYTES * b"x", "has 1,000,003 bytes; a configuration file has at most 1,000,000"),
    ],
)
def test_a_file_that_is_no_text_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r".") as raised:
        check_file(path)
    assert str(raised.value) == f"{path}: {message}"


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xef\xbb\xbfn: 1\n")
    check_file(path)


@pytest.mark.parametrize("what", ["missing", "folder", "pipe", "device"])
def test_what_is_no_file_is_refused(what: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "device":
        path = Path("/dev/zero")
    message = {"missing": "cannot be read (No such file or directory)", "folder": "is a folder"}
    with pytest.raises(ValueError, match=r".") as raised:
        check_file(path)
    assert str(raised.value) == f"{path}: {message.get(what, 'is not a regular file')}"


VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(min_size=1).filter(lambda key: key != "__use_yte__"), VALUES, min_size=1))
def test_what_a_program_writes_is_accepted(data: dict[str, Any]) -> None:
    check_text(yaml.safe_dump(data))


MARKS = st.sampled_from(
    [
        *"a1.:-[]{},&*!'\"|>%@#?~exob_ \n\t\r\0\x85\u2028",
        "<<",
        "&a",
        "*a",
        "a: ",
        "\n- ",
        "---\n",
        "!!str ",
        "0x",
        "{x}",
    ]
)


def lines_of(content: bytes) -> list[str]:
    try:
        return differences(content)
    except ValueError as error:
        return [str(error)]


@given(st.lists(MARKS | st.text(max_size=3), max_size=12).map("".join).map(lambda text: text.encode()) | st.binary())
@example(b"a: =")
@example(b"? <<\n: 1")
@example(b"a: 1:99999999999999999999999999:1.5")
@example(b"a: 0b_")
@example(b"a: 1_000:30")
@example(b"a: ._")
@example(b"a: 2024-02-30")
def test_any_content_is_accepted_or_refused_in_one_line(content: bytes) -> None:
    lines = lines_of(content)
    assert len(lines) <= 3
    assert all(line and len(line.splitlines()) == 1 for line in lines)
