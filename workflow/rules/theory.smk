# Problems 1 and 5 to 10: the derivations of docs/theory, each identity checked, and the duals drawn.
from nngplab.pipeline.resources import seconds

THEORY_PAGES = sorted(str(page) for page in Path("docs/theory").glob("*.md") if page.stem != "README")


rule theory_checks:
    input:
        script="workflow/scripts/theory_checks.py",
    output:
        checks=report(
            "results/theory/checks.csv",
            caption="../report/captions/theory_checks.rst",
            category="Problem 01 (and 5 to 10): proofs",
            labels={"result": "Table: the checks of the equations"},
        ),
    log:
        "logs/theory_checks.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(2000),
        runtime=scale_with_attempt(20),
        seconds=seconds(config["theory"]["samples"], rate=6e4),
    params:
        seed=lookup(dpath="seed", within=config),
        digits=lookup(dpath="theory/digits", within=config),
        samples=lookup(dpath="theory/samples", within=config),
    message:
        "Check every identity of Problems 1 and 5 to 10 (about {resources.seconds} s)"
    shell:
        "python {input.script:q} --digits {params.digits} --samples {params.samples} --seed {params.seed}"
        " --output {output.checks:q} --log {log:q}"


rule theory_summary:
    input:
        script="workflow/scripts/theory_summary.py",
        checks=rules.theory_checks.output.checks,
        pages=THEORY_PAGES,
    output:
        derivations="results/theory/derivations.json",
        summary="results/theory/summary.csv",
        misprints=report(
            "results/theory/misprints.csv",
            caption="../report/captions/theory_summary.rst",
            category="Problem 01 (and 5 to 10): proofs",
            labels={"result": "Table: misprints of the problem set"},
        ),
    log:
        "logs/theory_summary.log",
    localrule: True
    conda:
        "../../environment.yml"
    message:
        "List the derivations of Problems 1 and 5 to 10 with their checks"
    shell:
        "python {input.script:q} --checks {input.checks:q} --pages {input.pages:q}"
        " --derivations {output.derivations:q} --summary {output.summary:q} --misprints {output.misprints:q}"
        " --log {log:q}"


rule theory_duals:
    input:
        script="workflow/scripts/theory_duals.py",
        data="data/sine_target.npz",
    output:
        duals="results/theory/duals.csv",
        duals_figure=report(
            "results/theory/duals.svg",
            caption="../report/captions/theory_duals.rst",
            category="Problem 01 (and 5 to 10): proofs",
            labels={"result": "Figure: dual activations"},
        ),
        spectra="results/theory/spectra.csv",
        spectra_figure=report(
            "results/theory/spectra.svg",
            caption="../report/captions/theory_duals.rst",
            category="Problem 01 (and 5 to 10): proofs",
            labels={"result": "Figure: power series and spectra"},
        ),
    log:
        "logs/theory_duals.log",
    localrule: True
    conda:
        "../../environment.yml"
    message:
        "Draw the dual activations and the spectra of their kernels"
    shell:
        "python {input.script:q} --data {input.data:q} --duals {output.duals:q} --duals-figure {output.duals_figure:q}"
        " --spectra {output.spectra:q} --spectra-figure {output.spectra_figure:q} --log {log:q}"


rule theory_explorer:
    input:
        script="workflow/scripts/theory_explorer.py",
    output:
        explorer="results/theory/explorer.json",
        figure=report(
            "results/theory/explorer.svg",
            caption="../report/captions/theory_explorer.rst",
            category="Problem 01 (and 5 to 10): proofs",
            labels={"result": "Figure: the NNGP at several depths"},
        ),
    log:
        "logs/theory_explorer.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        seed=lookup(dpath="seed", within=config),
    message:
        "Tabulate dual activations and the NNGP at several depths"
    shell:
        "python {input.script:q} --seed {params.seed} --output {output.explorer:q} --figure {output.figure:q} --log {log:q}"


rule theory:
    input:
        results=[
            rules.theory_checks.output,
            rules.theory_summary.output,
            rules.theory_duals.output,
            rules.theory_explorer.output,
        ],
    message:
        "Problems 1 and 5 to 10 are answered in results/theory"
