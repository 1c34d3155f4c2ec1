"""Give keys of a YAML file new values, as a reader of the documentation does: `edit_yaml.py FILE <VALUES`.

A key, or a key in a section, that the file does not have is an error.
"""

import sys
from pathlib import Path

from ruamel.yaml import YAML


def main(path: Path) -> None:
    """Change the file; its comments stay."""
    yaml = YAML()
    yaml.width = 1000
    config = yaml.load(path)
    for key, value in yaml.load(sys.stdin).items():
        section, changed = (config[key], value) if isinstance(value, dict) else (config, {key: value})
        for name in changed:
            if name not in section:
                sys.exit(f"error: {path} has no key {name}")
            section[name] = changed[name]
    yaml.dump(config, path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
