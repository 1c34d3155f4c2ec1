"""What Snakemake and DVC tell each other, so that no result is stale and none is computed twice, whichever runs.

Three parties know something of a result. Snakemake's record (`.snakemake/metadata`) knows the params, inputs and code
of the job that made it, but not its content. `dvc.lock` knows the contents of a stage's results and what they were
made from, whoever made them. The ledger (`contents.py`) knows the content of each result as the job left it.

Before a run (`agreement.py`) every result that is there must be what its job made, by the ledger, or what dvc.lock
records; then Snakemake is told with what it was made and decides for itself. A result that is neither was changed by
hand: the cache gives it back, or its job runs again. Results that dvc.lock or the run cache record for the present
configuration and sources are taken from there. After a run the finished stages are recorded in dvc.lock. All of it
happens under one lock (`lock.py`), so that a second run waits, and only in the process that the user or DVC started;
the processes of its jobs keep to the configuration and the sources of its start (`view.py`).
"""
