"""Choose the learning rate of Problem 2b for each loss: that with the highest accuracy on the images held out."""

import argparse
from pathlib import Path

import pandas as pd

from nngplab.errors import InputError
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_csv


def main(arguments: argparse.Namespace) -> None:
    if arguments.learning_rate is None:
        table = choose(pd.concat([pd.read_csv(path) for path in arguments.tables], ignore_index=True))
    else:
        table = pd.DataFrame({"loss": arguments.losses, "learning_rate": arguments.learning_rate})
        table = table.assign(chosen=True, tuned=False)
    write_csv(table, arguments.output)


def choose(candidates: pd.DataFrame) -> pd.DataFrame:
    """Return the candidates, by loss and learning rate, with the columns chosen, at_edge and tuned.

    Of equal accuracies, that with the smallest learning rate is chosen. A rate is at the edge if it is the smallest or
    the largest one of its loss, whether or not the others could be trained.

    Raises:
        InputError: if no network of a loss could be trained.
    """
    tables = []
    for loss, group in candidates.groupby("loss", sort=False):
        table = group.sort_values("learning_rate", ignore_index=True)
        if table["validation_accuracy"].isna().all():
            raise InputError(
                f"fc_net: no learning rate can train {loss}: add smaller ones to fc_net.learning_rates, "
                "or raise fc_net.width if all units are dead from the start"
            )
        rates, best = table["learning_rate"], table["validation_accuracy"].idxmax()
        at_edge = rates.isin([rates.min(), rates.max()])
        tables.append(table.assign(chosen=table.index == best, at_edge=at_edge, tuned=True))
    return pd.concat(tables, ignore_index=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, nargs="*", default=[], help="tables of fc_net_tune.py, CSV")
    parser.add_argument("--losses", nargs="+", required=True, help="the losses")
    parser.add_argument("--learning-rate", type=float, help="the learning rate, if it is given and not chosen")
    parser.add_argument("--output", type=Path, required=True, help="a row for each loss and learning rate, CSV")
    run(parser, main)
