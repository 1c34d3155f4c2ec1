# The answer, and a metric that git tracks.
rule answer:
    input:
        script="scripts/final.py",
        numbers="data/numbers.txt",
        table="results/sweep/table.txt",
    output:
        answer="results/final/answer.txt",
        metrics="results/final/metrics.json",
    params:
        title=config["final"]["title"],
    message:
        "JOB answer"
    shell:
        "PYTHONPATH=lib python -B -S {input.script} salt=0 title={params.title} {input.numbers} {input.table}"
        " {output.answer} {output.metrics}"


rule final:
    input:
        rules.answer.output,
