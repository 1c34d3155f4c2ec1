# The session starts on the branch `main`, in a checkout with the results of yesterday. Fetch the work of others: git
# brings code, configuration and metrics, and the DVC remote brings data and results:

git pull --quiet
dvc pull

# All results are up to date, so no job runs:

make report

# ## Change a number
#
# Set a larger L in the Laplace kernel of Problem 11. Before a run, DVC shows what has changed and which stages are
# stale, and Snakemake shows which jobs will run:

perl -pi -e 's/laplace_L: 0.005/laplace_L: 0.5/' config/config.yaml
dvc params diff
dvc status
snakemake --dry-run

# `make report` runs these jobs and no others. The data have not changed, and neither has Problem 12:

make report

# ## Compare with the last commit
#
# Compare the metrics of the stages, and then the figures:

dvc metrics diff --precision 8
dvc plots diff

# ## Share
#
# The commit refers to the results by their checksums. `dvc push` uploads the files to the remote:

git commit --quiet --all --message 'Take a larger L in the Laplace kernel'
dvc push
git push --quiet

# ## Try something on a branch
#
# Add a width to the sweep of Problem 12, and compare the result with `main`:

git switch --quiet --create wider
perl -pi -e 's/extra_widths: \[20, 64\]/extra_widths: [20, 64, 128]/' config/config.yaml
make report
git commit --quiet --all --message 'Add a width to the sweep'
dvc metrics diff main

# Switch back to `main`. Its results are restored from DVC's cache, so no job runs:

git switch --quiet main
make report
dvc status

# ## In another clone
#
# A colleague clones the repository and gets all results without running a job:

git clone --quiet "$(git remote get-url origin)" ../colleague
cd ../colleague
dvc pull
dvc status
