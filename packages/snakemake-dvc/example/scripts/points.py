"""Draw noisy points of a parabola."""

import argparse
import random

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--seed", type=int)
parser.add_argument("--n", type=int)
arguments = parser.parse_args()
draw = random.Random(arguments.seed)
for _ in range(arguments.n):
    x = draw.uniform(-1, 1)
    print(x, x**2 + draw.gauss(0, 0.1), sep=",")
