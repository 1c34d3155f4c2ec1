"""Write Snakemake's records of results that DVC put there, as Snakemake would have written them after making them.

The view handed down in the environment is that of dvc.lock: the configuration and the code with which they were made.
"""

import asyncio
import sys

from workflow.doors.dag import dag_of_all


def main(files: set[str]) -> None:
    """Write the records of the jobs all of whose outputs are among the files."""
    dag = dag_of_all()
    for job in dag.jobs:
        if job.output and files.issuperset(map(str, job.output)):
            asyncio.run(dag.workflow.persistence.finished(job))


if __name__ == "__main__":
    main(set(sys.argv[1:]))
