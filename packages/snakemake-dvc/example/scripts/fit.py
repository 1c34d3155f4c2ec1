"""Fit a polynomial by least squares."""

import argparse
import json

import numpy as np
from points_io import read_points

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--degree", type=int)
parser.add_argument("points")
arguments = parser.parse_args()
x, y = np.array(read_points(arguments.points)).T
error = np.polyfit(x, y, arguments.degree, full=True)[1]
print(json.dumps({"degree": arguments.degree, "error": float(error[0])}))
