"""Write the data of the course challenge, or their stand-in, as a file for model selection and one for the test."""

import argparse
from pathlib import Path

import numpy as np

from nngplab.datasets.challenge import draw_stand_in, find_course_files, read_course_data
from nngplab.errors import InputError
from nngplab.pipeline.cli import run
from nngplab.pipeline.files import file_sha256, write_json, write_npz

STAND_IN = "STAND-IN DATA, NOT THE COURSE'S"


def main(arguments: argparse.Namespace) -> None:
    files = find_course_files(arguments.folder)
    if files:
        course, direction = read_course_data(arguments.folder), None
    else:
        course, direction = draw_stand_in(arguments.seed)
    n, d = course.X_train.shape
    n_train = arguments.n_train or n
    if n_train > n:
        raise InputError(f"challenge.course_train is {n_train:,}, but there are {n:,} training rows: lower it, or null")
    write_npz(
        arguments.selection,
        X_train=course.X_train[:n_train],
        y_train=course.y_train[:n_train],
        X_val=course.X_val,
        y_val=course.y_val,
        shift=np.zeros(d),
        scale=np.ones(d),
        classes=0,
    )
    write_npz(arguments.test, X_test=course.X_test, y_test=course.y_test)
    write_json(
        {
            "label": "the course's data" if files else STAND_IN,
            "stand_in": not files,
            "files": {path.name: file_sha256(path) for path in files},
            "direction": None if direction is None else direction.tolist(),
            "n_train": n_train,
            "n_val": len(course.X_val),
            "n_test": len(course.X_test),
            "d": d,
            "score": "r2",
        },
        arguments.record,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the six CSV files, which may be missing")
    parser.add_argument("--n-train", type=int, help="number of training rows, the first ones (default: all)")
    parser.add_argument("--seed", type=int, required=True, help="root seed")
    parser.add_argument("--selection", type=Path, required=True, help="samples for training and validation, NPZ")
    parser.add_argument("--test", type=Path, required=True, help="samples for the test, NPZ")
    parser.add_argument("--record", type=Path, required=True, help="description of the data, JSON")
    run(parser, main)
