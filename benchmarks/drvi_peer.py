"""DRVI's scores by its own package, in an environment of its own.

    .venv-peers/drvi/bin/python benchmarks/drvi_peer.py FILE.npz

The file holds activations ``x`` and 0/1 ``concepts``; prints scores and CPU seconds as JSON.
`benchmarks/features.py` calls it.
"""

import json
import sys
import time

import numpy as np
from drvi.utils import metrics as m

PAIRS = {
    "SMI": m.discrete_scaled_mutual_info_score,
    "SPN": m.nn_alignment_score,
    "BMMI": m.binary_maximum_mutual_information_score,
}
AGGREGATIONS = {
    "LMS": m.latent_matching_score,
    "MSAS": m.most_similar_averaging_score,
    "MSGS": m.most_similar_gap_score,
}


def main() -> None:
    """Score and print."""
    found = np.load(sys.argv[1])
    start = time.process_time()
    scores = {}
    for name, pair in PAIRS.items():
        table = pair(found["x"], gt_one_hot=found["concepts"])
        scores[name] = {key: float(of(table)) for key, of in AGGREGATIONS.items()}
    print(json.dumps({"scores": scores, "seconds": time.process_time() - start}))


if __name__ == "__main__":
    main()
