# The page with every answer.


rule report:
    input:
        script="workflow/scripts/report.py",
        library=library("workflow/scripts/report.py"),
        templates=sorted(str(path) for path in Path("workflow/report").glob("*.j2")) + ["workflow/report/style.css"],
        cifar10=rules.cifar10.input.results,
        kernel_regression=rules.kernel_regression.input.results,
        width_sweep=rules.width_sweep.input.results,
    output:
        page=report("results/report.html", caption="../report/report.rst", category="The report"),
    log:
        "logs/report.log",
    benchmark:
        "logs/benchmarks/report.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        config=json.dumps(config),
    message:
        "Write the report"
    shell:
        "python {input.script:q} --results-folder results --templates workflow/report"
        " --sections cifar10 kernel_regression width_sweep --config-json {params.config:q} --output {output.page:q}"
        " --log {log:q}"


localrules:
    report,
