"""An order of cells in which every beginning has as many of each label as there are."""

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream
from cellaxes.hierarchy._ingest._cache import write_cells
from cellaxes.hierarchy._ingest._cells import Cells
from cellaxes.hierarchy._ingest._parquet import write_parquet


def stratify(codes: ArrayLike, *, random_state: int = 0, legacy: bool = False) -> NDArray[np.int64]:
    """Order cells so that labels take turns.

    In each round every label that has cells left gives one, the most frequent label first (of
    equals, the one that comes first in ``codes``). Within a label, cells are shuffled. So the first
    N cells are class-balanced as far as the rare labels go.

    Parameters
    ----------
    codes
        Label of each cell as a whole number, ``(n_cells,)``, not negative.
    random_state
        Seed of the shuffles.
    legacy
        Shuffle by ``numpy.random.RandomState(random_state)``, label by label as they come first
        (with seed 42, the order of published stratified files).

    Returns
    -------
    numpy.ndarray
        Row numbers in the new order, int64 ``(n_cells,)``.

    Raises
    ------
    InputError
        If codes are no vector of whole numbers from 0.

    Examples
    --------
    >>> import numpy as np
    >>> codes = np.array([0, 0, 0, 0, 1, 2, 2])
    >>> codes[stratify(codes)]
    array([0, 2, 1, 0, 2, 0, 0])
    """
    values = np.asarray(codes)
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise InputError(
            f"codes must be whole numbers (n_cells,), but are {values.dtype} of shape "
            f"{values.shape}: pass cells.codes(column)."
        )
    if not len(values):
        return np.empty(0, dtype=np.int64)
    if values.min() < 0:
        raise InputError(f"codes are negative in {(values < 0).sum():,} cells: remove these cells.")
    if values.max() >= 1 << 16:
        values = np.unique(values, return_inverse=True)[1]
    if values.max() < 1 << 16:
        values = values.astype(np.uint16)  # sorted by digits, in one pass over the cells
    cells = np.argsort(values, kind="stable")
    sizes = np.bincount(values)
    sizes = sizes[sizes > 0]
    starts = np.cumsum(sizes) - sizes
    groups = [cells[start : start + size] for start, size in zip(starts, sizes, strict=True)]
    groups.sort(key=lambda group: int(group[0]))
    rng = np.random.RandomState(random_state) if legacy else stream(random_state, "stratify")
    for group in groups:
        rng.shuffle(group)
    groups.sort(key=len, reverse=True)  # stable
    # Round r takes one cell of each group with more than r cells, and these come first.
    left = np.cumsum(np.bincount([len(group) for group in groups])[::-1])[::-1][1:]
    rounds = np.cumsum(left) - left
    order = np.empty(len(values), dtype=np.int64)
    for turn, group in enumerate(groups):
        order[rounds[: len(group)] + turn] = group
    return order


def write_stratified(
    cells: Cells, column: str, path: str | Path, *, random_state: int = 0, legacy: bool = False
) -> Path:
    """Write cells in the order of `stratify`, where another tool wants the file itself.

    Training needs no such file: hand the order to `batches`.

    Parameters
    ----------
    cells
        What `open_cells` returned.
    column
        Label column that takes turns.
    path
        A ``.parquet`` file, or a folder as `write_cells` writes it.
    random_state, legacy
        As in `stratify`.

    Returns
    -------
    pathlib.Path
        What was written.
    """
    order = stratify(cells.codes(column), random_state=random_state, legacy=legacy)
    path = Path(path)
    stream_ = cells.stream(order)
    if path.suffix == ".parquet":
        return write_parquet(stream_, path)
    write_cells(stream_, path)
    return path
