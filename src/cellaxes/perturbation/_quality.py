"""Which profiles and genes to doubt, and why. Nothing is removed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError, near
from cellaxes.perturbation._agreement import agreement
from cellaxes.perturbation._counts import Array
from cellaxes.perturbation._reasons import (
    ENOUGH,
    FEW_CELLS,
    LOW_CELLS,
    LOW_LIBRARY,
    OUTLYING,
    REASONS,
    SIGNIFICANT,
    TINY_LIBRARY,
    WARNINGS,
)
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
        """The suspect rows."""
        return self.rows[self.rows["suspect"]]

    def to_frame(self) -> pd.DataFrame:
        """Return the rows, codes joined by semicolons."""
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
    """Say which rows and genes of a differential expression to doubt; see `row_quality`.

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
        ``context`` and ``compound``; where known ``n_samples``, ``n_donors``, ``n_cells``,
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
    found = _codes(table, facts)
    table["reasons"] = _collect(found, REASONS)
    table["warnings"] = _collect(found, WARNINGS)
    table["suspect"] = table["reasons"].map(len) > 0
    table["weight"] = _weights(table, facts)
    names = np.arange(values.shape[1]) if genes is None else np.asarray(genes)
    first = ["context", "compound", "suspect", "reasons", "warnings", "weight"]
    ordered = first + [key for key in table if key not in first]
    return Quality(table[ordered], _genes(values, seen, table["context"].to_numpy(), names))


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


def _standing_out(values: pd.Series, context: pd.Series, floor: float) -> Array:
    """Return the robust z of each row among the rows of its context, or of all if those are few."""

    def z(own: pd.Series, all_rows: pd.Series) -> pd.Series:
        center = all_rows.median()
        spread = 1.4826 * (all_rows - center).abs().median()
        return (own - center) / max(spread, floor)

    found = pd.Series(0.0, index=values.index)
    for _, own in values.groupby(context):
        found[own.index] = z(own, own if len(own) >= ENOUGH else values)
    return np.asarray(found, dtype=np.float64)


def _codes(table: pd.DataFrame, facts: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Return of each code which rows have it."""

    def of(key: str, test: Callable[[Array], NDArray[np.bool_]]) -> NDArray[np.bool_]:
        if key not in facts:
            return np.zeros(len(facts), dtype=bool)
        return test(facts[key].to_numpy(dtype=np.float64))

    context = table["context"]
    significant, shift = table["significant"].to_numpy(), np.abs(table["median_t"].to_numpy())
    many = _standing_out(table["significant"], context, 0.02) > OUTLYING
    shifted = np.abs(_standing_out(table["median_t"], context, 0.1)) > OUTLYING
    if len(table) < ENOUGH:
        many, shifted = significant > 0.25, shift > 1
    positive = table["positive"].to_numpy()
    sided = np.maximum(positive, 1 - positive) >= 0.7
    return {
        "few_cells": of("median_cells", lambda v: v < FEW_CELLS),
        "low_cells": of("median_cells", lambda v: (v >= FEW_CELLS) & (v < LOW_CELLS)),
        "tiny_library": of("library_ratio", lambda v: v < TINY_LIBRARY),
        "low_library": of("library_ratio", lambda v: (v >= TINY_LIBRARY) & (v < LOW_LIBRARY)),
        "one_replicate": of("n_samples", lambda v: v < 2),
        "one_donor": of("n_donors", lambda v: v < 2),
        "one_sided": many & shifted & sided & (shift > 1),
        "tied": (_standing_out(table["tied"], context, 0.02) > OUTLYING)
        & np.asarray(table["tied"] > 0.1),
        "strong": many & ~(shifted & sided),
        "unsupported": np.asarray(table["supported"] <= 0.5),
    }


def _collect(found: dict[str, NDArray[np.bool_]], codes: dict[str, str]) -> list[tuple[str, ...]]:
    n = len(next(iter(found.values())))
    return [tuple(code for code in codes if found[code][row]) for row in range(n)]


def _weights(table: pd.DataFrame, facts: pd.DataFrame) -> Array:
    usual = table.groupby("context")["median_t"].transform("median")
    weight = 1 / (1 + (table["median_t"] - usual).to_numpy() ** 2)
    if "n_cells" in facts:
        cells = facts["n_cells"].to_numpy(dtype=np.float64)
        weight = weight * cells / (cells + LOW_CELLS)
    elif "library_ratio" in facts:
        ratio = facts["library_ratio"].to_numpy(dtype=np.float64)
        weight = weight * ratio / (ratio + 0.25)
    return np.asarray(weight, dtype=np.float64)


def _genes(
    values: Array, seen: NDArray[np.bool_], context: NDArray[np.object_], names: NDArray[np.generic]
) -> pd.DataFrame:
    """Return what to doubt of each gene in each context."""
    tables = []
    for place in sorted(set(context)):
        here = context == place
        v, share = values[here], seen[here].mean(axis=0)
        tested = ~np.isnan(v).all(axis=0)
        same = (v == v[0]).all(axis=0) & (len(v) > 1)
        reason = np.select(
            [~tested, share == 0, share <= 0.5, same],
            ["left_out", "unexpressed", "rare", "constant"],
            default="",
        )
        tables.append(
            pd.DataFrame({"context": place, "gene": names, "supported": share, "reason": reason})
        )
    return pd.concat(tables, ignore_index=True)
