"""Compiled templates for the tests of the report."""

from collections.abc import Iterator
from functools import partial

import jinja2
import pytest
from jinja2.bccache import Bucket


class Compiled(jinja2.BytecodeCache):
    """Templates that are compiled once, as long as their text is the same."""

    def __init__(self) -> None:
        self.codes: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.codes:
            bucket.bytecode_from_string(self.codes[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.codes[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session", autouse=True)
def compiled_templates() -> Iterator[None]:
    """Let all pages share the compiled templates: compiling takes most of the time of a page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jinja2, "Environment", partial(jinja2.Environment, bytecode_cache=Compiled()))
        yield
