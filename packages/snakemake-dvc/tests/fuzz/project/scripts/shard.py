"""Write one shard of the sweep."""

import sys

from common import constants
from stub import begin, finish

CONSTANT = 0

name = "shard-" + sys.argv[2].removeprefix("k=")
words, (output,) = begin(name)
finish(name, {output: ["shard", f"script {CONSTANT}", *constants(), *words]})
