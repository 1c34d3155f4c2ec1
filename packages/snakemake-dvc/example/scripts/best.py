"""Choose the degree from which on the error hardly falls."""

import json
import sys

fits = [json.load(open(path)) for path in sys.argv[1:]]
best = next(fit for fit in fits if fit["error"] < 1.2 * min(other["error"] for other in fits))
print(json.dumps({"best_degree": best["degree"], "error": best["error"]}))
