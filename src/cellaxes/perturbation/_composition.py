"""Compounds that change which cells there are: a finding, and a reason to doubt profiles."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import helmert
from scipy.stats import chi2

from cellaxes._core.errors import InputError, near
from cellaxes._core.random import stream
from cellaxes.perturbation._counts import Array, dense_counts
from cellaxes.perturbation._tail import adjusted

LOSS = 0.25
"""Cells over the control's below which a compound is said to lose cells."""


@dataclass(frozen=True, eq=False)
class Composition:
    """Cell-type composition under each compound, against the controls.

    Attributes
    ----------
    compounds
        One row per compound: ``compound``, ``n_samples``, ``distance`` (median robust
        Mahalanobis distance of its samples), ``p``, ``adjusted_p``, ``cells_ratio`` (median
        cells over the control's), ``most_lost`` (the type whose share falls most) and
        ``log2_lost`` (by how much, centred log ratio), ``outlier`` and ``cytotoxic`` (bool).
    samples
        ``(n_samples,)``, robust Mahalanobis distance of each sample.
    """

    compounds: pd.DataFrame
    samples: Array

    def to_frame(self) -> pd.DataFrame:
        """Return one row per compound."""
        return self.compounds.copy()

    def __repr__(self) -> str:
        out = self.compounds[self.compounds["outlier"] | self.compounds["cytotoxic"]]
        named = ", ".join(out["compound"].head(8))
        return f"Composition({len(out)} of {len(self.compounds)} compounds stand out: {named})"


def composition_outliers(
    cells: pd.DataFrame,
    compound: ArrayLike,
    *,
    control: str,
    batch: ArrayLike | None = None,
    false_discovery_rate: float = 0.01,
    random_state: int = 0,
) -> Composition:
    """Find compounds that change the composition of cell types, or leave few cells.

    Log ratios of the shares (half a cell added to each) lose the mean of their batch's controls;
    the minimum covariance determinant of all samples, most of which change nothing, gives a
    robust centre and covariance, and each sample its Mahalanobis distance; a sample of fewer
    cells than the median has its multinomial noise added. A compound is an outlier whose median
    sample is, after correction for the number of compounds. It is cytotoxic if it leaves less
    than a quarter of the control's cells, whatever their composition.

    Parameters
    ----------
    cells
        ``(n_samples, n_types)``, number of cells; columns named by type.
    compound
        ``(n_samples,)``.
    control
        Its value for controls.
    batch
        ``(n_samples,)``, e.g. donor or plate; each needs a control.
    false_discovery_rate
        Of the outliers.
    random_state
        Seed of the search for the minimum covariance determinant.

    Raises
    ------
    InputError
        If there are fewer than two types, too few samples, a sample without cells, no control
        or a batch without one.

    References
    ----------
    Aitchison, The Statistical Analysis of Compositional Data (1986); Rousseeuw & Van Driessen,
    Technometrics 41, 212 (1999).
    """
    counts = dense_counts(cells, "cells")
    n, n_types = counts.shape
    names = np.asarray(compound).astype(str)
    batches = np.zeros(n, dtype=str) if batch is None else np.asarray(batch).astype(str)
    if len(names) != n or len(batches) != n:
        raise InputError(f"compound and batch need one entry for each of {n} samples.")
    if n_types < 2 or n < 5 * n_types:
        raise InputError(
            f"{n} samples of {n_types} types are too few: composition needs two types or more and "
            "five samples for each; merge rare types."
        )
    if (counts.sum(axis=1) == 0).any():
        raise InputError("a sample has no cells: remove it, and report it as lost.")
    is_control = names == control
    if not is_control.any():
        raise InputError(f"no sample is a control {control!r}: {near(control, set(names))}")
    shares = np.log2(counts + 0.5)
    ratios = shares - shares.mean(axis=1, keepdims=True)
    size = counts.sum(axis=1)
    relative = np.empty(n)
    for place in np.unique(batches):
        here = batches == place
        if not (here & is_control).any():
            raise InputError(f"batch {place!r} has no control {control!r}: merge batches.")
        ratios[here] -= ratios[here & is_control].mean(axis=0)
        relative[here] = size[here] / np.median(size[here & is_control])
    share = counts[is_control].sum(axis=0) + 0.5
    distance = _distances(ratios, size, share / share.sum(), random_state)
    types = np.asarray(cells.columns.astype(str))
    table = pd.DataFrame(
        [
            _row(name, names == name, distance, ratios, relative, types)
            for name in sorted(set(names) - {control})
        ]
    )
    if table.empty:
        raise InputError(f"every sample is a control {control!r}: there is nothing to compare.")
    log_p = chi2.logsf(table["distance"].to_numpy() ** 2, n_types - 1) / np.log(10)
    table["p"] = 10**log_p
    table["adjusted_p"] = adjusted(log_p)
    table["outlier"] = table["adjusted_p"] < false_discovery_rate
    table["cytotoxic"] = table["cells_ratio"] < LOSS
    return Composition(table, distance)


def _distances(ratios: Array, size: Array, share: Array, random_state: int) -> Array:
    """Return robust Mahalanobis distances of samples; few cells make a wider covariance."""
    from sklearn.covariance import MinCovDet

    basis = helmert(ratios.shape[1])
    seed = int(stream(random_state, "composition").integers(2**31))
    coordinates = ratios @ basis.T
    found = MinCovDet(random_state=seed).fit(coordinates)
    of_one_cell = basis @ np.diag(1 / share) @ basis.T / np.log(2) ** 2  # multinomial, log2
    more = np.maximum(1 / size - 1 / np.median(size), 0)
    covariance = found.covariance_ + more[:, None, None] * of_one_cell
    off = coordinates - found.location_
    solved = np.linalg.solve(covariance, off[:, :, None])[:, :, 0]
    distance: Array = np.sqrt((off * solved).sum(axis=1))
    return distance


def _row(
    name: str,
    own: NDArray[np.bool_],
    distance: Array,
    ratios: Array,
    relative: Array,
    types: NDArray[np.str_],
) -> dict[str, object]:
    change = np.median(ratios[own], axis=0)
    lost = int(change.argmin())
    return {
        "compound": name,
        "n_samples": int(own.sum()),
        "distance": float(np.median(distance[own])),
        "cells_ratio": float(np.median(relative[own])),
        "most_lost": str(types[lost]),
        "log2_lost": float(change[lost]),
    }
