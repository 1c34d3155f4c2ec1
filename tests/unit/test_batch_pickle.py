"""Pickles from anyone: each is read, or refused in one line, in little time and memory and without a crash."""

import pickle
import resource
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngplab.datasets.batch_pickle import MAX_OPCODES, OPCODES, load_batch
from nngplab.errors import InputError

MAX_MEMORY = 500_000_000
TEXT = b"X" + struct.pack("<I", 1 << 24) + b"x" * (1 << 24)  # BINUNICODE of 16 MB
ENCODE = b"c_codecs\nencode\n"
LATIN = b"X\x06\0\0\0latin1"
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nI0\n\x85U\x01btR"
TYPE = b"cnumpy\ndtype\n(U\x02u1tR(I3\nU\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffI0\ntb"


def deep(count: int, *, unit: bytes = b"", end: bytes = b"") -> bytes:
    return b"\x80\x04" + unit * count + end + b"."


def size(opcode: bytes, number: int, form: str = "<Q") -> bytes:
    return b"\x80\x05" + opcode + struct.pack(form, number) + b"x."


HUGE = 1 << 40
BOMBS = {
    "LONG_BINPUT": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "LONG_BINPUT, unsigned": b"\x80\x02Nr\xff\xff\xff\xff.",
    "PUT": b"Np999999999\n.",
    "PUT in words": b"Npx\n.",
    "PUT, negative": b"Np-5\n.",
    "LONG_BINGET": b"\x80\x02j\xff\xff\xff\x7f.",
    "GET": b"g999999999999\n.",
    "BINUNICODE8": size(b"\x8d", HUGE),
    "BINBYTES8": size(b"\x8e", HUGE),
    "BINBYTES8, 64 bits": size(b"\x8e", (1 << 64) - 1),
    "BYTEARRAY8": size(b"\x96", HUGE),
    "BINUNICODE": size(b"X", (1 << 32) - 1, "<I"),
    "BINBYTES": size(b"B", (1 << 31) - 1, "<I"),
    "BINSTRING": size(b"T", (1 << 31) - 1, "<I"),
    "LONG4": size(b"\x8b", (1 << 31) - 1, "<I"),
    "FRAME": size(b"\x95", HUGE),
    "FRAME, 64 bits": size(b"\x95", (1 << 64) - 1),
    "long integer": b"L" + b"9" * 5_000_000 + b"L\n.",
    "long integer, hexadecimal": b"L0x" + b"f" * 5_000_000 + b"L\n.",
    "binary integer": b"\x80\x02\x8b" + struct.pack("<I", 5_000_000) + b"\x7f" * 5_000_000 + b".",
    "long float": b"F" + b"9" * 5_000_000 + b"\n.",
    "marks": deep(5_000_000, unit=b"("),
    "nested tuples": b"\x80\x02N" + b"\x85" * 200_000 + b".",
    "nested tuples as a key": b"\x80\x02}N" + b"\x85" * 200_000 + b"Ns.",
    "nested lists": b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
    "many objects": deep(5_000_000, unit=b"]"),
    "duplicates": b"\x80\x02](" + b"2" * 1_000_000 + b"e.",
    "equal hash values": b"\x80\x02}("
    + b"".join(b"\x8a\x0a" + (k * ((1 << 61) - 1)).to_bytes(10, "little") + b"N" for k in range(1, 30_000))
    + b"u.",
    "encoded texts": b"\x80\x02](" + TEXT + b"q\0" + (ENCODE + b"h\0" + LATIN + b"\x86R") * 200 + b"e.",
    "sets": b"\x80\x04\x8f(" + b"N" * 1000 + b"\x90.",
    "frozen sets": b"\x80\x04" + b"(" * 50_000 + b"\x91" * 50_000 + b".",
    "extension": b"\x80\x02\x82\x01.",
    "persistent": b"\x80\x02](" + TEXT + b"Q.",
    "long name": b"c" + b"a" * 5_000_000 + b"\nb\n.",
    "type with a long name": b"cnumpy\ndtype\n(" + TEXT + b"tR.",
    "state of a function": b"}X\x01\0\0\0a" + ENCODE + b"N}X\x0c\0\0\0__defaults__(NtsR\x86bs.",
    "buffer": b"\x80\x05\x97.",
    "old class": b"(ios\nsystem\n.",
    "itself": b"\x80\x02]q\0h\0a.",
    "empty": b"",
    "nothing": b".",
}


@pytest.fixture(scope="module", autouse=True)
def limited_memory():
    """Limit what this process can take from here on, `MAX_MEMORY` more than it has."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MAX_MEMORY, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)


def load(payload: bytes) -> dict | None:
    """Return the batch, or None if it is refused in one short line, which must not be for lack of memory."""
    try:
        return load_batch(payload, Path("data_batch_1"))
    except InputError as error:
        message = str(error)
    assert message.startswith("data_batch_1")
    assert "MemoryError" not in message
    assert "RecursionError" not in message
    assert "\n" not in message
    assert len(message) < 400
    return None


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_pickle_that_takes_all_memory_or_time_is_refused(bomb):
    assert load(BOMBS[bomb]) is None


def test_bytes_that_arrays_share_are_counted_before_they_are_copied():
    arrays = b"".join(
        b"J"
        + struct.pack("<i", k)
        + ARRAY
        + b"(I1\nI5\n"
        + TYPE
        + b"I0\n"
        + (TEXT + b"q\0" if not k else b"h\0")
        + b"tb"
        for k in range(200)
    )
    with pytest.raises(InputError, match="more bytes than the file"):
        load_batch(b"\x80\x02}(" + arrays + b"u.", Path("data_batch_1"))


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_any_bytes_are_refused_or_read(payload):
    load(payload)
    load(b"\x80\x04}" + payload + b".")


PIECES = [pickle.__dict__[name] for name in sorted(OPCODES) if name in pickle.__dict__]
ARGUMENTS = [struct.pack("<I", 1 << 31), b"\xff" * 8, b"\0" * 4, b"\x05", b"9" * 30 + b"\n", b"latin1\n", b"x\n"]


@given(st.lists(st.sampled_from([*PIECES, *ARGUMENTS, ENCODE, ARRAY, TYPE, LATIN]), max_size=60))
@settings(max_examples=300)
def test_any_opcodes_are_refused_or_read(pieces):
    load(b"".join(pieces) + b".")


def test_the_largest_official_file_is_far_below_the_limits():
    n = 10_000
    images = np.zeros((n, 3072), np.uint8)
    content = {"data": images, "labels": [k % 10 for k in range(n)], "filenames": [f"image_{k}.png" for k in range(n)]}
    for protocol in (2, 4):
        payload = pickle.dumps(content, protocol)
        found = load(payload)
        assert found["filenames"] == content["filenames"]
        assert found["data"].shape == (n, 3072)
    assert 2 * 5 * n < MAX_OPCODES
