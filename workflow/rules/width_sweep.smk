# Problem 12: random-feature ReLU networks of growing width against the NNGP.


rule width_sweep_fit:
    input:
        script="workflow/scripts/width_sweep_fit.py",
        library=library("workflow/scripts/width_sweep_fit.py"),
        data=rules.kernel_regression_data.output.data,
    output:
        test_mse="results/width_sweep/test_mse.csv",
    log:
        "logs/width_sweep_fit.log",
    benchmark:
        "logs/benchmarks/width_sweep_fit.tsv"
    conda:
        "../../environment.yml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        code=code("workflow/scripts/width_sweep_fit.py"),
        seed=lookup(dpath="seed", within=config),
        widths=lookup(dpath="width_sweep/widths", within=config),
        extra_widths=lookup(dpath="width_sweep/extra_widths", within=config),
        repeats=lookup(dpath="width_sweep/repeats", within=config),
        extra_activations=lookup(dpath="extra_activations", within=config),
    message:
        "Train the last layer of the networks of Problem 12"
    shell:
        "python {input.script:q} --data {input.data:q} --seed {params.seed} --widths {params.widths}"
        " --extra-widths {params.extra_widths} --extra-activations {params.extra_activations}"
        " --repeats {params.repeats} --threads {threads}"
        " --output {output.test_mse:q} --log {log:q}"


rule width_sweep_summary:
    input:
        script="workflow/scripts/width_sweep_summary.py",
        library=library("workflow/scripts/width_sweep_summary.py"),
        test_mse=rules.width_sweep_fit.output.test_mse,
        data=rules.kernel_regression_data.output.data,
    output:
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
        mem_mb=1000,
        runtime=5,
    params:
        code=code("workflow/scripts/width_sweep_summary.py"),
    message:
        "Compare the networks of Problem 12 with the NNGP"
    shell:
        "python {input.script:q} --test-mse {input.test_mse:q} --data {input.data:q}"
        " --output {output.summary:q} --metrics {output.metrics:q} --log {log:q}"


rule width_sweep_figure:
    input:
        script="workflow/scripts/width_sweep_figure.py",
        library=library("workflow/scripts/width_sweep_figure.py"),
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
        mem_mb=1000,
        runtime=5,
    params:
        code=code("workflow/scripts/width_sweep_figure.py"),
    message:
        "Draw test error against width for Problem 12"
    shell:
        "python {input.script:q} --summary {input.summary:q} --output {output.figure:q} --log {log:q}"


rule width_sweep:
    input:
        results=[
            rules.width_sweep_fit.output,
            rules.width_sweep_summary.output,
            rules.width_sweep_figure.output,
        ],
    message:
        "Problem 12 is answered in results/width_sweep"


localrules:
    width_sweep,
    width_sweep_summary,
    width_sweep_figure,
