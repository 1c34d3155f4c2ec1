# Problem 12: random-feature ReLU networks of growing width against the NNGP.
from nngplab.pipeline.resources import matmul_operations, matrix_mb, minutes, seconds

WIDTH_SWEEP = config["width_sweep"]

# The networks of a job are draws of one width. So a further activation or width adds jobs and does not change the
# others. Further draws do the same if the last job had `shard_size` of them.
WIDTH_SWEEP_SHARDS = [
    f"{activation}_k{k}_draws{draws[0]}-{draws[-1]}"
    for activation in dict.fromkeys(["relu", *config["extra_activations"]])
    for k in sorted({*WIDTH_SWEEP["widths"], *WIDTH_SWEEP["extra_widths"]})
    for draws in chunks(range(WIDTH_SWEEP["repeats"]), WIDTH_SWEEP["shard_size"])
]
# For each hidden unit: its weights, its outputs for the training samples, and their singular vectors.
WIDTH_SWEEP_UNIT_MB = matrix_mb(1, KERNEL_REGRESSION_D + 4 * KERNEL_REGRESSION_N)
WIDTH_SWEEP_UNIT_OPERATIONS = matmul_operations(
    WIDTH_SWEEP["shard_size"] * KERNEL_REGRESSION_ROWS, KERNEL_REGRESSION_D, 1
)

# Each of these draws has its own data, and networks of all widths.
WIDTH_SWEEP_REDRAWN = [
    f"{activation}_draws{draws[0]}-{draws[-1]}"
    for activation in dict.fromkeys(["relu", *config["extra_activations"]])
    for draws in chunks(range(WIDTH_SWEEP["redrawn_repeats"]), WIDTH_SWEEP["shard_size"])
]
WIDTH_SWEEP_WIDTHS = sorted({*WIDTH_SWEEP["widths"], *WIDTH_SWEEP["extra_widths"]})
WIDTH_SWEEP_REDRAWN_ROWS = KERNEL_REGRESSION_N + WIDTH_SWEEP["redrawn_n_test"]
WIDTH_SWEEP_REDRAWN_OPERATIONS = min(WIDTH_SWEEP["shard_size"], WIDTH_SWEEP["redrawn_repeats"]) * sum(
    matmul_operations(WIDTH_SWEEP_REDRAWN_ROWS, KERNEL_REGRESSION_D, k) for k in WIDTH_SWEEP_WIDTHS
)


rule width_sweep_fit:
    input:
        script="workflow/scripts/width_sweep_fit.py",
        data=rules.kernel_regression_data.output.data,
        activation=lambda wc: activation_files([wc.activation]),
    output:
        shard="results/width_sweep/shards/{activation}_k{k}_draws{first}-{last}.csv",
    log:
        "logs/width_sweep_fit_{activation}_k{k}_draws{first}-{last}.log",
    wildcard_constraints:
        activation="[a-z][a-z0-9_]*",
        k=r"\d+",
        first=r"\d+",
        last=r"\d+",
    group:
        "width_sweep"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(lambda wc: 1000 + int(wc.k) * WIDTH_SWEEP_UNIT_MB),
        runtime=scale_with_attempt(lambda wc: minutes(int(wc.k) * WIDTH_SWEEP_UNIT_OPERATIONS)),
        seconds=lambda wc: seconds(int(wc.k) * WIDTH_SWEEP_UNIT_OPERATIONS),
    params:
        seed=lookup(dpath="seed", within=config),
        activation=activation_option,
    message:
        "Train the last layer of networks of Problem 12: {wildcards.activation}, k = {wildcards.k},"
        " draws {wildcards.first} to {wildcards.last}"
    shell:
        "python {input.script:q} --data {input.data:q} --seed {params.seed} --activation {wildcards.activation}"
        " {params.activation:q} --width {wildcards.k} --first-draw {wildcards.first} --last-draw {wildcards.last}"
        " --output {output.shard:q} --log {log:q}"


rule width_sweep_summary:
    input:
        script="workflow/scripts/width_sweep_summary.py",
        shards=expand("results/width_sweep/shards/{shard}.csv", shard=WIDTH_SWEEP_SHARDS),
        data=rules.kernel_regression_data.output.data,
        activations=activation_files(config["extra_activations"]),
        # Not used by the script. So that dvc.yaml names this folder, whether or not there are activations in it.
        folder=ancient(f"{ACTIVATIONS}/README.md"),
    output:
        test_mse="results/width_sweep/test_mse.csv",
        summary=report(
            "results/width_sweep/summary.csv",
            caption="../report/captions/width_sweep_summary.rst",
            category="Problem 12: width sweep",
            labels={"result": "Table: test error of each width"},
        ),
        metrics="results/width_sweep/metrics.json",
    log:
        "logs/width_sweep_summary.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        widths=lookup(dpath="width_sweep/widths", within=config),
        # Not used by the script. It determines the shards, and dvc.yaml lists the keys that `params` reads.
        extra_activations=lookup(dpath="extra_activations", within=config),
    message:
        "Compare the networks of Problem 12 with the NNGP"
    shell:
        "python {input.script:q} --shards {input.shards:q} --widths {params.widths} --data {input.data:q}"
        " --activation-files {input.activations:q} --test-mse {output.test_mse:q} --output {output.summary:q}"
        " --metrics {output.metrics:q} --log {log:q}"


rule width_sweep_redrawn:
    input:
        script="workflow/scripts/width_sweep_redrawn.py",
        activation=lambda wc: activation_files([wc.activation]),
    output:
        shard="results/width_sweep/redrawn/{activation}_draws{first}-{last}.csv",
    log:
        "logs/width_sweep_redrawn_{activation}_draws{first}-{last}.log",
    wildcard_constraints:
        activation="[a-z][a-z0-9_]*",
        first=r"\d+",
        last=r"\d+",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(
            1000 + 2 * matrix_mb(max(WIDTH_SWEEP_WIDTHS), WIDTH_SWEEP_REDRAWN_ROWS + KERNEL_REGRESSION_D)
        ),
        runtime=scale_with_attempt(minutes(WIDTH_SWEEP_REDRAWN_OPERATIONS)),
        seconds=seconds(WIDTH_SWEEP_REDRAWN_OPERATIONS, rate=1e10),
    params:
        seed=lookup(dpath="seed", within=config),
        n=lookup(dpath="kernel_regression/n", within=config),
        d=lookup(dpath="kernel_regression/d", within=config),
        n_test=lookup(dpath="width_sweep/redrawn_n_test", within=config),
        widths=literal(WIDTH_SWEEP_WIDTHS),
        ridges=lookup(dpath="width_sweep/ridges", within=config),
        activation=activation_option,
    message:
        "Train networks of Problem 12 on new data: {wildcards.activation}, draws {wildcards.first} to {wildcards.last}"
    shell:
        "python {input.script:q} --activation {wildcards.activation} {params.activation:q} --widths {params.widths}"
        " --ridges {params.ridges} --n {params.n} --d {params.d} --n-test {params.n_test}"
        " --first-draw {wildcards.first} --last-draw {wildcards.last} --seed {params.seed} --output {output.shard:q}"
        " --log {log:q}"


rule width_sweep_theory:
    input:
        script="workflow/scripts/width_sweep_theory.py",
        shards=expand("results/width_sweep/redrawn/{shard}.csv", shard=WIDTH_SWEEP_REDRAWN),
        activations=activation_files(config["extra_activations"]),
    output:
        theory=report(
            "results/width_sweep/theory.csv",
            caption="../report/captions/width_sweep_theory.rst",
            category="Problem 12: width sweep",
            labels={"result": "Table: predicted and measured test error of each width"},
        ),
        ridges="results/width_sweep/ridge.csv",
        predicted="results/width_sweep/predicted_curve.csv",
    log:
        "logs/width_sweep_theory.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        widths=literal(WIDTH_SWEEP_WIDTHS),
        # Not used by the script. It determines the shards, and dvc.yaml lists the keys that `params` reads.
        extra_activations=lookup(dpath="extra_activations", within=config),
    message:
        "Predict the test errors of Problem 12"
    shell:
        "python {input.script:q} --shards {input.shards:q} --widths {params.widths}"
        " --activation-files {input.activations:q} --theory {output.theory:q} --ridges {output.ridges:q}"
        " --predicted {output.predicted:q} --log {log:q}"


rule width_sweep_figure:
    input:
        script="workflow/scripts/width_sweep_figure.py",
        summary=rules.width_sweep_summary.output.summary,
        theory=rules.width_sweep_theory.output.theory,
        ridges=rules.width_sweep_theory.output.ridges,
        predicted=rules.width_sweep_theory.output.predicted,
    output:
        figure=report(
            "results/width_sweep/curve.svg",
            caption="../report/captions/width_sweep_figure.rst",
            category="Problem 12: width sweep",
            labels={"result": "Figure: test error against width"},
        ),
        redrawn=report(
            "results/width_sweep/redrawn.svg",
            caption="../report/captions/width_sweep_redrawn.rst",
            category="Problem 12: width sweep",
            labels={"result": "Figure: predicted and measured test error against width"},
        ),
        ridge=report(
            "results/width_sweep/ridge.svg",
            caption="../report/captions/width_sweep_ridge.rst",
            category="Problem 12: width sweep",
            labels={"result": "Figure: test error against the ridge"},
        ),
    log:
        "logs/width_sweep_figure.log",
    localrule: True
    conda:
        "../../environment.yml"
    message:
        "Draw test error against width for Problem 12"
    shell:
        "python {input.script:q} --summary {input.summary:q} --theory {input.theory:q} --ridges {input.ridges:q}"
        " --predicted {input.predicted:q} --output {output.figure:q} --redrawn-output {output.redrawn:q}"
        " --ridge-output {output.ridge:q} --log {log:q}"


rule width_sweep:
    input:
        intermediate=[rules.width_sweep_summary.input.shards, rules.width_sweep_theory.input.shards],
        results=[
            rules.width_sweep_summary.output,
            rules.width_sweep_theory.output,
            rules.width_sweep_figure.output,
        ],
    message:
        "Problem 12 is answered in results/width_sweep"
