"""Random streams that depend on what is drawn, never on who draws it or when."""

import hashlib
import json

import numpy as np

from cellaxes._core.errors import InputError


def stream(random_state: int, *key: str | int | float) -> np.random.Generator:
    """Return the generator that belongs to ``random_state`` and ``key``.

    The same pair gives the same stream in every process, on every platform and in
    any order of calls; different keys give independent streams
    (``numpy.random.SeedSequence`` over the seed and a SHA-256 of the key).

    Parameters
    ----------
    random_state
        Non-negative integer seed.
    *key
        What the stream is for: data set, stage, row block, ….

    Raises
    ------
    InputError
        If ``random_state`` is no non-negative integer.

    Examples
    --------
    >>> stream(0, "split").random() == stream(0, "split").random()
    True
    >>> stream(0, "split").random() == stream(0, "thin").random()
    False
    """
    if isinstance(random_state, bool) or not isinstance(random_state, int | np.integer):
        raise InputError(
            f"random_state must be a non-negative integer, not {random_state!r}: pass e.g. 0."
        )
    if random_state < 0:
        raise InputError(f"random_state must not be negative, but is {random_state}: pass e.g. 0.")
    digest = hashlib.sha256(json.dumps(key, default=lambda number: number.item()).encode()).digest()
    words = np.frombuffer(digest, dtype="<u4")
    entropy = [int(random_state), *(int(word) for word in words)]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy)))
