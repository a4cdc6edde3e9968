"""Tables of responses of results of differential expression, ours and of other tools."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellaxes._core.errors import InputError
from cellaxes._core.tables import naming_its_file
from cellaxes._core.tables import read_table as read_frame
from cellaxes.perturbation._counts import Array
from cellaxes.perturbation._quality import Quality, quality
from cellaxes.perturbation._result import DifferentialExpression
from cellaxes.perturbation._table._check import LAYERS, some
from cellaxes.perturbation._table._compounds import Compounds, read_compounds
from cellaxes.perturbation._table._conversion import infer_df
from cellaxes.perturbation._table._statistics import (
    COLUMNS,
    as_layers,
    find_columns,
    gene_names,
    statistics,
    summed,
)
from cellaxes.perturbation._table._table import PerturbationTable

Source = str | Path | pd.DataFrame


def compounds_of(source: Source | Compounds | None) -> pd.DataFrame:
    """Return a table of compounds: a file put into one form, a frame as it is, or none."""
    if source is None:
        return pd.DataFrame()
    if isinstance(source, Compounds):
        return source.table
    return source if isinstance(source, pd.DataFrame) else read_compounds(source).table


def from_results(
    results: Mapping[tuple[str, str], Source],
    *,
    compounds: Source | Compounds | None = None,
    contexts: pd.DataFrame | None = None,
) -> PerturbationTable:
    """Return the table of results of scanpy, DESeq2, limma or edgeR, one frame per row.

    Columns are recognised by name: limma's topTable (``logFC``, ``t``, ``P.Value``), DESeq2
    (``log2FoldChange``, ``stat``, ``pvalue``), scanpy's ``rank_genes_groups_df`` (``names``,
    ``scores``, ``logfoldchanges``, ``pvals``), edgeR (``logFC``, ``PValue``). A p of exactly 0
    follows from the statistic in log space, or is set to 5e-324 where there is none; ``notes``
    says so. Genes that a frame lacks are NaN in its row. A layer is there if every frame has it.

    Parameters
    ----------
    results
        By (context, compound): a frame with one row per gene, or its ``.csv`` file. Genes are
        named by a column (``gene``, ``names``) or by the index.
    compounds
        Frame indexed by compound, `Compounds`, or a file that `read_compounds` reads.
    contexts
        Baseline expression, ``(n_contexts, n_genes)``.

    Raises
    ------
    InputError
        If a frame has no columns that are known, a gene twice, a value that is no number, or
        several groups.

    Examples
    --------
    >>> top = pd.DataFrame({"scores": [50.0, -2.0], "pvals": [0.0, 0.0455]}, ["A2M", "ABCA1"])
    >>> from_results({("B cells", "x"): top}).signed_log10_p.round(2).tolist()
    [[544.67, -1.34]]
    """
    if not results:
        raise InputError("there are no results.")
    read: list[tuple[dict[str, Array], pd.Index]] = []
    notes: list[str] = []
    for (context, compound), source in results.items():
        try:
            layers, names, said = _one(source)
        except InputError as error:
            raise InputError(f"the result of {compound!r} in {context!r}: {error}") from error
        read.append((layers, names))
        notes += said
    genes = read[0][1]
    for _, names in read[1:]:
        genes = genes.append(names.difference(genes, sort=False))
    common = [name for name in LAYERS if all(name in layers for layers, _ in read)]
    if not common:
        raise InputError("no statistic (t, logFC, p) is in every result: the tools differ.")
    values: dict[str, Any] = {name: np.full((len(read), len(genes)), np.nan) for name in common}
    for i, (layers, names) in enumerate(read):
        at = genes.get_indexer(names)
        for name in common:
            values[name][i, at] = layers[name]
    return PerturbationTable(
        rows=pd.DataFrame(list(results), columns=["context", "compound"]),
        genes=genes.to_numpy(dtype=str),
        **values,
        compounds=compounds_of(compounds),
        contexts=contexts,
        notes=summed(notes),
    )


@naming_its_file
def _one(source: Source) -> tuple[dict[str, Array], pd.Index, list[str]]:
    """Return the layers, gene names and notes of one result."""
    frame = source if isinstance(source, pd.DataFrame) else read_frame(Path(source))
    if "group" in frame and frame["group"].nunique() > 1:
        raise InputError(
            f"it holds {frame['group'].nunique()} groups: pass the frame of one group for each row."
        )
    found = find_columns(frame.columns, {})
    if not {"t", "logFC", "p", "signed_log10_p"} & set(found):
        known = some([name for what in ("logFC", "t", "p") for name in COLUMNS[what][:3]], 9)
        raise InputError(
            f"no column is known (it has {some(list(frame.columns))}; known: {known})."
        )
    names = pd.Index(gene_names(frame, found))
    if not len(names):
        raise InputError("it has no rows: one for each gene is expected.")
    if names.has_duplicates:
        raise InputError(f"gene {names[names.duplicated()][0]!r} stands more than once.")
    layers, notes = as_layers({k: v[None] for k, v in statistics(frame, found).items()})
    return layers, names, notes


def from_differential_expression(
    result: DifferentialExpression,
    *,
    doubts: Quality | None = None,
    compounds: Source | Compounds | None = None,
    contexts: pd.DataFrame | None = None,
) -> PerturbationTable:
    """Return the table of a differential expression, with weights and reasons to doubt rows.

    Genes without a count in either arm keep their values and are marked not measured. The
    degrees of freedom of each row, which join t and p, stand in ``rows["df"]``.

    Parameters
    ----------
    result
        What `differential_expression` returned, e.g. of the `pseudobulk` of single cells.
    doubts
        What `quality` said of it; asked for unless given.
    compounds
        Frame indexed by compound, `Compounds`, or a file that `read_compounds` reads.
    contexts
        Baseline expression, ``(n_contexts, n_genes)``.

    Raises
    ------
    InputError
        If ``doubts`` speaks of other rows.
    """
    rows = result.rows.assign(df=infer_df(result.t, result.signed_log10_p))
    table = PerturbationTable(
        rows=rows,
        genes=result.genes.to_numpy(dtype=str),
        t=result.t,
        logFC=result.logFC,
        signed_log10_p=result.signed_log10_p,
        measured=result.supported,
        compounds=compounds_of(compounds),
        contexts=contexts,
    )
    return table.judged(quality(result) if doubts is None else doubts)
