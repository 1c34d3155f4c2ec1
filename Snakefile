configfile: "config/config.yaml"


include: "workflow/rules/common.smk"


validate_config(config)
# Keep the records of Snakemake and DVC consistent: see docs/snakemake_and_dvc.md.
reconcile(workflow, config, PROJECT)


include: "workflow/rules/cifar10.smk"
include: "workflow/rules/fc_net.smk"
include: "workflow/rules/linear_autoencoder.smk"
include: "workflow/rules/attractors.smk"
include: "workflow/rules/kernel_regression.smk"
include: "workflow/rules/theory.smk"
include: "workflow/rules/width_sweep.smk"
include: "workflow/rules/challenge.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.cifar10.input,
        rules.fc_net.input,
        rules.linear_autoencoder.input,
        rules.attractors.input,
        rules.theory.input,
        rules.kernel_regression.input,
        rules.width_sweep.input,
        rules.challenge.input,
        rules.report.output,
