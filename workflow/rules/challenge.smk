# Problem 13: fully connected networks against kernel regression on the course challenge and on CIFAR-10.
CHALLENGE = config["challenge"]
CHALLENGE_FILES = files_in("data/challenge")
CHALLENGE_DATASETS = CHALLENGE["datasets"]
CHALLENGE_RFM_DATASETS = [name for name in CHALLENGE_DATASETS if name in CHALLENGE["rfm_datasets"]]

# The networks of a job differ in the learning rate alone. So a further width, depth or weight decay makes new jobs and
# leaves the others as they are, and so do learning rates appended to a list that fills its last job.
CHALLENGE_NETWORKS = {
    f"k{k}_depth{depth}_decay{decay}_rates{part}": grid(k=[k], depth=[depth], weight_decay=[decay], learning_rate=rates)
    for k in CHALLENGE["widths"]
    for depth in CHALLENGE["depths"]
    for decay in CHALLENGE["weight_decays"]
    for part, rates in enumerate(pieces(CHALLENGE["learning_rates"], CHALLENGE["shard_size"]))
}
# For each kernel, the choices of its hyper-parameters but the ridge.
CHALLENGE_KERNELS = {
    "nngp": grid(bias=CHALLENGE["nngp_bias"], normalize=CHALLENGE["nngp_normalize"]),
    **{kernel: grid(L=CHALLENGE["laplace_L"]) if kernel == "laplace" else [{}] for kernel in CHALLENGE["kernels"]},
}
CHALLENGE_RFM = grid(
    bandwidth=CHALLENGE["rfm_bandwidths"], iterations=[CHALLENGE["rfm_iterations"]], ridge=CHALLENGE["rfm_ridges"]
)
CHALLENGE_ALONG = grid(direction_L=CHALLENGE["direction_L"], direction_ridge=CHALLENGE["direction_ridges"])
CHALLENGE_MODELS = {
    dataset: ["network", *CHALLENGE_KERNELS, *(["rfm"] if dataset in CHALLENGE_RFM_DATASETS else [])]
    for dataset in CHALLENGE_DATASETS
}
CHALLENGE_D = {"course": 50, "cifar10": 3072}
CHALLENGE_N = {
    "course": CHALLENGE["course_train"] or 5_000,
    "cifar10": CHALLENGE["cifar10_train"] or 50_000 - CHALLENGE["cifar10_val"],
}
# Memory in MB: several copies of the samples in float64, and the lower triangle of their Gram matrix.
CHALLENGE_SAMPLES_MB = {"course": 1500, "cifar10": 2000 + CHALLENGE_N["cifar10"] // 10}
CHALLENGE_KERNEL_MB = {
    dataset: CHALLENGE_SAMPLES_MB[dataset] + triangle_mb(CHALLENGE_N[dataset]) for dataset in CHALLENGE_DATASETS
}
# Floating-point operations: of the networks of a job, forwards and backwards and once more to measure; of one kernel,
# its Gram matrix, its factor and the outputs; of one feature machine, which is that in each iteration, and gradients.
CHALLENGE_NETWORK_OPERATIONS = {
    (dataset, shard): sum(8 * net["k"] * (CHALLENGE_D[dataset] + (net["depth"] - 1) * net["k"]) for net in networks)
    * CHALLENGE_N[dataset]
    * CHALLENGE[f"{dataset}_epochs"]
    for dataset in CHALLENGE_DATASETS
    for shard, networks in CHALLENGE_NETWORKS.items()
}
CHALLENGE_KERNEL_OPERATIONS = {
    dataset: CHALLENGE_N[dataset] ** 3 / 3 + 4 * CHALLENGE_N[dataset] ** 2 * CHALLENGE_D[dataset]
    for dataset in CHALLENGE_DATASETS
}
CHALLENGE_RFM_OPERATIONS = {
    dataset: CHALLENGE["rfm_iterations"]
    * (CHALLENGE_KERNEL_OPERATIONS[dataset] + 4 * CHALLENGE_N[dataset] * CHALLENGE_D[dataset] ** 2)
    for dataset in CHALLENGE_DATASETS
}
# A large Gram matrix is factorised by a GPU where there is one, or by all cores, with the same result for any number.
CHALLENGE_LARGE = [dataset for dataset in CHALLENGE_DATASETS if CHALLENGE_N[dataset] > 10_000]
CHALLENGE_THREADS = {dataset: 64 if dataset in CHALLENGE_LARGE else 1 for dataset in CHALLENGE_DATASETS}
CHALLENGE_DEVICE = {
    dataset: config["device"] if dataset in CHALLENGE_LARGE else "cpu" for dataset in CHALLENGE_DATASETS
}


rule challenge_course_data:
    input:
        script="workflow/scripts/challenge_course_data.py",
        files=CHALLENGE_FILES,
    output:
        selection="data/challenge_course_selection.npz",
        test="data/challenge_course_test.npz",
        record="results/challenge/data/course.json",
    log:
        "logs/challenge_course_data.log",
    benchmark:
        "logs/benchmarks/challenge_course_data.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        # Snakemake looks at the contents of inputs only where they are newer than the outputs.
        folder=lambda wildcards, input: Path(input.files[0]).parent,
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
    benchmark:
        "logs/benchmarks/challenge_cifar10_data.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(5),
    params:
        folder=lambda wildcards, input: Path(input.batches[0]).parent,
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
    benchmark:
        "logs/benchmarks/challenge_networks_{dataset}_{shard}.tsv"
    wildcard_constraints:
        dataset="course|cifar10",
        shard="k.+",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(lambda wildcards: CHALLENGE_SAMPLES_MB[wildcards.dataset]),
        runtime=growing(lambda wildcards: minutes(CHALLENGE_NETWORK_OPERATIONS[wildcards.dataset, wildcards.shard])),
        gpu=gpus(),
    params:
        device=lookup(dpath="device", within=config),
        seed=lookup(dpath="seed", within=config),
        epochs=lambda wildcards: CHALLENGE[f"{wildcards.dataset}_epochs"],
        batch_size=lookup(dpath="challenge/batch_size", within=config),
        networks=lambda wildcards: json.dumps(CHALLENGE_NETWORKS[wildcards.shard]),
    message:
        "Train networks of Problem 13 on {wildcards.dataset}: {wildcards.shard}"
    shell:
        "python {input.script:q} --selection {input.selection:q} --dataset {wildcards.dataset}"
        " --networks {params.networks:q} --epochs {params.epochs} --batch-size {params.batch_size}"
        " --device {params.device} --seed {params.seed} --output {output.table:q} --cost {output.cost:q} --log {log:q}"


rule challenge_kernels:
    input:
        script="workflow/scripts/challenge_kernels.py",
        selection="data/challenge_{dataset}_selection.npz",
    output:
        table="results/challenge/candidates/{dataset}/{kernel}.csv",
        cost="results/challenge/costs/{dataset}/{kernel}.csv",
    log:
        "logs/challenge_kernels_{dataset}_{kernel}.log",
    benchmark:
        "logs/benchmarks/challenge_kernels_{dataset}_{kernel}.tsv"
    wildcard_constraints:
        dataset="course|cifar10",
        kernel="nngp|laplace|sine|erf|linear",
    conda:
        "../../environment.yml"
    threads: lambda wildcards: CHALLENGE_THREADS[wildcards.dataset]
    resources:
        # With several ridges, the Gram matrix is kept beside its factor.
        mem_mb=growing(
            lambda wildcards: CHALLENGE_KERNEL_MB[wildcards.dataset]
            + (len(CHALLENGE["ridges"]) > 1) * triangle_mb(CHALLENGE_N[wildcards.dataset])
        ),
        runtime=growing(
            lambda wildcards: minutes(
                len(CHALLENGE["ridges"])
                * len(CHALLENGE_KERNELS[wildcards.kernel])
                * CHALLENGE_KERNEL_OPERATIONS[wildcards.dataset]
            )
        ),
        gpu=lambda wildcards: gpus() * (wildcards.dataset in CHALLENGE_LARGE),
    params:
        device=lambda wildcards: CHALLENGE_DEVICE[wildcards.dataset],
        choices=lambda wildcards: json.dumps(CHALLENGE_KERNELS[wildcards.kernel]),
        ridges=lookup(dpath="challenge/ridges", within=config),
    message:
        "Fit kernel regression of Problem 13 on {wildcards.dataset}: {wildcards.kernel}"
    shell:
        "python {input.script:q} --selection {input.selection:q} --dataset {wildcards.dataset}"
        " --kernel {wildcards.kernel} --choices {params.choices:q} --ridges {params.ridges}"
        " --device {params.device} --threads {threads} --output {output.table:q} --cost {output.cost:q} --log {log:q}"


rule challenge_rfm:
    input:
        script="workflow/scripts/challenge_rfm.py",
        selection="data/challenge_{dataset}_selection.npz",
    output:
        table="results/challenge/candidates/{dataset}/rfm.csv",
        cost="results/challenge/costs/{dataset}/rfm.csv",
    log:
        "logs/challenge_rfm_{dataset}.log",
    benchmark:
        "logs/benchmarks/challenge_rfm_{dataset}.tsv"
    wildcard_constraints:
        dataset="course|cifar10",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(lambda wildcards: CHALLENGE_KERNEL_MB[wildcards.dataset]),
        runtime=growing(lambda wildcards: minutes(len(CHALLENGE_RFM) * CHALLENGE_RFM_OPERATIONS[wildcards.dataset])),
    params:
        candidates=json.dumps(CHALLENGE_RFM),
        along=json.dumps(CHALLENGE_ALONG),
    message:
        "Fit recursive feature machines of Problem 13 on {wildcards.dataset}"
    shell:
        "python {input.script:q} --selection {input.selection:q} --dataset {wildcards.dataset}"
        " --candidates {params.candidates:q} --along {params.along:q} --output {output.table:q}"
        " --cost {output.cost:q} --log {log:q}"


rule challenge_selection:
    input:
        script="workflow/scripts/challenge_selection.py",
        tables=[
            expand(rules.challenge_networks.output.table, dataset=CHALLENGE_DATASETS, shard=CHALLENGE_NETWORKS),
            expand(rules.challenge_kernels.output.table, dataset=CHALLENGE_DATASETS, kernel=CHALLENGE_KERNELS),
            expand(rules.challenge_rfm.output.table, dataset=CHALLENGE_RFM_DATASETS),
        ],
        records=expand("results/challenge/data/{dataset}.json", dataset=CHALLENGE_DATASETS),
    output:
        validation="results/challenge/validation.csv",
        outcomes="results/challenge/outcomes.csv",
        selected="results/challenge/selected.json",
    log:
        "logs/challenge_selection.log",
    benchmark:
        "logs/benchmarks/challenge_selection.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    message:
        "Select the models of Problem 13 by the validation samples"
    shell:
        "python {input.script:q} --tables {input.tables:q} --records {input.records:q}"
        " --validation {output.validation:q} --outcomes {output.outcomes:q} --selected {output.selected:q}"
        " --log {log:q}"


# The only rule that reads test samples.
rule challenge_test:
    input:
        script="workflow/scripts/challenge_test.py",
        selection="data/challenge_{dataset}_selection.npz",
        test="data/challenge_{dataset}_test.npz",
        selected=rules.challenge_selection.output.selected,
    output:
        table="results/challenge/tests/{dataset}/{model}.csv",
        outputs="results/challenge/tests/{dataset}/{model}.npz",
        cost="results/challenge/costs/{dataset}/test_{model}.csv",
    log:
        "logs/challenge_test_{dataset}_{model}.log",
    benchmark:
        "logs/benchmarks/challenge_test_{dataset}_{model}.tsv"
    wildcard_constraints:
        dataset="course|cifar10",
        model="network|nngp|laplace|sine|erf|linear|rfm",
    conda:
        "../../environment.yml"
    threads: lambda wildcards: CHALLENGE_THREADS[wildcards.dataset] if wildcards.model in CHALLENGE_KERNELS else 1
    resources:
        mem_mb=growing(lambda wildcards: CHALLENGE_KERNEL_MB[wildcards.dataset]),
        runtime=growing(
            lambda wildcards: minutes(
                CHALLENGE_RFM_OPERATIONS[wildcards.dataset]
                + max(CHALLENGE_NETWORK_OPERATIONS[wildcards.dataset, shard] for shard in CHALLENGE_NETWORKS)
            )
        ),
        gpu=lambda wildcards: gpus() * (wildcards.model == "network" or wildcards.dataset in CHALLENGE_LARGE),
    params:
        device=lambda wildcards: (
            config["device"] if wildcards.model == "network" else CHALLENGE_DEVICE[wildcards.dataset]
        ),
        seed=lookup(dpath="seed", within=config),
    message:
        "Test the selected model of Problem 13 on {wildcards.dataset}: {wildcards.model}"
    shell:
        "python {input.script:q} --selection {input.selection:q} --test {input.test:q} --selected {input.selected:q}"
        " --dataset {wildcards.dataset} --model {wildcards.model} --device {params.device} --seed {params.seed}"
        " --threads {threads} --table {output.table:q} --outputs {output.outputs:q} --cost {output.cost:q} --log {log:q}"


rule challenge_summary:
    input:
        script="workflow/scripts/challenge_summary.py",
        validation=rules.challenge_selection.output.validation,
        records=rules.challenge_selection.input.records,
        tests=[
            expand(rules.challenge_test.output.table, dataset=dataset, model=models)
            for dataset, models in CHALLENGE_MODELS.items()
        ],
        outputs=[
            expand(rules.challenge_test.output.outputs, dataset=dataset, model=models)
            for dataset, models in CHALLENGE_MODELS.items()
        ],
    output:
        benchmark=report(
            "results/challenge/benchmark.csv",
            caption="../report/challenge_benchmark.rst",
            category="Problem 13: the course challenge",
        ),
        comparison="results/challenge/comparison.csv",
        directions=report(
            "results/challenge/directions.csv",
            caption="../report/challenge_directions.rst",
            category="Problem 13: the course challenge",
        ),
        metrics="results/challenge/metrics.json",
    log:
        "logs/challenge_summary.log",
    benchmark:
        "logs/benchmarks/challenge_summary.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    message:
        "Compare the models of Problem 13"
    shell:
        "python {input.script:q} --validation {input.validation:q} --tests {input.tests:q} --outputs {input.outputs:q}"
        " --records {input.records:q} --benchmark {output.benchmark:q} --comparison {output.comparison:q}"
        " --directions {output.directions:q} --metrics {output.metrics:q} --log {log:q}"


rule challenge_figures:
    input:
        script="workflow/scripts/challenge_figures.py",
        benchmark=rules.challenge_summary.output.benchmark,
        validation=rules.challenge_selection.output.validation,
        records=rules.challenge_selection.input.records,
    output:
        benchmark=report(
            "results/challenge/benchmark.svg",
            caption="../report/challenge_benchmark.rst",
            category="Problem 13: the course challenge",
        ),
        ridges=report(
            "results/challenge/ridges.svg",
            caption="../report/challenge_ridges.rst",
            category="Problem 13: the course challenge",
        ),
    log:
        "logs/challenge_figures.log",
    benchmark:
        "logs/benchmarks/challenge_figures.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    message:
        "Draw the benchmark of Problem 13"
    shell:
        "python {input.script:q} --benchmark {input.benchmark:q} --validation {input.validation:q}"
        " --records {input.records:q} --benchmark-figure {output.benchmark:q} --ridges {output.ridges:q} --log {log:q}"


rule challenge_direction:
    input:
        script="workflow/scripts/challenge_direction.py",
        directions=rules.challenge_summary.output.directions,
        outputs="results/challenge/tests/course/rfm.npz",
        record="results/challenge/data/course.json",
    output:
        figure=report(
            "results/challenge/direction.svg",
            caption="../report/challenge_directions.rst",
            category="Problem 13: the course challenge",
        ),
    log:
        "logs/challenge_direction.log",
    benchmark:
        "logs/benchmarks/challenge_direction.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    message:
        "Draw the direction on which the data of the course challenge depend"
    shell:
        "python {input.script:q} --directions {input.directions:q} --outputs {input.outputs:q} --record {input.record:q}"
        " --output {output.figure:q} --log {log:q}"


rule challenge_cost:
    input:
        script="workflow/scripts/challenge_cost.py",
        costs=[
            expand(rules.challenge_networks.output.cost, dataset=CHALLENGE_DATASETS, shard=CHALLENGE_NETWORKS),
            expand(rules.challenge_kernels.output.cost, dataset=CHALLENGE_DATASETS, kernel=CHALLENGE_KERNELS),
            expand(rules.challenge_rfm.output.cost, dataset=CHALLENGE_RFM_DATASETS),
            [
                expand(rules.challenge_test.output.cost, dataset=dataset, model=models)
                for dataset, models in CHALLENGE_MODELS.items()
            ],
        ],
    output:
        cost="results/challenge/cost.csv",
    log:
        "logs/challenge_cost.log",
    benchmark:
        "logs/benchmarks/challenge_cost.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    message:
        "Put together what the models of Problem 13 cost"
    shell:
        "python {input.script:q} --costs {input.costs:q} --output {output.cost:q} --log {log:q}"


rule challenge_submission:
    input:
        script="workflow/scripts/challenge_submission.py",
        template="workflow/report/challenge_submission.md.jinja",
        record="results/challenge/data/course.json",
        benchmark=rules.challenge_summary.output.benchmark,
        directions=rules.challenge_summary.output.directions,
        cost=rules.challenge_cost.output.cost,
        outputs=expand(rules.challenge_test.output.outputs, dataset="course", model=CHALLENGE_MODELS.get("course", [])),
    output:
        predictions="results/challenge/submission/predictions.csv",
        readme="results/challenge/submission/README.md",
    log:
        "logs/challenge_submission.log",
    benchmark:
        "logs/benchmarks/challenge_submission.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    message:
        "Write what the rules of the course challenge ask for"
    shell:
        "python {input.script:q} --template {input.template:q} --record {input.record:q} --benchmark {input.benchmark:q}"
        " --directions {input.directions:q} --cost {input.cost:q} --outputs {input.outputs:q}"
        " --predictions {output.predictions:q} --readme {output.readme:q} --log {log:q}"


rule challenge:
    input:
        # Seconds and memory are never twice the same: the page, which is, does without them.
        measured=[
            rules.challenge_cost.input.costs,
            rules.challenge_cost.output,
            *([rules.challenge_submission.output] if "course" in CHALLENGE_DATASETS else []),
        ],
        intermediate=[
            expand("data/challenge_{dataset}_{part}.npz", dataset=CHALLENGE_DATASETS, part=["selection", "test"]),
            rules.challenge_selection.input.tables,
            rules.challenge_summary.input.tests,
            rules.challenge_summary.input.outputs,
        ],
        results=[
            rules.challenge_selection.input.records,
            rules.challenge_selection.output,
            rules.challenge_summary.output,
            rules.challenge_figures.output,
            *([rules.challenge_direction.output] if "course" in CHALLENGE_RFM_DATASETS else []),
        ],
    message:
        "Problem 13 is answered in results/challenge"


localrules:
    challenge,
    challenge_course_data,
    challenge_selection,
    challenge_summary,
    challenge_figures,
    challenge_direction,
    challenge_cost,
    challenge_submission,
