"""Write the closed forms of `nngplab.kernels.duals.DUALS` into the schema of Problem 11 and into the docs."""

import re
from pathlib import Path

from nngplab.kernels.duals import DUALS
from nngplab.pipeline.files import atomic_write

SCHEMA = Path("workflow/schemas/kernel_regression.schema.yaml")
PAGE = Path("docs/activations.md")
# First those that Problem 11 asks for. The linear kernel, which is that of the identity, is always a baseline.
ASKED = ["relu", "sine", "erf"]
# Kernels that are not in the problem set, and are compared with the theory.
FURTHER = ["linear", "ntk", "relu_depth3"]
NAMES = [*ASKED, *(name for name in DUALS if name not in [*ASKED, "identity"])]


def with_names(schema: str) -> str:
    """Return the text of the schema with the names of all kernels of Problem 11."""
    for key, further in (("kernels", []), ("curve_kernels", FURTHER)):
        kernels = "".join(f"        - {name}\n" for name in [*NAMES, "laplace", *further])
        start = rf"(\n  {key}:\n.*?\n      enum:\n)"
        schema = re.sub(rf"{start}(?: {{8}}- \w+\n)+", rf"\g<1>{kernels}", schema, count=1, flags=re.DOTALL)
    return schema


def with_table(page: str) -> str:
    """Return the text of the page with a table of all closed forms."""
    rows = "".join(f"| `{name}` | {DUALS[name].label} | ${DUALS[name].formula}$ |\n" for name in NAMES)
    table = f"| name | activation | dual activation of $\\xi$ |\n|---|---|---|\n{rows}"
    start, end = "<!-- closed forms: `make docs/configuration.md` -->\n", "<!-- end of the closed forms -->\n"
    return re.sub(f"{start}.*{end}", lambda _: start + table + end, page, flags=re.S)


def main() -> None:
    """Write both files."""
    for path, change in ((SCHEMA, with_names), (PAGE, with_table)):
        with atomic_write(path) as beside:
            beside.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
