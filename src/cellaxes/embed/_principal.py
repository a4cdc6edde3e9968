"""Principal components of rows that are read in blocks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError

Block = Any
"""Rows as a dense float64 array or as CSR."""
EXACT = 1024
"""Most columns whose covariance is formed and diagonalised."""
SPARE, ROUNDS = 10, 4
"""Further directions, and rounds, of subspace iteration."""
ROWS = 2048
"""Rows per block."""


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components.

    Attributes
    ----------
    mean
        Of each column, ``(n_columns,)`` float32.
    axes
        Orthonormal, ``(n_components, n_columns)`` float32, most variance first; the
        entry of each that is largest in size is positive. Zero beyond the directions that vary.
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]

    def score(self, blocks: Iterable[Block]) -> NDArray[np.float32]:
        """Return ``(rows - mean) axes^T`` of all rows, ``(n, n_components)``."""
        axes = self.axes.T.astype(np.float64)
        shift = self.mean.astype(np.float64) @ axes
        found = [np.asarray(block @ axes - shift, dtype=np.float32) for block in blocks]
        return np.concatenate([np.empty((0, len(self.axes)), dtype=np.float32), *found])

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the fields by name, which ``Components(**arrays)`` takes."""
        return {"mean": self.mean, "axes": self.axes}


def principal(
    blocks: Callable[[], Iterable[Block]],
    n_columns: int,
    n_components: int,
    *,
    rng: np.random.Generator,
) -> Components:
    """Return the leading components of the centred rows.

    Exact (eigenvectors of the covariance) up to 1,024 columns; beyond, randomised subspace
    iteration, which never holds more than a block of rows.

    Parameters
    ----------
    blocks
        Returns the rows once more, ``(rows, n_columns)`` dense or CSR, in any pieces.
    n_columns
        Columns.
    n_components
        Components wanted.
    rng
        First directions of the iteration.

    Raises
    ------
    InputError
        If there are fewer rows or columns than components.

    References
    ----------
    Halko, Martinsson and Tropp, SIAM Review 53:217 (2011), algorithm 4.4.
    """
    n_rows, total = 0, np.zeros(n_columns)
    for block in blocks():
        n_rows += block.shape[0]
        total += np.asarray(block.sum(axis=0, dtype=np.float64)).ravel()
    mean = total / max(n_rows, 1)
    wanted = min(n_components, n_columns)
    if n_columns <= EXACT:
        directions = np.eye(n_columns)
    else:
        width = min(n_components + SPARE, n_columns)
        directions = rng.standard_normal((n_columns, width))
        for _ in range(ROUNDS):
            directions = np.linalg.qr(_spread(blocks(), mean, directions))[0]
    # variance within the directions: exact if they are all there are
    inner = directions.T @ _spread(blocks(), mean, directions)
    variance, rotation = np.linalg.eigh((inner + inner.T) / 2)
    order = np.argsort(-variance, kind="stable")[:wanted]
    floor = 1e-9 * max(float(variance.max(initial=0.0)), 1e-30)
    n_varying = int((variance > floor).sum())
    if n_rows <= n_components or n_columns < n_components:
        raise InputError(
            f"{n_components} components need more training rows than that and as many columns, but "
            f"there are {n_rows} rows and {n_columns} columns: lower n_components, or give more "
            "data."
        )
    axes = (directions @ rotation[:, order]).T
    axes[n_varying:] = 0.0  # at the strongest noise little varies: no component, not a failure
    largest = np.abs(axes).argmax(axis=1)
    axes *= np.sign(axes[np.arange(len(axes)), largest])[:, None]
    return Components(mean.astype(np.float32), axes.astype(np.float32))


def _spread(
    blocks: Iterable[Block], mean: NDArray[np.float64], directions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the scatter matrix of the centred rows times the directions."""
    found = np.zeros_like(directions)
    shift = mean @ directions
    for block in blocks:
        scores = np.asarray(block @ directions) - shift
        found += (
            block.T @ scores
        )  # of all rows, scores have mean zero: the rows need not be centred
    return found
