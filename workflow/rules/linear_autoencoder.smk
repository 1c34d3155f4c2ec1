# Problem 03: linear autoencoders from zero and half-zero weights, on a random sample and on an image.
from nngplab.pipeline.resources import seconds

LINEAR_AUTOENCODER = config["linear_autoencoder"]
LINEAR_AUTOENCODER_CONVENTIONS = ["half", "sum", "mean"]


# The runs of each job; with the loss of the problem set, there are further ones.
LINEAR_AUTOENCODER_RUNS = dict.fromkeys(LINEAR_AUTOENCODER_CONVENTIONS, len(LINEAR_AUTOENCODER["step_sizes"]))
LINEAR_AUTOENCODER_RUNS["half"] *= 1 + len(LINEAR_AUTOENCODER["extra_widths"])
LINEAR_AUTOENCODER_RUNS["half"] += len(LINEAR_AUTOENCODER["extra_step_sizes"])


rule linear_autoencoder_runs:
    input:
        script="workflow/scripts/linear_autoencoder_runs.py",
    output:
        runs="results/linear_autoencoder/by_convention/runs_{convention}.csv",
        losses="results/linear_autoencoder/by_convention/losses_{convention}.csv",
    log:
        "logs/linear_autoencoder_runs_{convention}.log",
    wildcard_constraints:
        convention="|".join(LINEAR_AUTOENCODER_CONVENTIONS),
    group:
        "linear_autoencoder"
    conda:
        "../../environment.yml"
    resources:
        runtime=scale_with_attempt(60),
        # Small networks: the steps per second hardly depend on their size.
        seconds=lambda wc: seconds(
            LINEAR_AUTOENCODER["seeds"] * LINEAR_AUTOENCODER["steps"] * LINEAR_AUTOENCODER_RUNS[wc.convention],
            rate=3000,
        ),
    params:
        seed=lookup(dpath="seed", within=config),
        d=lookup(dpath="linear_autoencoder/d", within=config),
        width=lookup(dpath="linear_autoencoder/width", within=config),
        extra_widths=lookup(dpath="linear_autoencoder/extra_widths", within=config),
        zero_steps=lookup(dpath="linear_autoencoder/zero_steps", within=config),
        steps=lookup(dpath="linear_autoencoder/steps", within=config),
        step_sizes=lookup(dpath="linear_autoencoder/step_sizes", within=config),
        extra_step_sizes=lookup(dpath="linear_autoencoder/extra_step_sizes", within=config),
        seeds=lookup(dpath="linear_autoencoder/seeds", within=config),
    message:
        "Train the linear autoencoders of Problem 3 a and b (convention of the loss: {wildcards.convention};"
        " about {resources.seconds} s)"
    shell:
        "python {input.script:q} --convention {wildcards.convention} --d {params.d} --width {params.width}"
        " --extra-widths {params.extra_widths} --zero-steps {params.zero_steps} --steps {params.steps}"
        " --step-sizes {params.step_sizes} --extra-step-sizes {params.extra_step_sizes} --seeds {params.seeds}"
        " --seed {params.seed} --runs {output.runs:q} --losses {output.losses:q} --log {log:q}"


rule linear_autoencoder_summary:
    input:
        script="workflow/scripts/linear_autoencoder_summary.py",
        runs=expand(rules.linear_autoencoder_runs.output.runs, convention=LINEAR_AUTOENCODER_CONVENTIONS),
        losses=expand(rules.linear_autoencoder_runs.output.losses, convention=LINEAR_AUTOENCODER_CONVENTIONS),
    output:
        runs="results/linear_autoencoder/runs.csv",
        losses="results/linear_autoencoder/losses.csv",
        zero="results/linear_autoencoder/zero.csv",
        summary=report(
            "results/linear_autoencoder/summary.csv",
            caption="../report/captions/linear_autoencoder_summary.rst",
            category="Problem 03: linear autoencoders",
            labels={"result": "Table: runs of each step size"},
        ),
        behaviours="results/linear_autoencoder/behaviours.csv",
        metrics="results/linear_autoencoder/metrics.json",
    log:
        "logs/linear_autoencoder_summary.log",
    localrule: True
    conda:
        "../../environment.yml"
    message:
        "Compare the trainings of Problem 3 with the exact map"
    shell:
        "python {input.script:q} --runs {input.runs:q} --losses {input.losses:q} --all-runs {output.runs:q}"
        " --all-losses {output.losses:q} --zero {output.zero:q} --summary {output.summary:q}"
        " --behaviours {output.behaviours:q} --metrics {output.metrics:q} --log {log:q}"


rule linear_autoencoder_probability:
    input:
        script="workflow/scripts/linear_autoencoder_probability.py",
        summary=rules.linear_autoencoder_summary.output.summary,
    output:
        probability=report(
            "results/linear_autoencoder/probability.csv",
            caption="../report/captions/linear_autoencoder_probability.rst",
            category="Problem 03: linear autoencoders",
            labels={"result": "Table: probability of convergence"},
        ),
        outcomes="results/linear_autoencoder/outcomes.csv",
    log:
        "logs/linear_autoencoder_probability.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        seed=lookup(dpath="seed", within=config),
        d=lookup(dpath="linear_autoencoder/d", within=config),
        steps=lookup(dpath="linear_autoencoder/steps", within=config),
    message:
        "Compute the probability that the trainings of Problem 3 converge"
    shell:
        "python {input.script:q} --summary {input.summary:q} --d {params.d} --steps {params.steps} --seed {params.seed}"
        " --probability {output.probability:q} --outcomes {output.outcomes:q} --log {log:q}"


rule linear_autoencoder_phase:
    input:
        script="workflow/scripts/linear_autoencoder_phase.py",
        runs=rules.linear_autoencoder_summary.output.runs,
    output:
        phase="results/linear_autoencoder/phase.csv",
    log:
        "logs/linear_autoencoder_phase.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        d=lookup(dpath="linear_autoencoder/d", within=config),
        width=lookup(dpath="linear_autoencoder/width", within=config),
        steps=lookup(dpath="linear_autoencoder/steps", within=config),
    message:
        "Compare some trainings of Problem 3 with the recursion, step by step"
    shell:
        "python {input.script:q} --runs {input.runs:q} --d {params.d} --width {params.width} --steps {params.steps}"
        " --phase {output.phase:q} --log {log:q}"


rule linear_autoencoder_figures:
    input:
        script="workflow/scripts/linear_autoencoder_figures.py",
        runs=rules.linear_autoencoder_summary.output.runs,
        losses=rules.linear_autoencoder_summary.output.losses,
        probability=rules.linear_autoencoder_probability.output.probability,
        outcomes=rules.linear_autoencoder_probability.output.outcomes,
        phase=rules.linear_autoencoder_phase.output.phase,
    output:
        losses=report(
            "results/linear_autoencoder/losses.svg",
            caption="../report/captions/linear_autoencoder_figures.rst",
            category="Problem 03: linear autoencoders",
            labels={"result": "Figure: losses"},
        ),
        convergence=report(
            "results/linear_autoencoder/convergence.svg",
            caption="../report/captions/linear_autoencoder_figures.rst",
            category="Problem 03: linear autoencoders",
            labels={"result": "Figure: which step sizes converge"},
        ),
        outcomes=report(
            "results/linear_autoencoder/outcomes.svg",
            caption="../report/captions/linear_autoencoder_figures.rst",
            category="Problem 03: linear autoencoders",
            labels={"result": "Figure: outcomes by step size and width"},
        ),
        phase=report(
            "results/linear_autoencoder/phase.svg",
            caption="../report/captions/linear_autoencoder_figures.rst",
            category="Problem 03: linear autoencoders",
            labels={"result": "Figure: runs in the plane of the recursion"},
        ),
    log:
        "logs/linear_autoencoder_figures.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        width=lookup(dpath="linear_autoencoder/width", within=config),
    message:
        "Draw the loss curves and the outcomes of Problem 3"
    shell:
        "python {input.script:q} --runs {input.runs:q} --losses {input.losses:q} --width {params.width}"
        " --probability {input.probability:q} --outcomes {input.outcomes:q} --phase {input.phase:q}"
        " --losses-figure {output.losses:q} --convergence-figure {output.convergence:q}"
        " --outcomes-figure {output.outcomes:q} --phase-figure {output.phase:q} --log {log:q}"


rule linear_autoencoder_image:
    input:
        script="workflow/scripts/linear_autoencoder_image.py",
        batches=rules.cifar10_extract.output.batches,
        files=rules.cifar10_extract.output.files,
        provenance=rules.cifar10_fetch.output.provenance,
    output:
        constants="results/linear_autoencoder/constants.csv",
        record="results/linear_autoencoder/image.json",
        figure=report(
            "results/linear_autoencoder/outputs.svg",
            caption="../report/captions/linear_autoencoder_image.rst",
            category="Problem 03: linear autoencoders",
            labels={"result": "Figure: outputs of the network trained on an image"},
        ),
    log:
        "logs/linear_autoencoder_image.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(3000),
        runtime=scale_with_attempt(20),
    params:
        folder=lambda wc, input: Path(input.batches[0]).parent,
        seed=lookup(dpath="seed", within=config),
        width=lookup(dpath="linear_autoencoder/image_width", within=config),
        edge_share=lookup(dpath="linear_autoencoder/image_edge_share", within=config),
        steps=lookup(dpath="linear_autoencoder/image_steps", within=config),
        test_images=lookup(dpath="linear_autoencoder/test_images", within=config),
        shown_images=lookup(dpath="linear_autoencoder/shown_images", within=config),
    message:
        "Train the linear autoencoder of Problem 3 c on an image"
    shell:
        "python {input.script:q} --folder {params.folder:q} --files {input.files:q} --provenance {input.provenance:q}"
        " --width {params.width} --edge-share {params.edge_share} --steps {params.steps}"
        " --test-images {params.test_images} --shown-images {params.shown_images} --seed {params.seed}"
        " --constants {output.constants:q} --record {output.record:q} --output {output.figure:q} --log {log:q}"


rule linear_autoencoder:
    input:
        intermediate=expand(rules.linear_autoencoder_runs.output, convention=LINEAR_AUTOENCODER_CONVENTIONS),
        results=[
            rules.cifar10_fetch.output.provenance,
            rules.linear_autoencoder_summary.output,
            rules.linear_autoencoder_probability.output,
            rules.linear_autoencoder_phase.output,
            rules.linear_autoencoder_figures.output,
            rules.linear_autoencoder_image.output,
        ],
    message:
        "Problem 3 is answered in results/linear_autoencoder"
