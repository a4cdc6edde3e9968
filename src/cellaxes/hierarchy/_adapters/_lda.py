"""Linear discriminant analysis with a shrunk covariance, in closed form."""

import numpy as np
from numpy.typing import NDArray

_RANK = 1e-6  # of the largest discriminant, below which there is none


def means(x: NDArray[np.floating], codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean of each class, ``(n_classes, d)``; classes are numbered without gaps."""
    sums = np.zeros((int(codes.max()) + 1, x.shape[1]))
    np.add.at(sums, codes, x)
    return sums / np.bincount(codes)[:, None]


def shrunk_covariance(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the covariance of centred rows, shrunk to a multiple of the identity.

    Ledoit and Wolf, J Multivariate Anal 88:365, 2004: the strength that minimises the expected
    squared error.
    """
    n, d = rows.shape
    moment = rows.T @ rows / n
    size = np.trace(moment) / d
    spread = float(((moment - size * np.eye(d)) ** 2).sum())
    squares = rows**2
    noise = float((squares.T @ squares / n - moment**2).sum() / n)
    share = min(1.0, noise / spread) if spread > 0 else 1.0
    return np.asarray((1 - share) * moment + share * size * np.eye(d), dtype=np.float64)


def discriminants(
    x: NDArray[np.floating], codes: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return centre ``(d,)`` and map ``(d, r)`` to the directions that tell the classes apart.

    With S the covariance within classes, of dimensions of equal spread, shrunk
    (`shrunk_covariance`), and B that of the class means, the columns are eigenvectors of ``S^-1 B``
    of unit variance within classes, best first; r is the rank of B, at most ``n_classes - 1``.
    Classes weigh as many cells as they have. A class of one cell has no spread of its own and takes
    that of the others.

    Fisher, Ann Eugen 7:179, 1936.
    """
    rows = np.asarray(x, dtype=np.float64)
    centroids = means(rows, codes)
    within = rows - centroids[codes]
    spread = within.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    within /= spread
    values, vectors = np.linalg.eigh(shrunk_covariance(within))
    floor = max(float(values.max()) * 1e-9, 1e-30)
    white = vectors / np.sqrt(np.maximum(values, floor)) / spread[:, None]
    weight = np.sqrt(np.bincount(codes) / len(codes))[:, None]
    centre = rows.mean(axis=0)
    _, size, directions = np.linalg.svd((centroids - centre) * weight @ white, full_matrices=False)
    rank = max(1, int((size > _RANK * size[0]).sum())) if size[0] > 0 else 1
    found = white @ directions[:rank].T
    return centre.astype(np.float32), found.astype(np.float32)
