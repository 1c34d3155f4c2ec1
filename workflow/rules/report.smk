# The page with every answer.
SECTIONS = [stage for stage in STAGES if stage != "report"]
TEMPLATES = sorted(str(path) for path in Path("workflow/report").glob("*.j2")) + ["workflow/report/style.css"]


rule report:
    input:
        script="workflow/scripts/report.py",
        stages="workflow/stages.yaml",
        templates=TEMPLATES,
        results=[getattr(rules, section).input.results for section in SECTIONS],
    output:
        page=report("results/report.html", category="The report"),
    log:
        "logs/report.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        sections=SECTIONS,
        config=literal(json.dumps(config)),
    message:
        "Write the report"
    shell:
        "python {input.script:q} --results-folder results --templates workflow/report"
        " --sections {params.sections} --config-json {params.config:q} --output {output.page:q}"
        " --log {log:q}"
