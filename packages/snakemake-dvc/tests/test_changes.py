"""Every change of a value, a source or an option is seen, and a change without effect runs no job."""

import pytest
from helpers.checkouts import Checkout
from helpers.commands import ENGINES, REPRO, SNAKEMAKE
from helpers.faults import FITS, quarantined, set_scale
from helpers.small_workflow import JOBS, POINTS

# Values of the configuration.


def test_a_value_that_the_engines_read_differently_is_refused(checkout: Checkout) -> None:
    set_scale(checkout, "010")
    for command in (SNAKEMAKE, REPRO):
        (message,) = checkout.run(*command, rc=1).messages()
        assert message.startswith("error: config.yaml: fit.scale: Snakemake reads ")
    assert "Updated" in checkout.git("checkout", "config.yaml")
    checkout.computes("snakemake", set())


def test_equal_numbers_run_no_job(checkout: Checkout) -> None:
    set_scale(checkout, 88)
    checkout.computes("snakemake", FITS)
    for engine, before, written in (("snakemake", "88", "88.0"), ("dvc", "88.0", "0x58")):
        checkout.edit("config.yaml", f"scale: {before}", f"scale: {written}")
        assert checkout.run(*ENGINES[engine]).jobs() == set()
        checkout.has_nothing_to_do()


# Code.


@pytest.mark.parametrize(
    ("path", "old", "new", "jobs"),
    [
        ("scripts/stub.py", "CONSTANT = 1", "CONSTANT = 2", JOBS),
        ("scripts/best.py", "CONSTANT = 1", "CONSTANT = 2", {"best"}),
        ("requirements.lock", "==1", "==2", JOBS),
        ("Snakefile", "configfile:", 'shell.prefix("export X=1; ")\n\n\nconfigfile:', JOBS),
        ("rules/data.smk", "salt=0", "salt=1", JOBS),
    ],
)
def test_an_edit_is_seen(checkout: Checkout, path: str, old: str, new: str, jobs: set[str]) -> None:
    checkout.edit(path, old, new)
    assert path in checkout.run("dvc", "status").text
    checkout.computes("snakemake", jobs)


def test_an_edit_of_the_shell_prefix_is_seen(checkout: Checkout) -> None:
    checkout.edit("Snakefile", "configfile:", 'shell.prefix("export X=1; ")\n\n\nconfigfile:')
    checkout.computes("snakemake", JOBS)
    checkout.edit("Snakefile", "X=1", "X=2")
    checkout.computes("snakemake", JOBS)
    checkout.edit("Snakefile", "X=2", "X=1")
    checkout.computes("dvc", set())


RUN_BLOCK = '''

def words():
    """Return what the run block writes."""
    return "first"


rule words:
    output:
        "results/fit/words.txt",
    run:
        with open(output[0], "w") as file:
            file.write(words())
        print("start words", os.getpid(), file=open(os.environ["JOB_LOG"], "a"))
'''


def test_a_function_that_a_run_block_calls(checkout: Checkout) -> None:
    rules = (checkout.folder / "rules/fit.smk").read_text()
    rules = rules.replace("rules.best.output,\n", "rules.best.output,\n        rules.words.output,\n")
    head, tail = rules.split("rule fit:")
    checkout.write({"rules/fit.smk": f"import os\n{head}{RUN_BLOCK.lstrip()}\n\nrule fit:{tail}"})
    checkout.write_stages()
    words = checkout.folder / "results/fit/words.txt"
    assert checkout.run(*SNAKEMAKE).jobs() == {"words"}
    assert words.read_text() == "first"
    checkout.has_nothing_to_do()
    checkout.edit("rules/fit.smk", '"first"', '"second"')
    assert checkout.run(*REPRO).jobs() == {"words"}
    assert words.read_text() == "second"
    checkout.edit("rules/fit.smk", "# A fit", "# Another fit")
    assert checkout.run(*SNAKEMAKE).jobs() == set()
    checkout.has_nothing_to_do()


TEMPLATE = """
rule words:
    input:
        "words.jinja",
    output:
        "results/fit/words.txt",
    params:
        number=1,
    template_engine:
        "jinja2"
"""


def test_a_template_depends_on_what_it_shows_and_not_on_other_rules(checkout: Checkout) -> None:
    rules = (checkout.folder / "rules/fit.smk").read_text()
    rules = rules.replace("rules.best.output,\n", "rules.best.output,\n        rules.words.output,\n")
    head, tail = rules.split("rule fit:")
    checkout.write(
        {"rules/fit.smk": f"{head}{TEMPLATE.lstrip()}\n\nrule fit:{tail}", "words.jinja": "{{ params.number }}"}
    )
    checkout.write_stages()
    words, finished = checkout.folder / "results/fit/words.txt", "(Rule: words)"
    assert finished in checkout.run(*SNAKEMAKE).text
    assert words.read_text() == "1"
    checkout.has_nothing_to_do()
    checkout.edit("rules/fit.smk", "rule fit:", "def of_others():\n    return 1\n\n\nrule fit:")
    assert finished not in checkout.run(*SNAKEMAKE).text
    checkout.has_nothing_to_do()
    checkout.edit("rules/fit.smk", "number=1", "number=2")
    assert finished in checkout.run(*REPRO).text
    checkout.write({"words.jinja": "number {{ params.number }}"})
    assert finished in checkout.run(*SNAKEMAKE).text
    assert words.read_text() == "number 2"
    checkout.has_nothing_to_do()


def test_a_comment_in_a_rules_file_runs_no_job(checkout: Checkout) -> None:
    for path, old in (("rules/fit.smk", "# A fit"), ("rules/data.smk", "# The points")):
        checkout.edit(path, old, f"# Now. {old}")
    checkout.computes("dvc", set())
    checkout.commit()
    checkout.run("dvc", "push")
    checkout.clone().computes("snakemake", set())


def test_the_result_of_a_removed_value_is_removed(checkout: Checkout) -> None:
    checkout.edit("config.yaml", "[1, 2]", "[2]")
    checkout.computes("snakemake", {"best"})
    assert quarantined(checkout) == {}


@pytest.mark.parametrize("options", [["--config", "seed=9"], ["--configfile", "config.yaml", "../overlay.yaml"]])
def test_a_run_with_another_configuration_is_not_recorded(checkout: Checkout, options: list[str]) -> None:
    (checkout.folder.parent / "overlay.yaml").write_text("seed: 9\n")
    before = (checkout.folder / "dvc.lock").read_text()
    run = checkout.run(*SNAKEMAKE, *options)
    assert run.jobs() == JOBS
    assert "seed=9" in (checkout.folder / POINTS).read_text()
    assert any("the configuration of this run differs from config.yaml" in line for line in run.messages())
    assert (checkout.folder / "dvc.lock").read_text() == before
    checkout.computes("snakemake", set())


# Options of the command line.


def test_options_that_can_hide_stale_results_are_refused(checkout: Checkout) -> None:
    set_scale(checkout)
    for options in (["--touch"], ["--consider-ancient", "best=fits"], ["--cache", "best"]):
        run = checkout.run(*SNAKEMAKE, *options, rc=1)
        assert run.messages() == [f"error: {options[0]} can hide stale results: run without it"]
    checkout.computes("snakemake", FITS)
