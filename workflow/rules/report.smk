# The page with every answer.
SECTIONS = [
    "cifar10",
    "fc_net",
    "linear_autoencoder",
    "attractors",
    "theory",
    "kernel_regression",
    "width_sweep",
    "challenge",
]
TEMPLATES = sorted(str(path) for path in Path("workflow/report").glob("*.j2")) + ["workflow/report/style.css"]


rule report:
    input:
        script="workflow/scripts/report.py",
        templates=TEMPLATES,
        results=[getattr(rules, section).input.results for section in SECTIONS],
    output:
        page=report("results/report.html", caption="../report/report.rst", category="The report"),
    log:
        "logs/report.log",
    benchmark:
        "logs/benchmarks/report.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        sections=SECTIONS,
        config=json.dumps(config),
    message:
        "Write the report"
    shell:
        "python {input.script:q} --results-folder results --templates workflow/report"
        " --sections {params.sections} --config-json {params.config:q} --output {output.page:q}"
        " --log {log:q}"


localrules:
    report,
