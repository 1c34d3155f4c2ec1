# What Snakemake and DVC tell each other, before and after a run.
open_doors(workflow, [str(path) for path in rules.all.input], VIEW)
