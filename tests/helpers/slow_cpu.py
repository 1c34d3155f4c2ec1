"""Run the tests of results as on a CPU without AVX-512: `python -m tests.helpers.slow_cpu`, with the options of pytest.

The last digits of a result depend on the CPU: with other instructions the libraries add up in another order. A test
that holds for the digits of one CPU alone fails either here or in `make test`. On a CPU without AVX-512, `make test` is
all there is.
"""

import os
import subprocess
import sys

import numpy as np

from tests.helpers.checkout import ROOT

# The tests of these modules hold on any CPU: they compare files, messages, pictures of one table, and formulas in many
# digits, but no results in floating point.
LEFT_OUT = (
    *("batch_pickle", "challenge_data_scripts", "cifar10", "cifar10_archive", "cifar10_standin", "config"),
    *("conventions", "figure_layout", "figures", "files", "gpu", "help", "layout", "library", "links", "mathml"),
    *("memory", "origins", "packaging", "pickled_duals", "plots", "progress", "readme", "report_numbers"),
    *("requirements", "resources", "shared_parts", "slow_cpu", "theory", "theory_duals"),
    *("theory_pictures", "theory_scripts", "visdom"),
)
# The checks of scikit-learn ask for fewer digits.
OF_OTHERS = "test_scikit_learn"


def settings() -> dict[str, str]:
    """The environment variables that keep the libraries from AVX-512; none where the CPU has no such instructions."""
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])  # NumPy leaves an empty list out
    # NumPy warns of a name that the CPU lacks, and OpenBLAS would believe in a core of another architecture.
    wide = [name for name in found if name == "X86_V4" or name.startswith("AVX512")]
    if not wide:
        return {}
    return {
        "NPY_DISABLE_CPU_FEATURES": " ".join(wide),
        "OPENBLAS_CORETYPE": "Haswell",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "",  # those of that CPU
    }


def command(*options: str) -> list[str]:
    """The program that runs the tests, with further options of pytest."""
    ignored = [f"--ignore-glob=*/test_{name}.py" for name in LEFT_OUT]
    folders = [str(ROOT / "tests" / name) for name in ("unit", "scripts")]
    chosen = ["--hypothesis-profile=again", "-k", f"not {OF_OTHERS}"]
    return [sys.executable, "-m", "pytest", *chosen, *options, *ignored, *folders]


if __name__ == "__main__":
    if not settings():
        print("This CPU has no AVX-512: `make test` runs the tests as on such a CPU.")
        sys.exit()
    sys.exit(subprocess.run(command(*sys.argv[1:]), env=os.environ | settings(), check=False).returncode)
