"""Principal components of responses with gaps, of the training rows and of nothing else."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream

Array = NDArray[np.float64]

EXACT = 2_500
"""Rows or genes, whichever are fewer, up to which the decomposition is exact."""
ROUNDS, TOLERANCE = 10, 1e-3
"""Of filling gaps: how often at most, and the relative change that ends it."""
BLOCK = 2_000
"""Genes at a time, where a row needs a system of its own."""


@dataclass(frozen=True, eq=False)
class Components:
    """A low-rank description of responses: y ≈ mean + scores @ basis.

    Attributes
    ----------
    mean
        ``(n_genes,)``.
    basis
        ``(n, n_genes)``, orthonormal rows, the largest component first.
    sd
        Of the scores, ``(n,)``.
    noise
        Standard deviation of what the components leave, per value.
    """

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]
    sd: NDArray[np.float32]
    noise: float

    def scores(self, Y: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the scores of profiles, ``(n_rows, n)``; each row by itself.

        Where values are missing, the most probable ones given the others: ridge regression on
        the basis with the variances of scores and noise.
        """
        known = ~np.isnan(Y)
        gaps = np.nan_to_num(Y - self.mean)
        found: NDArray[np.float32] = (gaps @ self.basis.T).astype(np.float32)
        partial = np.flatnonzero(~known.all(axis=1))
        if not len(partial) or not len(self.sd):
            return found
        n = len(self.sd)
        system = np.zeros((len(partial), n * n))
        for start in range(0, Y.shape[1], BLOCK):
            part = self.basis[:, start : start + BLOCK].astype(float)
            outer = np.einsum("ag,bg->gab", part, part).reshape(-1, n * n)
            system += known[partial, start : start + BLOCK] @ outer
        ridge = (self.noise**2 + 1e-8) / np.maximum(self.sd.astype(float) ** 2, 1e-12)
        system = system.reshape(-1, n, n) + np.diag(ridge)
        right = found[partial].astype(float)[:, :, None]
        found[partial] = np.linalg.solve(system, right)[:, :, 0]
        return found

    def back(self, scores: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the profiles of scores, ``(n_rows, n_genes)``."""
        found: NDArray[np.float32] = self.mean + scores.astype(np.float32) @ self.basis
        return found

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what JSON and arrays keep."""
        return {"noise": self.noise}, {"mean": self.mean, "basis": self.basis, "sd": self.sd}

    @classmethod
    def from_arrays(cls, params: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Self:
        """Return what `to_arrays` told of."""
        return cls(arrays["mean"], arrays["basis"], arrays["sd"], float(params["noise"]))


def fit_components(
    Y: NDArray[np.floating],
    n: int,
    *,
    weights: NDArray[np.float64] | None = None,
    random_state: int = 0,
) -> Components:
    """Find the components that leave the least weighted square error of these rows.

    Gaps are filled and the components found in turn. A gap is filled from the known values of
    its row, by components shrunken by the noise, so that gaps are not fitted to themselves.

    Parameters
    ----------
    Y
        ``(n_rows, n_genes)``, the training rows alone; NaN is missing. A gene that was never
        measured has mean 0 and no part in the basis.
    n
        Components; of fewer rows or genes, as many as there are.
    weights
        Of the rows, ``(n_rows,)``; of any scale.
    random_state
        Seed, which matters where neither rows nor genes are few.

    Raises
    ------
    InputError
        If ``n`` is below 1.

    References
    ----------
    Josse & Husson, J. Stat. Soft. 70 (2016): regularised iterative PCA.

    Examples
    --------
    >>> Y = np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 0.0])
    >>> found = fit_components(Y, 1)
    >>> found.back(found.scores(Y)).round(3).tolist()[2]
    [3.0, -3.0, 0.0]
    """
    if n < 1:
        raise InputError(f"components must be 1 at least, but are {n}.")
    w = np.ones(len(Y)) if weights is None else np.asarray(weights, dtype=float)
    w = (w / w.mean())[:, None]
    values, known = np.nan_to_num(np.asarray(Y, dtype=np.float64)), ~np.isnan(Y)
    size = (w * known).sum(axis=0)
    mean = np.divide((w * values).sum(axis=0), size, out=np.zeros(len(size)), where=size > 0)
    n = min(n, max(1, len(Y) - 1), Y.shape[1])
    filled = np.where(known, values, mean)
    for _ in range(ROUNDS):
        mean = np.average(filled, axis=0, weights=w[:, 0])
        root = np.sqrt(w) * (filled - mean)
        size, basis, noise = _decompose(root, n, int(known.sum()), random_state)
        sd = (size / np.sqrt(len(Y))).astype(np.float32)
        found = Components(mean.astype(np.float32), basis.astype(np.float32), sd, noise)
        if known.all():
            break
        keep = np.maximum(size**2 - noise**2 * len(Y), 0) / np.maximum(size**2, 1e-300)
        guess = found.back(found.scores(np.where(known, values, np.nan)) * keep)
        moved = float(((guess - filled)[~known] ** 2).sum())
        filled = np.where(known, values, guess)
        if moved <= TOLERANCE**2 * float((root**2).sum()):
            break
    return found


def _decompose(gaps: Array, n: int, n_known: int, random_state: int) -> tuple[Array, Array, float]:
    """Return singular values ``(n,)``, right vectors ``(n, n_genes)`` and sd of the rest."""
    rows, genes = gaps.shape
    small = min(rows, genes)
    if small > EXACT:
        basis = _sketch(gaps, n, random_state)
    elif genes <= rows:
        basis = np.linalg.eigh(gaps.T @ gaps)[1][:, : -n - 1 : -1].T
    else:
        left = np.linalg.eigh(gaps @ gaps.T)[1][:, : -n - 1 : -1]
        basis = np.linalg.qr(gaps.T @ left)[0].T
    basis = basis * np.where(basis.sum(axis=1) < 0, -1.0, 1.0)[:, None]
    size = np.linalg.norm(gaps @ basis.T, axis=0)
    left_over = max(float((gaps**2).sum() - (size**2).sum()), 0.0)
    # a gap that was filled leaves nothing; where there are more parameters than values, a guess
    free = max(n_known - n * (rows + genes - n), n_known / 4, 1)
    return size, basis, float(np.sqrt(left_over / free))


def _sketch(gaps: Array, n: int, random_state: int) -> Array:
    """Return leading right vectors by random projection (Halko, Martinsson & Tropp 2011)."""
    rng = stream(random_state, "components", n, *gaps.shape)
    found = np.linalg.qr(gaps @ rng.normal(size=(gaps.shape[1], n + 20)))[0]
    for _ in range(4):
        found = np.linalg.qr(gaps @ np.linalg.qr(gaps.T @ found)[0])[0]
    right: Array = np.linalg.svd(found.T @ gaps, full_matrices=False)[2][:n]
    return right
