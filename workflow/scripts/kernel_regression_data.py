"""Draw the sine-target data of Problems 11 and 12."""

import argparse
from pathlib import Path

from nngplab.datasets.sine_target import sine_target, write_sine_target
from nngplab.pipeline.cli import run


def main(arguments: argparse.Namespace) -> None:
    before = arguments.labels_before_normalising == "true"
    data = sine_target(arguments.n, arguments.d, arguments.n_test, arguments.seed, before)
    write_sine_target(data, arguments.output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, required=True, help="number of training samples")
    parser.add_argument("--d", type=int, required=True, help="number of coordinates")
    parser.add_argument("--n-test", type=int, required=True, help="number of test samples")
    parser.add_argument("--seed", type=int, required=True, help="seed of the data, as for numpy.random.seed")
    parser.add_argument(
        "--labels-before-normalising",
        type=str.lower,
        choices=["true", "false"],
        default="false",
        help="compute the test labels from the rows as drawn (default: from the normalised rows)",
    )
    parser.add_argument("--output", type=Path, required=True, help="the data set, NPZ")
    run(parser, main)
