"""From what was measured of profiles and genes to codes of doubt and weights."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes.perturbation._counts import Array
from cellaxes.perturbation._reasons import (
    ENOUGH,
    FEW_CELLS,
    LOW_CELLS,
    LOW_LIBRARY,
    OUTLYING,
    TINY_LIBRARY,
)


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


def codes_of(table: pd.DataFrame, facts: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
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


def collect(found: dict[str, NDArray[np.bool_]], codes: dict[str, str]) -> list[tuple[str, ...]]:
    """Return the codes of each row, in the order of ``codes``."""
    n = len(next(iter(found.values())))
    return [tuple(code for code in codes if found[code][row]) for row in range(n)]


def row_weights(table: pd.DataFrame, facts: pd.DataFrame) -> Array:
    """Return how much to trust each row, in (0, 1]; see `row_quality`."""
    usual = table.groupby("context")["median_t"].transform("median")
    weight = 1 / (1 + (table["median_t"] - usual).to_numpy() ** 2)
    if "n_cells" in facts:
        cells = facts["n_cells"].to_numpy(dtype=np.float64)
        weight = weight * cells / (cells + LOW_CELLS)
    elif "library_ratio" in facts:
        ratio = facts["library_ratio"].to_numpy(dtype=np.float64)
        weight = weight * ratio / (ratio + 0.25)
    return np.asarray(weight, dtype=np.float64)


def gene_reasons(
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
