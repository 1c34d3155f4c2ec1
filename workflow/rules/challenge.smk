# Problem 13: fully connected networks against kernel regression on the course challenge and on CIFAR-10.
from dataclasses import replace

from nngplab.problems.challenge_estimates import JobEstimates

CHALLENGE = config["challenge"]
CHALLENGE_DATASETS = CHALLENGE["datasets"]
CHALLENGE_RFM_DATASETS = [name for name in CHALLENGE_DATASETS if name in CHALLENGE["rfm_datasets"]]

# How the inputs of networks, and of their kernels, are prepared on each data set.
CHALLENGE_PREPARATIONS = {"course": [{}], "cifar10": CHALLENGE["cifar10_preparations"]}
# The networks of a job differ in the learning rate only. So a further width, depth or weight decay adds jobs and does
# not change the others. Further learning rates at the end of the list do the same if the last job has `shard_size`.
CHALLENGE_NETWORKS = {
    dataset: {
        "_".join([f"k{k}_depth{depth}_decay{decay}", *words(preparation), f"rates{shard}"]): [
            network | preparation
            for network in parameter_grid(k=[k], depth=[depth], weight_decay=[decay], learning_rate=rates)
        ]
        for k in grid["widths"]
        for depth in grid["depths"]
        for decay in grid["weight_decays"]
        for preparation in CHALLENGE_PREPARATIONS[dataset]
        for shard, rates in enumerate(chunks(grid["learning_rates"], CHALLENGE["shard_size"]))
    }
    for dataset, grid in {"course": CHALLENGE, "cifar10": CHALLENGE["cifar10_networks"]}.items()
}
CHALLENGE_KERNELS = {
    "course": ["nngp", *CHALLENGE["kernels"]],
    "cifar10": ["nngp", *CHALLENGE["cifar10_kernels"]["kernels"]],
}
# The hyper-parameters of each kernel, without the ridge and the preparation. The inputs of deep kernels are normalised;
# so those of the ReLU NNGP are beside them.
CHALLENGE_DEEP = parameter_grid(bias=CHALLENGE["cifar10_kernels"]["bias"], depth=CHALLENGE["cifar10_kernels"]["depths"])
CHALLENGE_KERNEL_GRIDS = {
    "course": {
        "nngp": parameter_grid(bias=CHALLENGE["nngp_bias"], normalize=CHALLENGE["nngp_normalize"]),
        "laplace": parameter_grid(L=CHALLENGE["laplace_L"]),
    },
    "cifar10": {
        "nngp": parameter_grid(bias=CHALLENGE["cifar10_kernels"]["bias"], normalize=[True]),
        "deep_nngp": CHALLENGE_DEEP,
        "ntk": CHALLENGE_DEEP,
        "laplace": parameter_grid(L=CHALLENGE["laplace_L"]),
    },
}
CHALLENGE_RIDGES = {"course": CHALLENGE["ridges"], "cifar10": CHALLENGE["cifar10_kernels"]["ridges"]}
CHALLENGE_PREPARED = ["network", "nngp", "deep_nngp", "ntk"]
# A job fits one kernel with one choice of them, and all ridges, which share a Gram matrix.
CHALLENGE_REGRESSIONS = {
    dataset: {
        "_".join([kernel, *words(choice)]): (kernel, choice)
        for kernel in kernels
        for own in CHALLENGE_KERNEL_GRIDS[dataset].get(kernel, [{}])
        for preparation in (CHALLENGE_PREPARATIONS[dataset] if kernel in CHALLENGE_PREPARED else [{}])
        for choice in [own | preparation]
    }
    for dataset, kernels in CHALLENGE_KERNELS.items()
}
CHALLENGE_WHITENINGS = {
    dataset: {
        preparation["zca"]: f"results/challenge/whitenings/{dataset}_{preparation['zca']}.npz"
        for preparation in some
        if preparation.get("zca")
    }
    for dataset, some in CHALLENGE_PREPARATIONS.items()
}
# The tables with the candidates of each model.
CHALLENGE_CANDIDATES = {
    dataset: {
        "network": [f"network_{shard}" for shard in CHALLENGE_NETWORKS[dataset]],
        **{
            kernel: [name for name, (own, _) in CHALLENGE_REGRESSIONS[dataset].items() if own == kernel]
            for kernel in kernels
        },
        "rfm": ["rfm"],
    }
    for dataset, kernels in CHALLENGE_KERNELS.items()
}
CHALLENGE_RFM = parameter_grid(
    bandwidth=CHALLENGE["rfm_bandwidths"], iterations=[CHALLENGE["rfm_iterations"]], ridge=CHALLENGE["rfm_ridges"]
)
CHALLENGE_DIRECTION = parameter_grid(
    direction_L=CHALLENGE["direction_L"], direction_ridge=CHALLENGE["direction_ridges"]
)
CHALLENGE_MODELS = {
    dataset: ["network", *CHALLENGE_KERNELS[dataset], *(["rfm"] if dataset in CHALLENGE_RFM_DATASETS else [])]
    for dataset in CHALLENGE_DATASETS
}
# Estimates for the jobs on each data set.
CHALLENGE_JOBS = {dataset: JobEstimates.from_config(CHALLENGE, dataset) for dataset in CHALLENGE_DATASETS}
# Candidates can be compared on fewer images than those for training. Then a further job selects the ridge, or the number
# of epochs, of the selected candidate of each model anew, on all images for training: "all" is in the name of its table.
CHALLENGE_SEARCH = {
    dataset: CHALLENGE["cifar10_search"]
    for dataset, jobs in CHALLENGE_JOBS.items()
    if dataset == "cifar10" and CHALLENGE["cifar10_search"] and CHALLENGE["cifar10_search"] < jobs.n
}
CHALLENGE_SEARCH_JOBS = CHALLENGE_JOBS | {
    dataset: replace(CHALLENGE_JOBS[dataset], n=n) for dataset, n in CHALLENGE_SEARCH.items()
}
CHALLENGE_FIRST = {dataset: [f"--n={n}"] for dataset, n in CHALLENGE_SEARCH.items()}
# One of the networks that train longest, for the estimates of a job that trains the selected one.
CHALLENGE_LONGEST = {
    dataset: [max(itertools.chain(*shards.values()), key=lambda network: (network["k"], network["depth"]))]
    for dataset, shards in CHALLENGE_NETWORKS.items()
}
CHALLENGE_ANEW = {
    dataset: {model: ["network_all" if model == "network" else f"all_{model}"] for model in models if model != "rfm"}
    for dataset, models in CHALLENGE_MODELS.items()
    if dataset in CHALLENGE_SEARCH
}
# The tables from which a model is selected: those of the search, and all.
CHALLENGE_CHOICES = {
    dataset: {f"search_{model}": CHALLENGE_CANDIDATES[dataset][model] for model in models}
    | {model: CHALLENGE_CANDIDATES[dataset][model] + CHALLENGE_ANEW.get(dataset, {}).get(model, []) for model in models}
    for dataset, models in CHALLENGE_MODELS.items()
}
# Estimates for the jobs of networks and kernels, by their names.
CHALLENGE_FITS = {
    dataset: dict.fromkeys(
        [*CHALLENGE_NETWORKS[dataset], *CHALLENGE_REGRESSIONS[dataset]], CHALLENGE_SEARCH_JOBS[dataset]
    )
    | dict.fromkeys(["all", *(f"all_{kernel}" for kernel in CHALLENGE_KERNELS[dataset])], jobs)
    for dataset, jobs in CHALLENGE_JOBS.items()
}
# With ScaLAPACK, a job of challenge_kernels is an MPI program. Profiles set its launcher and its number of processes.
# They are resources, so that other ones do not make its results stale.
CHALLENGE_MPI = {"mpi": "mpiexec", "tasks": 2} if CHALLENGE["solver"] == "scalapack" else {}
CHALLENGE_LAUNCHER = "{resources.mpi} -n {resources.tasks} " if CHALLENGE_MPI else ""
# A GPU, and a file in which an interrupted fit resumes, are for large matrices and the tiled solver alone.
CHALLENGE_TILED_LARGE = {
    dataset: [name for name, jobs in fits.items() if jobs.large and not CHALLENGE_MPI]
    for dataset, fits in CHALLENGE_FITS.items()
}
# For the test, models of CIFAR-10 are fitted to the training and the validation images.
CHALLENGE_WITH_VALIDATION = {"course": [], "cifar10": ["--with-validation"]}
CHALLENGE_TEST_JOBS = CHALLENGE_JOBS | {
    dataset: replace(jobs, n=jobs.n + CHALLENGE["cifar10_val"])
    for dataset, jobs in CHALLENGE_JOBS.items()
    if CHALLENGE_WITH_VALIDATION[dataset]
}
# Each network as often as it is trained if it is selected.
CHALLENGE_TEST_NETWORKS = {
    dataset: [CHALLENGE["test_seeds"] * [network] for networks in shards.values() for network in networks]
    for dataset, shards in CHALLENGE_NETWORKS.items()
}
CHALLENGE_TABLES = [
    f"{dataset}/{name}"
    for dataset, models in CHALLENGE_MODELS.items()
    for model in models
    for name in CHALLENGE_CHOICES[dataset][model]
]
# The numbers of images of the learning curves on CIFAR-10, which end at the test.
CHALLENGE_SIZES = [
    n
    for dataset, jobs in CHALLENGE_JOBS.items()
    if dataset == "cifar10"
    for n in CHALLENGE["cifar10_curve"]
    if n < jobs.n
]
CHALLENGE_TESTS = {
    "dataset": [dataset for dataset, models in CHALLENGE_MODELS.items() for _ in models],
    "model": [model for models in CHALLENGE_MODELS.values() for model in models],
}


wildcard_constraints:
    dataset="course|cifar10",
    shard="k.+|all",
    epsilon="[^/]+",
    n=r"\d+",
    regression="(all_)?(nngp|deep_nngp|ntk|laplace|sine|erf|linear)(_.+)?",
    model="(search_)?(network|nngp|deep_nngp|ntk|laplace|sine|erf|linear|rfm)",


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


rule challenge_whitening:
    input:
        script="workflow/scripts/challenge_whitening.py",
        selection="data/challenge_{dataset}_selection.npz",
    output:
        whitening="results/challenge/whitenings/{dataset}_{epsilon}.npz",
    log:
        "logs/challenge_whitening_{dataset}_{epsilon}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(lambda wc: CHALLENGE_JOBS[wc.dataset].whitening_mb),
        runtime=scale_with_attempt(lambda wc: CHALLENGE_JOBS[wc.dataset].whitening_minutes),
        seconds=lambda wc: CHALLENGE_JOBS[wc.dataset].whitening_seconds,
    message:
        "Whiten the images of Problem 13 with strength {wildcards.epsilon} (about {resources.seconds} s)"
    shell:
        "python {input.script:q} --selection {input.selection:q} --epsilon {wildcards.epsilon}"
        " --output {output.whitening:q} --log {log:q}"


rule challenge_networks:
    input:
        script="workflow/scripts/challenge_networks.py",
        selection="data/challenge_{dataset}_selection.npz",
        whitening=lambda wc: [
            file
            for epsilon, file in CHALLENGE_WHITENINGS[wc.dataset].items()
            if wc.shard == "all" or epsilon == CHALLENGE_NETWORKS[wc.dataset][wc.shard][0].get("zca")
        ],
        selected=lambda wc: (
            [f"results/challenge/choices/{wc.dataset}/search_network.json"] if wc.shard == "all" else []
        ),
    output:
        table="results/challenge/candidates/{dataset}/network_{shard}.csv",
        cost="results/challenge/costs/{dataset}/network_{shard}.csv",
    log:
        "logs/challenge_networks_{dataset}_{shard}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(lambda wc: CHALLENGE_FITS[wc.dataset][wc.shard].samples_mb),
        runtime=scale_with_attempt(
            lambda wc: CHALLENGE_FITS[wc.dataset][wc.shard].network_minutes(
                CHALLENGE_NETWORKS[wc.dataset].get(wc.shard, CHALLENGE_LONGEST[wc.dataset])
            )
        ),
        seconds=lambda wc: CHALLENGE_FITS[wc.dataset][wc.shard].network_seconds(
            CHALLENGE_NETWORKS[wc.dataset].get(wc.shard, CHALLENGE_LONGEST[wc.dataset]), CHALLENGE["batch_size"]
        ),
        gpu=gpus(),
    params:
        device=lookup(dpath="device", within=config),
        seed=lookup(dpath="seed", within=config),
        epochs=lambda wc: CHALLENGE[f"{wc.dataset}_epochs"],
        batch_size=lookup(dpath="challenge/batch_size", within=config),
        whitening=whitening_option,
        candidates=lambda wc, input: (
            ["--selected", *input.selected]
            if input.selected
            else ["--networks", json.dumps(CHALLENGE_NETWORKS[wc.dataset][wc.shard])]
            + CHALLENGE_FIRST.get(wc.dataset, [])
        ),
    message:
        "Train networks of Problem 13 on {wildcards.dataset}: {wildcards.shard} (about {resources.seconds} s)"
    shell:
        "python {input.script:q} --selection {input.selection:q} --dataset {wildcards.dataset} {params.candidates:q}"
        " {params.whitening:q} --epochs {params.epochs} --batch-size {params.batch_size}"
        " --device {params.device} --seed {params.seed} --output {output.table:q} --cost {output.cost:q} --log {log:q}"


rule challenge_kernels:
    input:
        script="workflow/scripts/challenge_kernels.py",
        selection="data/challenge_{dataset}_selection.npz",
        whitening=lambda wc: [
            file
            for epsilon, file in CHALLENGE_WHITENINGS[wc.dataset].items()
            if wc.regression.startswith("all_")
            or epsilon == CHALLENGE_REGRESSIONS[wc.dataset][wc.regression][1].get("zca")
        ],
        selected=lambda wc: (
            [f"results/challenge/choices/{wc.dataset}/{wc.regression.replace('all', 'search', 1)}.json"]
            if wc.regression.startswith("all_")
            else []
        ),
    output:
        table="results/challenge/candidates/{dataset}/{regression}.csv",
        cost="results/challenge/costs/{dataset}/{regression}.csv",
    log:
        "logs/challenge_kernels_{dataset}_{regression}.log",
    conda:
        "../../environment.yml"
    threads: lambda wc: 64 if CHALLENGE_FITS[wc.dataset][wc.regression].large else 1
    resources:
        **CHALLENGE_MPI,
        mem_mb=scale_with_attempt(lambda wc: CHALLENGE_FITS[wc.dataset][wc.regression].ridge_path_mb),
        runtime=scale_with_attempt(lambda wc: CHALLENGE_FITS[wc.dataset][wc.regression].kernel_minutes),
        seconds=lambda wc, threads: CHALLENGE_FITS[wc.dataset][wc.regression].kernel_seconds(
            min(threads, workflow.cores or threads)
        ),
        gpu=lambda wc: gpus() * (wc.regression in CHALLENGE_TILED_LARGE[wc.dataset]),
    params:
        device=lambda wc: config["device"] if wc.regression in CHALLENGE_TILED_LARGE[wc.dataset] else "cpu",
        solver=lookup(dpath="challenge/solver", within=config),
        kernel=lambda wc: CHALLENGE_REGRESSIONS[wc.dataset].get(wc.regression, [wc.regression.removeprefix("all_")])[0],
        candidates=lambda wc, input: (
            ["--selected", *input.selected]
            if input.selected
            else ["--choice", json.dumps(CHALLENGE_REGRESSIONS[wc.dataset][wc.regression][1])]
            + CHALLENGE_FIRST.get(wc.dataset, [])
        ),
        ridges=lambda wc: CHALLENGE_RIDGES[wc.dataset],
        whitening=whitening_option,
        storage=lambda wc: storage_option(
            f"challenge/{wc.dataset}_{wc.regression}", wc.regression in CHALLENGE_TILED_LARGE[wc.dataset]
        ),
    message:
        "Fit kernel regression of Problem 13 on {wildcards.dataset}: {wildcards.regression}"
        " (about {resources.seconds} s)"
    shell:
        CHALLENGE_LAUNCHER
        + (
            "python {input.script:q} --selection {input.selection:q} --dataset {wildcards.dataset}"
            " --kernel {params.kernel} {params.candidates:q} {params.whitening:q} --ridges {params.ridges}"
            " --solver {params.solver} --device {params.device} --threads {threads} {params.storage}"
            " --output {output.table:q} --cost {output.cost:q} --log {log:q}"
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
        tables=expand("results/challenge/candidates/{name}.csv", name=CHALLENGE_TABLES),
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
            name=CHALLENGE_CHOICES[wc.dataset][wc.model],
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


# This rule and the next one are the only ones that read test samples.
rule challenge_test:
    input:
        script="workflow/scripts/challenge_test.py",
        selection="data/challenge_{dataset}_selection.npz",
        test="data/challenge_{dataset}_test.npz",
        whitening=lambda wc: CHALLENGE_WHITENINGS[wc.dataset].values() if wc.model in CHALLENGE_PREPARED else [],
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
    threads: lambda wc: 64 if CHALLENGE_JOBS[wc.dataset].large and wc.model in CHALLENGE_KERNELS[wc.dataset] else 1
    resources:
        mem_mb=scale_with_attempt(lambda wc: CHALLENGE_TEST_JOBS[wc.dataset].kernel_mb),
        runtime=scale_with_attempt(
            lambda wc: CHALLENGE_TEST_JOBS[wc.dataset].test_minutes(CHALLENGE_TEST_NETWORKS[wc.dataset])
        ),
        seconds=lambda wc, threads: CHALLENGE_TEST_JOBS[wc.dataset].test_seconds(
            wc.model,
            CHALLENGE["test_seeds"] * CHALLENGE_LONGEST[wc.dataset],
            CHALLENGE["batch_size"],
            min(threads, workflow.cores or threads),
        ),
        gpu=lambda wc: gpus() * (wc.model == "network" or CHALLENGE_JOBS[wc.dataset].large),
    params:
        device=lambda wc: config["device"] if wc.model == "network" or CHALLENGE_JOBS[wc.dataset].large else "cpu",
        seed=lookup(dpath="seed", within=config),
        seeds=lookup(dpath="challenge/test_seeds", within=config),
        with_validation=lambda wc: CHALLENGE_WITH_VALIDATION[wc.dataset],
        whitening=whitening_option,
        storage=lambda wc: storage_option(f"challenge/{wc.dataset}_test_{wc.model}", CHALLENGE_JOBS[wc.dataset].large),
    message:
        "Test the selected model of Problem 13 on {wildcards.dataset}: {wildcards.model} (about {resources.seconds} s)"
    shell:
        "python {input.script:q} --selection {input.selection:q} --test {input.test:q} --selected {input.selected:q}"
        " {params.with_validation} {params.whitening:q} --dataset {wildcards.dataset} --model {wildcards.model} --device {params.device}"
        " --seed {params.seed} --seeds {params.seeds} --threads {threads} {params.storage} --table {output.table:q}"
        " --outputs {output.outputs:q} --cost {output.cost:q} --log {log:q}"


rule challenge_curve:
    input:
        script="workflow/scripts/challenge_curve.py",
        selection="data/challenge_cifar10_selection.npz",
        test="data/challenge_cifar10_test.npz",
        selected=expand(
            rules.challenge_choice.output.chosen,
            dataset="cifar10",
            model=[model for model in CHALLENGE_MODELS.get("cifar10", []) if model in CHALLENGE_PREPARED],
        ),
    output:
        table="results/challenge/curve/{n}.csv",
        cost="results/challenge/costs/cifar10/curve_{n}.csv",
    log:
        "logs/challenge_curve_{n}.log",
    conda:
        "../../environment.yml"
    threads: lambda wc: 64 if replace(CHALLENGE_JOBS["cifar10"], n=int(wc.n)).large else 1
    resources:
        mem_mb=scale_with_attempt(lambda wc: replace(CHALLENGE_JOBS["cifar10"], n=int(wc.n)).ridge_path_mb),
        runtime=scale_with_attempt(
            lambda wc: replace(CHALLENGE_JOBS["cifar10"], n=int(wc.n)).curve_minutes(
                len(CHALLENGE_PREPARED), CHALLENGE_TEST_NETWORKS["cifar10"]
            )
        ),
        seconds=lambda wc, threads: replace(CHALLENGE_JOBS["cifar10"], n=int(wc.n)).curve_seconds(
            len(CHALLENGE_KERNELS["cifar10"]),
            # Once to select the number of epochs, and once with each seed.
            (1 + CHALLENGE["test_seeds"]) * CHALLENGE_LONGEST["cifar10"],
            CHALLENGE["batch_size"],
            min(threads, workflow.cores or threads),
        ),
        gpu=gpus(),
    params:
        device=lookup(dpath="device", within=config),
        seed=lookup(dpath="seed", within=config),
        seeds=lookup(dpath="challenge/test_seeds", within=config),
        ridges=CHALLENGE_RIDGES["cifar10"],
        epochs=lookup(dpath="challenge/cifar10_epochs", within=config),
    message:
        "Fit the models of Problem 13 to {wildcards.n} images of CIFAR-10 (about {resources.seconds} s)"
    shell:
        "python {input.script:q} --selection {input.selection:q} --test {input.test:q} --selected {input.selected:q}"
        " --dataset cifar10 --n {wildcards.n} --ridges {params.ridges} --epochs {params.epochs} --seed {params.seed}"
        " --seeds {params.seeds} --device {params.device} --threads {threads} --output {output.table:q}"
        " --cost {output.cost:q} --log {log:q}"


rule challenge_learning_curve:
    input:
        script="workflow/scripts/challenge_learning_curve.py",
        tables=expand(rules.challenge_curve.output.table, n=CHALLENGE_SIZES),
        scores="results/challenge/scores.csv",
        selected="results/challenge/selected.json",
        record="results/challenge/data/cifar10.json",
    output:
        table="results/challenge/curve.csv",
        published="results/challenge/published.csv",
        figure=report(
            "results/challenge/curve.svg",
            caption="../report/captions/challenge_learning_curve.rst",
            category="Problem 13: the course challenge",
            labels={"result": "Figure: test accuracy against the number of images"},
        ),
    log:
        "logs/challenge_learning_curve.log",
    localrule: True
    conda:
        "../../environment.yml"
    message:
        "Draw the learning curves of Problem 13"
    shell:
        "python {input.script:q} --tables {input.tables:q} --scores {input.scores:q} --selected {input.selected:q}"
        " --record {input.record:q} --output {output.table:q} --published {output.published:q}"
        " --figure {output.figure:q} --log {log:q}"


rule challenge_steps:
    input:
        script="workflow/scripts/challenge_steps.py",
        validation=rules.challenge_selection.output.validation,
        record="results/challenge/data/cifar10.json",
    output:
        table="results/challenge/steps.csv",
        figure=report(
            "results/challenge/steps.svg",
            caption="../report/captions/challenge_steps.rst",
            category="Problem 13: the course challenge",
            labels={"result": "Figure: what each step brings"},
        ),
    log:
        "logs/challenge_steps.log",
    localrule: True
    conda:
        "../../environment.yml"
    message:
        "Say what each step brings in Problem 13 on CIFAR-10"
    shell:
        "python {input.script:q} --validation {input.validation:q} --record {input.record:q} --output {output.table:q}"
        " --figure {output.figure:q} --log {log:q}"


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


rule challenge_confusion:
    input:
        script="workflow/scripts/challenge_confusion.py",
        scores=rules.challenge_summary.output.scores,
        outputs=expand(
            rules.challenge_test.output.outputs, dataset="cifar10", model=CHALLENGE_MODELS.get("cifar10", [])
        ),
        counts=rules.cifar10_check.output.counts,
        record="results/challenge/data/cifar10.json",
    output:
        table="results/challenge/confusion.csv",
        figure=report(
            "results/challenge/confusion.svg",
            caption="../report/captions/challenge_confusion.rst",
            category="Problem 13: the course challenge",
            labels={"result": "Figure: confusion matrices"},
        ),
    log:
        "logs/challenge_confusion.log",
    localrule: True
    conda:
        "../../environment.yml"
    message:
        "Say which classes the models of Problem 13 confuse"
    shell:
        "python {input.script:q} --scores {input.scores:q} --outputs {input.outputs:q} --counts {input.counts:q}"
        " --record {input.record:q} --output {output.table:q} --figure {output.figure:q} --log {log:q}"


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
            expand("results/challenge/costs/{name}.csv", name=CHALLENGE_TABLES),
            expand(rules.challenge_test.output.cost, zip, **CHALLENGE_TESTS),
            expand(rules.challenge_curve.output.cost, n=CHALLENGE_SIZES),
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
            [CHALLENGE_WHITENINGS[dataset].values() for dataset in CHALLENGE_DATASETS],
            rules.challenge_selection.input.tables,
            expand(rules.challenge_choice.output.chosen, zip, **CHALLENGE_TESTS),
            [
                f"results/challenge/choices/{dataset}/search_{model}.json"
                for dataset, models in CHALLENGE_ANEW.items()
                for model in models
            ],
            rules.challenge_summary.input.tests,
            rules.challenge_summary.input.outputs,
            expand(rules.challenge_curve.output.table, n=CHALLENGE_SIZES),
        ],
        results=[
            *([rules.cifar10_fetch.output.provenance] if "cifar10" in CHALLENGE_DATASETS else []),
            rules.challenge_selection.input.records,
            rules.challenge_selection.output,
            rules.challenge_summary.output,
            rules.challenge_figures.output,
            *(
                [
                    rules.challenge_steps.output,
                    rules.challenge_learning_curve.output,
                    rules.challenge_confusion.output,
                ]
                if "cifar10" in CHALLENGE_DATASETS
                else []
            ),
            *([rules.challenge_direction.output] if "course" in CHALLENGE_RFM_DATASETS else []),
        ],
    message:
        "Problem 13 is answered in results/challenge"
