# One job for each value of the configuration, and one that collects the results.
rule shard:
    input:
        script="scripts/shard.py",
    output:
        "results/sweep/shards/{k}.txt",
    params:
        seed=config["seed"],
        scale=config["sweep"]["scale"],
    message:
        "JOB shard-{wildcards.k}"
    shell:
        "PYTHONPATH=lib python -B -S {input.script} salt=0 k={wildcards.k} seed={params.seed} scale={params.scale} {output}"


rule table:
    input:
        script="scripts/table.py",
        shards=expand("results/sweep/shards/{k}.txt", k=config["sweep"]["values"]),
    output:
        "results/sweep/table.txt",
    message:
        "JOB table"
    shell:
        "PYTHONPATH=lib python -B -S {input.script} salt=0 {input.shards} {output}"


rule sweep:
    input:
        rules.table.input.shards,
        rules.table.output,
