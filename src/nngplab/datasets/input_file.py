"""Reading of files that users provide: regular files of limited size, read once."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from nngplab.errors import InputError


@dataclass(frozen=True)
class ExpectedFile:
    """A file to download: its name for messages, its size in bytes, its SHA-256 in lower-case hexadecimal."""

    name: str
    size: int
    sha256: str


def read_input_file(path: Path, max_size: int) -> bytes:
    """Return the content of a file of at most `max_size` bytes.

    What is returned does not change if the file is replaced later, so it can be verified and then used.

    Raises:
        InputError: if the path is no regular file, is too large, or cannot be read.
    """
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for a writer.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InputError(f"{path} is a device or a pipe: replace it by a file")
            content = file.read(max_size + 1) if status.st_size <= max_size else b""
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}: correct the path") from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder: replace it by a file") from error
    except PermissionError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): correct its permissions") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): correct the path, or replace the file") from error
    size = max(status.st_size, len(content))
    if size > max_size:
        raise InputError(f"{path} has {size:,} bytes, more than {max_size:,}: check that it is the right file")
    return content
