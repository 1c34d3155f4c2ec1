# Problem 11: kernel regression on the sine-target data, with NNGP kernels and the Laplace kernel.
from nngplab.pipeline.resources import eigen_operations, matrix_mb, minutes, regression_operations

KERNEL_REGRESSION = config["kernel_regression"]
KERNEL_REGRESSION_N, KERNEL_REGRESSION_D = KERNEL_REGRESSION["n"], KERNEL_REGRESSION["d"]
KERNEL_REGRESSION_ROWS = KERNEL_REGRESSION_N + KERNEL_REGRESSION["n_test"]
# The samples and a few kernel matrices in each of two threads.
KERNEL_REGRESSION_MB = 8 * matrix_mb(KERNEL_REGRESSION_ROWS, KERNEL_REGRESSION_N + KERNEL_REGRESSION_D)
KERNEL_REGRESSION_FITS = (KERNEL_REGRESSION["repeats"] + 1) * (
    len(KERNEL_REGRESSION["kernels"]) + len(config["extra_activations"])
)
# Each kernel is fitted to each data set, and its condition number is computed.
KERNEL_REGRESSION_OPERATIONS = KERNEL_REGRESSION_FITS * (
    regression_operations(KERNEL_REGRESSION_N, KERNEL_REGRESSION_D, KERNEL_REGRESSION["n_test"])
    + eigen_operations(KERNEL_REGRESSION_N)
)


rule kernel_regression_data:
    input:
        script="workflow/scripts/kernel_regression_data.py",
    output:
        data="data/sine_target.npz",
    log:
        "logs/kernel_regression_data.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        seed=lookup(dpath="seed", within=config),
        n=lookup(dpath="kernel_regression/n", within=config),
        d=lookup(dpath="kernel_regression/d", within=config),
        n_test=lookup(dpath="kernel_regression/n_test", within=config),
        labels_before_normalising=lookup(dpath="kernel_regression/labels_before_normalising", within=config),
    message:
        "Draw the sine-target data of Problems 11 and 12"
    shell:
        "python {input.script:q} --seed {params.seed} --n {params.n} --d {params.d} --n-test {params.n_test}"
        " --labels-before-normalising {params.labels_before_normalising} --output {output.data:q} --log {log:q}"


rule kernel_regression_fit:
    input:
        script="workflow/scripts/kernel_regression_fit.py",
        data=rules.kernel_regression_data.output.data,
    output:
        test_mse="results/kernel_regression/test_mse.csv",
        misprint="results/kernel_regression/misprint.csv",
        labels="results/kernel_regression/labels.csv",
    log:
        "logs/kernel_regression_fit.log",
    conda:
        "../../environment.yml"
    threads: 2
    resources:
        mem_mb=scale_with_attempt(1000 + KERNEL_REGRESSION_MB),
        runtime=scale_with_attempt(minutes(KERNEL_REGRESSION_OPERATIONS)),
    params:
        kernels=lookup(dpath="kernel_regression/kernels", within=config),
        extra_activations=lookup(dpath="extra_activations", within=config),
        laplace_L=lookup(dpath="kernel_regression/laplace_L", within=config),
        repeats=lookup(dpath="kernel_regression/repeats", within=config),
    message:
        "Solve Problem 11 on the headline data set and on repeats of it"
    shell:
        "python {input.script:q} --data {input.data:q} --kernels {params.kernels}"
        " --extra-activations {params.extra_activations} --laplace-L {params.laplace_L} --repeats {params.repeats}"
        " --threads {threads} --output {output.test_mse:q} --misprint {output.misprint:q} --labels {output.labels:q}"
        " --log {log:q}"


rule kernel_regression_summary:
    input:
        script="workflow/scripts/kernel_regression_summary.py",
        test_mse=rules.kernel_regression_fit.output.test_mse,
    output:
        summary=report("results/kernel_regression/summary.csv", category="Problem 11: kernel regression"),
        paired="results/kernel_regression/paired.csv",
        metrics="results/kernel_regression/metrics.json",
    log:
        "logs/kernel_regression_summary.log",
    localrule: True
    conda:
        "../../environment.yml"
    message:
        "Compare the kernels of Problem 11"
    shell:
        "python {input.script:q} --test-mse {input.test_mse:q} --summary {output.summary:q} --paired {output.paired:q}"
        " --metrics {output.metrics:q} --log {log:q}"


rule kernel_regression_figure:
    input:
        script="workflow/scripts/kernel_regression_figure.py",
        test_mse=rules.kernel_regression_fit.output.test_mse,
        summary=rules.kernel_regression_summary.output.summary,
    output:
        figure=report("results/kernel_regression/repeats.svg", category="Problem 11: kernel regression"),
    log:
        "logs/kernel_regression_figure.log",
    localrule: True
    conda:
        "../../environment.yml"
    message:
        "Draw the test errors of Problem 11"
    shell:
        "python {input.script:q} --test-mse {input.test_mse:q} --summary {input.summary:q} --output {output.figure:q}"
        " --log {log:q}"


rule kernel_regression:
    input:
        data=rules.kernel_regression_data.output,
        results=[
            rules.kernel_regression_fit.output,
            rules.kernel_regression_summary.output,
            rules.kernel_regression_figure.output,
        ],
    message:
        "Problem 11 is answered in results/kernel_regression"
