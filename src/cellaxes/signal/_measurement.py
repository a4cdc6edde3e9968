"""A second measurement of the same cells, e.g. surface proteins."""

from typing import Literal

import anndata
import numpy as np
from numpy.typing import NDArray

from cellaxes._core.adata import obsm_matrix
from cellaxes._core.errors import InputError
from cellaxes.signal._signal import Signal

Transform = Literal["clr", "raw"]


def clr(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centred log-ratio per cell: ``log(1 + x_ij) - mean_j log(1 + x_ij)``.

    Parameters
    ----------
    values
        Non-negative counts ``(n_cells, d)``.

    Notes
    -----
    Stoeckius et al., Nature Methods 14:865 (2017), with a pseudocount of one. Rows sum to
    zero, so the rank is ``d - 1``.
    """
    logs = np.log1p(values)
    centred: NDArray[np.float64] = logs - logs.mean(axis=1, keepdims=True)
    return centred


def measurement(adata: anndata.AnnData, key: str, *, transform: Transform = "clr") -> Signal:
    """Return the matrix ``obsm[key]`` as a continuous signal.

    Parameters
    ----------
    adata
        Cells.
    key
        ``obsm`` key of a matrix ``(n_cells, d)``, e.g. antibody counts.
    transform
        ``"clr"``: centred log-ratio per cell, for counts; ``"raw"``: as it stands.

    Raises
    ------
    InputError
        If the key is missing, the matrix holds NaN, is constant, or is negative under
        ``"clr"``.
    """
    if transform not in ("clr", "raw"):
        raise InputError(f"transform must be 'clr' or 'raw', but is {transform!r}.")
    values = obsm_matrix(adata, key)
    if values.shape[1] == 0:
        raise InputError(f"obsm[{key!r}] has no columns.")
    if transform == "clr":
        if values.min() < 0:
            raise InputError(
                f"obsm[{key!r}] holds negative values, which are no protein counts: pass the "
                f"counts, or transform='raw' (--signal measurement:{key}) if it is scaled already."
            )
        values = clr(values) if values.shape[1] > 1 else np.log1p(values)
    if not values.std(axis=0).any():
        raise InputError(f"obsm[{key!r}] is the same in every cell: choose another signal.")
    return Signal(
        f"{'protein' if transform == 'clr' else 'measurement'}:{key}", "continuous", values
    )
