"""The environment in which the tests run commands."""

import os
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[2]
BIN = Path(sys.executable).parent

DVC_CONFIG = "[core]\n    analytics = false\n    check_update = false\n"
AUTHOR = {f"GIT_{who}_{what}": f"{what}@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def environment(home: Path) -> dict[str, str]:
    """Return environment variables that do not depend on the settings of the user, and create a home folder."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "config").write_text(DVC_CONFIG)
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    return {
        **kept,
        **AUTHOR,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "PYTHONPATH": f"{PACKAGE / 'tests/helpers/site'}{os.pathsep}{PACKAGE / 'src'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "XDG_CACHE_HOME": str(home / "cache"),
        "DVC_SITE_CACHE_DIR": str(home / "dvc"),
        "DVC_GLOBAL_CONFIG_DIR": str(home),
        "DVC_SYSTEM_CONFIG_DIR": str(home),
        "DVC_NO_ANALYTICS": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_EDITOR": "true",
    }
