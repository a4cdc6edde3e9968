"""One door for every file that holds an embedding with labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Union

from cellaxes._core.errors import InputError
from cellaxes.hierarchy._ingest._cache import HEAD, open_cells
from cellaxes.hierarchy._ingest._cells import CellStream
from cellaxes.hierarchy._ingest._columns import pick
from cellaxes.hierarchy._ingest._npy import read_npy
from cellaxes.hierarchy._ingest._parquet import read_parquet
from cellaxes.hierarchy._ingest._scimilarity import annotation, read_scimilarity

if TYPE_CHECKING:
    from anndata import AnnData


def read_cells(
    source: Union[str, Path, "AnnData"],
    labels: str | Sequence[str] | None = None,
    *,
    rep: str | None = None,
    table: str | Path | None = None,
    missing: str | None = None,
    n_dims: int | None = None,
) -> CellStream:
    """Read an embedding with labels, block by block.

    Labels are read at once (2 bytes a cell and column), the embedding only when it is written or
    loaded, 65,536 cells at a time.

    Parameters
    ----------
    source
        One of

        - AnnData, in memory or backed, or an ``.h5ad`` file: ``rep`` names the embedding in
          ``obsm`` (``"X"`` is ``X``);
        - a ``.parquet`` file, or a folder of them: ``rep`` names the column of lists, and may be
          left out where there is one;
        - a ``.npy`` file: ``table`` is a ``.csv`` or ``.tsv`` file with a header and a row for
          each cell;
        - a SCimilarity model folder: ``annotation/labelled_kNN.bin`` and
          ``annotation/reference_labels.tsv``; columns are ``cell_type`` and, if known, ``study``;
        - a folder that `write_cells` wrote.
    labels
        Label columns; all (in AnnData ``cell_type``; in Parquet, all columns of text) if None.
    rep
        Name of the embedding.
    table
        Table of the labels of a ``.npy`` file.
    missing
        Name to give to cells without a label, which are refused if None.
    n_dims
        Dimensions that the embedding must have; any if None.

    Returns
    -------
    CellStream
        Write it with `write_cells` or `write_parquet`, or ``load`` it.

    Raises
    ------
    InputError
        If the source is missing, damaged or of another kind, a column is not there, labels are
        missing, or labels and embedding differ in length.

    Examples
    --------
    >>> import anndata, numpy as np, pandas as pd
    >>> obs = pd.DataFrame({"cell_type": ["T cell", "B cell", "T cell"]}, index=list("abc"))
    >>> adata = anndata.AnnData(obs=obs, obsm={"X_pca": np.eye(3, dtype="float32")})
    >>> read_cells(adata, rep="X_pca")
    CellStream of 3 cells x 3 dimensions, float32, from obsm['X_pca']
      cell_type  2 names: T cell 2, B cell 1
    """
    stream = _read(source, labels, rep, table, missing)
    if n_dims is not None and stream.n_dims != n_dims:
        raise InputError(
            f"{stream.where} has {stream.n_dims} dimensions, but {n_dims} were expected."
        )
    return stream


def _read(
    source: Union[str, Path, "AnnData"],
    labels: str | Sequence[str] | None,
    rep: str | None,
    table: str | Path | None,
    missing: str | None,
) -> CellStream:
    path = Path(source) if isinstance(source, str | Path) else None
    if path is None or path.suffix == ".h5ad":
        from cellaxes.hierarchy._ingest._anndata import read_file, read_object

        in_obs = "cell_type" if labels is None else labels
        if path is None:
            return read_object(source, rep, in_obs, missing)
        return read_file(path, rep, in_obs, missing)
    if path.suffix == ".npy":
        return read_npy(path, table, labels, missing)
    if (path / HEAD).is_file():
        stream = open_cells(path).stream()
        names = [labels] if isinstance(labels, str) else labels or list(stream.columns)
        columns = {name: pick(stream.columns, name) for name in names}
        return CellStream(
            len(stream), stream.n_dims, stream.dtype, columns, stream.where, stream.read
        )
    if found := annotation(path):
        return read_scimilarity(found, labels, missing)
    if path.suffix == ".parquet" or any(path.glob("*.parquet")):
        return read_parquet(path, rep, labels, missing)
    raise InputError(
        f"{path} holds no embedding that can be read: expected is an .h5ad, .parquet or .npy file, "
        "a SCimilarity model folder, or a folder that cellaxes wrote."
    )
