"""Fit regularised ZCA whitening to the training images of Problem 13 and their flips."""

import argparse
from pathlib import Path

from threadpoolctl import threadpool_limits

from nngplab.pipeline.cli import run
from nngplab.pipeline.files import write_npz
from nngplab.problems.challenge import read_selection
from nngplab.problems.challenge_images import fit_whitening


def main(arguments: argparse.Namespace) -> None:
    with threadpool_limits(1, "blas"):
        train = read_selection(arguments.selection).train
        write_npz(arguments.output, **fit_whitening(train, arguments.epsilon))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--selection", type=Path, required=True, help="images for training and validation, NPZ")
    parser.add_argument("--epsilon", type=float, required=True, help="strength of the regularisation")
    parser.add_argument("--output", type=Path, required=True, help="mean and components of the whitening, NPZ")
    run(parser, main)
