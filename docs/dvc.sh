# ## The pipeline
#
# `dvc.yaml` has one stage for each rules file. `make dvc.yaml` generates it from the Snakemake rules. Each stage depends
# on the scripts and library modules that its rules use, and on its section of `config/config.yaml`:

dvc dag
dvc status

# ## Metrics
#
# Most stages write their main numbers to `results/NAME/metrics.json`, where NAME is the name of the stage. These files
# are stored in git, not in DVC's cache, so a fresh clone can compare commits before `dvc pull`. The option
# `--precision` is needed for errors around 1e-5, which DVC rounds otherwise.
#
# The metrics are rounded, so that `git diff` and `dvc metrics diff` show what has changed, and not on which machine it
# was computed. A CPU without AVX-512, or another number of threads, adds up sums in another order. This changes the
# metrics by a relative 1e-11 at most, so they have six significant digits. Numbers that depend on the training of a
# network are under the key `trained`. They have two digits, since networks with other seeds differ in the third one, and
# a training on another machine can end like one with another seed. `dvc metrics diff | grep -v trained` leaves them out.
# Rounding cannot exclude that a number close to the middle between two rounded ones changes in its last digit. With six
# digits this happens to one number in 100,000; a `trained` number changes more often. Counts are exact. The tables in
# `results/NAME/` have all digits, and the report is made from them:

dvc metrics show --precision 8 results/width_sweep/metrics.json

# ## Experiments
#
# `dvc exp run` changes keys of the configuration, runs the stages that become stale, and saves the result as a commit
# outside of the branch. The workspace then contains the results of the experiment:

dvc exp run --name laplace -S 'config/config.yaml:kernel_regression.laplace_L=0.5'
dvc params diff
dvc metrics diff --precision 8
dvc plots diff

# `git restore` and `dvc checkout` restore the committed state:

git restore .
dvc checkout --quiet
dvc status

# With `--temp`, the experiment runs in a copy, and the workspace does not change:

dvc exp run --temp --name draws -S 'config/config.yaml:width_sweep.repeats=10'
git status --short

# To try several values of a key, add the experiments to the queue. DVC runs them one after the other in the background:

dvc exp run --queue --name repeats -S 'config/config.yaml:kernel_regression.repeats=10,20'
dvc queue start
while dvc queue status | grep -E 'Queued|Running' >/dev/null; do sleep 1; done
dvc queue status

# Compare all experiments. The table shows only the columns in which they differ:

dvc exp show --only-changed --md --drop '.*/|Created|.*r2|.*headline|zero|linear|sine|erf'

# Apply the experiment that you want to keep, and commit it like any other change:

dvc exp apply repeats-2
dvc params diff
git commit --quiet --all --message 'Repeat more often'
dvc exp remove laplace draws repeats-1
dvc status
