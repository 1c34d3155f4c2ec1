configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"


validate_config(config)
# Keep the records of Snakemake and DVC consistent: see docs/snakemake_and_dvc.md.
reconcile(workflow, config, PROJECT)

for stage in STAGES:

    include: f"workflow/rules/{stage}.smk"


rule all:
    default_target: True
    input:
        [targets(stage) for stage in STAGES],
