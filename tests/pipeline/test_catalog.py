"""The Snakefile at the place where the Snakemake workflow catalog looks for it."""

from tests.helpers.checkout import TINY


def test_it_has_the_jobs_of_the_snakefile_at_the_top(finished, done):
    output = done(finished, "snakemake", "--dry-run", "--snakefile", "workflow/Snakefile", "--cores", "2", *TINY)
    assert "Nothing to be done" in output


def test_without_results_it_plans_them_all(checkout, done):
    output = done(checkout, "snakemake", "--dry-run", "--snakefile", "workflow/Snakefile", "--cores", "2", *TINY)
    assert "results/report.html" in output
