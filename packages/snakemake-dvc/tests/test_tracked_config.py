"""The keys of the configuration that rules read are recorded, whatever way they read them."""

from typing import Any

import pytest
from snakemake_dvc.tracked_config import TrackedConfig


def reads_of(*files: tuple[str, str]) -> TrackedConfig:
    """Execute the text of files, one after the other, as Snakemake executes rules, and return what they read."""
    config = TrackedConfig({"a": 1, "b": {"c": 2}, "d": 3})
    names: dict[str, Any] = {"config": config}
    for file, text in files:
        exec(compile(text, file, "exec"), names)  # noqa: S102
    return config


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ('config["a"]', {"a"}),
        ('config["b"]["c"]', {"b"}),
        ('config.get("a")', {"a"}),
        ('config.get("none", 1)', {"none"}),
        ('"a" in config', {"a"}),
        ("list(config)", {"a", "b", "d"}),
        ("config.items()", {"a", "b", "d"}),
        ("config.values()", {"a", "b", "d"}),
        ("dict(config)", {"a", "b", "d"}),
        ("{**config}", {"a", "b", "d"}),
        ("config | {}", {"a", "b", "d"}),
        ("config.copy()", {"a", "b", "d"}),
        ("import json; json.dumps(config)", {"a", "b", "d"}),
        ("import copy; copy.deepcopy(config)", {"a", "b", "d"}),
        ("config.setdefault('a', 5)", {"a"}),
        ("config.pop('a')", {"a"}),
        ("match config:\n    case {'a': 1}:\n        pass\n", {"a"}),
        ("[config[key] for key in ('a', 'd')]", {"a", "d"}),
        ("f = lambda: config['a']", set()),
        ("(lambda: config['a'])()", {"a"}),
        ("", set()),
    ],
)
def test_the_keys_that_are_read(text: str, keys: set[str]) -> None:
    assert reads_of(("rules/fit.smk", text)).by_file.get("fit", set()) == keys


def test_a_function_counts_for_its_file_and_for_the_file_that_calls_it() -> None:
    config = reads_of(
        ("Snakefile", "def of_all(wildcards):\n    return config['a']\n"),
        ("rules/fit.smk", "def own(wildcards):\n    return config['d']\n\nof_all({})\n"),
        ("rules/data.smk", "own({})\n"),
    )
    assert config.by_file["Snakefile"] == {"a"}
    assert config.by_file["fit"] == {"a", "d"}
    assert config.by_file["data"] == {"d"}
    assert config.at_top_level == {"fit": {"a"}, "data": {"d"}}


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("A = config['a']", {"a"}),
        ("A = [config[key] for key in ('a', 'd')]", {"a", "d"}),
        ("A = (lambda: config['a'])()", {"a"}),
        ("def f():\n    return config['d']\n\nA = f()", {"d"}),
        ("class Names:\n    a = config['a']\n", {"a"}),
        ("def f():\n    return config['d']\n", set()),
    ],
)
def test_the_top_level_of_a_file_is_recorded_separately(text: str, keys: set[str]) -> None:
    config = reads_of(("Snakefile", text), ("rules/fit.smk", "1"))
    assert config.at_top_level.get("Snakefile", set()) == keys
    assert "fit" not in config.by_file


class Rule:
    """A rule that calls a function, as the rules of Snakemake do."""

    snakefile = "rules/fit.smk"

    def call(self, function: Any) -> Any:
        return function({})


def test_a_function_counts_for_the_file_of_the_rule_that_calls_it() -> None:
    config = TrackedConfig({"a": 1, "d": 3})
    names: dict[str, Any] = {"config": config}
    exec(compile("def of_all(wildcards):\n    return config['a']\n", "Snakefile", "exec"), names)  # noqa: S102
    Rule().call(names["of_all"])
    assert config.by_file["fit"] == {"a"}
    assert config.at_top_level == {}


def test_a_tracked_configuration_behaves_like_a_dictionary() -> None:
    plain = {"a": 1, "b": {"c": 2}}
    config = TrackedConfig(plain)
    assert config == plain
    assert config.plain == plain
    assert type(config.plain) is dict
    assert (config.get("none"), config.get("none", 3), "none" in config, len(config)) == (None, 3, False, 2)
    with pytest.raises(KeyError):
        config["none"]
    config["new"] = 4
    assert config.plain == {**plain, "new": 4}
