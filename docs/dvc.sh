# ## The pipeline
#
# `dvc.yaml` has one stage for each room. It is made from the Snakemake rules (`make dvc.yaml`), so a stage depends on the
# scripts and library modules that its rules read, and on its section of `config/config.yaml`:

dvc dag
dvc status

# ## Metrics
#
# Each room writes the numbers that are worth comparing into `results/ROOM/metrics.json`. Git has these files, not DVC's
# cache, so a fresh clone can compare commits before it has pulled anything. `--precision` is for errors around 1e-5,
# which DVC would round:

dvc metrics show --precision 8 results/width_sweep/metrics.json

# ## Experiments
#
# `dvc exp run` changes keys of the configuration, runs the stages that they make stale, and keeps the outcome as a commit
# beside the branch. The workspace then has its results:

dvc exp run --name laplace -S 'config/config.yaml:kernel_regression.laplace_L=0.5'
dvc params diff
dvc metrics diff --precision 8
dvc plots diff

# `git restore` and `dvc checkout` bring back what was committed:

git restore .
dvc checkout --quiet
dvc status

# With `--temp` the experiment runs in a copy, and the workspace stays as it is:

dvc exp run --temp --name draws -S 'config/config.yaml:width_sweep.repeats=10'
git status --short

# Several values of a key, put into the queue and run one after the other in the background:

dvc exp run --queue --name repeats -S 'config/config.yaml:kernel_regression.repeats=10,20'
dvc queue start
while dvc queue status | grep -E 'Queued|Running' >/dev/null; do sleep 1; done
dvc queue status

# All experiments beside each other, by the columns in which they differ:

dvc exp show --only-changed --md --drop '.*/|Created|.*r2|.*headline|zero|linear|sine|erf'

# The one to keep becomes the workspace, to be committed like any other change:

dvc exp apply repeats-2
dvc params diff
git commit --quiet --all --message 'Repeat more often'
dvc exp remove laplace draws repeats-1
dvc status
