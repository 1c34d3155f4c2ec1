"""The former place of `nngplab.kernels.duals` and `nngplab.kernels.tabulated`."""

from nngplab.kernels.duals import *  # noqa: F403
