rule fit_degree:
    input:
        script="scripts/fit.py",
        points=rules.data_points.output,
    output:
        "results/fit/by_degree/{degree}.json",
    shell:
        "python {input.script} --degree {wildcards.degree} {input.points} >{output}"


rule fit_best:
    input:
        script="scripts/best.py",
        fits=expand(rules.fit_degree.output, degree=config["fit"]["degrees"]),
    output:
        "results/fit/metrics.json",
    shell:
        "python {input.script} {input.fits} >{output}"


rule fit:
    input:
        rules.fit_best.input.fits,
        rules.fit_best.output,
