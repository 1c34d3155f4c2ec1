# Problem 04: autoencoders on a few images, and what they make of others when iterated.
from nngplab.pipeline.resources import minutes, seconds, training_operations

ATTRACTORS = sorted({*config["attractors"]["n_images"], *config["attractors"]["extra_n_images"]})
# A network with another activation than ReLU has it in its name, such as 2_tanh.
ATTRACTORS_NETWORKS = ATTRACTORS + [
    f"{n}_{activation}"
    for activation in config["attractors"]["extra_activations"]
    for n in sorted(config["attractors"]["n_images"])
]
ATTRACTORS_WEIGHTS = 2 * 3072 * config["attractors"]["width"]
# The number of images that each network is trained on.
ATTRACTORS_N_IMAGES = {str(network): int(str(network).partition("_")[0]) for network in ATTRACTORS_NETWORKS}


rule attractors_train:
    input:
        script="workflow/scripts/attractors_train.py",
        batches=rules.cifar10_extract.output.batches,
        files=rules.cifar10_extract.output.files,
    output:
        network="results/attractors/by_n_images/network_{network}.pt",
        attempts="results/attractors/by_n_images/attempts_{network}.csv",
    log:
        "logs/attractors_train_{network}.log",
    wildcard_constraints:
        network=r"\d+(_[a-z]+)?",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(3000),
        runtime=scale_with_attempt(
            lambda wc: minutes(
                training_operations(
                    ATTRACTORS_WEIGHTS, ATTRACTORS_N_IMAGES[wc.network] * config["attractors"]["max_steps"]
                )
            )
        ),
        # A network fits its images to the first target in some hundreds of steps for each of them.
        seconds=lambda wc: seconds(
            min(config["attractors"]["max_steps"], 150 * ATTRACTORS_N_IMAGES[wc.network] ** 2)
            * training_operations(ATTRACTORS_WEIGHTS, ATTRACTORS_N_IMAGES[wc.network]),
            rate=1.2e10,
        ),
        gpu=gpus(),
    params:
        folder=lambda wc, input: Path(input.batches[0]).parent,
        seed=lookup(dpath="seed", within=config),
        device=lookup(dpath="device", within=config),
        n_images=lambda wc: ATTRACTORS_N_IMAGES[wc.network],
        activation=lambda wc: wc.network.partition("_")[2] or "relu",
        width=lookup(dpath="attractors/width", within=config),
        target=lookup(dpath="attractors/target", within=config),
        step_size=lookup(dpath="attractors/step_size", within=config),
        max_steps=lookup(dpath="attractors/max_steps", within=config),
        # What fixed step sizes do is shown on the smallest number of images.
        trials=lambda wc: config["attractors"]["trial_step_sizes"] if wc.network == str(ATTRACTORS[0]) else [],
        trial_steps=lookup(dpath="attractors/trial_steps", within=config),
    message:
        "Train the autoencoder of Problem 4 on {params.n_images} images, {params.activation}"
        " (about {resources.seconds} s)"
    shell:
        "python {input.script:q} --folder {params.folder:q} --files {input.files:q} --n-images {params.n_images}"
        " --activation {params.activation} --width {params.width} --target {params.target} --max-steps {params.max_steps}"
        " --step-size {params.step_size} --trial-step-sizes {params.trials} --trial-steps {params.trial_steps}"
        " --device {params.device} --seed {params.seed} --network {output.network:q} --attempts {output.attempts:q}"
        " --log {log:q}"


rule attractors_limits:
    input:
        script="workflow/scripts/attractors_limits.py",
        batches=rules.cifar10_extract.output.batches,
        files=rules.cifar10_extract.output.files,
        network=rules.attractors_train.output.network,
        attempts=rules.attractors_train.output.attempts,
    output:
        inputs="results/attractors/by_n_images/limit_inputs_{network}.csv",
        limits="results/attractors/by_n_images/limits_{network}.csv",
        errors="results/attractors/by_n_images/limit_errors_{network}.csv",
        homogeneity="results/attractors/by_n_images/homogeneity_{network}.csv",
        points="results/attractors/by_n_images/limit_points_{network}.npz",
    log:
        "logs/attractors_limits_{network}.log",
    wildcard_constraints:
        network=r"\d+(_[a-z]+)?",
    conda:
        "../../environment.yml"
    resources:
        # The distances between all inputs, of three kinds, and which of them are small.
        mem_mb=scale_with_attempt(3000 + 10 * (3 * config["attractors"]["test_images"]) ** 2 // 10**6),
        runtime=scale_with_attempt(120),
        seconds=lambda wc: seconds(
            ATTRACTORS_N_IMAGES[wc.network] * config["attractors"]["test_images"] * ATTRACTORS_WEIGHTS, rate=1.2e8
        ),
        gpu=gpus(),
    params:
        folder=lambda wc, input: Path(input.batches[0]).parent,
        seed=lookup(dpath="seed", within=config),
        device=lookup(dpath="device", within=config),
        targets=lookup(dpath="attractors/extra_targets", within=config),
        max_steps=lookup(dpath="attractors/max_steps", within=config),
        test_images=lookup(dpath="attractors/test_images", within=config),
        noise=lookup(dpath="attractors/noise", within=config),
    message:
        "Find the limits of inputs under the autoencoder {wildcards.network} of Problem 4"
        " (about {resources.seconds} s)"
    shell:
        "python {input.script:q} --folder {params.folder:q} --files {input.files:q} --network {input.network:q}"
        " --attempts {input.attempts:q} --targets {params.targets} --max-steps {params.max_steps}"
        " --test-images {params.test_images} --noise {params.noise} --device {params.device} --seed {params.seed}"
        " --inputs {output.inputs:q} --limits {output.limits:q} --errors {output.errors:q} --homogeneity {output.homogeneity:q}"
        " --points {output.points:q} --log {log:q}"


rule attractors_outcomes:
    input:
        script="workflow/scripts/attractors_outcomes.py",
        batches=rules.cifar10_extract.output.batches,
        files=rules.cifar10_extract.output.files,
        networks=expand(rules.attractors_train.output.network, network=ATTRACTORS),
    output:
        outcomes="results/attractors/outcomes.csv",
        images="results/attractors/images.csv",
        jacobian="results/attractors/jacobian.csv",
        noisy="results/attractors/noisy.csv",
    log:
        "logs/attractors_outcomes.log",
    group:
        "attractors"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(4000),
        runtime=scale_with_attempt(60),
        seconds=seconds(len(ATTRACTORS) * config["attractors"]["test_images"], rate=100),
    params:
        folder=lambda wc, input: Path(input.batches[0]).parent,
        seed=lookup(dpath="seed", within=config),
        iterations=lookup(dpath="attractors/iterations", within=config),
        extra_iterations=lookup(dpath="attractors/extra_iterations", within=config),
        test_images=lookup(dpath="attractors/test_images", within=config),
        noise=lookup(dpath="attractors/noise", within=config),
        noise_iterations=lookup(dpath="attractors/noise_iterations", within=config),
        eigenvalues=lookup(dpath="attractors/eigenvalues", within=config),
    message:
        "Iterate the autoencoders of Problem 4 on test images and noise (about {resources.seconds} s)"
    shell:
        "python {input.script:q} --folder {params.folder:q} --files {input.files:q} --networks {input.networks:q}"
        " --iterations {params.iterations} --extra-iterations {params.extra_iterations}"
        " --test-images {params.test_images} --noise {params.noise} --noise-iterations {params.noise_iterations}"
        " --eigenvalues {params.eigenvalues} --seed {params.seed} --outcomes {output.outcomes:q}"
        " --images {output.images:q} --jacobian {output.jacobian:q} --noisy {output.noisy:q} --log {log:q}"


rule attractors_summary:
    input:
        script="workflow/scripts/attractors_summary.py",
        attempts=expand(rules.attractors_train.output.attempts, network=ATTRACTORS_NETWORKS),
        limits=expand(rules.attractors_limits.output.limits, network=ATTRACTORS_NETWORKS),
        limit_inputs=expand(rules.attractors_limits.output.inputs, network=ATTRACTORS_NETWORKS),
        errors=expand(rules.attractors_limits.output.errors, network=ATTRACTORS_NETWORKS),
        homogeneity=expand(rules.attractors_limits.output.homogeneity, network=ATTRACTORS_NETWORKS),
        outcomes=rules.attractors_outcomes.output.outcomes,
        provenance=rules.cifar10_fetch.output.provenance,
    output:
        attempts="results/attractors/attempts.csv",
        summary=report(
            "results/attractors/summary.csv",
            caption="../report/captions/attractors_summary.rst",
            category="Problem 04: attractors",
            labels={"result": "Table: where inputs are after some iterations"},
        ),
        basins="results/attractors/basins.csv",
        limits=report(
            "results/attractors/limits.csv",
            caption="../report/captions/attractors_summary.rst",
            category="Problem 04: attractors",
            labels={"result": "Table: the limits of the iteration"},
        ),
        limit_shares="results/attractors/limit_shares.csv",
        errors="results/attractors/limit_errors.csv",
        homogeneity=report(
            "results/attractors/homogeneity.csv",
            caption="../report/captions/attractors_homogeneity.rst",
            category="Problem 04: attractors",
            labels={"result": "Table: what homogeneity predicts at the training images"},
        ),
        metrics="results/attractors/metrics.json",
        figure=report(
            "results/attractors/basins.svg",
            caption="../report/captions/attractors_summary.rst",
            category="Problem 04: attractors",
            labels={"result": "Figure: the training images that inputs are nearest to"},
        ),
        limits_figure=report(
            "results/attractors/limits.svg",
            caption="../report/captions/attractors_summary.rst",
            category="Problem 04: attractors",
            labels={"result": "Figure: the limits, by the training error"},
        ),
        homogeneity_figure=report(
            "results/attractors/homogeneity.svg",
            caption="../report/captions/attractors_homogeneity.rst",
            category="Problem 04: attractors",
            labels={"result": "Figure: the eigenvalues nearest to 1"},
        ),
    log:
        "logs/attractors_summary.log",
    localrule: True
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(2000),
    params:
        n_images=lookup(dpath="attractors/n_images", within=config),
    message:
        "Count the inputs that each training image of Problem 4 attracts"
    shell:
        "python {input.script:q} --attempts {input.attempts:q} --n-images {params.n_images}"
        " --outcomes {input.outcomes:q} --limits {input.limits:q}"
        " --limit-inputs {input.limit_inputs:q} --errors {input.errors:q} --homogeneity {input.homogeneity:q}"
        " --provenance {input.provenance:q} --all-attempts {output.attempts:q} --summary {output.summary:q}"
        " --basins {output.basins:q} --all-limits {output.limits:q}"
        " --limit-shares {output.limit_shares:q} --all-errors {output.errors:q}"
        " --all-homogeneity {output.homogeneity:q} --metrics {output.metrics:q} --figure {output.figure:q}"
        " --limits-figure {output.limits_figure:q} --homogeneity-figure {output.homogeneity_figure:q} --log {log:q}"


rule attractors_pictures:
    input:
        script="workflow/scripts/attractors_pictures.py",
        batches=rules.cifar10_extract.output.batches,
        files=rules.cifar10_extract.output.files,
        provenance=rules.cifar10_fetch.output.provenance,
        networks=expand(rules.attractors_train.output.network, network=ATTRACTORS_NETWORKS),
        points=expand(rules.attractors_limits.output.points, network=max(config["attractors"]["n_images"])),
        limits=expand(rules.attractors_limits.output.limits, network=max(config["attractors"]["n_images"])),
    output:
        outputs=[
            report(
                f"results/attractors/by_n_images/outputs_{n}.svg",
                caption="../report/captions/attractors_pictures.rst",
                category="Problem 04: attractors",
                labels={"result": f"Figure: outputs, trained on {n} image{'s' if n > 1 else ''}"},
            )
            for n in ATTRACTORS
        ],
        iterates=report(
            "results/attractors/iterates.svg",
            caption="../report/captions/attractors_pictures.rst",
            category="Problem 04: attractors",
            labels={"result": "Figure: iterates of test images"},
        ),
        noisy=report(
            "results/attractors/noisy.svg",
            caption="../report/captions/attractors_pictures.rst",
            category="Problem 04: attractors",
            labels={"result": "Figure: iterates of training images with noise"},
        ),
        activations=report(
            "results/attractors/activations.svg",
            caption="../report/captions/attractors_pictures.rst",
            category="Problem 04: attractors",
            labels={"result": "Figure: other activations"},
        ),
        limits=report(
            "results/attractors/limit_images.svg",
            caption="../report/captions/attractors_pictures.rst",
            category="Problem 04: attractors",
            labels={"result": "Figure: the limits as images"},
        ),
    log:
        "logs/attractors_pictures.log",
    group:
        "attractors"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(3000),
    params:
        folder=lambda wc, input: Path(input.batches[0]).parent,
        seed=lookup(dpath="seed", within=config),
        iterated=max(config["attractors"]["n_images"]),
        iterations=lookup(dpath="attractors/iterations", within=config),
        noise=lookup(dpath="attractors/noise", within=config),
        noise_iterations=lookup(dpath="attractors/noise_iterations", within=config),
        visdom=branch(
            config["attractors"]["visdom"]["enabled"],
            then=literal(
                ["--visdom", config["attractors"]["visdom"]["server"], config["attractors"]["visdom"]["port"]]
            ),
            otherwise=[],
        ),
    message:
        "Show outputs and iterates of the autoencoders of Problem 4"
    shell:
        "python {input.script:q} --folder {params.folder:q} --files {input.files:q} --provenance {input.provenance:q}"
        " --networks {input.networks:q} --limit-table {input.limits:q} --points {input.points:q}"
        " --iterated {params.iterated} --iterations {params.iterations} --noise {params.noise}"
        " --noise-iterations {params.noise_iterations} --seed {params.seed} {params.visdom:q}"
        " --outputs {output.outputs:q} --iterates {output.iterates:q} --noisy {output.noisy:q}"
        " --activations {output.activations:q} --limits {output.limits:q} --log {log:q}"


rule attractors_frames:
    input:
        script="workflow/scripts/attractors_frames.py",
        batches=rules.cifar10_extract.output.batches,
        files=rules.cifar10_extract.output.files,
        provenance=rules.cifar10_fetch.output.provenance,
        network=expand(rules.attractors_train.output.network, network=max(config["attractors"]["n_images"])),
        errors=expand(rules.attractors_limits.output.errors, network=max(config["attractors"]["n_images"])),
    output:
        sprite="results/attractors/frames.png",
        frames="results/attractors/frames.json",
        figure=report(
            "results/attractors/frames.svg",
            caption="../report/captions/attractors_frames.rst",
            category="Problem 04: attractors",
            labels={"result": "Figure: angles of many iterates to the training images"},
        ),
    log:
        "logs/attractors_frames.log",
    group:
        "attractors"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=scale_with_attempt(3000),
    params:
        folder=lambda wc, input: Path(input.batches[0]).parent,
        seed=lookup(dpath="seed", within=config),
        iterations=lookup(dpath="attractors/iterations", within=config),
        noise=lookup(dpath="attractors/noise", within=config),
    message:
        "Show many iterates of an autoencoder of Problem 4"
    shell:
        "python {input.script:q} --folder {params.folder:q} --files {input.files:q} --provenance {input.provenance:q}"
        " --network {input.network:q} --errors {input.errors:q} --iterations {params.iterations} --noise {params.noise}"
        " --seed {params.seed} --sprite {output.sprite:q} --output {output.frames:q} --figure {output.figure:q}"
        " --log {log:q}"


rule attractors:
    input:
        intermediate=expand(
            [*rules.attractors_train.output, *rules.attractors_limits.output], network=ATTRACTORS_NETWORKS
        ),
        results=[
            rules.cifar10_fetch.output.provenance,
            rules.attractors_outcomes.output,
            rules.attractors_summary.output,
            rules.attractors_pictures.output,
            rules.attractors_frames.output,
        ],
    message:
        "Problem 4 is answered in results/attractors"
