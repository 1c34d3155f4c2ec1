"""Run the tests of results as on a CPU without AVX-512: `python -m tests.helpers.slow_cpu`, with the options of pytest.

The last digits of a result depend on the CPU: with other instructions the libraries add up in another order. A test
that holds for the digits of one CPU alone fails either here or in the plain run.
"""

import os
import subprocess
import sys

import numpy as np

from tests.helpers.checkout import ROOT


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
    }


if __name__ == "__main__":
    command = [sys.executable, "-m", "pytest", *sys.argv[1:], ROOT / "tests/unit", ROOT / "tests/scripts"]
    sys.exit(subprocess.run(command, env=os.environ | settings(), check=False).returncode)
