# The numbers, which the last stage reads.
rule numbers:
    input:
        script="scripts/data.py",
    output:
        "data/numbers.txt",
    params:
        seed=config["seed"],
        size=config["data"]["size"],
    message:
        "JOB numbers"
    shell:
        "PYTHONPATH=lib python -B -S {input.script} salt=0 seed={params.seed} size={params.size} {output}"


rule data:
    input:
        rules.numbers.output,
