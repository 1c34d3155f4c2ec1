"""Values and code in a form that can be compared and stored, and the examples in the docstrings."""

import doctest
import importlib
from pathlib import Path, PurePath
from typing import Any

import pytest
import snakemake_dvc
from snakemake_dvc.values import as_json, canonical, digest_without_comments

MODULES = [
    path.stem for path in sorted(Path(snakemake_dvc.__file__).parent.glob("[!_]*.py")) if ">>> " in path.read_text()
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings(name: str) -> None:
    module = importlib.import_module(f"snakemake_dvc.{name}")
    failed, attempted = doctest.testmod(module, extraglobs={"PurePath": PurePath})
    assert attempted
    assert not failed


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, None),
        (True, True),
        (0.5, 0.5),
        (PurePath("a/b"), "a/b"),
        ({1: "one", None: 2, "1": (3,)}, {"int 1": "one", "NoneType None": 2, "1": [3]}),
        ([{"a": [1]}, ()], [{"a": [1]}, []]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset("ba"), ["a", "b"]),
    ],
)
def test_a_value_as_json(value: Any, found: Any) -> None:
    assert repr(as_json(value)) == repr(found)


def test_what_json_cannot_hold_has_a_digest_or_its_name() -> None:
    one, other = as_json(complex(1, 2)), as_json(complex(1, 3))
    assert one.startswith("pickle:")
    assert one == as_json(complex(1, 2)) != other
    assert as_json(doctest) == repr(doctest)  # a module cannot be pickled


def test_whole_floats_are_integers_at_every_depth() -> None:
    value = {"a": [1.0, (2.0, 0.5)], "b": {"c": True, 1: float("inf")}}
    assert repr(canonical(value)) == repr({"a": [1, [2, 0.5]], "b": {"c": True, 1: float("inf")}})


def test_comments_and_empty_lines_do_not_change_the_digest_of_code() -> None:
    digest = digest_without_comments(b"x = 1\nif x:\n    y = 2\n")
    assert digest_without_comments(b"# a\nx = 1  # b\n\nif x:\n    # c\n    y = 2\n") == digest
    assert digest_without_comments(b"x = 1\nif x:\n    y = 3\n") != digest
    assert digest_without_comments(b"x = 1\nif x:\n  y = (\n") != digest_without_comments(b"x = 1\nif x:\n  z = (\n")
