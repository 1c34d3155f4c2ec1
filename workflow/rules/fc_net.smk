# Problem 02b: a fully connected network with one hidden layer, trained on CIFAR-10.
from nngplab.pipeline.resources import matrix_mb, minutes, seconds, training_operations

FC_NET_LOSSES = config["fc_net"]["losses"]
FC_NET_SEEDS = range(config["fc_net"]["seeds"])
FC_NET_TUNED = config["fc_net"]["learning_rate"] == "auto"
FC_NET_RATES = [float(rate) for rate in config["fc_net"]["learning_rates"]] if FC_NET_TUNED else []
FC_NET_IMAGES = (config["fc_net"]["n_train"] or 50_000) + 10_000
FC_NET_OPERATIONS = training_operations(3072 * config["fc_net"]["width"], FC_NET_IMAGES * config["fc_net"]["epochs"])


rule fc_net_tune:
    input:
        script="workflow/scripts/fc_net_tune.py",
        batches=rules.cifar10_extract.output.batches,
        files=rules.cifar10_extract.output.files,
    output:
        "results/fc_net/runs/tuning_{loss}_{learning_rate}.csv",
    log:
        "logs/fc_net_tune_{loss}_{learning_rate}.log",
    wildcard_constraints:
        loss="mse|cross_entropy",
        learning_rate=r"[\d.e+-]+",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(1500 + matrix_mb(FC_NET_IMAGES, 3072)),
        runtime=scale_with_attempt(minutes(FC_NET_OPERATIONS)),
        seconds=seconds(FC_NET_OPERATIONS, rate=8e10),
        gpu=gpus(),
    params:
        folder=lambda wc, input: Path(input.batches[0]).parent,
        checkpoint=lambda wc: f".checkpoints/fc_net/tuning_{wc.loss}_{wc.learning_rate}.pt",
        root_seed=lookup(dpath="seed", within=config),
        device=lookup(dpath="device", within=config),
        width=lookup(dpath="fc_net/width", within=config),
        optimiser=lookup(dpath="fc_net/optimiser", within=config),
        schedule=lookup(dpath="fc_net/schedule", within=config),
        validation_share=lookup(dpath="fc_net/validation_share", within=config),
        epochs=lookup(dpath="fc_net/epochs", within=config),
        batch_size=lookup(dpath="fc_net/batch_size", within=config),
        standardise=lookup(dpath="fc_net/standardise", within=config),
        mirror=lookup(dpath="fc_net/mirror", within=config),
        n_train=option("--n-train", config["fc_net"]["n_train"]),
    message:
        "Train a network of Problem 2b with the loss {wildcards.loss} and the learning rate {wildcards.learning_rate}"
        " (about {resources.seconds} s)"
    shell:
        "python {input.script:q} --folder {params.folder:q} --files {input.files:q} --loss {wildcards.loss}"
        " --learning-rate {wildcards.learning_rate} --validation-share {params.validation_share}"
        " --root-seed {params.root_seed} --device {params.device} --width {params.width}"
        " --optimiser {params.optimiser} --schedule {params.schedule} --epochs {params.epochs}"
        " --batch-size {params.batch_size} --standardise {params.standardise} --mirror {params.mirror}"
        " {params.n_train} --checkpoint {params.checkpoint:q} --output {output:q} --log {log:q}"


rule fc_net_learning_rates:
    input:
        script="workflow/scripts/fc_net_learning_rates.py",
        tables=expand(rules.fc_net_tune.output, loss=FC_NET_LOSSES, learning_rate=FC_NET_RATES),
    output:
        report(
            "results/fc_net/learning_rates.csv",
            caption="../report/captions/fc_net_learning_rates.rst",
            category="Problem 02b: a fully connected network",
            labels={"result": "Table: learning rates on held-out images"},
        ),
    log:
        "logs/fc_net_learning_rates.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        losses=FC_NET_LOSSES,
        learning_rate=option("--learning-rate", None if FC_NET_TUNED else config["fc_net"]["learning_rate"]),
    message:
        "Choose the learning rates of Problem 2b"
    shell:
        "python {input.script:q} --tables {input.tables:q} --losses {params.losses} {params.learning_rate}"
        " --output {output:q} --log {log:q}"


# For each loss alone, so that a further loss does not make the networks of the others train again.
rule fc_net_rate:
    input:
        script="workflow/scripts/fc_net_learning_rates.py",
        tables=lambda wc: expand(rules.fc_net_tune.output, loss=wc.loss, learning_rate=FC_NET_RATES),
    output:
        "results/fc_net/runs/rate_{loss}.csv",
    log:
        "logs/fc_net_rate_{loss}.log",
    wildcard_constraints:
        loss="mse|cross_entropy",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        learning_rate=option("--learning-rate", None if FC_NET_TUNED else config["fc_net"]["learning_rate"]),
    message:
        "Choose the learning rate of Problem 2b for the loss {wildcards.loss}"
    shell:
        "python {input.script:q} --tables {input.tables:q} --losses {wildcards.loss} {params.learning_rate}"
        " --output {output:q} --log {log:q}"


rule fc_net_train:
    input:
        script="workflow/scripts/fc_net_train.py",
        batches=rules.cifar10_extract.output.batches,
        files=rules.cifar10_extract.output.files,
        learning_rates=rules.fc_net_rate.output,
    output:
        metrics="results/fc_net/runs/{loss}_{seed}.csv",
        outputs="results/fc_net/runs/{loss}_{seed}.npz",
        model="results/fc_net/runs/{loss}_{seed}.pt",
    log:
        "logs/fc_net_train_{loss}_{seed}.log",
    wildcard_constraints:
        loss="mse|cross_entropy",
        seed=r"\d+",
    conda:
        "../../environment.yml"
    resources:
        # The images in single precision, as they are and standardised.
        mem_mb=scale_with_attempt(1500 + matrix_mb(FC_NET_IMAGES, 3072)),
        runtime=scale_with_attempt(minutes(FC_NET_OPERATIONS)),
        seconds=seconds(FC_NET_OPERATIONS, rate=8e10),
        gpu=gpus(),
    params:
        folder=lambda wc, input: Path(input.batches[0]).parent,
        checkpoint=lambda wc: f".checkpoints/fc_net/{wc.loss}_{wc.seed}",
        root_seed=lookup(dpath="seed", within=config),
        device=lookup(dpath="device", within=config),
        width=lookup(dpath="fc_net/width", within=config),
        optimiser=lookup(dpath="fc_net/optimiser", within=config),
        schedule=lookup(dpath="fc_net/schedule", within=config),
        epochs=lookup(dpath="fc_net/epochs", within=config),
        batch_size=lookup(dpath="fc_net/batch_size", within=config),
        standardise=lookup(dpath="fc_net/standardise", within=config),
        mirror=lookup(dpath="fc_net/mirror", within=config),
        n_train=option("--n-train", config["fc_net"]["n_train"]),
    message:
        "Train network {wildcards.seed} of Problem 2b with the loss {wildcards.loss} (about {resources.seconds} s)"
    shell:
        "python {input.script:q} --folder {params.folder:q} --files {input.files:q} --loss {wildcards.loss}"
        " --seed {wildcards.seed} --root-seed {params.root_seed} --device {params.device} --width {params.width}"
        " --optimiser {params.optimiser} --schedule {params.schedule}"
        " --learning-rates {input.learning_rates:q} --epochs {params.epochs} --batch-size {params.batch_size}"
        " --standardise {params.standardise} --mirror {params.mirror} {params.n_train} --checkpoint {params.checkpoint:q} --metrics {output.metrics:q}"
        " --outputs {output.outputs:q} --model {output.model:q} --log {log:q}"


rule fc_net_summary:
    input:
        script="workflow/scripts/fc_net_summary.py",
        tables=expand(rules.fc_net_train.output.metrics, loss=FC_NET_LOSSES, seed=FC_NET_SEEDS),
        outputs=expand(rules.fc_net_train.output.outputs, loss=FC_NET_LOSSES, seed=FC_NET_SEEDS),
        counts=rules.cifar10_check.output.counts,
        provenance=rules.cifar10_fetch.output.provenance,
    output:
        tables="results/fc_net/metrics.csv",
        summary=report(
            "results/fc_net/summary.csv",
            caption="../report/captions/fc_net_summary.rst",
            category="Problem 02b: a fully connected network",
            labels={"result": "Table: test accuracy of each loss"},
        ),
        per_class="results/fc_net/per_class.csv",
        confusion="results/fc_net/confusion.csv",
        metrics="results/fc_net/metrics.json",
    log:
        "logs/fc_net_summary.log",
    localrule: True
    conda:
        "../../environment.yml"
    message:
        "Summarise the networks of Problem 2b"
    shell:
        "python {input.script:q} --tables {input.tables:q} --outputs {input.outputs:q} --counts {input.counts:q}"
        " --provenance {input.provenance:q} --all-tables {output.tables:q} --summary {output.summary:q}"
        " --per-class {output.per_class:q} --confusion {output.confusion:q} --metrics {output.metrics:q} --log {log:q}"


rule fc_net_figures:
    input:
        script="workflow/scripts/fc_net_figures.py",
        batches=rules.cifar10_extract.output.batches,
        files=rules.cifar10_extract.output.files,
        provenance=rules.cifar10_fetch.output.provenance,
        metrics=rules.fc_net_summary.output.tables,
        confusion=rules.fc_net_summary.output.confusion,
        models=expand(rules.fc_net_train.output.model, loss=FC_NET_LOSSES, seed=0),
        outputs=expand(rules.fc_net_train.output.outputs, loss=FC_NET_LOSSES, seed=0),
    output:
        learning_curves=report(
            "results/fc_net/learning_curves.svg",
            caption="../report/captions/fc_net_figures.rst",
            category="Problem 02b: a fully connected network",
            labels={"result": "Figure: learning curves"},
        ),
        confusion_matrix=report(
            "results/fc_net/confusion.svg",
            caption="../report/captions/fc_net_figures.rst",
            category="Problem 02b: a fully connected network",
            labels={"result": "Figure: confusion matrices"},
        ),
        first_layers=[
            report(
                f"results/fc_net/by_loss/first_layer_{loss}.svg",
                caption="../report/captions/fc_net_figures.rst",
                category="Problem 02b: a fully connected network",
                labels={"result": f"Figure: first-layer weights, {loss.replace('_', ' ')}"},
            )
            for loss in FC_NET_LOSSES
        ],
        predictions=[
            report(
                f"results/fc_net/by_loss/predictions_{loss}.svg",
                caption="../report/captions/fc_net_figures.rst",
                category="Problem 02b: a fully connected network",
                labels={"result": f"Figure: predictions for test images, {loss.replace('_', ' ')}"},
            )
            for loss in FC_NET_LOSSES
        ],
    log:
        "logs/fc_net_figures.log",
    localrule: True
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(2000),
    params:
        folder=lambda wc, input: Path(input.batches[0]).parent,
        seed=lookup(dpath="seed", within=config),
    message:
        "Draw the networks of Problem 2b"
    shell:
        "python {input.script:q} --folder {params.folder:q} --files {input.files:q} --provenance {input.provenance:q}"
        " --metrics {input.metrics:q} --confusion {input.confusion:q} --models {input.models:q}"
        " --outputs {input.outputs:q} --seed {params.seed} --learning-curves {output.learning_curves:q}"
        " --confusion-matrix {output.confusion_matrix:q} --first-layers {output.first_layers:q}"
        " --predictions {output.predictions:q} --log {log:q}"


rule fc_net:
    input:
        results=[
            rules.cifar10_fetch.output.provenance,
            rules.fc_net_learning_rates.input.tables,
            expand(rules.fc_net_rate.output, loss=FC_NET_LOSSES),
            expand(rules.fc_net_train.output, loss=FC_NET_LOSSES, seed=FC_NET_SEEDS),
            rules.fc_net_learning_rates.output,
            rules.fc_net_summary.output,
            rules.fc_net_figures.output,
        ],
    message:
        "Problem 2b is answered in results/fc_net"
