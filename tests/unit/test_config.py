"""The configuration: the problem set, and one clear line for each fault."""

import copy
import json
import sys
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nngplab.errors import InputError
from nngplab.kernels.duals import DUALS
from nngplab.kernels.polynomials import monomial
from nngplab.pipeline.config import check_config, load_schema
from tests.helpers.checkout import ROOT
from workflow import closed_forms, config_page

STAGES = yaml.safe_load((ROOT / "workflow/stages.yaml").read_text())
SCHEMA = load_schema(ROOT / "workflow/schemas", STAGES)
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def merged(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(base)
    for key, value in overlay.items():
        result[key] = merged(result.get(key, {}), value) if isinstance(value, dict) else value
    return result


def overlaid(base: Any, overlay: Any) -> Any:
    """Merge as Snakemake does, whatever the types are."""
    if not (isinstance(base, dict) and isinstance(overlay, dict)):
        return overlay
    return {**base, **{name: overlaid(base.get(name, {}), overlay[name]) for name in overlay}}


def properties(schema: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    found = []
    for name, inner in schema.get("properties", {}).items():
        key = f"{path}.{name}".removeprefix(".")
        found += [(key, inner), *properties(inner, key)]
    return found


def test_the_config_is_the_problem_set():
    """Problems 11 and 12: d = 200, n = 100, 5,000 test samples, L = 1/200, four kernels, k = 1, 2, 4, ..., 1024."""
    section = CONFIG["kernel_regression"]
    assert (section["d"], section["n"], section["n_test"]) == (200, 100, 5000)
    assert section["laplace_L"] == 1 / 200
    assert section["kernels"] == ["relu", "sine", "erf", "laplace"]
    assert CONFIG["width_sweep"]["widths"] == [2**power for power in range(11)]


def test_messages_name_a_multiple():
    config = merged(CONFIG, {"cifar10": {"stand_in_images": 15}})
    with pytest.raises(InputError, match=r"is 15; allowed: an integer from 10 to 10000, a multiple of 10$"):
        check_config(config, SCHEMA)


def constraints(schema: dict[str, Any]) -> set[str]:
    """The keywords of a schema of a value and of its items, but for sections, whose keys have messages of their own."""
    if "properties" in schema:
        return set()
    return schema.keys() | (constraints(schema["items"]) if "items" in schema else set())


def test_messages_describe_every_constraint_that_a_schema_has():
    """With another one, "allowed" would name a value that is refused: describe_schema needs it first."""
    described = {"enum", "exclusiveMinimum", "format", "items", "maxLength", "maximum", "minItems", "minimum"}
    described |= {"multipleOf", "pattern", "type", "uniqueItems", "description"}
    described.add("minLength")  # of paths, which must exist
    found = {key: constraints(inner) - described for key, inner in properties(SCHEMA)}
    assert {key: unknown for key, unknown in found.items() if unknown} == {}


@pytest.mark.parametrize("overlay", ["config.yaml", "tiny.yaml", "full.yaml"])
def test_the_shipped_configurations_are_right(overlay):
    check_config(merged(CONFIG, yaml.safe_load((ROOT / "config" / overlay).read_text())), SCHEMA)


@pytest.mark.parametrize(("key", "schema"), properties(SCHEMA))
def test_every_key_has_a_description_a_type_and_bounds(key, schema):
    assert schema["description"].endswith(".")
    assert "type" in schema or "enum" in schema
    for inner in (schema, schema.get("items", {})):
        if inner.get("type") in ("integer", "number"):
            assert {"minimum", "exclusiveMinimum"} & set(inner)
            assert "maximum" in inner
    if schema.get("type") == "object":
        assert schema["additionalProperties"] is False
        assert set(schema["required"]) == set(schema["properties"])


def test_the_kernels_of_the_schema_are_those_of_the_library():
    allowed = SCHEMA["properties"]["kernel_regression"]["properties"]["kernels"]["items"]["enum"]
    assert set(allowed) == set(DUALS) - {"identity"} | {"laplace"}


@pytest.mark.parametrize(
    ("path", "change"),
    [(closed_forms.SCHEMA, closed_forms.with_names), (closed_forms.PAGE, closed_forms.with_table)],
)
def test_schema_and_docs_list_the_closed_forms(path, change, monkeypatch):
    text = (ROOT / path).read_text()
    assert change(text) == text, "run `make docs/configuration.md`"
    monkeypatch.setitem(DUALS, "quintic", monomial(5))
    monkeypatch.setattr(closed_forms, "NAMES", [*closed_forms.NAMES, "quintic"])
    assert "quintic" in change(text)


FAULTS = [
    ({"sed": 1}, "config: sed (value 1) is not a known key; did you mean seed?"),
    ({"width_sweep": {"repeat": 3}}, "config: width_sweep.repeat (value 3) is not a known key; did you mean repeats?"),
    ({"seed": -1}, "config: seed is -1; allowed: an integer from 0 to 4294967295"),
    ({"seed": True}, "config: seed is true; allowed: an integer from 0 to 4294967295"),
    ({"seed": None}, "config: seed is null; allowed: an integer from 0 to 4294967295"),
    ({"kernel_regression": {"n": 2.5}}, "config: kernel_regression.n is 2.5; allowed: an integer from 2 to 10000"),
    ({"kernel_regression": {"laplace_L": 0}}, "config: kernel_regression.laplace_L is 0; allowed: a number above 0"),
    ({"kernel_regression": {"laplace_L": "1e-3"}}, "(YAML reads this as a string: write 0.001)"),
    ({"kernel_regression": {"n": "100"}}, "remove the quotes"),
    (
        {"kernel_regression": {"laplace_L": float("nan")}},
        "kernel_regression.laplace_L is .nan; allowed: a finite number",
    ),
    (
        {"extra_activations": ["x * tanh(x)"]},
        "config: extra_activations[0] is x * tanh(x); allowed: a string that matches",
    ),
    (
        {"extra_activations": "swish"},
        "config: extra_activations is swish; allowed: a list without duplicates; each item: a string",
    ),
    ({"width_sweep": {"widths": [1, -4]}}, "config: width_sweep.widths[1] is -4; allowed: an integer from 1 to 65536"),
    ({"width_sweep": {"widths": []}}, "config: width_sweep.widths is []; allowed: a non-empty list"),
    ({"width_sweep": {"widths": [2, 2]}}, "allowed: a non-empty list without duplicates; each item: an integer"),
    ({"width_sweep": None}, "config: width_sweep is null; allowed: a section"),
    (
        {"kernel_regression": {"kernels": ["swish"]}},
        "kernel_regression.kernels[0] is swish; allowed: one of relu, sine, erf",
    ),
    (
        {"cifar10": {"source": "offical"}},
        "cifar10.source is offical; allowed: one of auto, archive, official, stand-in",
    ),
    (
        {"cifar10": {"source": "archive"}},
        "config: cifar10.archive is null; allowed: a string (the path of an existing file, without names in braces)",
    ),
    (
        {"cifar10": {"archive": "no/such/file"}},
        "config: cifar10.archive is no/such/file; allowed: a string or null (the path",
    ),
    ({"cifar10": {"sha256": "abc"}}, "config: cifar10.sha256 is abc; allowed: a string or null that matches"),
    ({"cifar10": {"mirrors": ["file:///etc/passwd"]}}, "config: cifar10.mirrors[0] is file:///etc/passwd; allowed:"),
]


@pytest.mark.parametrize(("overlay", "line"), FAULTS, ids=[line for _, line in FAULTS])
def test_a_fault_is_one_line_with_key_value_and_what_is_allowed(overlay, line):
    with pytest.raises(InputError) as caught:
        check_config(merged(CONFIG, overlay) if overlay != {"width_sweep": None} else {**CONFIG, **overlay}, SCHEMA)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_fault_has_its_line():
    with pytest.raises(InputError) as caught:
        check_config(merged(CONFIG, {"seed": -1, "width_sweep": {"repeats": 0}}), SCHEMA)
    assert [line.split(" is ")[0] for line in str(caught.value).splitlines()] == [
        "config: seed",
        "config: width_sweep.repeats",
    ]


def test_of_many_faults_three_lines_are_printed():
    with pytest.raises(InputError) as caught:
        check_config({**CONFIG, **{f"key{index}": 1 for index in range(200)}}, SCHEMA)
    lines = str(caught.value).splitlines()
    assert [line.split(" (")[0] for line in lines] == ["config: key0", "config: key1", "config: and 198 more errors"]


WHOLE = [
    ({"seed": 88.0}, ("seed",), 88),
    ({"seed": 4294967295.0}, ("seed",), 4294967295),
    ({"seed": -0.0}, ("seed",), 0),
    ({"kernel_regression": {"n": 20.0}}, ("kernel_regression", "n"), 20),
    ({"kernel_regression": {"repeats": 1.0e1}}, ("kernel_regression", "repeats"), 10),
    ({"width_sweep": {"widths": [4.0, 8]}}, ("width_sweep", "widths"), [4, 8]),
    ({"fc_net": {"n_train": 100.0}}, ("fc_net", "n_train"), 100),
    ({"attractors": {"visdom": {"port": 8097.0}}}, ("attractors", "visdom", "port"), 8097),
]


@pytest.mark.parametrize(("overlay", "path", "value"), WHOLE)
def test_a_whole_float_is_an_integer(overlay, path, value):
    checked = check_config(merged(CONFIG, overlay), SCHEMA)
    for name in path:
        checked = checked[name]
    assert repr(checked) == repr(value)


def test_a_number_that_need_not_be_an_integer_stays_as_it_is():
    checked = check_config(merged(CONFIG, {"challenge": {"weight_decays": [0.0, 1]}}), SCHEMA)
    assert repr(checked["challenge"]["weight_decays"]) == "[0.0, 1]"


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70).map(float)
    | st.floats()
    | st.text(max_size=100)
    | st.dates()
    | st.binary(max_size=3)
    | st.sampled_from([10**400, 16**3000, "1e-3", "1:30", "0x10", "yes", "{x}", "a\nb", "\0", "\ud800", "x" * 100_000])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SCALARS, inner, max_size=3),
    max_leaves=8,
)
KEYS = [key.split(".") for key, _ in properties(SCHEMA)]


def checked_or_lines(config: Any) -> tuple[Any, list[str]]:
    try:
        return check_config(config, SCHEMA), []
    except InputError as error:
        return None, str(error).splitlines()


@given(st.sampled_from(KEYS), VALUES, st.booleans())
def test_any_value_is_accepted_or_refused_in_one_line(path, value, in_list):
    """What is accepted has the type that the schema names, and no job can read it differently."""
    overlay: Any = [value, value] if in_list else value
    for name in reversed(path):
        overlay = {name: overlay}
    checked, lines = checked_or_lines(overlaid(CONFIG, overlay))
    if checked is None:
        assert len(lines) <= 3
        assert all(line.startswith("config: ") and len(line) < 600 for line in lines)
        return
    for key, schema in properties(SCHEMA):
        found = checked
        for name in key.split("."):
            found = found[name]
        if schema.get("type") == "integer":
            assert type(found) is int
    assert "\0" not in json.dumps(checked)


def test_long_lists_are_checked_in_linear_time():
    """The check of jsonschema compares each item with all others, for minutes with such a list."""
    compared = []

    class Item(str):
        def __eq__(self, other):
            compared.append(other)
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    items = [value for index in range(2000) for value in (index, Item(index))]
    with pytest.raises(InputError, match="and 1999 more errors"):
        check_config(merged(CONFIG, {"width_sweep": {"widths": items}}), SCHEMA)
    assert len(compared) < 10 * len(items)


def test_a_missing_key_is_named():
    config = {key: value for key, value in CONFIG.items() if key != "seed"}
    with pytest.raises(InputError, match=r"^config: seed is missing; allowed: an integer from 0 to 4294967295$"):
        check_config(config, SCHEMA)


def test_a_stage_without_a_schema_is_named():
    with pytest.raises(InputError, match=r"dice\.schema\.yaml: there is no such file"):
        load_schema(ROOT / "workflow/schemas", ["cifar10", "dice"])


@pytest.mark.parametrize("page", ["docs/configuration.md", "README.md"])
def test_the_page_is_made_from_the_schemas_and_the_list_of_stages(page, run, tmp_path):
    ended = run(ROOT, sys.executable, "workflow/config_page.py", "--output", tmp_path)
    assert ended.returncode == 0, ended.stdout
    assert (tmp_path / page).read_text() == (ROOT / page).read_text(), "run `make docs/configuration.md`"


def test_the_table_of_stages_in_the_readme_follows_the_list():
    table = config_page.with_table(
        (ROOT / "README.md").read_text(), {**STAGES, "dice": {"problem": 14, "content": "x"}}
    )
    assert table.count("\n| `dice` | 14 | x |\n") == 1
