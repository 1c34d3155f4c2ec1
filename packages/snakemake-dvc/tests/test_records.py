"""The key of a recipe, the line of a record, and the store of records."""

import dataclasses
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake_dvc.cache import Cache
from snakemake_dvc.contents import Ledger
from snakemake_dvc.records import Recipe, Record, RecordStore, records_in
from snakemake_dvc.results import Results

DIGEST = st.text("0123456789abcdef", min_size=1, max_size=4)
NAME = st.text(max_size=4)
NUMBER = st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6)
VALUE = st.recursive(
    st.none() | st.booleans() | NUMBER | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAME, inner, max_size=3),
    max_leaves=6,
)
DIGESTS = st.dictionaries(NAME, DIGEST, max_size=3)
OUTPUTS = st.lists(NAME, min_size=1, max_size=3, unique=True).map(tuple)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "rule": NAME,
    "code": DIGESTS,
    "environment": DIGESTS,
    "params": st.dictionaries(NAME, VALUE, max_size=3),
    "inputs": DIGESTS,
    "outputs": OUTPUTS,
}
RECIPE = st.builds(Recipe, **FIELDS)


def recipe(**fields: Any) -> Recipe:
    """Return a recipe with some fields replaced."""
    plain = {"rule": "fit", "code": {}, "environment": {}, "params": {}, "inputs": {"a": "1"}, "outputs": ("b",)}
    return Recipe(**{**plain, **fields})


def record(digest: str, **fields: Any) -> Record:
    """Return a record of a recipe with the digest of its output."""
    return Record(recipe(**fields), {"b": digest})


@st.composite
def records(draw: st.DrawFn) -> Record:
    drawn = draw(RECIPE)
    return Record(drawn, {path: draw(DIGEST) for path in drawn.outputs})


def is_same(one: Any, other: Any) -> bool:
    """Return whether two values are the same, if equal numbers are the same, and booleans are not numbers."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def with_floats(value: Any) -> Any:
    """Return a value in which each integer is a float, and each float that is a whole number is an integer."""
    if isinstance(value, dict):
        return {key: with_floats(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return list(map(with_floats, value))
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


# The key.


def test_equal_numbers_have_one_key() -> None:
    keys = {recipe(params={"n": value}).key for value in (88, 88.0, 0x58)}
    assert len(keys) == 1


@pytest.mark.parametrize("other", [True, "1", [1], None, 1.5, -1, {"1": 1}])
def test_values_that_are_not_equal_have_other_keys(other: Any) -> None:
    assert recipe(params={"n": 1}).key != recipe(params={"n": other}).key


@given(RECIPE)
def test_whole_numbers_may_be_floats(drawn: Recipe) -> None:
    assert dataclasses.replace(drawn, params=with_floats(drawn.params)).key == drawn.key


@given(RECIPE)
def test_the_order_of_names_does_not_count(drawn: Recipe) -> None:
    def reversed_order(value: Any) -> Any:
        return (
            {key: reversed_order(inner) for key, inner in reversed(value.items())} if isinstance(value, dict) else value
        )

    fields = {name: reversed_order(getattr(drawn, name)) for name in FIELDS if name != "outputs"}
    assert Recipe(**fields, outputs=drawn.outputs[::-1]).key == drawn.key


@given(RECIPE, st.sampled_from(sorted(FIELDS)), st.data())
def test_any_other_difference_gives_another_key(drawn: Recipe, name: str, data: st.DataObject) -> None:
    value = data.draw(FIELDS[name])
    before = getattr(drawn, name)
    same = set(before) == set(value) if name == "outputs" else is_same(before, value)
    assert (dataclasses.replace(drawn, **{name: value}).key == drawn.key) == same


@given(RECIPE, DIGEST, DIGEST)
def test_code_and_inputs_are_told_apart(drawn: Recipe, one: str, other: str) -> None:
    """The same digest as code in one recipe and as an input in another gives two keys."""
    as_code = dataclasses.replace(drawn, code={one: other}, inputs={})
    as_input = dataclasses.replace(drawn, code={}, inputs={one: other})
    assert as_code.key != as_input.key


# The line.


@given(records())
def test_a_line_is_read_as_it_was_written(drawn: Record) -> None:
    found = Record.from_line(drawn.line())
    assert found is not None
    assert found.recipe.key == drawn.recipe.key
    assert found.digests == drawn.digests
    assert set(found.recipe.outputs) == set(drawn.recipe.outputs)
    assert len(drawn.line().splitlines()) == 1


@given(records(), st.data())
def test_a_damaged_line_is_not_read(drawn: Record, data: st.DataObject) -> None:
    line = drawn.line()
    place = data.draw(st.integers(0, len(line) - 1))
    damaged = line[:place] + data.draw(st.characters() | st.just("")) + line[place + 1 :]
    assert Record.from_line(damaged) in (None, Record.from_line(line))


@given(records(), st.data())
def test_a_cut_line_is_not_read(drawn: Record, data: st.DataObject) -> None:
    line = drawn.line()
    assert Record.from_line(line[: data.draw(st.integers(0, len(line) - 1))]) is None


@pytest.mark.parametrize("line", ["", "{}", "[]", "1", "null", '"text"', '{"sha256": 1}', "\0", "{" * 9])
def test_other_text_is_not_read(line: str) -> None:
    assert Record.from_line(line) is None


def test_records_in_leaves_out_damaged_lines() -> None:
    whole = [record("1"), record("2")]
    assert list(records_in(f"{whole[0].line()}\n{whole[1].line()[:-9]}\n\n{whole[1].line()}\n")) == whole


# The store.


def test_the_newest_record_is_found_first(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    assert store.find(recipe().key) == []
    for digest in "121":
        store.add(record(digest))
    store.add(record("3", rule="other"))
    assert store.find(recipe().key) == [record("1"), record("2")]
    assert store.find(recipe(rule="other").key) == [record("3", rule="other")]


def test_imported_records_count_as_older(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    store.add(record("own"))
    store.import_records("\n".join(record(digest).line() for digest in ("imported", "own")))
    assert store.find(recipe().key) == [record("own"), record("imported")]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.lists(st.sampled_from("1234"), min_size=1, max_size=3)), max_size=6))
def test_the_store_keeps_the_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[bool, list[str]]]
) -> None:
    store = RecordStore(tmp_path_factory.mktemp("store"))
    right: list[str] = []
    for is_import, digests in steps:
        if is_import:
            store.import_records("\n".join(record(digest).line() for digest in digests))
            for digest in digests:
                right += [digest] if digest not in right else []
        else:
            for digest in digests:
                store.add(record(digest))
                right = [digest, *(other for other in right if other != digest)]
        assert [found.digests["b"] for found in store.find(recipe().key)] == right


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"{", b"\0" * 99])
def test_a_damaged_file_of_the_store_is_replaced(tmp_path: Path, damage: bytes) -> None:
    store = RecordStore(tmp_path)
    store.add(record("1"))
    (path,) = tmp_path.rglob("*.jsonl")
    path.write_bytes(damage)
    assert store.find(recipe().key) == []
    store.add(record("2"))
    assert store.find(recipe().key) == [record("2")]


def test_the_other_lines_of_a_damaged_file_are_read(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    for digest in "123":
        store.add(record(digest))
    (path,) = tmp_path.rglob("*.jsonl")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1][:-5], lines[2][:40]]))
    assert store.find(recipe().key) == [record("1")]


def test_a_record_in_the_wrong_file_is_not_found(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    store.add(record("1"))
    (path,) = tmp_path.rglob("*.jsonl")
    path.write_text(record("1", rule="other").line() + "\n")
    assert store.find(recipe().key) == []


def test_a_file_of_records_is_imported_once(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    assert not store.has_imported("abc")
    store.mark_imported("abc")
    assert store.has_imported("abc")
    assert not store.has_imported("abcd")


def test_only_outputs_that_are_files_or_folders_get_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ledger, store = Ledger(Path("ledger.json")), RecordStore(Path("store"))
    results: Any = SimpleNamespace(ledger=ledger, store=store, cache=Cache(Path("cache"), ledger))
    os.mkfifo("b")
    assert not Results.record(results, recipe(), set())
    assert store.find(recipe().key) == []
    Path("b").unlink()
    Path("b").write_text("1")
    assert Results.record(results, recipe(), set())
    (found,) = store.find(recipe().key)
    assert ledger.produced == {"b": found.recipe.key}
