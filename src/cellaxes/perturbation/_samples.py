"""Samples of compounds and controls: what is compared with what."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError, near
from cellaxes.perturbation._counts import Array


@dataclass(frozen=True, eq=False)
class Samples:
    """Checked samples: counts, library sizes, and what each was treated with, where."""

    counts: Array
    sizes: Array
    obs: pd.DataFrame
    compound: NDArray[Any]
    context: NDArray[Any]
    donor: NDArray[Any] | None

    def of(self, context: str, compound: str) -> NDArray[np.int64]:
        """Return the samples of one compound in one context."""
        return np.flatnonzero((self.context == context) & (self.compound == compound))


Pair = tuple[str, str, str]
"""Context, compound, and what it is compared with."""


def find_pairs(
    samples: Samples, control: str, contrasts: Sequence[tuple[str, str]] | None
) -> list[Pair]:
    """Return what is compared with what, contexts and compounds in sorted order."""
    known = set(samples.compound)
    wanted = [control] if contrasts is None else [str(c) for pair in contrasts for c in pair]
    for name in wanted:
        if name not in known:
            raise InputError(f"no sample has the compound {name!r}: {near(name, known)}")
    found: list[Pair] = []
    for context in sorted(set(samples.context.tolist())):
        here = sorted(set(samples.compound[samples.context == context].tolist()))
        if contrasts is not None:
            found += [(context, a, b) for a, b in contrasts if a in here and b in here]
            continue
        others = [name for name in here if name != control]
        if others and control not in here:
            raise InputError(
                f"context {context!r} has no sample of the control {control!r}, so {others[0]!r} "
                f"({len(others)} compounds in all) has nothing to be compared with: add controls "
                "or remove this context."
            )
        found += [(context, name, control) for name in others]
    if not found:
        raise InputError(
            "there is nothing to compare: no context holds a compound and what it is compared with."
        )
    return found


def row_facts(samples: Samples, context: str, compound: str, control: str) -> dict[str, Any]:
    """Return what is known of one row without its genes."""
    own, other = samples.of(context, compound), samples.of(context, control)
    size = float(np.median(samples.sizes[own]))
    row: dict[str, Any] = {
        "context": context,
        "compound": compound,
        "control": control,
        "n_samples": len(own),
        "n_controls": len(other),
        "library_size": size,
        "library_ratio": size / float(np.median(samples.sizes[other])),
    }
    if samples.donor is not None:
        row["n_donors"] = len(set(samples.donor[own]))
    if "n_cells" in samples.obs:
        cells = samples.obs["n_cells"].to_numpy(dtype=np.float64)[own]
        row |= {"n_cells": int(cells.sum()), "median_cells": float(np.median(cells))}
    return row
