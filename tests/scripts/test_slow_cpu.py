"""What `make test-slow-cpu` asks for reaches the libraries, and a test that fails there fails the target."""

import json
import os
import subprocess
import sys

import pytest

from tests.helpers.checkout import ROOT
from tests.helpers.slow_cpu import LEFT_OUT, settings

PROGRAM = """
import json, numpy, scipy.linalg, threadpoolctl, torch
loaded = threadpoolctl.threadpool_info()
print(json.dumps({
    "numpy": numpy.show_config(mode="dicts")["SIMD Extensions"]["found"],
    "openblas": [library["architecture"] for library in loaded if library["internal_api"] == "openblas"],
    "torch": torch.backends.cpu.get_cpu_capability(),
}))
"""


needs_avx512 = pytest.mark.skipif(not settings(), reason="this CPU has no AVX-512")


@needs_avx512
def test_no_library_uses_avx512():
    # Whatever warns of a setting that is in vain is an error here.
    command = [sys.executable, "-W", "error::ImportWarning", "-c", PROGRAM]
    ended = subprocess.run(command, env=os.environ | settings(), capture_output=True, text=True, check=True)
    used = json.loads(ended.stdout)
    assert used["numpy"] == ["X86_V3"]
    assert set(used["openblas"]) <= {"Haswell"}
    assert used["torch"] == "AVX2"


@needs_avx512
def test_the_exit_status_is_that_of_pytest():
    command = [sys.executable, "-m", "tests.helpers.slow_cpu", "--noconftest", "--no-such-option"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--no-such-option" in ended.stderr


def test_what_is_left_out_exists():
    assert {path.stem for path in (ROOT / "tests").glob("*/test_*.py")} >= {f"test_{name}" for name in LEFT_OUT}
