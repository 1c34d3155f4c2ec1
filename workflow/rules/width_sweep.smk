# Problem 12: random-feature ReLU networks of growing width against the NNGP.
WIDTH_SWEEP = config["width_sweep"]

# The networks of a job are draws of one width. So a further activation or width makes new jobs and leaves the others as
# they are, and so do further draws if those there were fill their last job.
WIDTH_SWEEP_SHARDS = [
    f"{activation}_k{k}_draws{draws[0]}-{draws[-1]}"
    for activation in dict.fromkeys(["relu", *config["extra_activations"]])
    for k in sorted({*WIDTH_SWEEP["widths"], *WIDTH_SWEEP["extra_widths"]})
    for draws in pieces(range(WIDTH_SWEEP["repeats"]), WIDTH_SWEEP["shard_size"])
]
# What a unit of the hidden layer takes: its weights and its outputs in a batch, with their singular vectors; and its
# products with all samples, in each draw.
WIDTH_SWEEP_UNIT_MB = 8 * (KERNEL_REGRESSION["d"] + 4 * KERNEL_REGRESSION["n"]) / 1e6
WIDTH_SWEEP_UNIT_OPERATIONS = (
    2 * WIDTH_SWEEP["shard_size"] * KERNEL_REGRESSION["d"] * (KERNEL_REGRESSION["n"] + KERNEL_REGRESSION["n_test"])
)


rule width_sweep_fit:
    input:
        script="workflow/scripts/width_sweep_fit.py",
        data=rules.kernel_regression_data.output.data,
    output:
        shard="results/width_sweep/shards/{activation}_k{k}_draws{first}-{last}.csv",
    log:
        "logs/width_sweep_fit_{activation}_k{k}_draws{first}-{last}.log",
    benchmark:
        "logs/benchmarks/width_sweep_fit_{activation}_k{k}_draws{first}-{last}.tsv"
    wildcard_constraints:
        activation="[a-z][a-z0-9_]*",
        k=r"\d+",
        first=r"\d+",
        last=r"\d+",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(lambda wildcards: 1000 + int(wildcards.k) * WIDTH_SWEEP_UNIT_MB),
        runtime=growing(lambda wildcards: minutes(int(wildcards.k) * WIDTH_SWEEP_UNIT_OPERATIONS)),
    params:
        seed=lookup(dpath="seed", within=config),
    message:
        "Train the last layer of networks of Problem 12: {wildcards.activation}, k = {wildcards.k}, draws {wildcards.first} to {wildcards.last}"
    shell:
        "python {input.script:q} --data {input.data:q} --seed {params.seed} --activation {wildcards.activation}"
        " --width {wildcards.k} --first {wildcards.first} --last {wildcards.last} --output {output.shard:q} --log {log:q}"


rule width_sweep_summary:
    input:
        script="workflow/scripts/width_sweep_summary.py",
        shards=expand("results/width_sweep/shards/{shard}.csv", shard=WIDTH_SWEEP_SHARDS),
        data=rules.kernel_regression_data.output.data,
    output:
        test_mse="results/width_sweep/test_mse.csv",
        summary=report(
            "results/width_sweep/summary.csv",
            caption="../report/width_sweep_table.rst",
            category="Problem 12: width sweep",
        ),
        metrics="results/width_sweep/metrics.json",
    log:
        "logs/width_sweep_summary.log",
    benchmark:
        "logs/benchmarks/width_sweep_summary.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        widths=lookup(dpath="width_sweep/widths", within=config),
        # Decides on which shards there are; the stage in dvc.yaml gets to know of it here.
        extra_activations=lookup(dpath="extra_activations", within=config),
    message:
        "Compare the networks of Problem 12 with the NNGP"
    shell:
        "python {input.script:q} --shards {input.shards:q} --widths {params.widths} --data {input.data:q}"
        " --test-mse {output.test_mse:q} --output {output.summary:q} --metrics {output.metrics:q} --log {log:q}"


rule width_sweep_figure:
    input:
        script="workflow/scripts/width_sweep_figure.py",
        summary=rules.width_sweep_summary.output.summary,
    output:
        figure=report(
            "results/width_sweep/curve.svg",
            caption="../report/width_sweep_curve.rst",
            category="Problem 12: width sweep",
        ),
    log:
        "logs/width_sweep_figure.log",
    benchmark:
        "logs/benchmarks/width_sweep_figure.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    message:
        "Draw test error against width for Problem 12"
    shell:
        "python {input.script:q} --summary {input.summary:q} --output {output.figure:q} --log {log:q}"


rule width_sweep:
    input:
        intermediate=rules.width_sweep_summary.input.shards,
        results=[
            rules.width_sweep_summary.output,
            rules.width_sweep_figure.output,
        ],
    message:
        "Problem 12 is answered in results/width_sweep"


localrules:
    width_sweep,
    width_sweep_summary,
    width_sweep_figure,
