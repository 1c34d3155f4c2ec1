"""Run scripts with `--help`, all in one process, and write what each printed and imported to a JSON file.

The library is imported afresh for each script; all other modules are kept.
"""

import contextlib
import io
import json
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

from tests.helpers.checkout import ROOT


def run_help(script: Path) -> dict[str, Any]:
    """Return exit status, output and the loaded modules of `nngplab`, as paths relative to the root."""
    for name in [name for name in sys.modules if name.split(".")[0] == "nngplab"]:
        del sys.modules[name]
    sys.argv = [str(script), "--help"]
    output, status = io.StringIO(), 0
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as ended:
            status = int(ended.code or 0)
        except Exception:
            output.write(traceback.format_exc())
            status = 1
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] == "nngplab"]
    paths = sorted(str(Path(str(module.__file__)).relative_to(ROOT)) for module in modules)
    return {"status": status, "output": output.getvalue(), "modules": paths}


if __name__ == "__main__":
    target, *scripts = map(Path, sys.argv[1:])
    target.write_text(json.dumps({script.stem: run_help(script) for script in scripts}))
