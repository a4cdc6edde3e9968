"""The table of responses that predictors, splits and metrics stand on."""

from dataclasses import dataclass, field, replace
from typing import Any

import anndata
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes.perturbation._counts import Array
from cellaxes.perturbation._quality import Quality
from cellaxes.perturbation._table._check import LAYERS
from cellaxes.perturbation._table._clean import cleaned, gene_numbers, judge, row_numbers
from cellaxes.perturbation._table._compounds import standardise_compounds
from cellaxes.perturbation._table._layers import df_of, layer_of, origin_of
from cellaxes.perturbation._table._views import as_anndata, as_text, describe, long_frame


@dataclass(frozen=True, eq=False)
class PerturbationTable:
    """Responses of genes: one row per context and compound (and dose, time, donor, …).

    Attributes
    ----------
    rows
        One row per response: ``context``, ``compound``, and where known ``dose``, ``time``,
        ``donor``, ``plate``, ``well``, ``replicate`` (these tell rows apart), ``n_cells``, ``df``
        (degrees of freedom of t) and others. No two rows may agree in all that tells them apart.
        A column ``weight`` becomes the field; ``suspect``, ``reasons``, ``warnings`` are left out.
    genes
        Names ``(n_genes,)``.
    t
        ``(n_rows, n_genes)`` t statistics, or None. At least one of the three is given.
    logFC
        ``(n_rows, n_genes)`` log2 fold changes, or None.
    signed_log10_p
        ``(n_rows, n_genes)`` ``-sign(t) log10 p``, or None. NaN in any of the three: not measured.
    measured
        ``(n_rows, n_genes)`` bool, False where a value is there but says nothing of the gene
        (no count in either arm); None where nothing is known of that.
    weight
        ``(n_rows,)`` in (0, 1]; 1 unless given.
    compounds
        Indexed by name: ``SMILES``, ``canonical``, ``inchikey``, ``moa``, …; may be empty.
    contexts
        Baseline expression ``(n_contexts, n_genes)`` of the table's genes; None where not known.
    reasons
        Of each row a tuple of codes (`REASONS`) why it is suspect; empty for a good one.
    notes
        What was done when the table was made, in words.

    Raises
    ------
    InputError
        If shapes differ, a row or gene stands twice, or a row has no value or an infinite one.

    Examples
    --------
    >>> rows = pd.DataFrame({"context": ["B", "B"], "compound": ["x", "y"]})
    >>> table = PerturbationTable(rows, ["A1BG", "A2M"], t=np.array([[2.0, -9.0], [0.1, 0.0]]))
    >>> table
    PerturbationTable(2 rows x 2 genes: 1 context, 2 compounds; t)
    >>> table.layer("signed_log10_p").round(2).tolist(), table.origin("signed_log10_p")
    ([[1.34, -18.65], [0.04, 0.0]], 'from t as if normal')
    """

    rows: pd.DataFrame
    genes: NDArray[np.str_]
    t: NDArray[Any] | None = None
    logFC: NDArray[Any] | None = None  # noqa: N815 - the field's name
    signed_log10_p: NDArray[Any] | None = None
    measured: NDArray[np.bool_] | None = None
    weight: Array = field(default_factory=lambda: np.empty(0))
    compounds: pd.DataFrame = field(default_factory=pd.DataFrame)
    contexts: pd.DataFrame | None = None
    reasons: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value in cleaned(self).items():
            object.__setattr__(self, name, value)

    @property
    def n_rows(self) -> int:
        """Number of responses."""
        return len(self.rows)

    @property
    def n_genes(self) -> int:
        """Number of genes."""
        return len(self.genes)

    @property
    def stored(self) -> tuple[str, ...]:
        """Layers that are there without deriving them."""
        return tuple(name for name in LAYERS if getattr(self, name) is not None)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """``(n_rows, n_genes)``, True where every stored layer has a value that was measured."""
        found = np.ones((self.n_rows, self.n_genes), dtype=bool)
        for name in self.stored:
            found &= ~np.isnan(getattr(self, name))
        return found if self.measured is None else found & self.measured

    @property
    def suspect(self) -> NDArray[np.bool_]:
        """``(n_rows,)``, whether a row has reasons to be doubted."""
        return np.array([bool(codes) for codes in self.reasons])

    @property
    def df(self) -> Array:
        """Degrees of freedom ``(n_rows,)`` that join t and p.

        The column ``df`` of the rows; else found from t and signed_log10_p where both are
        stored (`infer_df`); else infinite, which is a normal tail.
        """
        return df_of(self)

    def layer(self, name: str, *, df: ArrayLike | None = None) -> NDArray[Any]:
        """Return a layer ``(n_rows, n_genes)``, derived where it is not stored.

        t and signed_log10_p are derived from each other, in log space; see `origin`.

        Parameters
        ----------
        name
            ``"t"``, ``"logFC"`` or ``"signed_log10_p"``.
        df
            Degrees of freedom, one or ``(n_rows,)``, instead of those of the rows.

        Raises
        ------
        InputError
            If there is no such layer, or it cannot be derived.
        """
        return layer_of(self, name, df)

    def origin(self, name: str) -> str:
        """Say where the layer ``name`` comes from: ``"stored"``, or what it is derived from.

        Raises
        ------
        InputError
            If there is no such layer, or it cannot be derived.
        """
        return origin_of(self, name)

    def take(self, rows: ArrayLike | slice) -> "PerturbationTable":
        """Return some rows, in the order given; compounds and contexts stay whole.

        Parameters
        ----------
        rows
            Row numbers, a mask ``(n_rows,)``, or a slice.

        Raises
        ------
        InputError
            If a number is out of range, a mask has another length, or no row is left.
        """
        at = row_numbers(rows, self.n_rows)
        return replace(
            self,
            rows=self.rows.iloc[at],
            measured=None if self.measured is None else self.measured[at],
            weight=self.weight[at],
            reasons=tuple(self.reasons[i] for i in at),
            **{name: getattr(self, name)[at] for name in self.stored},
        )

    def take_genes(self, names: ArrayLike) -> "PerturbationTable":
        """Return the genes ``names`` ``(n_taken,)``, in their order, as of another table.

        Raises
        ------
        InputError
            If a gene is not in the table (they are named), or is asked for twice.
        """
        wanted, at = gene_numbers(names, self.genes)
        return replace(
            self,
            genes=wanted,
            measured=None if self.measured is None else self.measured[:, at],
            **{name: getattr(self, name)[:, at] for name in self.stored},
        )

    def described(self) -> pd.DataFrame:
        """Return the table, one row per response, with what is known of compounds, for splits.

        Besides the rows: ``weight``, ``suspect``, the columns of ``compounds`` that rows do not
        have themselves (``SMILES``, ``moa``, …), and ``scaffold``, made of SMILES where RDKit is
        installed.

        Raises
        ------
        InputError
            If scaffolds are to be made and a SMILES does not parse.
        """
        return describe(self)

    def standardised(self) -> "PerturbationTable":
        """Return the table with its compounds in one form, see `standardise_compounds`.

        Names that turn out to be one molecule are told in ``notes``.
        """
        found = standardise_compounds(self.compounds)
        return replace(self, compounds=found.table, notes=self.notes + found.told)

    def judged(self, quality: Quality | None = None) -> "PerturbationTable":
        """Return the table with the weight of each row and the reasons to doubt it.

        Parameters
        ----------
        quality
            What `quality` or `row_quality` said of these rows, in their order; `row_quality` of t
            unless given.

        Raises
        ------
        InputError
            If ``quality`` speaks of other rows, or t cannot be derived.
        """
        weight, reasons = judge(self, quality)
        return replace(self, weight=weight, reasons=reasons)

    def to_anndata(self) -> anndata.AnnData:
        """Return rows x genes with the stored layers; `read_table` understands it.

        ``obs`` has the rows, ``weight`` and ``reasons`` (codes joined by ``;``); ``varm`` the
        baseline of contexts; ``uns["cellaxes_table"]`` compounds, notes and the layout.
        """
        return as_anndata(self)

    def to_frame(self) -> pd.DataFrame:
        """Return one line per row and gene: what tells rows apart, gene, layers, ``mask``."""
        return long_frame(self)

    def __repr__(self) -> str:
        return as_text(self)
