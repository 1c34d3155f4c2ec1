# The day begins in a checkout with yesterday's results, on the branch `main`. What have the others done? Code,
# configuration and metrics come with git, data and results from the DVC remote:

git pull --quiet
dvc pull

# Is anything out of date? No, so no job runs:

make report

# ## Change a number
#
# A larger L in the Laplace kernel of Problem 11. Before anything runs, DVC shows what was changed and which stages that
# makes stale, and Snakemake which jobs:

perl -pi -e 's/laplace_L: 0.005/laplace_L: 0.5/' config/config.yaml
dvc params diff
dvc status
snakemake --dry-run

# `make report` runs these jobs and no others. The data are as they were, and so is Problem 12:

make report

# ## Compare with the last commit
#
# The metrics of the rooms, then the same as pictures:

dvc metrics diff --precision 8
dvc plots diff

# ## Share
#
# The commit names the results by their contents, and `dvc push` brings the contents to the remote:

git commit --quiet --all --message 'Take a larger L in the Laplace kernel'
dvc push
git push --quiet

# ## Try something on a branch
#
# One width more in the sweep of Problem 12, compared with `main`:

git switch --quiet --create wider
perl -pi -e 's/extra_widths: \[20, 64\]/extra_widths: [20, 64, 128]/' config/config.yaml
make report
git commit --quiet --all --message 'Add a width to the sweep'
dvc metrics diff main

# Back on `main`, its results are there again. None is computed, for DVC's cache has them all:

git switch --quiet main
make report
dvc status

# ## Somebody else
#
# A colleague clones the repository and has every result without computing one:

git clone --quiet "$(git remote get-url origin)" ../colleague
cd ../colleague
dvc pull
dvc status
