"""The runner: AnnData in, embedding written to ``obsm``."""

from typing import Any

import anndata
import numpy as np
from numpy.typing import ArrayLike

from cellaxes._core import keys
from cellaxes._core.adata import counts_name, counts_of, obsm_matrix
from cellaxes._core.errors import InputError
from cellaxes._core.matrix import by_rows, check_counts, csr_rows, require_cells
from cellaxes._core.version import __version__
from cellaxes.embed._annotations import Annotations
from cellaxes.embed._columns import dense_rows
from cellaxes.embed._model import Model, make, registered_name
from cellaxes.embed._precomputed import Precomputed


def embed(
    adata: anndata.AnnData,
    model: str | Model = "pca",
    *,
    train: ArrayLike | None = None,
    layer: str | None = None,
    use_rep: str | None = None,
    key_added: str | None = None,
    random_state: int = 0,
    copy: bool = False,
    **params: Any,
) -> anndata.AnnData | None:
    """Embed cells with a model fitted on the training cells.

    Parameters
    ----------
    adata
        Cells with UMI counts; or images or sequences, as `cellaxes.datasets` reads them.
    model
        Name of a registered model (see `show`) or an unfitted model.
    train
        Training cells: bool ``(n_cells,)`` or row numbers ``(n_train,)``; ``None`` trains on all.
    layer
        Where the counts are (``None``: ``X``; ``"raw"``: ``raw.X``).
    use_rep
        For ``model="precomputed"``: the ``obsm`` key of the embedding.
    key_added
        ``obsm`` key to write; default ``X_<model>``.
    random_state
        Seed.
    copy
        Return a changed copy instead of writing to ``adata``.
    **params
        Settings of the model.

    Returns
    -------
    ``None`` or, with ``copy``, the new AnnData. Written: ``obsm[key]`` float32
    ``(n_cells, d)`` and ``uns["cellaxes_<key>"]["params"]``.

    Raises
    ------
    InputError
        If a key is missing, the counts are no counts, or the model refuses the data.
    """
    if copy:
        adata = adata.to_memory() if adata.isbacked else adata.copy()
    if isinstance(model, str):
        name = model
        params |= {"use_rep": use_rep} if use_rep is not None else {}
        fitted = make(model, **params)
    else:
        if params or use_rep is not None:
            raise InputError("a model that is given as an object has its settings already.")
        name, fitted = registered_name(model), model
    rows = np.arange(adata.n_obs) if train is None else _indices(train, adata.n_obs)
    require_cells(adata.n_obs, "the AnnData")
    if isinstance(fitted, Precomputed):
        if fitted.folder:
            raise InputError("embeddings in a folder, one per depth, are read by studies alone.")
        embedding = fitted.transform(obsm_matrix(adata, fitted.use_rep))
    else:
        matrix, _ = counts_of(adata, layer)
        known = Annotations.of(adata, [fitted], layer=layer)
        if known.modality is None:
            matrix = csr_rows(by_rows(matrix), 0, adata.n_obs)
            check_counts(matrix, counts_name(layer))
        else:
            matrix = dense_rows(matrix)
        asked = known.asked_by(fitted, rows)
        embedding = fitted.fit(matrix[rows], random_state=random_state, **asked).transform(matrix)
    key = keys.embedding(name, key_added)
    adata.obsm[key] = embedding
    adata.uns[keys.params(key)] = {
        "params": {
            "model": name,
            "settings": repr(fitted),
            "n_train": len(rows),
            "layer": counts_name(layer),
            "random_state": random_state,
            "version": __version__,
        }
    }
    return adata if copy else None


def _indices(train: ArrayLike, n_cells: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    chosen = np.asarray(train)
    if chosen.dtype.kind not in "iub" or chosen.ndim != 1:
        raise InputError("train must be a boolean mask or whole-number indices of cells.")
    if chosen.dtype == bool:
        if len(chosen) != n_cells:
            raise InputError(f"train has {len(chosen)} entries for {n_cells} cells.")
        return np.flatnonzero(chosen)
    if len(chosen) == 0 or chosen.min() < 0 or chosen.max() >= n_cells:
        raise InputError(f"train must hold indices from 0 to {n_cells - 1}, and at least one.")
    return chosen.astype(np.int64)
