rule data_points:
    input:
        script="scripts/points.py",
    output:
        "data/points.csv",
    params:
        seed=config["seed"],
        n=config["data"]["n"],
    shell:
        "python {input.script} --seed {params.seed} --n {params.n} >{output}"


rule data:
    input:
        rules.data_points.output,
