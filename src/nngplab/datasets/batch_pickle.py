"""Reading of the pickled batches of CIFAR-10 from untrusted files, without executing code, in bounded time and memory.

A batch is a dictionary of lists, numbers, strings and arrays of bytes. Its opcodes are checked before it is loaded
(`pickletools`), and only the four functions that the official files use are allowed ("Restricting globals" in the
documentation of pickle).
"""

import io
import pickle
import pickletools
import reprlib
import textwrap
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from nngplab.errors import InputError

# The opcodes that pickle writes for such dictionaries. Others duplicate objects, or need other classes.
# fmt: off
OPCODES = {
    "PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG",
    "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE",
    "BINUNICODE", "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "EMPTY_LIST", "LIST", "APPEND",
    "APPENDS", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3",
    "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET", "GLOBAL", "STACK_GLOBAL", "REDUCE",
    "BUILD",
}
# fmt: on
MAX_OPCODES = 1 << 18  # a file of the official archive has 50,000
MAX_TUPLES = 1000  # nested deeper, they would overflow the stack of the interpreter
MAX_INTEGER = 1 << 31  # larger integers can have equal hash values, which makes a dictionary slow


def load_batch(payload: bytes, path: Path) -> dict[str, Any]:
    """Return the dictionary in a pickled batch or `batches.meta`; arrays are uint8.

    Args:
        payload: the content of the file.
        path: the file, for messages.

    Raises:
        InputError: if it is not a pickled dictionary, or needs any type but arrays of bytes.
    """
    try:
        _check_opcodes(payload)
        content = _BatchUnpickler(payload).load()
        if not isinstance(content, dict):
            raise InputError("it does not hold a dictionary, so it is not a batch of images")
        # Several arrays can share their bytes in the file.
        if sum(len(value.raw) for value in content.values() if isinstance(value, _ByteArray)) > len(payload):
            raise InputError("its arrays have more bytes than the file")
        return {key: value.array() if isinstance(value, _ByteArray) else value for key, value in content.items()}
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except Exception as error:
        # A damaged pickle can raise almost any exception: each opcode has its own.
        reason = textwrap.shorten(f"{type(error).__name__}: {error}", 200, placeholder="...")
        raise InputError(f"{path} is not a readable batch of images ({reason})") from error


def _check_opcodes(payload: bytes) -> None:
    """Raise an exception unless all opcodes are allowed and need little time and memory.

    `genops` raises ValueError where a length is more than what is left of the file.
    """
    tuples = 0
    argument: Any
    for count, (opcode, argument, position) in enumerate(pickletools.genops(payload)):
        if opcode.name not in OPCODES:
            raise InputError(f"its pickle needs the opcode {opcode.name}, which is not allowed in a batch of images")
        tuples += opcode.name.startswith("TUPLE")
        if count > MAX_OPCODES or tuples > MAX_TUPLES:
            raise InputError("its pickle has more objects than a batch of images")
        if opcode.name == "FRAME" and argument > len(payload) - (position or 0):
            raise InputError("its pickle is cut off")
        if isinstance(argument, int) and opcode.name != "FRAME" and abs(argument) >= _limit(opcode.name):
            raise InputError(f"its pickle has the number {reprlib.repr(argument)}, too large for a batch of images")


def _limit(opcode: str) -> int:
    """Return the limit of the argument of an opcode. The memory for the memo grows with the largest index into it."""
    return MAX_OPCODES if opcode.endswith(("PUT", "GET")) else MAX_INTEGER


class _ByteArray:
    """The substitute for `numpy.ndarray`, which does not check the state that it is given."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, self.shape, dtype, fortran, self.raw = state
        if not isinstance(dtype, _ByteType) or not dtype.plain or fortran:
            raise InputError("its array is not an array of bytes in C order")

    def array(self) -> np.ndarray:
        raw = self.raw.encode("latin1") if isinstance(self.raw, str) else self.raw
        return np.frombuffer(raw, np.uint8).reshape(self.shape)


class _ByteType:
    """The substitute for `numpy.dtype`, for uint8 alone."""

    plain = False

    def __init__(self, name: str, *_flags: object):
        if name != "u1":
            raise InputError(f"it has an array of type {reprlib.repr(name)}; only uint8 is allowed")

    def __setstate__(self, state: object) -> None:
        self.plain = state == (3, "|", None, None, None, -1, -1, 0)


class _BatchUnpickler(pickle.Unpickler):
    """Allows only the names in a pickled uint8 array."""

    def __init__(self, payload: bytes):
        super().__init__(io.BytesIO(payload), encoding="latin1")
        self.left = len(payload)

    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            "numpy.core.multiarray._reconstruct": _reconstruct,
            "numpy._core.multiarray._reconstruct": _reconstruct,
            "numpy.ndarray": _ByteArray,
            "numpy.dtype": _ByteType,
            "_codecs.encode": self._encode,
        }
        return allowed.get(f"{module}.{name}") or _reject(f"{module}.{name}")

    def _encode(self, text: str, encoding: str) -> bytes:
        """Return the bytes that Python 3, with protocol 2, writes as latin-1 text, each text once."""
        if encoding not in ("latin1", "latin-1"):
            raise InputError(f"it uses the encoding {reprlib.repr(encoding)}; only latin1 is allowed")
        self.left -= len(text)
        if self.left < 0:
            raise InputError("its pickle has more bytes than the file")
        return text.encode("latin1")


def _reconstruct(kind: object, shape: object, code: object) -> _ByteArray:
    if kind is not _ByteArray or shape != (0,) or code not in ("b", b"b"):
        raise InputError("its array is not in NumPy's pickle format")
    return _ByteArray()


def _reject(name: str) -> NoReturn:
    raise InputError(f"its pickle needs {textwrap.shorten(name, 100)}, which is not allowed in a batch of images")
