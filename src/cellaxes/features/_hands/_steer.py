"""Steering: change activations, keep what the features leave out, read what genes would do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import row_blocks
from cellaxes.features._hands._decoders import Decoder, check_decoder, decode
from cellaxes.features._hands._edits import Edit, cell_mask, read_edits
from cellaxes.features._hands._effects import effects
from cellaxes.features._hands._knn import distances_to, sample_cells
from cellaxes.features._model import SparseFeatures

MARKERS = 50
"""Genes of a feature taken for its own where none are given."""
PERCENTILE = 99.0
"""Of the distances among real cells, beyond which a cell lies outside."""
OUTSIDE = 0.05
"""Share of the changed cells that may lie outside."""


@dataclass(frozen=True, eq=False)
class Steered:
    """Cells after an edit of their features, and what became of them.

    Attributes
    ----------
    z
        Embedding after the edit, ``(n_cells, d)``; untouched rows are equal to the last bit.
    features
        Edited, in the order given.
    change
        Mean change of the activation of each over the changed cells, ``(n_edits,)``.
    n_changed
        Cells whose embedding changed.
    outside
        Share of the changed cells further from real cells than 99 % of real cells are: .01 is to
        be expected. NaN if none changed.
    genes
        Names, ``(n_genes,)``; empty without a decoder, as the two below.
    log_rate_change
        Mean change of each gene's log rate over the changed cells, ``(n_genes,)``, natural log.
    markers
        Genes that are the edited features' own, ``(n_genes,)``.
    """

    z: NDArray[np.floating]
    features: tuple[int, ...]
    change: NDArray[np.float64]
    n_changed: int
    outside: float
    genes: NDArray[np.str_]
    log_rate_change: NDArray[np.float64]
    markers: NDArray[np.bool_]

    @property
    def in_distribution(self) -> bool:
        """Whether at most 5 % of the changed cells lie outside of the real cells."""
        return not self.outside > OUTSIDE

    @property
    def on_target(self) -> float:
        """Mean ``|change|`` of the log rate of the features' own genes."""
        return _mean(np.abs(self.log_rate_change[self.markers]))

    @property
    def off_target(self) -> float:
        """Mean ``|change|`` of the log rate of all other genes."""
        return _mean(np.abs(self.log_rate_change[~self.markers]))

    @property
    def specificity(self) -> float:
        """Causal specificity: change of the features' own genes per change of the others."""
        on, off = self.on_target, self.off_target
        return on / off if off > 0 else float("inf") if on > 0 else float("nan")

    def to_frame(self) -> pd.DataFrame:
        """Return one row per gene, the most changed first."""
        frame = pd.DataFrame(
            {"gene": self.genes, "log_rate_change": self.log_rate_change, "own": self.markers}
        )
        order = np.argsort(-np.abs(self.log_rate_change), kind="stable")
        return frame.iloc[order].reset_index(drop=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the headline numbers in JSON's own types; None where there is none."""
        numbers = {
            "outside": self.outside,
            "on_target": self.on_target,
            "off_target": self.off_target,
            "specificity": self.specificity,
        }
        return {
            "features": list(self.features),
            "change": [float(value) for value in self.change],
            "cells_changed": self.n_changed,
            "in_distribution": self.in_distribution,
            **{name: value if np.isfinite(value) else None for name, value in numbers.items()},
        }

    def __repr__(self) -> str:
        names = ", ".join(map(str, self.features[:5])) + (", …" if len(self.features) > 5 else "")
        parts = [f"features {names}", f"{self.n_changed:,} of {len(self.z):,} cells changed"]
        if self.n_changed:
            where = "among real cells" if self.in_distribution else "NOT among real cells"
            parts.append(f"{where} ({self.outside:.1%} outside)")
        if len(self.genes):
            parts.append(
                f"own genes {self.on_target:.3f}, others {self.off_target:.3f} in log rate"
            )
        return f"Steered({'; '.join(parts)})"


def steer(
    model: SparseFeatures,
    z: NDArray[np.floating],
    edits: Mapping[int, Edit],
    *,
    cells: ArrayLike | None = None,
    decoder: Decoder | None = None,
    batch: str | int | None = None,
    markers: Mapping[int, Sequence[str]] | None = None,
    random_state: int = 0,
) -> Steered:
    """Change features of cells: ``z' = z + sum_i (a'_i - a_i) direction_i``.

    The cell's own error, what the features leave out of it, stays. Decoding the reconstruction
    instead moves genes by a fifth to a third of the edit itself.

    Parameters
    ----------
    model
        Features.
    z
        Embedding ``(n_cells, d)``: the cells that are changed and, unchanged, the real cells that
        they are held against.
    edits
        By feature: ``("ablate",)``, ``("set", v)``, ``("scale", x)``, ``("clamp", low, high)`` or
        ``("percentile", p)``, which sets the p-th percentile of its positive activations.
    cells
        Mask of the cells to change, ``(n_cells,)``; default all.
    decoder
        Of the embedding; with one, changes of genes are read, on at most 5,000 cells.
    batch
        As of which the decoder decodes; default its own.
    markers
        Own genes of the edited features, by feature. Without, the 50 genes on which `effects`
        finds each feature to act most: the specificity then says how concentrated the change is,
        not whether it hits what was meant.
    random_state
        Seed of the samples.

    Raises
    ------
    InputError
        If there is no cell, feature or edit of that name, the decoder does not fit the embedding,
        or none of a feature's markers is among the decoder's genes.

    References
    ----------
    Bricken et al. 2023 and Templeton et al. 2024: features steered with the error term kept.
    """
    if decoder is not None:
        check_decoder(decoder)
    active = model.encode(z)
    if not len(z):
        raise InputError("there is no cell to steer.")
    found = read_edits(model, active, edits)
    which = found.features
    chosen = np.ones(len(z), np.bool_) if cells is None else cell_mask(cells, len(z), "cells")
    after = np.array(z, dtype=z.dtype if z.dtype.kind == "f" else np.float32)
    columns, directions = active[:, which], model.directions()[which]
    changed, total = np.zeros(len(z), np.bool_), np.zeros(len(which))
    for start, stop in row_blocks(len(z)):
        delta = found.changes(columns[start:stop].toarray())
        delta[~chosen[start:stop]] = 0.0
        moved = np.flatnonzero(delta.any(axis=1))
        after[start + moved] += delta[moved] @ directions
        changed[start + moved] = True
        total += delta.sum(axis=0, dtype=np.float64)
    rows = np.flatnonzero(changed)
    genes, gene_change, own = np.empty(0, str), np.empty(0), np.empty(0, np.bool_)
    if decoder is not None:
        genes = decoder.genes
        gene_change = _gene_change(decoder, z, after, rows, batch, random_state)
        own = _own_genes(model, z, which.tolist(), decoder, batch, markers, random_state)
    return Steered(
        z=after,
        features=tuple(which.tolist()),
        change=total / max(len(rows), 1),
        n_changed=len(rows),
        outside=_outside(z, after, rows, random_state),
        genes=genes,
        log_rate_change=gene_change,
        markers=own,
    )


def _gene_change(
    decoder: Decoder,
    before: NDArray[np.floating],
    after: NDArray[np.floating],
    rows: NDArray[np.int64],
    batch: str | int | None,
    random_state: int,
) -> NDArray[np.float64]:
    rows = sample_cells(rows, random_state, "genes")
    total = np.zeros(len(decoder.genes))
    for start, stop in row_blocks(len(rows)):
        here = rows[start:stop]
        change = decode(decoder, after[here], batch) - decode(decoder, before[here], batch)
        total += change.sum(axis=0, dtype=np.float64)
    return total / max(len(rows), 1)


def _own_genes(
    model: SparseFeatures,
    z: NDArray[np.floating],
    features: list[int],
    decoder: Decoder,
    batch: str | int | None,
    markers: Mapping[int, Sequence[str]] | None,
    random_state: int,
) -> NDArray[np.bool_]:
    """Return which genes are the features' own, ``(n_genes,)``."""
    own = np.zeros(len(decoder.genes), dtype=np.bool_)
    if markers is None:
        found = effects(
            model, decoder, z, features=features, batch=batch, random_state=random_state
        )
        top = np.argsort(-np.abs(found), axis=1, kind="stable")[:, :MARKERS]
        own[top.ravel()] = True
        return own
    for feature in features:
        here = np.isin(decoder.genes, list(markers.get(feature, ())))
        if not here.any():
            raise InputError(
                f"markers name no gene of feature {feature} that the decoder has: give its genes "
                f"by the decoder's names, such as {str(decoder.genes[0])!r}."
            )
        own |= here
    return own


def _outside(
    before: NDArray[np.floating],
    after: NDArray[np.floating],
    rows: NDArray[np.int64],
    random_state: int,
) -> float:
    """Return the share of changed cells further from real cells than 99 % of those are."""
    if not len(rows) or len(before) < 3:
        return float("nan")
    real = sample_cells(np.arange(len(before)), random_state, "real")
    at = np.full(len(before), -1, dtype=np.int64)
    at[real] = np.arange(len(real))
    cells = sample_cells(rows, random_state, "changed")
    usual = distances_to(before[real], before[real], at[real])
    found = distances_to(after[cells], before[real], at[cells])
    return float((found > np.percentile(usual, PERCENTILE)).mean())


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")
