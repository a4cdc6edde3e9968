"""What is asked of features and of every control alike: one row of the run card."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.matrix import Counts, take_rows
from cellaxes.features import metrics
from cellaxes.features._hands import Decoder, count_loss
from cellaxes.features._regress import regress
from cellaxes.features._standard import Standard
from cellaxes.features.metrics._arrays import Matrix

DECODED = 2000
"""Held-out cells that are decoded, at most."""


@dataclass(frozen=True, eq=False)
class Judge:
    """The cells and what is known of them.

    Attributes
    ----------
    standard
        Centring and scaling of the embedding.
    z
        The embedding ``(n_cells, d)``.
    held_out
        Cells that judge, ``(n_cells,)``.
    labels, parents
        Label of each cell and the coarser one, None where it has none; or nothing.
    alike
        Expression ``(n_cells, o)`` in which cells are compared; or nothing.
    counts, decoder
        Counts ``(n_cells, n_genes)`` and what decodes the embedding to them; or nothing.
    random_state
        Seed of ties.
    """

    standard: Standard
    z: NDArray[np.float32]
    held_out: NDArray[np.bool_]
    labels: NDArray[Any] | None
    parents: NDArray[Any] | None
    alike: NDArray[np.float32] | None
    counts: Counts | None
    decoder: Decoder | None
    random_state: int

    @cached_property
    def x(self) -> NDArray[np.float32]:
        """The standardised embedding, ``(n_cells, d)``."""
        return self.standard.apply(self.z)

    @cached_property
    def decoded(self) -> NDArray[np.int64]:
        """Held-out cells that are decoded."""
        cells = np.flatnonzero(self.held_out)
        return cells[:: max(1, len(cells) // DECODED)]

    @cached_property
    def loss(self) -> Callable[[NDArray[np.floating]], NDArray[np.float64]] | None:
        """Loss of the decoded cells' counts; None without decoder or where it knows nothing."""
        if self.counts is None or self.decoder is None:
            return None
        loss = count_loss(self.decoder, take_rows(self.counts, self.decoded))
        z = self.z[self.decoded]
        mean = np.broadcast_to(z.mean(axis=0), z.shape)
        return loss if loss(z).mean() < loss(mean).mean() else None

    def row(
        self,
        activations: Matrix,
        decoder: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
    ) -> dict[str, float]:
        """Return what there is to say of activations ``(n_cells, m)``.

        ``decoder`` is their way back to the standardised embedding, directions ``(m, d)`` and the
        rest ``(d,)``; None takes the best linear one.
        """
        f = sp.csr_matrix(activations)
        directions, rest = regress(f, self.x) if decoder is None else decoder
        rebuilt = np.asarray(f @ directions) + rest
        fired = metrics.firing(activations)
        row = {
            "dimensions": float(f.shape[1]),
            "active": fired.l0,
            "rare": float(fired.rare.mean()),
            "unexplained": metrics.fvu(self.x, rebuilt),
        }
        if self.loss is not None:
            seen = self.standard.undo(rebuilt[self.decoded])
            row["loss_recovered"] = metrics.loss_recovered(
                self.loss, self.z[self.decoded], seen
            ).share
        if self.alike is not None:
            row |= metrics.monosemanticity(activations, self.alike).to_dict()
        if self.labels is not None:
            row |= self._by_labels(activations, directions)
        return row

    def _by_labels(self, activations: Matrix, directions: NDArray[np.float32]) -> dict[str, float]:
        labels, held_out = self.labels, self.held_out
        concepts = metrics.concept_f1(activations, labels, held_out).to_dict()
        probes = metrics.sparse_probe(activations, labels, held_out, k=(1,)).to_dict()
        scores = metrics.drvi(activations, labels, random_state=self.random_state).to_dict()
        found = {
            "concept_f1": concepts["concept_f1"],
            "concepts_found": float(concepts["concepts_found"]),
            "auroc": concepts["concept_auroc"],
            "probe_1": probes["probe_f1_k1"],
            "lms_smi": scores["LMS-SMI"],
            "lms_spn": scores["LMS-SPN"],
            "msgs_smi": scores["MSGS-SMI"],
        }
        if self.parents is not None:
            found |= metrics.absorption(
                activations,
                labels,
                self.parents,
                decoder=directions,
                embedding=self.x,
                held_out=held_out,
            ).to_dict()
        return found
