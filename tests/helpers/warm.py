"""Python, Snakemake and DVC that start quickly, also where they use PyTorch and what else the project needs."""

import sys
from functools import partial

from tests.helpers.checkout import ROOT

# Those of snakemake-dvc, also for `make sessions`, which runs outside of pytest.
sys.path.append(str(ROOT / "packages/snakemake-dvc/tests"))
from helpers.warm import PROGRAMS, READ_AT_IMPORT
from helpers.warm import connect as _connect

__all__ = ["PROGRAMS", "READ_AT_IMPORT", "connect"]

MODULES = """
jinja2.ext jsonschema latex2mathml.converter markupsafe matplotlib.backends.backend_agg matplotlib.backends.backend_svg
matplotlib.figure matplotlib.ticker mpmath multiprocessing numpy.typing psutil requests scipy.fft scipy.integrate
scipy.linalg scipy.optimize scipy.sparse scipy.special scipy.stats seaborn sklearn.base sklearn.metrics
sklearn.model_selection sklearn.utils.validation sympy threadpoolctl torch torch.nn.functional torchvision tqdm
"""

connect = partial(_connect, more_modules=MODULES)
