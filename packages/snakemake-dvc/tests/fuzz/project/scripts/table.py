"""Collect the shards."""

import helper
from stub import begin, finish, read

CONSTANT = 0

words, (*shards, output) = begin("table")
lines = ["table", f"script {CONSTANT}", f"helper {helper.CONSTANT}", *words]
finish("table", {output: lines + [line for shard in shards for line in read(shard)]})
