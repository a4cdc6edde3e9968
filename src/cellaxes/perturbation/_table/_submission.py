"""Predictions in the competition's shape: an id, then one column per gene."""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.files import file_atomic
from cellaxes.perturbation._table._check import clean_genes, some
from cellaxes.perturbation._table._kaggle import read_id_map
from cellaxes.perturbation._table._results import Source
from cellaxes.perturbation._table._table import PerturbationTable

Fallback = Literal["refuse", "zero", "gene_mean", "compound_mean"]
"""What stands for a pair that was not predicted."""


def write_submission(
    prediction: PerturbationTable,
    id_map: Source,
    path: str | Path,
    *,
    genes: ArrayLike | None = None,
    fallback: Fallback = "refuse",
) -> pd.DataFrame:
    """Write predicted signed -log10 p as the competition wants them, whole or not at all.

    The file has a header ``id,<gene>,…`` and one line per pair, in the order of ``id_map``.

    Parameters
    ----------
    prediction
        Has a row for each pair; its signed_log10_p is written, derived from t where needed.
    id_map
        The pairs, one row each (`read_id_map`).
    path
        The ``.csv`` file.
    genes
        Names ``(n_genes,)`` in the order of the sample submission; those of the prediction unless
        given.
    fallback
        For a pair that the prediction does not have: ``"refuse"`` names it; ``"zero"``;
        ``"gene_mean"``, the mean of all predicted rows; ``"compound_mean"``, the mean of the
        compound's rows, else that of all.

    Returns
    -------
    One row per pair: ``id``, ``context``, ``compound``, ``source`` (``"prediction"`` or the
    fallback that was used).

    Raises
    ------
    InputError
        If a pair or gene is missing, a pair is predicted twice, or a prediction is NaN.
    StoreError
        If the file cannot be written.
    """
    if fallback not in ("refuse", "zero", "gene_mean", "compound_mean"):
        raise InputError(
            f"fallback must be refuse, zero, gene_mean or compound_mean, not {fallback!r}."
        )
    pairs = read_id_map(id_map)
    if genes is not None:
        prediction = prediction.take_genes(clean_genes(np.asarray(genes).tolist()))
    values = prediction.layer("signed_log10_p")
    rows = pd.MultiIndex.from_frame(prediction.rows[["context", "compound"]])
    wanted = pd.MultiIndex.from_frame(pairs[["context", "compound"]])
    if rows.has_duplicates:
        context, compound = rows[rows.duplicated()].to_list()[0]
        raise InputError(
            f"{compound} in {context} is predicted more than once: average its rows first."
        )
    at = rows.get_indexer(wanted)
    absent = np.flatnonzero(at < 0)
    if len(absent) and fallback == "refuse":
        named = some([f"{pairs['compound'][i]} in {pairs['context'][i]}" for i in absent])
        raise InputError(
            f"{len(absent)} of {len(pairs)} pairs are not predicted ({named}): predict them, or "
            "name a fallback ('zero', 'gene_mean', 'compound_mean')."
        )
    chosen = values[at]
    source = np.full(len(pairs), "prediction", dtype=object)
    for i in absent:
        chosen[i], source[i] = _stand_in(prediction, values, str(pairs["compound"][i]), fallback)
    bad = np.flatnonzero(np.isnan(chosen).any(axis=1))
    if len(bad):
        gene = prediction.genes[np.isnan(chosen[bad[0]]).argmax()]
        raise InputError(
            f"the prediction is NaN in {len(bad)} pairs, first {pairs['compound'][bad[0]]} in "
            f"{pairs['context'][bad[0]]}, gene {gene}: fill it before writing."
        )
    _write(Path(path), pairs["id"].to_numpy(), prediction.genes, chosen)
    return pairs.assign(source=source)


def _stand_in(
    table: PerturbationTable, values: NDArray[np.floating], compound: str, fallback: str
) -> tuple[NDArray[np.floating], str]:
    """Return the profile of a pair that was not predicted, and what it is."""
    if fallback == "zero":
        return np.zeros(values.shape[1]), "zero"
    same = (table.rows["compound"] == compound).to_numpy()
    if fallback == "compound_mean" and same.any():
        return values[same].mean(axis=0), "compound_mean"
    return values.mean(axis=0), "gene_mean"


def _write(
    path: Path, ids: NDArray[np.generic], genes: NDArray[np.str_], values: NDArray[np.floating]
) -> None:
    header = pd.DataFrame(columns=["id", *genes]).to_csv(index=False)
    columns = [pa.array(ids), *map(pa.array, np.ascontiguousarray(values.T))]
    lines = pa.Table.from_arrays(columns, names=[str(i) for i in range(len(columns))])
    plain = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")
    with file_atomic(path) as temporary, temporary.open("wb") as stream:
        stream.write(header.encode())
        pyarrow.csv.write_csv(lines, stream, plain)
