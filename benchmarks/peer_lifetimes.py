"""The library `lifetimes` on one summary, run by the interpreter of an environment that has it: not one of ours.

    path/to/python benchmarks/peer_lifetimes.py summary.json

Reads frequency, recency, T and horizon_days from JSON, prints expected purchases per customer and model as JSON.
"""

from __future__ import annotations

import json
import sys
import time
import warnings


def main() -> None:
    import lifetimes
    import numpy as np
    warnings.filterwarnings("ignore")
    with open(sys.argv[1], encoding="utf-8") as file:
        given = json.load(file)
    # weeks, as the library's own examples: its optimiser dislikes days
    x, recent, total = np.array(given["frequency"]), np.array(given["recency_days"]) / 7, np.array(given["t_days"]) / 7
    found = {}
    for name in ("ParetoNBDFitter", "BetaGeoFitter", "ModifiedBetaGeoFitter"):
        started = time.process_time()
        model = getattr(lifetimes, name)(penalizer_coef=0.0)
        model.fit(x, recent, total)
        expected = model.conditional_expected_number_of_purchases_up_to_time(given["horizon_days"] / 7, x, recent, total)
        found[name] = {"expected": [float(v) for v in np.nan_to_num(np.asarray(expected))], "seconds": time.process_time() - started}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
