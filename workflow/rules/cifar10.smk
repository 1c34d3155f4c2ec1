# Problem 02a: CIFAR-10 fetched, verified and shown.
CIFAR10_FOLDER = "data/cifar10/cifar-10-batches-py"
CIFAR10_FILES = [
    *(f"data_batch_{number}" for number in range(1, 6)),
    "test_batch",
    "batches.meta",
    "readme.html",
]


rule cifar10_fetch:
    input:
        script="workflow/scripts/cifar10_fetch.py",
        given=branch(config["cifar10"]["archive"] is None, then=[], otherwise=config["cifar10"]["archive"]),
    output:
        archive="data/cifar10/cifar-10-python.tar.gz",
        provenance="results/cifar10/provenance.json",
    log:
        "logs/cifar10_fetch.log",
    localrule: True
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(3000),
    params:
        seed=lookup(dpath="seed", within=config),
        source=lookup(dpath="cifar10/source", within=config),
        archive=option("--archive", config["cifar10"]["archive"]),
        sha256=option("--sha256", config["cifar10"]["sha256"]),
        label=option("--label", config["cifar10"]["label"]),
        mirrors=literal(config["cifar10"]["mirrors"]),
        connect_timeout=lookup(dpath="cifar10/connect_timeout", within=config),
        stall_timeout=lookup(dpath="cifar10/stall_timeout", within=config),
        slow_rate=lookup(dpath="cifar10/slow_rate", within=config),
        slow_time=lookup(dpath="cifar10/slow_time", within=config),
        patience=lookup(dpath="cifar10/patience", within=config),
        stand_in_images=lookup(dpath="cifar10/stand_in_images", within=config),
    message:
        "Fetch the CIFAR-10 archive"
    shell:
        "python {input.script:q} --source {params.source} {params.archive:q} {params.sha256:q} {params.label:q}"
        " --mirrors {params.mirrors:q} --connect-timeout {params.connect_timeout}"
        " --stall-timeout {params.stall_timeout} --slow-rate {params.slow_rate} --slow-time {params.slow_time}"
        " --patience {params.patience} --stand-in-images {params.stand_in_images} --seed {params.seed}"
        " --output {output.archive:q} --provenance {output.provenance:q} --log {log:q}"


rule cifar10_extract:
    input:
        script="workflow/scripts/cifar10_extract.py",
        archive=rules.cifar10_fetch.output.archive,
        provenance=rules.cifar10_fetch.output.provenance,
    output:
        batches=expand("{folder}/{name}", folder=CIFAR10_FOLDER, name=CIFAR10_FILES),
        files="results/cifar10/files.csv",
    log:
        "logs/cifar10_extract.log",
    group:
        "cifar10"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(2000),
        runtime=scale_with_attempt(15),
    params:
        folder=lambda wc, output: Path(output.batches[0]).parent,
    message:
        "Verify and extract the CIFAR-10 archive"
    shell:
        "python {input.script:q} --archive {input.archive:q} --provenance {input.provenance:q}"
        " --output-folder {params.folder:q} --files {output.files:q} --log {log:q}"


rule cifar10_check:
    input:
        script="workflow/scripts/cifar10_check.py",
        batches=rules.cifar10_extract.output.batches,
        files=rules.cifar10_extract.output.files,
        provenance=rules.cifar10_fetch.output.provenance,
    output:
        counts="results/cifar10/counts.csv",
        checks=report(
            "results/cifar10/checks.csv",
            caption="../report/captions/cifar10_check.rst",
            category="Problem 02a: CIFAR-10",
            labels={"result": "Table: the checks of the data set"},
        ),
        metrics="results/cifar10/metrics.json",
    log:
        "logs/cifar10_check.log",
    group:
        "cifar10"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(3000),
    params:
        folder=lambda wc, input: Path(input.batches[0]).parent,
    message:
        "Count and check the CIFAR-10 images"
    shell:
        "python {input.script:q} --folder {params.folder:q} --files {input.files:q} --provenance {input.provenance:q}"
        " --counts {output.counts:q} --checks {output.checks:q} --metrics {output.metrics:q} --log {log:q}"


rule cifar10_samples:
    input:
        script="workflow/scripts/cifar10_samples.py",
        batches=rules.cifar10_extract.output.batches,
        files=rules.cifar10_extract.output.files,
        provenance=rules.cifar10_fetch.output.provenance,
    output:
        figure=report(
            "results/cifar10/samples_{split}.svg",
            caption="../report/captions/cifar10_samples.rst",
            category="Problem 02a: CIFAR-10",
            labels={"result": "Figure: sample images, {split}"},
        ),
    log:
        "logs/cifar10_samples_{split}.log",
    wildcard_constraints:
        split="train|test",
    group:
        "cifar10"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(3000),
    params:
        folder=lambda wc, input: Path(input.batches[0]).parent,
        seed=lookup(dpath="seed", within=config),
        images=lookup(dpath="cifar10/sample_images", within=config),
    message:
        "Show images of the CIFAR-10 {wildcards.split} set"
    shell:
        "python {input.script:q} --folder {params.folder:q} --files {input.files:q} --provenance {input.provenance:q}"
        " --split {wildcards.split} --images {params.images} --seed {params.seed} --output {output.figure:q}"
        " --log {log:q}"


rule cifar10:
    input:
        data=[rules.cifar10_fetch.output.archive, rules.cifar10_extract.output.batches],
        results=[
            rules.cifar10_fetch.output.provenance,
            rules.cifar10_extract.output.files,
            rules.cifar10_check.output,
            expand(rules.cifar10_samples.output.figure, split=["train", "test"]),
        ],
    message:
        "Problem 2a is answered in results/cifar10"
