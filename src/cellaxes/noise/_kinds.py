"""The kinds of noise there are, and what a study must know of each."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core import keys
from cellaxes._core.adata import counts_name, counts_of
from cellaxes._core.axis import Axis
from cellaxes._core.coordinates import COORDINATES, coordinate
from cellaxes._core.errors import InputError
from cellaxes._core.matrix import by_rows, check_counts, csr_rows, row_sums
from cellaxes._core.modality import Images, Modality, modality_of, set_modality
from cellaxes._core.registry import Info, Registry
from cellaxes.noise._images import checked_images
from cellaxes.noise._sequences import checked_codes

THINNING = "thinning"
"""The noise of counts, and the default of a study."""


@dataclass(frozen=True)
class Noise:
    """One kind of noise.

    Attributes
    ----------
    name
        How it is asked for.
    modality
        ``"counts"``, ``"images"`` or ``"sequences"``: what it is for.
    strength
        What its strength is, in words.
    coordinates
        Names of noise coordinates (`cellaxes.scaling.show_coordinates`) that its strength has;
        the law is fitted on the first, and on the others to compare.
    axis
        How pages speak of it.
    ladder
        Strengths, weakest first, from the data, the modality, the number of levels and the
        smallest depth (counts alone).
    series
        From the clean matrix, strengths (weakest first), modality and seed: a noisy matrix each.
    snr
        Measured signal-to-noise ratio from clean and noisy rows; ``None`` for counts, whose
        coordinate is itself measured.
    chained
        Whether each level is drawn from the one before, so that the whole chain names a draw.
    changes
        From the modality to that of what comes out; ``None`` where it stays.
    """

    name: str
    modality: str
    strength: str
    coordinates: tuple[str, ...]
    axis: Axis
    ladder: Callable[[Any, Modality | None, int, float], list[float]]
    series: Callable[[Any, Sequence[float], Modality | None, int], Iterable[Any]]
    snr: Callable[[Any, Any], float] | None
    chained: bool = False
    changes: Callable[[Any], Any] | None = None

    def nominal(self, strength: float) -> float:
        """Return the nominal coordinate of ``strength``, in units of the first of `coordinates`."""
        return float(coordinate(self.coordinates[0], strength))

    def after(self, modality: Any) -> Any:
        """Return the modality of what comes out of data of this ``modality``."""
        return self.changes(modality) if self.changes is not None else modality

    def units(self) -> dict[str, str]:
        """Return the unit of each coordinate that its strength has."""
        known = COORDINATES.show().set_index("name")["units"]
        return {name: str(known[name]) for name in self.coordinates}

    def chains(self, strengths: Sequence[float]) -> list[tuple[float, ...]]:
        """Return, for each of ``strengths`` (weakest first), what names the draw of its level.

        The weakest strength, and those on the way to it.
        """
        values = tuple(strengths)
        if self.chained:
            return [values[: n + 1] for n in range(len(values))]
        return [values[:1], *((*values[:1], value) for value in values[1:])]


NOISES: Registry[Noise] = Registry("noise")


def noise_kind(name: str) -> Noise:
    """Return the kind of noise that is called ``name``.

    Raises
    ------
    InputError
        If there is no such kind.
    """
    return NOISES[name]


def show() -> pd.DataFrame:
    """Return a table, a row per kind of noise: name, modality, strength, coordinate, levels."""
    rows = []
    for name in NOISES:
        kind = NOISES[name]
        rows.append(
            {
                "name": name,
                "modality": kind.modality,
                "strength": kind.strength,
                "coordinate": kind.axis.unit,
                "others": ", ".join(kind.coordinates[1:]),
            }
        )
    return NOISES.show()[["name", "description", "reference", "limits"]].merge(
        pd.DataFrame(rows), on="name"
    )


def kind_for(modality: Modality | None, name: str | None = None) -> Noise:
    """Return the kind of noise for a modality: the first there is, or the one that is named.

    Parameters
    ----------
    modality
        Images or sequences; ``None`` for counts.
    name
        Of the kind, as in `show`; ``None`` for the first.

    Raises
    ------
    InputError
        If there is no such kind, or it is for something else.
    """
    has = "counts"
    if modality is not None:
        has = "images" if isinstance(modality, Images) else "sequences"
    mine = [one for one in NOISES if NOISES[one].modality == has]
    if name is None:
        return NOISES[mine[0]]
    kind = NOISES[name]
    if kind.modality != has:
        raise InputError(
            f"the noise {name!r} is for {kind.modality}, but the data are {has}: take "
            f"{', '.join(map(repr, mine))}."
        )
    return kind


def clean_matrix(
    adata: anndata.AnnData, *, layer: str | None = None
) -> sp.csr_matrix | NDArray[Any]:
    """Return the checked matrix that noise is put on: counts as CSR, pixels or residues dense.

    Parameters
    ----------
    adata
        Cells, images or sequences.
    layer
        Where the counts are (``None``: ``X``); images and sequences stand in ``X``.

    Returns
    -------
    ``(n_cells, n_genes)`` UMIs, ``(n, n_pixels)`` intensities or ``(n, length)`` codes.

    Raises
    ------
    InputError
        If there is no such layer, or it holds no counts, pixels or residues.
    """
    matrix, _ = counts_of(adata, layer)
    modality = modality_of(adata)
    if modality is not None:
        if layer is not None:
            raise InputError(f"images and sequences stand in X, not in {counts_name(layer)}.")
        dense = matrix.toarray() if hasattr(matrix, "toarray") else matrix[:]
        if isinstance(modality, Images):
            return np.ascontiguousarray(checked_images(dense, modality))
        return checked_codes(dense, modality)
    csr = csr_rows(by_rows(matrix), 0, adata.n_obs)
    check_counts(csr, counts_name(layer))
    if csr.nnz == 0 or not csr.data.any():
        raise InputError(
            f"{counts_name(layer)} holds no UMI at all: pass the raw counts, e.g. layer='counts'."
        )
    return csr


def levels_of(
    kind: Noise, fractions: Sequence[float] | None, strengths: Sequence[float] | None
) -> list[float] | None:
    """Return the levels that were asked for, weakest first; ``None`` if there is no wish.

    Parameters
    ----------
    kind
        The noise.
    fractions, strengths
        Capture fractions of thinning; strengths of any other noise.

    Raises
    ------
    InputError
        If levels of the other sort are given, one is there twice, or it leaves no noise or no
        signal.
    """
    given, other = (fractions, strengths) if kind.name == THINNING else (strengths, fractions)
    if other is not None:
        name = "fractions" if kind.name == THINNING else "strengths"
        raise InputError(f"levels of {kind.name!r} are given as {name}: {kind.strength}.")
    if given is None or kind.name == THINNING:
        return None if given is None else [float(value) for value in given]
    values = [float(value) for value in given]
    u = np.array([kind.nominal(value) for value in values])
    if not values or not (np.isfinite(u) & (u > 0)).all() or len(set(u)) < len(u):
        raise InputError(
            f"strengths of {kind.name!r} ({kind.strength}) must differ and be neither without "
            f"noise nor without signal, but are {values}."
        )
    return [values[i] for i in np.argsort(-u)]


def corrupt(
    adata: anndata.AnnData, strength: float, *, noise: str | None = None, random_state: int = 0
) -> anndata.AnnData:
    """Put noise of one kind and strength on the images, sequences or counts of an AnnData.

    Parameters
    ----------
    adata
        Counts, or images or sequences with their modality.
    strength
        In the terms of the kind (`show`): capture fraction, sigma, factor, photons or share.
    noise
        Kind of noise; default: the first for this modality.
    random_state
        Seed.

    Returns
    -------
    A new AnnData with noisy ``X``; ``uns["cellaxes_noise"]`` holds the kind, the strength, the
    nominal coordinate, and the measured signal-to-noise ratio or depth.

    Raises
    ------
    InputError
        If the kind is for another modality, or the strength or the matrix cannot be used.
    """
    modality = modality_of(adata)
    kind = kind_for(modality, noise)
    clean = clean_matrix(adata)
    (noisy,) = kind.series(clean, [strength], modality, random_state)
    told = {"noise": kind.name, "strength": float(strength), "coordinate": kind.nominal(strength)}
    if kind.snr is None:
        told["umis_per_cell"] = float(np.median(row_sums(noisy)))
    else:
        told["snr"] = kind.snr(clean, noisy)
    uns = {**adata.uns, keys.noise(): told}
    result = anndata.AnnData(X=noisy, obs=adata.obs.copy(), var=adata.var.copy(), uns=uns)
    if modality is not None:
        set_modality(result, kind.after(modality))
    return result


def register_noise(kind: Noise, description: str, *, reference: str, limits: str) -> None:
    """Add a kind of noise to the table; the first of a modality is its default."""
    NOISES.add(Info(kind.name, description, kind.axis.unit, reference, limits), kind)
