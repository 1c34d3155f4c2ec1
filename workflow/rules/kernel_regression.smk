# Problem 11: kernel regression on the sine-target data, with NNGP kernels and the Laplace kernel.
from nngplab.pipeline.resources import eigen_operations, matrix_mb, minutes, regression_operations, seconds

KERNEL_REGRESSION = config["kernel_regression"]
KERNEL_REGRESSION_N, KERNEL_REGRESSION_D = KERNEL_REGRESSION["n"], KERNEL_REGRESSION["d"]
KERNEL_REGRESSION_ROWS = KERNEL_REGRESSION_N + KERNEL_REGRESSION["n_test"]
# The samples and a few kernel matrices.
KERNEL_REGRESSION_MB = 4 * matrix_mb(KERNEL_REGRESSION_ROWS, KERNEL_REGRESSION_N + KERNEL_REGRESSION_D)
# A job fits one kernel to some data sets: the headline data set, which is repeat 0, and repeats of it. So a further
# kernel adds jobs and does not change the others. Further repeats do the same if the last job had so many data sets.
KERNEL_REGRESSION_SHARD = 101
KERNEL_REGRESSION_KERNELS = dict.fromkeys(
    [*KERNEL_REGRESSION["kernels"], *config["extra_activations"], "linear", "zero"]
)
KERNEL_REGRESSION_SHARDS = [
    f"{kernel}_repeats{repeats[0]}-{repeats[-1]}"
    for repeats in chunks(range(KERNEL_REGRESSION["repeats"] + 1), KERNEL_REGRESSION_SHARD)
    for kernel in KERNEL_REGRESSION_KERNELS
]
# The kernel is fitted to each data set, and its condition number is computed.
KERNEL_REGRESSION_OPERATIONS = min(KERNEL_REGRESSION_SHARD, KERNEL_REGRESSION["repeats"] + 1) * (
    regression_operations(KERNEL_REGRESSION_N, KERNEL_REGRESSION_D, KERNEL_REGRESSION["n_test"])
    + eigen_operations(KERNEL_REGRESSION_N)
)

# Kernels that are not in the problem set, and are compared with the theory only.
KERNEL_REGRESSION_EXTRA_SHARDS = [
    f"{kernel}_repeats{repeats[0]}-{repeats[-1]}"
    for repeats in chunks(range(KERNEL_REGRESSION["repeats"] + 1), KERNEL_REGRESSION_SHARD)
    for kernel in KERNEL_REGRESSION["extra_kernels"]
]
# A job measures the learning curve of one kernel, so that a further kernel adds a job.
KERNEL_REGRESSION_CURVES = dict.fromkeys([*KERNEL_REGRESSION["curve_kernels"], *config["extra_activations"]])
KERNEL_REGRESSION_CURVE_ROWS = max(KERNEL_REGRESSION["curve_n"])
KERNEL_REGRESSION_CURVE_OPERATIONS = KERNEL_REGRESSION["curve_repeats"] * sum(
    regression_operations(n, KERNEL_REGRESSION["curve_d"], KERNEL_REGRESSION["curve_n_test"])
    for n in KERNEL_REGRESSION["curve_n"]
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
        activation=lambda wc: activation_files([wc.kernel]),
    output:
        shard="results/kernel_regression/shards/{kernel}_repeats{first}-{last}.csv",
    log:
        "logs/kernel_regression_fit_{kernel}_repeats{first}-{last}.log",
    wildcard_constraints:
        kernel="[a-z][a-z0-9_]*",
        first=r"\d+",
        last=r"\d+",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(1000 + KERNEL_REGRESSION_MB),
        runtime=scale_with_attempt(minutes(KERNEL_REGRESSION_OPERATIONS)),
        seconds=seconds(KERNEL_REGRESSION_OPERATIONS, rate=1e10),
    params:
        activation=activation_option,
        laplace_L=lambda wc: ["--laplace-L", KERNEL_REGRESSION["laplace_L"]] if wc.kernel == "laplace" else [],
    message:
        "Fit a kernel of Problem 11: {wildcards.kernel}, repeats {wildcards.first} to {wildcards.last}"
    shell:
        "python {input.script:q} --data {input.data:q} --kernel {wildcards.kernel} {params.activation:q}"
        " {params.laplace_L} --first-repeat {wildcards.first} --last-repeat {wildcards.last} --output {output.shard:q} --log {log:q}"


rule kernel_regression_merge:
    input:
        script="workflow/scripts/kernel_regression_merge.py",
        shards=expand("results/kernel_regression/shards/{shard}.csv", shard=KERNEL_REGRESSION_SHARDS),
        # Not used by the script. So that dvc.yaml names this folder, whether or not there are activations in it.
        activations=ancient(f"{ACTIVATIONS}/README.md"),
    output:
        test_mse="results/kernel_regression/test_mse.csv",
    log:
        "logs/kernel_regression_merge.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        laplace_L=lookup(dpath="kernel_regression/laplace_L", within=config),
    message:
        "Merge the test errors of the kernels of Problem 11"
    shell:
        "python {input.script:q} --shards {input.shards:q} --laplace-L {params.laplace_L} --output {output.test_mse:q}"
        " --log {log:q}"


rule kernel_regression_curve:
    input:
        script="workflow/scripts/kernel_regression_curve.py",
        activation=lambda wc: activation_files([wc.kernel]),
    output:
        curve="results/kernel_regression/curves/{kernel}.csv",
    log:
        "logs/kernel_regression_curve_{kernel}.log",
    wildcard_constraints:
        kernel="[a-z][a-z0-9_]*",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(1000 + 4 * matrix_mb(KERNEL_REGRESSION_CURVE_ROWS, KERNEL_REGRESSION_CURVE_ROWS)),
        runtime=scale_with_attempt(minutes(KERNEL_REGRESSION_CURVE_OPERATIONS)),
        seconds=seconds(KERNEL_REGRESSION_CURVE_OPERATIONS, rate=1e10),
    params:
        seed=lookup(dpath="seed", within=config),
        n=lookup(dpath="kernel_regression/curve_n", within=config),
        d=lookup(dpath="kernel_regression/curve_d", within=config),
        n_test=lookup(dpath="kernel_regression/curve_n_test", within=config),
        repeats=lookup(dpath="kernel_regression/curve_repeats", within=config),
        activation=activation_option,
        laplace_L=lambda wc: ["--laplace-L", KERNEL_REGRESSION["laplace_L"]] if wc.kernel == "laplace" else [],
    message:
        "Measure the learning curve of a kernel of Problem 11: {wildcards.kernel}"
    shell:
        "python {input.script:q} --kernel {wildcards.kernel} {params.activation:q} {params.laplace_L} --n {params.n}"
        " --d {params.d} --n-test {params.n_test} --repeats {params.repeats} --seed {params.seed}"
        " --output {output.curve:q} --log {log:q}"


rule kernel_regression_theory:
    input:
        script="workflow/scripts/kernel_regression_theory.py",
        test_mse=rules.kernel_regression_merge.output.test_mse,
        shards=expand("results/kernel_regression/shards/{shard}.csv", shard=KERNEL_REGRESSION_EXTRA_SHARDS),
        curves=expand("results/kernel_regression/curves/{kernel}.csv", kernel=KERNEL_REGRESSION_CURVES),
        activations=activation_files(config["extra_activations"]),
    output:
        theory=report(
            "results/kernel_regression/theory.csv",
            caption="../report/captions/kernel_regression_theory.rst",
            category="Problem 11: kernel regression",
            labels={"result": "Table: predicted and measured test error"},
        ),
        degrees="results/kernel_regression/degrees.csv",
        curve="results/kernel_regression/learning_curve.csv",
        curve_summary="results/kernel_regression/curve_summary.csv",
        predicted="results/kernel_regression/predicted_curve.csv",
    log:
        "logs/kernel_regression_theory.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        laplace_L=lookup(dpath="kernel_regression/laplace_L", within=config),
        # Not used by the script. They determine the inputs, and dvc.yaml lists the keys that `params` reads.
        extra_kernels=lookup(dpath="kernel_regression/extra_kernels", within=config),
        curve_kernels=lookup(dpath="kernel_regression/curve_kernels", within=config),
    message:
        "Predict the test errors of Problem 11"
    shell:
        "python {input.script:q} --test-mse {input.test_mse:q} --extra-shards {input.shards:q} --curves {input.curves:q}"
        " --activation-files {input.activations:q} --laplace-L {params.laplace_L} --theory {output.theory:q}"
        " --degrees {output.degrees:q} --curve {output.curve:q} --summary {output.curve_summary:q}"
        " --predicted {output.predicted:q} --log {log:q}"


rule kernel_regression_misprints:
    input:
        script="workflow/scripts/kernel_regression_misprints.py",
        data=rules.kernel_regression_data.output.data,
    output:
        misprint="results/kernel_regression/misprint.csv",
        labels="results/kernel_regression/labels.csv",
    log:
        "logs/kernel_regression_misprints.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(1000 + KERNEL_REGRESSION_MB),
        runtime=scale_with_attempt(minutes(2 * eigen_operations(KERNEL_REGRESSION_N))),
    message:
        "Compare both readings of two misprints of Problem 11"
    shell:
        "python {input.script:q} --data {input.data:q} --misprint {output.misprint:q} --labels {output.labels:q}"
        " --log {log:q}"


rule kernel_regression_summary:
    input:
        script="workflow/scripts/kernel_regression_summary.py",
        test_mse=rules.kernel_regression_merge.output.test_mse,
    output:
        summary=report(
            "results/kernel_regression/summary.csv",
            caption="../report/captions/kernel_regression_summary.rst",
            category="Problem 11: kernel regression",
            labels={"result": "Table: test error of each kernel"},
        ),
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
        test_mse=rules.kernel_regression_merge.output.test_mse,
        summary=rules.kernel_regression_summary.output.summary,
        curve=rules.kernel_regression_theory.output.curve,
        predicted=rules.kernel_regression_theory.output.predicted,
    output:
        figure=report(
            "results/kernel_regression/repeats.svg",
            caption="../report/captions/kernel_regression_figure.rst",
            category="Problem 11: kernel regression",
            labels={"result": "Figure: test error of each kernel"},
        ),
        curves=report(
            "results/kernel_regression/learning_curves.svg",
            caption="../report/captions/kernel_regression_curves.rst",
            category="Problem 11: kernel regression",
            labels={"result": "Figure: learning curves"},
        ),
    log:
        "logs/kernel_regression_figure.log",
    localrule: True
    conda:
        "../../environment.yml"
    message:
        "Draw the test errors of Problem 11"
    shell:
        "python {input.script:q} --test-mse {input.test_mse:q} --summary {input.summary:q} --curve {input.curve:q}"
        " --predicted {input.predicted:q} --output {output.figure:q} --curves-output {output.curves:q} --log {log:q}"


rule kernel_regression:
    input:
        data=rules.kernel_regression_data.output,
        intermediate=[
            rules.kernel_regression_merge.input.shards,
            rules.kernel_regression_theory.input.shards,
            rules.kernel_regression_theory.input.curves,
        ],
        results=[
            rules.kernel_regression_merge.output,
            rules.kernel_regression_misprints.output,
            rules.kernel_regression_summary.output,
            rules.kernel_regression_theory.output,
            rules.kernel_regression_figure.output,
        ],
    message:
        "Problem 11 is answered in results/kernel_regression"
