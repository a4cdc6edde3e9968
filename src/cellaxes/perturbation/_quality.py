"""Which profiles and genes to doubt, and why. Nothing is removed."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError, near
from cellaxes.perturbation._agreement import agreement
from cellaxes.perturbation._counts import Array
from cellaxes.perturbation._judge import codes_of, collect, gene_reasons, row_weights
from cellaxes.perturbation._reasons import REASONS, SIGNIFICANT, WARNINGS
from cellaxes.perturbation._result import DifferentialExpression


@dataclass(frozen=True, eq=False)
class Quality:
    """What is doubtful in a table of profiles.

    Attributes
    ----------
    rows
        One row per profile: ``context``, ``compound``, ``suspect`` (bool), ``reasons`` and
        ``warnings`` (tuples of codes, see `REASONS` and `WARNINGS`), ``weight`` in (0, 1],
        and what was measured: ``significant`` (share of genes), ``positive`` (share of
        positive t), ``median_t``, ``tied`` (share of genes that share a value), ``supported``
        (share of genes), ``agreement`` (share of the other compounds whose profile in the
        other contexts is less like this row than the compound's own; NaN where not known).
    genes
        One row per context and gene: ``supported`` (share of rows), ``reason`` (a code of
        `GENE_REASONS`, or empty).
    """

    rows: pd.DataFrame
    genes: pd.DataFrame

    @property
    def suspects(self) -> pd.DataFrame:
        """The suspect rows, one row each."""
        return self.rows[self.rows["suspect"]]

    def to_frame(self) -> pd.DataFrame:
        """Return the table, one row per response, codes joined by semicolons."""
        table = self.rows.copy()
        for key in ("reasons", "warnings"):
            table[key] = table[key].map(";".join)
        return table

    def __repr__(self) -> str:
        named = [
            f"{compound} in {context} ({', '.join(reasons)})"
            for compound, context, reasons in self.suspects[["compound", "context", "reasons"]]
            .head(5)
            .to_numpy()
            .tolist()
        ]
        more = ", …" if len(self.suspects) > 5 else ""
        return f"Quality({len(self.suspects)} of {len(self.rows)} rows suspect" + (
            f": {'; '.join(named)}{more})" if named else ")"
        )


def quality(result: DifferentialExpression) -> Quality:
    """Say which rows and genes of ``result`` to doubt; see `row_quality`.

    Examples
    --------
    >>> from cellaxes.perturbation import differential_expression
    >>> rng = np.random.default_rng(0)
    >>> counts = rng.poisson(50, (12, 300))
    >>> counts[:2] = rng.poisson(0.5, (2, 300))
    >>> drugs = np.repeat(["tiny", "a", "b", "c", "control", "control"], 2)
    >>> result = differential_expression(counts, pd.DataFrame({"compound": drugs}))
    >>> quality(result).suspects["compound"].tolist()
    ['tiny']
    """
    return row_quality(
        result.t,
        result.rows,
        signed_log10_p=result.signed_log10_p,
        supported=result.supported,
        genes=result.genes,
    )


def row_quality(
    t: ArrayLike,
    rows: pd.DataFrame,
    *,
    signed_log10_p: ArrayLike | None = None,
    supported: ArrayLike | None = None,
    genes: ArrayLike | None = None,
) -> Quality:
    """Say which profiles to doubt, from their values and from what is known of their samples.

    A row is suspect for its samples (`few_cells`, `tiny_library`) or for its shape
    (`one_sided`, `tied`), judged against the other rows of its context by robust z. The weight
    is ``n_cells/(n_cells + 25)`` (cells of the row), or ``r/(r + 0.25)`` with the library ratio
    r where cells are not known, times ``1/(1 + m^2)``, m the median t beyond the context's.

    Parameters
    ----------
    t
        ``(n_rows, n_genes)``; NaN where not tested.
    rows
        ``context`` and ``compound`` of each; where known ``n_samples``, ``n_donors``, ``n_cells``,
        ``median_cells``, ``library_ratio`` (see `DifferentialExpression`).
    signed_log10_p
        ``(n_rows, n_genes)``; from t as if normal, unless given.
    supported
        ``(n_rows, n_genes)``, whether the gene has a count in either arm; unknown unless given.
    genes
        Names ``(n_genes,)``.

    Raises
    ------
    InputError
        If shapes differ or a column is missing.
    """
    values = np.asarray(t, dtype=np.float64)
    for key in ("context", "compound"):
        if key not in rows:
            raise InputError(f"rows has no column {key!r}: {near(key, rows.columns)}")
    if values.ndim != 2 or len(values) != len(rows):
        raise InputError(f"t has shape {values.shape} for {len(rows)} rows.")
    significant = (
        np.abs(values) > 2.576 if signed_log10_p is None else _wide(signed_log10_p, values)
    )
    known = ~np.isnan(values)
    seen = known if supported is None else np.asarray(supported, dtype=bool) & known
    n = np.maximum(known.sum(axis=1), 1)
    table = rows[["context", "compound"]].reset_index(drop=True).copy()
    facts = rows.reset_index(drop=True)
    table["significant"] = significant.sum(axis=1) / n
    table["positive"] = (values > 0).sum(axis=1) / n
    table["median_t"] = [
        float(np.nanmedian(v)) if k.any() else 0.0 for v, k in zip(values, known, strict=True)
    ]
    table["tied"] = [_tied(v[k]) for v, k in zip(values, known, strict=True)]
    table["supported"] = seen.sum(axis=1) / n
    table["agreement"] = agreement(
        values, table["context"].to_numpy(), table["compound"].to_numpy()
    )
    found = codes_of(table, facts)
    table["reasons"] = collect(found, REASONS)
    table["warnings"] = collect(found, WARNINGS)
    table["suspect"] = table["reasons"].map(len) > 0
    table["weight"] = row_weights(table, facts)
    names = np.arange(values.shape[1]) if genes is None else np.asarray(genes)
    first = ["context", "compound", "suspect", "reasons", "warnings", "weight"]
    ordered = first + [key for key in table if key not in first]
    return Quality(table[ordered], gene_reasons(values, seen, table["context"].to_numpy(), names))


def _wide(signed_log10_p: ArrayLike, values: Array) -> NDArray[np.bool_]:
    y = np.asarray(signed_log10_p, dtype=np.float64)
    if y.shape != values.shape:
        raise InputError(f"signed_log10_p has shape {y.shape}, but t has {values.shape}.")
    wide: NDArray[np.bool_] = np.abs(y) > SIGNIFICANT
    return wide


def _tied(values: Array) -> float:
    """Return the share of values that another gene has too."""
    if not len(values):
        return 0.0
    _, counts = np.unique(np.round(values, 9), return_counts=True)
    return float(counts[counts > 1].sum() / len(values))
