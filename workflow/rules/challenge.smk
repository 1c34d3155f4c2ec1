# Problem 13: fully connected networks against kernel regression on the course challenge and on CIFAR-10.
from nngplab.problems.challenge_estimates import JobEstimates

CHALLENGE = config["challenge"]
CHALLENGE_DATASETS = CHALLENGE["datasets"]
CHALLENGE_RFM_DATASETS = [name for name in CHALLENGE_DATASETS if name in CHALLENGE["rfm_datasets"]]

# The networks of a job differ in the learning rate only. So a further width, depth or weight decay adds jobs and does
# not change the others. Further learning rates at the end of the list do the same if the last job has `shard_size`.
CHALLENGE_NETWORKS = {
    f"k{k}_depth{depth}_decay{decay}_rates{shard}": parameter_grid(
        k=[k], depth=[depth], weight_decay=[decay], learning_rate=rates
    )
    for k in CHALLENGE["widths"]
    for depth in CHALLENGE["depths"]
    for decay in CHALLENGE["weight_decays"]
    for shard, rates in enumerate(chunks(CHALLENGE["learning_rates"], CHALLENGE["shard_size"]))
}
# The hyper-parameters of each kernel, without the ridge.
CHALLENGE_KERNEL_GRIDS = {
    "nngp": parameter_grid(bias=CHALLENGE["nngp_bias"], normalize=CHALLENGE["nngp_normalize"]),
    "laplace": parameter_grid(L=CHALLENGE["laplace_L"]),
}
CHALLENGE_KERNELS = ["nngp", *CHALLENGE["kernels"]]
# A job fits one kernel with one choice of them, and all ridges, which share a Gram matrix.
CHALLENGE_REGRESSIONS = {
    "_".join([kernel, *(f"{name}{value}" for name, value in choice.items())]): (kernel, choice)
    for kernel in CHALLENGE_KERNELS
    for choice in CHALLENGE_KERNEL_GRIDS.get(kernel, [{}])
}
# The tables with the candidates of each model.
CHALLENGE_CANDIDATES = {
    "network": [f"network_{shard}" for shard in CHALLENGE_NETWORKS],
    **{
        kernel: [name for name, (own, _) in CHALLENGE_REGRESSIONS.items() if own == kernel]
        for kernel in CHALLENGE_KERNELS
    },
    "rfm": ["rfm"],
}
CHALLENGE_RFM = parameter_grid(
    bandwidth=CHALLENGE["rfm_bandwidths"], iterations=[CHALLENGE["rfm_iterations"]], ridge=CHALLENGE["rfm_ridges"]
)
CHALLENGE_DIRECTION = parameter_grid(
    direction_L=CHALLENGE["direction_L"], direction_ridge=CHALLENGE["direction_ridges"]
)
CHALLENGE_MODELS = {
    dataset: ["network", *CHALLENGE_KERNELS, *(["rfm"] if dataset in CHALLENGE_RFM_DATASETS else [])]
    for dataset in CHALLENGE_DATASETS
}
# Estimates for the jobs on each data set.
CHALLENGE_JOBS = {dataset: JobEstimates.from_config(CHALLENGE, dataset) for dataset in CHALLENGE_DATASETS}
# A GPU or all cores factorise a large Gram matrix. The result does not depend on the number of cores.
CHALLENGE_LARGE = [dataset for dataset in CHALLENGE_DATASETS if CHALLENGE_JOBS[dataset].large]
# With ScaLAPACK, a job of challenge_kernels is an MPI program. Profiles set its launcher and its number of processes.
# They are resources, so that other ones do not make its results stale.
CHALLENGE_MPI = {"mpi": "mpiexec", "tasks": 2} if CHALLENGE["solver"] == "scalapack" else {}
CHALLENGE_LAUNCHER = "{resources.mpi} -n {resources.tasks} " if CHALLENGE_MPI else ""
# These are for the tiled solver alone: a GPU, and a file in which an interrupted fit resumes.
CHALLENGE_TILED_LARGE = [] if CHALLENGE_MPI else CHALLENGE_LARGE
# Each network as often as it is trained if it is selected.
CHALLENGE_TEST_NETWORKS = [
    CHALLENGE["test_seeds"] * [network] for networks in CHALLENGE_NETWORKS.values() for network in networks
]
CHALLENGE_TESTS = {
    "dataset": [dataset for dataset, models in CHALLENGE_MODELS.items() for _ in models],
    "model": [model for models in CHALLENGE_MODELS.values() for model in models],
}


wildcard_constraints:
    dataset="course|cifar10",
    shard="k.+",
    regression="(nngp|laplace|sine|erf|linear)(_.+)?",
    model="network|nngp|laplace|sine|erf|linear|rfm",


rule challenge_course_data:
    input:
        script="workflow/scripts/challenge_course_data.py",
        files=files_in("data/challenge"),
    output:
        selection="data/challenge_course_selection.npz",
        test="data/challenge_course_test.npz",
        record="results/challenge/data/course.json",
    log:
        "logs/challenge_course_data.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        folder=lambda wc, input: Path(input.files[0]).parent,
        seed=lookup(dpath="seed", within=config),
        n_train=option("--n-train", CHALLENGE["course_train"]),
    message:
        "Split the data of the course challenge of Problem 13"
    shell:
        "python {input.script:q} --folder {params.folder:q} {params.n_train} --seed {params.seed}"
        " --selection {output.selection:q} --test {output.test:q} --record {output.record:q} --log {log:q}"


rule challenge_cifar10_data:
    input:
        script="workflow/scripts/challenge_cifar10_data.py",
        batches=rules.cifar10_extract.output.batches,
        files=rules.cifar10_extract.output.files,
        provenance=rules.cifar10_fetch.output.provenance,
    output:
        selection="data/challenge_cifar10_selection.npz",
        test="data/challenge_cifar10_test.npz",
        record="results/challenge/data/cifar10.json",
    log:
        "logs/challenge_cifar10_data.log",
    group:
        "cifar10"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(2000),
    params:
        folder=lambda wc, input: Path(input.batches[0]).parent,
        seed=lookup(dpath="seed", within=config),
        n_train=option("--n-train", CHALLENGE["cifar10_train"]),
        n_val=lookup(dpath="challenge/cifar10_val", within=config),
    message:
        "Split CIFAR-10 for Problem 13"
    shell:
        "python {input.script:q} --folder {params.folder:q} --files {input.files:q} --provenance {input.provenance:q}"
        " {params.n_train} --n-val {params.n_val} --seed {params.seed} --selection {output.selection:q}"
        " --test {output.test:q} --record {output.record:q} --log {log:q}"


rule challenge_networks:
    input:
        script="workflow/scripts/challenge_networks.py",
        selection="data/challenge_{dataset}_selection.npz",
    output:
        table="results/challenge/candidates/{dataset}/network_{shard}.csv",
        cost="results/challenge/costs/{dataset}/network_{shard}.csv",
    log:
        "logs/challenge_networks_{dataset}_{shard}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(lambda wc: CHALLENGE_JOBS[wc.dataset].samples_mb),
        runtime=scale_with_attempt(lambda wc: CHALLENGE_JOBS[wc.dataset].network_minutes(CHALLENGE_NETWORKS[wc.shard])),
        seconds=lambda wc: CHALLENGE_JOBS[wc.dataset].network_seconds(
            CHALLENGE_NETWORKS[wc.shard], CHALLENGE["batch_size"]
        ),
        gpu=gpus(),
    params:
        device=lookup(dpath="device", within=config),
        seed=lookup(dpath="seed", within=config),
        epochs=lambda wc: CHALLENGE[f"{wc.dataset}_epochs"],
        batch_size=lookup(dpath="challenge/batch_size", within=config),
        networks=lambda wc: json.dumps(CHALLENGE_NETWORKS[wc.shard]),
    message:
        "Train networks of Problem 13 on {wildcards.dataset}: {wildcards.shard} (about {resources.seconds} s)"
    shell:
        "python {input.script:q} --selection {input.selection:q} --dataset {wildcards.dataset}"
        " --networks {params.networks:q} --epochs {params.epochs} --batch-size {params.batch_size}"
        " --device {params.device} --seed {params.seed} --output {output.table:q} --cost {output.cost:q} --log {log:q}"


rule challenge_kernels:
    input:
        script="workflow/scripts/challenge_kernels.py",
        selection="data/challenge_{dataset}_selection.npz",
    output:
        table="results/challenge/candidates/{dataset}/{regression}.csv",
        cost="results/challenge/costs/{dataset}/{regression}.csv",
    log:
        "logs/challenge_kernels_{dataset}_{regression}.log",
    conda:
        "../../environment.yml"
    threads: lambda wc: 64 if wc.dataset in CHALLENGE_LARGE else 1
    resources:
        **CHALLENGE_MPI,
        mem_mb=scale_with_attempt(lambda wc: CHALLENGE_JOBS[wc.dataset].ridge_path_mb),
        runtime=scale_with_attempt(lambda wc: CHALLENGE_JOBS[wc.dataset].kernel_minutes),
        seconds=lambda wc, threads: CHALLENGE_JOBS[wc.dataset].kernel_seconds(min(threads, workflow.cores or threads)),
        gpu=lambda wc: gpus() * (wc.dataset in CHALLENGE_TILED_LARGE),
    params:
        device=lambda wc: config["device"] if wc.dataset in CHALLENGE_TILED_LARGE else "cpu",
        solver=lookup(dpath="challenge/solver", within=config),
        kernel=lambda wc: CHALLENGE_REGRESSIONS[wc.regression][0],
        choice=lambda wc: json.dumps(CHALLENGE_REGRESSIONS[wc.regression][1]),
        ridges=lookup(dpath="challenge/ridges", within=config),
        storage=lambda wc: storage_option(
            f"challenge/{wc.dataset}_{wc.regression}", wc.dataset in CHALLENGE_TILED_LARGE
        ),
    message:
        "Fit kernel regression of Problem 13 on {wildcards.dataset}: {wildcards.regression}"
        " (about {resources.seconds} s)"
    shell:
        CHALLENGE_LAUNCHER
        + (
            "python {input.script:q} --selection {input.selection:q} --dataset {wildcards.dataset}"
            " --kernel {params.kernel} --choice {params.choice:q} --ridges {params.ridges} --solver {params.solver}"
            " --device {params.device} --threads {threads} {params.storage} --output {output.table:q}"
            " --cost {output.cost:q} --log {log:q}"
        )


rule challenge_rfm:
    input:
        script="workflow/scripts/challenge_rfm.py",
        selection="data/challenge_{dataset}_selection.npz",
    output:
        table="results/challenge/candidates/{dataset}/rfm.csv",
        cost="results/challenge/costs/{dataset}/rfm.csv",
    log:
        "logs/challenge_rfm_{dataset}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(lambda wc: CHALLENGE_JOBS[wc.dataset].kernel_mb),
        runtime=scale_with_attempt(lambda wc: CHALLENGE_JOBS[wc.dataset].feature_machine_minutes(len(CHALLENGE_RFM))),
        seconds=lambda wc: CHALLENGE_JOBS[wc.dataset].feature_machine_seconds(len(CHALLENGE_RFM)),
    params:
        candidates=json.dumps(CHALLENGE_RFM),
        along=json.dumps(CHALLENGE_DIRECTION),
    message:
        "Fit recursive feature machines of Problem 13 on {wildcards.dataset} (about {resources.seconds} s)"
    shell:
        "python {input.script:q} --selection {input.selection:q} --dataset {wildcards.dataset}"
        " --candidates {params.candidates:q} --along {params.along:q} --output {output.table:q}"
        " --cost {output.cost:q} --log {log:q}"


rule challenge_selection:
    input:
        script="workflow/scripts/challenge_selection.py",
        tables=[
            expand(rules.challenge_networks.output.table, dataset=CHALLENGE_DATASETS, shard=CHALLENGE_NETWORKS),
            expand(rules.challenge_kernels.output.table, dataset=CHALLENGE_DATASETS, regression=CHALLENGE_REGRESSIONS),
            expand(rules.challenge_rfm.output.table, dataset=CHALLENGE_RFM_DATASETS),
        ],
        records=expand("results/challenge/data/{dataset}.json", dataset=CHALLENGE_DATASETS),
    output:
        validation="results/challenge/validation.csv",
        outcomes="results/challenge/outcomes.csv",
        selected="results/challenge/selected.json",
        edges="results/challenge/edges.csv",
    log:
        "logs/challenge_selection.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        epochs=json.dumps({dataset: CHALLENGE[f"{dataset}_epochs"] for dataset in CHALLENGE_DATASETS}),
    message:
        "Select the models of Problem 13 by the validation samples"
    shell:
        "python {input.script:q} --tables {input.tables:q} --records {input.records:q} --epochs {params.epochs:q}"
        " --validation {output.validation:q} --outcomes {output.outcomes:q} --selected {output.selected:q}"
        " --edges {output.edges:q} --log {log:q}"


# For each model alone, so that a further candidate of one model does not make the tests of the others run again.
rule challenge_choice:
    input:
        script="workflow/scripts/challenge_choice.py",
        tables=lambda wc: expand(
            "results/challenge/candidates/{dataset}/{name}.csv",
            dataset=wc.dataset,
            name=CHALLENGE_CANDIDATES[wc.model],
        ),
        record="results/challenge/data/{dataset}.json",
    output:
        chosen="results/challenge/choices/{dataset}/{model}.json",
    log:
        "logs/challenge_choice_{dataset}_{model}.log",
    localrule: True
    conda:
        "../../environment.yml"
    message:
        "Select the hyperparameters of a model of Problem 13 on {wildcards.dataset}: {wildcards.model}"
    shell:
        "python {input.script:q} --tables {input.tables:q} --record {input.record:q} --dataset {wildcards.dataset}"
        " --output {output.chosen:q} --log {log:q}"


# The only rule that reads test samples.
rule challenge_test:
    input:
        script="workflow/scripts/challenge_test.py",
        selection="data/challenge_{dataset}_selection.npz",
        test="data/challenge_{dataset}_test.npz",
        selected=rules.challenge_choice.output.chosen,
    output:
        table="results/challenge/tests/{dataset}/{model}.csv",
        outputs="results/challenge/tests/{dataset}/{model}.npz",
        cost="results/challenge/costs/{dataset}/test_{model}.csv",
    log:
        "logs/challenge_test_{dataset}_{model}.log",
    group:
        "challenge_test"
    conda:
        "../../environment.yml"
    threads: lambda wc: 64 if wc.dataset in CHALLENGE_LARGE and wc.model in CHALLENGE_KERNELS else 1
    resources:
        mem_mb=scale_with_attempt(lambda wc: CHALLENGE_JOBS[wc.dataset].kernel_mb),
        runtime=scale_with_attempt(lambda wc: CHALLENGE_JOBS[wc.dataset].test_minutes(CHALLENGE_TEST_NETWORKS)),
        gpu=lambda wc: gpus() * (wc.model == "network" or wc.dataset in CHALLENGE_LARGE),
    params:
        device=lambda wc: config["device"] if wc.model == "network" or wc.dataset in CHALLENGE_LARGE else "cpu",
        seed=lookup(dpath="seed", within=config),
        seeds=lookup(dpath="challenge/test_seeds", within=config),
        storage=lambda wc: storage_option(f"challenge/{wc.dataset}_test_{wc.model}", wc.dataset in CHALLENGE_LARGE),
    message:
        "Test the selected model of Problem 13 on {wildcards.dataset}: {wildcards.model}"
    shell:
        "python {input.script:q} --selection {input.selection:q} --test {input.test:q} --selected {input.selected:q}"
        " --dataset {wildcards.dataset} --model {wildcards.model} --device {params.device} --seed {params.seed}"
        " --seeds {params.seeds} --threads {threads} {params.storage} --table {output.table:q}"
        " --outputs {output.outputs:q} --cost {output.cost:q} --log {log:q}"


rule challenge_summary:
    input:
        script="workflow/scripts/challenge_summary.py",
        validation=rules.challenge_selection.output.validation,
        edges=rules.challenge_selection.output.edges,
        records=rules.challenge_selection.input.records,
        tests=expand(rules.challenge_test.output.table, zip, **CHALLENGE_TESTS),
        outputs=expand(rules.challenge_test.output.outputs, zip, **CHALLENGE_TESTS),
    output:
        benchmark=report(
            "results/challenge/benchmark.csv",
            caption="../report/captions/challenge_summary.rst",
            category="Problem 13: the course challenge",
            labels={"result": "Table: test scores of the models"},
        ),
        scores=report(
            "results/challenge/scores.csv",
            caption="../report/captions/challenge_summary.rst",
            category="Problem 13: the course challenge",
            labels={"result": "Table: scores of all parameters that were tried"},
        ),
        comparison="results/challenge/comparison.csv",
        ranges="results/challenge/ranges.csv",
        directions=report(
            "results/challenge/directions.csv",
            caption="../report/captions/challenge_summary.rst",
            category="Problem 13: the course challenge",
            labels={"result": "Table: the directions of the feature machines"},
        ),
        metrics="results/challenge/metrics.json",
    log:
        "logs/challenge_summary.log",
    localrule: True
    conda:
        "../../environment.yml"
    message:
        "Compare the models of Problem 13"
    shell:
        "python {input.script:q} --validation {input.validation:q} --tests {input.tests:q} --outputs {input.outputs:q}"
        " --records {input.records:q} --edges {input.edges:q} --benchmark {output.benchmark:q}"
        " --scores {output.scores:q} --comparison {output.comparison:q} --ranges {output.ranges:q}"
        " --directions {output.directions:q} --metrics {output.metrics:q} --log {log:q}"


rule challenge_figures:
    input:
        script="workflow/scripts/challenge_figures.py",
        benchmark=rules.challenge_summary.output.benchmark,
        scores=rules.challenge_summary.output.scores,
        validation=rules.challenge_selection.output.validation,
        records=rules.challenge_selection.input.records,
    output:
        benchmark=report(
            "results/challenge/benchmark.svg",
            caption="../report/captions/challenge_figures.rst",
            category="Problem 13: the course challenge",
            labels={"result": "Figure: test scores of the models"},
        ),
        ridges=report(
            "results/challenge/ridges.svg",
            caption="../report/captions/challenge_figures.rst",
            category="Problem 13: the course challenge",
            labels={"result": "Figure: validation scores against the ridge"},
        ),
    log:
        "logs/challenge_figures.log",
    localrule: True
    conda:
        "../../environment.yml"
    message:
        "Draw the benchmark of Problem 13"
    shell:
        "python {input.script:q} --benchmark {input.benchmark:q} --scores {input.scores:q}"
        " --validation {input.validation:q} --records {input.records:q}"
        " --benchmark-figure {output.benchmark:q} --ridges {output.ridges:q} --log {log:q}"


rule challenge_direction:
    input:
        script="workflow/scripts/challenge_direction.py",
        directions=rules.challenge_summary.output.directions,
        outputs="results/challenge/tests/course/rfm.npz",
        record="results/challenge/data/course.json",
    output:
        figure=report(
            "results/challenge/direction.svg",
            caption="../report/captions/challenge_direction.rst",
            category="Problem 13: the course challenge",
            labels={"result": "Figure: the direction of the feature machine"},
        ),
    log:
        "logs/challenge_direction.log",
    localrule: True
    conda:
        "../../environment.yml"
    message:
        "Draw the direction on which the data of the course challenge depend"
    shell:
        "python {input.script:q} --directions {input.directions:q} --outputs {input.outputs:q}"
        " --record {input.record:q} --output {output.figure:q} --log {log:q}"


rule challenge_cost:
    input:
        script="workflow/scripts/challenge_cost.py",
        costs=[
            expand(rules.challenge_networks.output.cost, dataset=CHALLENGE_DATASETS, shard=CHALLENGE_NETWORKS),
            expand(rules.challenge_kernels.output.cost, dataset=CHALLENGE_DATASETS, regression=CHALLENGE_REGRESSIONS),
            expand(rules.challenge_rfm.output.cost, dataset=CHALLENGE_RFM_DATASETS),
            expand(rules.challenge_test.output.cost, zip, **CHALLENGE_TESTS),
        ],
    output:
        cost="results/challenge/cost.csv",
    log:
        "logs/challenge_cost.log",
    localrule: True
    conda:
        "../../environment.yml"
    message:
        "Combine the cost tables of Problem 13"
    shell:
        "python {input.script:q} --costs {input.costs:q} --output {output.cost:q} --log {log:q}"


rule challenge_submission:
    input:
        script="workflow/scripts/challenge_submission.py",
        template="workflow/report/challenge_submission.md.jinja",
        record="results/challenge/data/course.json",
        benchmark=rules.challenge_summary.output.benchmark,
        directions=rules.challenge_summary.output.directions,
        edges=rules.challenge_selection.output.edges,
        cost=rules.challenge_cost.output.cost,
        outputs=expand(rules.challenge_test.output.outputs, dataset="course", model=CHALLENGE_MODELS.get("course", [])),
    output:
        predictions="results/challenge/submission/predictions.csv",
        readme="results/challenge/submission/README.md",
    log:
        "logs/challenge_submission.log",
    localrule: True
    conda:
        "../../environment.yml"
    message:
        "Write what the rules of the course challenge ask for"
    shell:
        "python {input.script:q} --template {input.template:q} --record {input.record:q}"
        " --benchmark {input.benchmark:q} --directions {input.directions:q} --cost {input.cost:q}"
        " --edges {input.edges:q} --outputs {input.outputs:q}"
        " --predictions {output.predictions:q} --readme {output.readme:q} --log {log:q}"


rule challenge:
    input:
        # Measured seconds and memory differ from run to run. The report does not read them.
        measured=[
            rules.challenge_cost.input.costs,
            rules.challenge_cost.output,
            *([rules.challenge_submission.output] if "course" in CHALLENGE_DATASETS else []),
        ],
        intermediate=[
            expand("data/challenge_{dataset}_{part}.npz", dataset=CHALLENGE_DATASETS, part=["selection", "test"]),
            rules.challenge_selection.input.tables,
            expand(rules.challenge_choice.output.chosen, zip, **CHALLENGE_TESTS),
            rules.challenge_summary.input.tests,
            rules.challenge_summary.input.outputs,
        ],
        results=[
            *([rules.cifar10_fetch.output.provenance] if "cifar10" in CHALLENGE_DATASETS else []),
            rules.challenge_selection.input.records,
            rules.challenge_selection.output,
            rules.challenge_summary.output,
            rules.challenge_figures.output,
            *([rules.challenge_direction.output] if "course" in CHALLENGE_RFM_DATASETS else []),
        ],
    message:
        "Problem 13 is answered in results/challenge"
