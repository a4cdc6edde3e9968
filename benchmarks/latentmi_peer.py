"""The published latent-information method, timed on its own.

`latentmi` 0.1.3 needs numpy < 2, hence an environment of its own:

    python benchmarks/peers.py latentmi
    OMP_NUM_THREADS=1 .venv-peers/latentmi/bin/python benchmarks/latentmi_peer.py [N_PAIRS]

Prints its estimate (all defaults) and CPU seconds on the pairs of `wide_pairs`, as a line of
JSON; `benchmarks/information.py` calls it and times our own on the same pairs.
"""

import contextlib
import json
import sys
import time

import numpy as np


def wide_pairs(n: int = 5000) -> tuple[np.ndarray, np.ndarray, float]:
    """Return pairs of 100 x 100 noisy columns that share two dimensions, and their bits."""
    rng = np.random.default_rng(0)
    d, rho = 100, 0.9
    z = rng.standard_normal((n, 2))
    w = rho * z + np.sqrt(1 - rho**2) * rng.standard_normal(z.shape)
    a, b = rng.standard_normal((2, d)), rng.standard_normal((2, d))
    x, y = z @ a + rng.standard_normal((n, d)), w @ b + rng.standard_normal((n, d))
    own = [side.T @ side + np.eye(d) for side in (a, b)]
    cross = rho * a.T @ b
    joint = np.block([[own[0], cross], [cross.T, own[1]]])
    nats = 0.5 * (sum(np.linalg.slogdet(c)[1] for c in own) - np.linalg.slogdet(joint)[1])
    return x, y, float(nats / np.log(2))


def main() -> None:
    """Time the peer."""
    import torch
    from latentmi import lmi

    torch.set_num_threads(1)
    np.random.seed(0)  # noqa: NPY002 (the peer draws from the global stream)
    torch.manual_seed(0)
    x, y, truth = wide_pairs(*map(int, sys.argv[1:]))
    start = time.process_time()
    with contextlib.redirect_stdout(sys.stderr):  # it talks, quiet or not
        shares, _, _ = lmi.estimate(x, y, quiet=True)
    seconds = time.process_time() - start
    print(json.dumps({"bits": float(np.nanmean(shares)), "truth": truth, "seconds": seconds}))


if __name__ == "__main__":
    main()
