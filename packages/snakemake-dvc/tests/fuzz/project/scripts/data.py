"""Write the numbers. Seeds 2 and 3 give the same numbers, so that two recipes have one result."""

from common import constants
from stub import begin, finish

CONSTANT = 0

words, (output,) = begin("numbers")
seed = next(int(word.split("=")[1]) for word in words if word.startswith("seed="))
words = [word for word in words if not word.startswith("seed=")]
finish("numbers", {output: ["numbers", f"script {CONSTANT}", *constants(), *words, f"half of the seed {seed // 2}"]})
