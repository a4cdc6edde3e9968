"""Nearest cells of a large reference, by faiss (an extra)."""

import math

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes.hierarchy._neighbours._exact import SPARE, rerank
from cellaxes.hierarchy._neighbours._vectors import BLOCK, Matrix

PROBED = 32
"""Lists that are searched, of about 4 sqrt(n)."""
TRAINED = 64
"""Cells per list from which the lists are made."""


def approximate(
    query: tuple[Matrix, NDArray[np.float64]],
    reference: tuple[Matrix, NDArray[np.float64]],
    k: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return rows and cosines of about the k nearest reference cells, as `exact` does.

    An inverted file of ``4 sqrt(n)`` lists, 32 of which are searched; the candidates' cosines are
    taken anew in double precision.

    Raises
    ------
    InputError
        If faiss is not installed.
    """
    try:
        import faiss
    except ImportError as error:
        raise InputError(
            f"a reference of {len(reference[0])} cells is searched with faiss, which is not "
            "installed: pip install 'cellaxes[faiss]', or pass method='exact' (slower)."
        ) from error
    n, d = reference[0].shape
    lists = max(1, min(int(4 * math.sqrt(n)), n // TRAINED))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(d), d, lists, faiss.METRIC_INNER_PRODUCT)
    index.train(_unit(reference, slice(None, None, max(1, n // (lists * TRAINED)))))
    for start in range(0, n, BLOCK):
        index.add(_unit(reference, slice(start, start + BLOCK)))
    index.nprobe = min(PROBED, lists)
    rows = np.empty((len(query[0]), min(k + SPARE, n)), dtype=np.int64)
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        rows[part] = index.search(_unit(query, part), rows.shape[1])[1]
    return rerank(query, reference, rows, k)


def _unit(cells: tuple[Matrix, NDArray[np.float64]], part: slice) -> NDArray[np.float32]:
    values = np.asarray(cells[0][part], dtype=np.float64) / cells[1][part, None]
    return np.ascontiguousarray(values, dtype=np.float32)
