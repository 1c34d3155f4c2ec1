"""Exactly the values that the engines read differently are reported."""

import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from snakemake_dvc.yaml_versions import differences

WORD = st.text("abcdefghijklmpqrstuvwxz", min_size=3, max_size=8).filter(
    lambda word: word not in ("true", "false", "null", "yes", "off")
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORD,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORD, inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("written", "snakemake", "dvc"),
    [
        ("010", "8", "10"),
        ("0130", "88", "130"),
        ("1e5", "the text '1e5'", "100000.0"),
        ("1e-5", "the text '1e-5'", "1e-05"),
        ("yes", "true", "the text 'yes'"),
        ("no", "false", "the text 'no'"),
        ("on", "true", "the text 'on'"),
        ("Off", "false", "the text 'Off'"),
        ("12:30", "750", "the text '12:30'"),
        ("0o17", "the text '0o17'", "15"),
    ],
)
def test_a_value_that_the_engines_read_differently(written: str, snakemake: str, dvc: str) -> None:
    (line,) = differences(f"fit:\n  n: {written}\n".encode())
    assert line.startswith(f"fit.n: Snakemake reads {snakemake} (YAML 1.1), but DVC reads {dvc} (YAML 1.2); ")


@pytest.mark.parametrize("written", ["1_000", "1_0.5", "0x1_0"])
def test_underscores_are_reported_if_and_only_if_the_engines_differ(written: str) -> None:
    content = f"n: {written}\n"
    differ = repr(yaml.safe_load(content)["n"]) != repr(YAML(typ="safe").load(content)["n"])
    assert bool(differences(content.encode())) == differ


@pytest.mark.parametrize(
    "content",
    [
        "",
        "# nothing\n",
        "n: 88\nm: 0x58\nx: 88.0\ny: 1.0e-5\nz: -0.5\n",
        "a: true\nb: false\nc: null\nd: ~\ne:\n",
        "words: ['yes', \"12:30\", '010', '1e5']\n",
        "infinite: .inf\nnot: .nan\n",
        "day: 2024-01-01\n",
        "table:\n  1: a\n  2: b\n",
        "base: &base\n  n: 1\nother:\n  <<: *base\n  m: 2\n",
        "path: results/fit.txt\nurl: https://localhost/x\n",
        "text: |\n  yes\n  010\n",
    ],
)
def test_ordinary_values_are_not_reported(content: str) -> None:
    assert differences(content.encode()) == []


def test_each_value_is_reported_with_its_key() -> None:
    lines = differences(b"a: yes\nb: [1, 010, {c: off}]\nd:\n  e: 1\n")
    assert [line.split(": ")[0] for line in lines] == ["a", "b[1]", "b[2].c"]
    assert not any("\n" in line for line in lines)


def test_a_key_that_the_engines_read_differently() -> None:
    (line,) = differences(b"fit:\n  on: 1\n")
    assert line.startswith(
        "fit: Snakemake reads a section with the keys True (YAML 1.1), but DVC reads a section with the keys 'on'"
    )


@pytest.mark.parametrize(
    ("content", "place"),
    [(b"n: 1\nn: 2\n", "line"), (b"n: [1\n", "line"), (b"a: b: c\n", "line 1"), (b"n: \xff\n", r".")],
)
def test_a_file_that_one_engine_cannot_read_is_refused_in_one_line(content: bytes, place: str) -> None:
    with pytest.raises(ValueError, match=place) as raised:
        differences(content)
    assert "\n" not in str(raised.value)
    assert str(raised.value)


@given(st.dictionaries(WORD, PLAIN, max_size=5))
def test_nothing_is_reported_for_plain_data(data: dict[str, Any]) -> None:
    assert differences(yaml.safe_dump(data).encode()) == []


@given(st.text("0123456789_:.eExob+-", min_size=1, max_size=6))
def test_no_difference_is_missed(written: str) -> None:
    """Nothing is reported if and only if both engines read the same value."""
    content = f"n: {written}\n"
    try:
        old, new = yaml.safe_load(content), YAML(typ="safe").load(content)
    except Exception:
        with pytest.raises(ValueError, match=r"."):
            differences(content.encode())
        return
    assert (differences(content.encode()) == []) == _is_same(old, new)


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return type(one) is type(other) and repr(one) == repr(other)
