# The page with every answer.
from nngplab.report.origins import origins_of

LISTED = yaml.safe_load(Path("workflow/stages.yaml").read_text(encoding="utf-8"))
SECTIONS = {stage: LISTED[stage].get("sections", [stage]) for stage in STAGES if stage != "report"}
IMAGES = str(rules.cifar10_fetch.output.provenance)
RESULTS = [getattr(rules, stage).input.results for stage in SECTIONS]
TEMPLATES = sorted(str(path) for suffix in ("css", "j2", "js") for path in Path("workflow/report").glob(f"*.{suffix}"))


# What makes each file of results, as the report shows it. It is a file since it can be longer than a command may be.
rule report_origins:
    input:
        template="workflow/report/origins.json.jinja",
    output:
        origins="results/report/origins.json",
    log:
        "logs/report_origins.log",
    params:
        origins=lambda wc: json.dumps(origins_of(workflow, [path for paths in RESULTS for path in paths])),
    message:
        "Write the origin of each result"
    template_engine:
        "jinja2"


rule report:
    input:
        script="workflow/scripts/report.py",
        stages="workflow/stages.yaml",
        templates=TEMPLATES,
        origins=rules.report_origins.output.origins,
        results=RESULTS,
    output:
        page="results/report.html",
    log:
        "logs/report.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        sections=[section for sections in SECTIONS.values() for section in sections],
        config=literal(json.dumps(config)),
    message:
        "Write the report"
    shell:
        "python {input.script:q} --results-folder results --templates workflow/report"
        " --sections {params.sections} --config-json {params.config:q} --origins {input.origins:q}"
        " --output {output.page:q} --log {log:q}"


# A page with the sections of one stage, for those who need no other: `make report ONLY=challenge`.
rule report_section:
    input:
        script="workflow/scripts/report.py",
        stages="workflow/stages.yaml",
        templates=TEMPLATES,
        origins=rules.report_origins.output.origins,
        results=lambda wc: getattr(rules, wc.stage).input.results,
    output:
        page="results/{stage}.html",
    log:
        "logs/report_{stage}.log",
    wildcard_constraints:
        stage="|".join(SECTIONS),
    localrule: True
    conda:
        "../../environment.yml"
    params:
        sections=lambda wc: SECTIONS[wc.stage],
        images=lambda wc, input: [] if IMAGES in input.results else ["--without-images"],
        config=literal(json.dumps(config)),
    message:
        "Write the page of {wildcards.stage}"
    shell:
        "python {input.script:q} --results-folder results --templates workflow/report"
        " --sections {params.sections} {params.images} --config-json {params.config:q}"
        " --origins {input.origins:q} --output {output.page:q} --log {log:q}"
