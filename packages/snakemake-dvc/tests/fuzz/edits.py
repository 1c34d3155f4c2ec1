"""Steps that edit sources and damage results."""

import os
import re
import shutil
import time
from pathlib import Path

import yaml

from fuzz import model
from fuzz.checkouts import Checkouts

SCRIPTS = ("scripts/data.py", "scripts/shard.py", "scripts/table.py", "scripts/final.py")
MODULES = ("scripts/helper.py", "lib/common.py", "lib/deep.py", "lib/extra.py")
# Files that can end with a comment.
COMMENTED = (*SCRIPTS, *MODULES, "rules/data.smk", "rules/sweep.smk", "Snakefile", "config.yaml", "requirements.lock")


class Edits(Checkouts):
    """Checkouts, and steps that edit sources and damage results."""

    def _write(self, path: str, text: str, when: str = "now") -> None:
        """Write a source: write another file and rename it, as editors do, with a modification time."""
        file = self.folder / path
        beside = file.with_name("beside")
        beside.write_text(text)
        self._set_time(beside, when)
        beside.replace(file)

    def _set_time(self, file: Path, when: str) -> None:
        self.counter += 1
        if when != "now":
            moment = 1e9 + self.counter if when == "old" else time.time() + 1e6 + self.counter
            os.utime(file, (moment, moment))

    def set_key(self, key: str, value: int, when: str = "now") -> None:
        """Set a key of the configuration."""
        config = model.config_of(self.folder)
        *section, name = key.split(".")
        (config[section[0]] if section else config)[name] = value
        self._write("config.yaml", yaml.safe_dump(config, sort_keys=False), when)

    def set_values(self, values: list[int], when: str = "now") -> None:
        """Set the values of the sweep."""
        config = model.config_of(self.folder)
        config["sweep"]["values"] = list(values)
        self._write("config.yaml", yaml.safe_dump(config, sort_keys=False), when)

    def set_constant(self, path: str, value: int, when: str = "now") -> None:
        """Set the constant in a script or module."""
        text = (self.folder / path).read_text()
        self._write(path, re.sub(r"(?m)^CONSTANT = \d+$", f"CONSTANT = {value}", text), when)

    def set_comment(self, path: str, number: int, when: str = "now") -> None:
        """Set the comment at the end of a source."""
        text = re.sub(r"# comment \d+\n$", "", (self.folder / path).read_text())
        self._write(path, f"{text}# comment {number}\n", when)

    def set_import(self, path: str, imports: bool) -> None:
        """Add the import of the extra module to a script or module, or remove it, and write dvc.yaml again."""
        text = (self.folder / path).read_text().replace("import extra\n", "")
        if imports:
            text = text.replace("\nimport ", "\nimport extra\nimport ", 1)
        self._write(path, text)
        self._write_stages()

    def set_salt(self, rule: str, value: int, when: str = "now") -> None:
        """Change the command of a rule."""
        path = f"rules/{model.STAGES[rule]}.smk"
        head, tail = (self.folder / path).read_text().split(f"rule {rule}:\n")
        self._write(path, f"{head}rule {rule}:\n" + re.sub(r"salt=\d+", f"salt={value}", tail, count=1), when)

    def delete(self, what: str) -> None:
        """Delete a result, a folder, or the state of an engine."""
        for path in [path for pattern in what.split() for path in self.folder.glob(pattern)]:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def delete_cache(self) -> None:
        """Delete DVC's cache, and the records in it."""
        shutil.rmtree(self.folder / ".dvc/cache", ignore_errors=True)
        self.here.recorded.clear()

    def tamper(self, which: int, how: str, spared: frozenset[str] = frozenset()) -> None:
        """Change the content of a result.

        Args:
            which: the number of the result.
            how: `longer` and `empty` change the size, `time` only the modification time, `inode` only the inode,
                `inode time` only the time of the inode, which DVC does not see; `folder` puts a folder there.
            spared: results that must not be changed.
        """
        files = [path for path in self._files() if path not in spared]
        if not files:
            return
        file = self.folder / files[which % len(files)]
        content, status = file.read_bytes(), file.stat()
        changed = {"longer": content + b"X", "empty": b""}.get(how, content[:-1] + b"X")
        if how == "folder":
            file.unlink()
            file.mkdir()
            file /= "inside.txt"
        elif how != "inode time":
            file.rename(self.root / "was")  # so that the inode is not used again
        file.write_bytes(changed)
        if how in ("inode", "inode time"):
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.here.hidden |= how == "inode time"

    def litter(self, name: str) -> None:
        """Put a file among the results that no job writes."""
        folder = self.folder / "results/sweep/shards"
        if folder.is_dir():
            (folder / name).write_text("litter\n")

    def touch(self, what: str, when: str) -> None:
        """Change the times of files and not their contents."""
        for path in sorted(self.folder.glob(what)):
            for file in path.rglob("*") if path.is_dir() else [path]:
                if file.is_file() and not {".git", ".dvc", ".snakemake"} & set(file.parts):
                    os.utime(file)
                    self._set_time(file, when)
