# The page with every answer.
SECTIONS = [stage for stage in STAGES if stage != "report"]
IMAGES = str(rules.cifar10_fetch.output.provenance)
TEMPLATES = sorted(str(path) for suffix in ("css", "j2", "js") for path in Path("workflow/report").glob(f"*.{suffix}"))


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


# A page with one section, for those who need no other: `make report ONLY=challenge`.
rule report_section:
    input:
        script="workflow/scripts/report.py",
        stages="workflow/stages.yaml",
        templates=TEMPLATES,
        results=lambda wc: getattr(rules, wc.section).input.results,
    output:
        page="results/{section}.html",
    log:
        "logs/report_{section}.log",
    wildcard_constraints:
        section="|".join(SECTIONS),
    localrule: True
    conda:
        "../../environment.yml"
    params:
        images=lambda wc, input: [] if IMAGES in input.results else ["--without-images"],
        config=literal(json.dumps(config)),
    message:
        "Write the page of {wildcards.section}"
    shell:
        "python {input.script:q} --results-folder results --templates workflow/report"
        " --sections {wildcards.section} {params.images} --config-json {params.config:q} --output {output.page:q}"
        " --log {log:q}"
