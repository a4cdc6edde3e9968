"""From a file and wishes to a frozen study, with everything checked before work starts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anndata
import numpy as np
from numpy.typing import NDArray

from cellaxes._core import keys
from cellaxes._core.adata import obsm_matrix
from cellaxes._core.errors import InputError
from cellaxes._core.files import path_identity
from cellaxes._core.matrix import row_sums
from cellaxes._core.modality import Images, Modality, modality_of
from cellaxes.datasets import open_data
from cellaxes.embed import Annotations, make
from cellaxes.information import show as estimators
from cellaxes.noise import Noise, clean_matrix, kind_for, levels_of
from cellaxes.signal import Signal, expand, parse
from cellaxes.study._execute import split
from cellaxes.study._facts import Facts
from cellaxes.study._handout import check_handouts, pin
from cellaxes.study._spec import THIN, ModelSpec, StudySpec
from cellaxes.study._stages import Matrix

DEFAULTS = {
    "counts": ("pca", "random_projection"),
    "images": ("pixel_pca",),
    "sequences": ("kmer", "one_hot"),
}
"""Models that a study takes where none is named."""
MIN_CELLS = 20
"""Fewest training cells, and fewest test cells, that a study accepts."""


@dataclass(frozen=True, eq=False)
class Material:
    """What the runs read: clean data, signals, given embeddings and annotations of all rows.

    Attributes
    ----------
    counts
        ``(n_rows, n_columns)``: UMIs as CSR, or pixels or residues as a dense matrix.
    signals
        What is asked of the rows.
    embeddings
        Given embeddings by the name of the model, ``(n_rows, d)`` each.
    annotations
        Genes, batches and labels; what they say of the modality is what models get, after the
        noise.
    modality
        What the columns are where they are no genes.
    remarks
        What a reader of files left out or could not do.
    """

    counts: Matrix
    signals: dict[str, Signal]
    embeddings: dict[str, NDArray[np.float64]]
    annotations: Annotations
    modality: Modality | None = None
    remarks: tuple[str, ...] = ()

    @property
    def facts(self) -> Facts:
        """The data in numbers."""
        n_cells, n_genes = self.counts.shape
        return Facts(
            n_cells=n_cells,
            n_genes=n_genes,
            umis_per_cell=None
            if self.modality is not None
            else float(np.median(row_sums(self.counts))),
            entropies={name: signal.entropy for name, signal in self.signals.items()},
            notes={name: signal.note for name, signal in self.signals.items() if signal.note},
            shape=_shape(self.modality),
            remarks=self.remarks,
        )


def _shape(modality: Modality | None) -> str:
    """Say what a row is, where it is no cell."""
    if modality is None:
        return ""
    if isinstance(modality, Images):
        colour = " in colour" if modality.channels > 1 else ""
        return f"{modality.height} × {modality.width} pixels{colour}"
    return f"up to {modality.length:,} residues"


def material(
    adata: anndata.AnnData,
    spec_signals: Sequence[str],
    models: Sequence[ModelSpec],
    layer: str | None,
    noise: str | None,
) -> tuple[Material, Noise]:
    """Read and check everything that the runs of a study need; return the kind of noise too."""
    modality = modality_of(adata)
    kind = kind_for(modality, noise)
    signals = {name: parse(adata, name) for name in spec_signals}
    embeddings = {}
    made = [make(model.name, **model.params) for model in models]
    for model in models:
        if model.fixed and modality is not None:
            raise InputError(
                f"{model} is an embedding without noise, which has no place on the axis of "
                f"{kind.name!r}: give embeddings of the noisy data (precomputed:folder=…)."
            )
        if model.fixed:
            embeddings[str(model)] = obsm_matrix(adata, model.params["use_rep"])
    clean = clean_matrix(adata, layer=layer)
    told = Annotations.of(adata, made, layer=layer)
    told = replace(told, modality=kind.after(modality)) if modality is not None else told
    remarks = tuple(str(note) for note in adata.uns.get(keys.notes(), ()))
    return Material(clean, signals, embeddings, told, modality, remarks), kind


def check_keys(
    adata: anndata.AnnData, signals: Sequence[str], models: Sequence[ModelSpec] = ()
) -> None:
    """Refuse signals and embeddings that the data do not hold, before a study of them is made.

    Parameters
    ----------
    adata
        Cells, images or sequences.
    signals
        As for `prepare`.
    models
        Of these, embeddings in ``obsm`` are looked for.

    Raises
    ------
    InputError
        If a column or an embedding is missing, or is none for its signal.
    """
    for name in expand(adata, signals):
        parse(adata, name)
    for model in models:
        if model.fixed:
            obsm_matrix(adata, model.params["use_rep"])


def prepare(
    path: str | Path,
    signals: Sequence[str],
    *,
    models: Sequence[str | ModelSpec] | None = None,
    layer: str | None = None,
    n_levels: int = 10,
    min_depth: float = 10.0,
    fractions: Sequence[float] | None = None,
    sizes: Sequence[int] | None = None,
    test_fraction: float = 0.5,
    n_seeds: int = 3,
    estimator: str = "auto",
    n_permutations: int = 5,
    thin: Sequence[str] = ("both",),
    noise: str | None = None,
    strengths: Sequence[float] | None = None,
    random_state: int = 0,
) -> tuple[StudySpec, Material]:
    """Check data and wishes and freeze them into a study.

    Parameters
    ----------
    path
        An ``.h5ad`` file with UMI counts, or with images or sequences and their modality; or what
        `cellaxes.datasets.open_data` reads besides: ``.npz``, a folder of images, FASTA.
    signals
        As `cellaxes.signal.parse` reads them: ``label:OBS_KEY``, ``protein:OBSM_KEY``,
        ``measurement:OBSM_KEY``, ``clone:OBS_KEY@TIME_KEY``, ``space:OBSM_KEY``,
        ``time:OBS_KEY``, ``level:OBS_KEY@LEVEL``; ``hierarchy:OBS_KEY`` for all levels of a
        tree of cell types.
    models
        ``name`` or ``name:key=value,…``; default: the simplest there are for what the data are.
    layer
        Where the counts are.
    n_levels, min_depth
        Depths, evenly spaced in log from the full median depth down to ``min_depth`` UMIs
        per cell; or give ``fractions``.
    fractions
        Capture fractions, decreasing, instead of ``n_levels`` and ``min_depth``.
    sizes
        Numbers of training cells; default: all that are not test cells.
    test_fraction
        Share of the cells that is held out.
    n_seeds
        Replicates of split, thinning and subsampling.
    estimator, n_permutations
        For `cellaxes.information.estimate`.
    thin
        Which cells are thinned, each a curve of its own: ``"both"``, training and test cells
        alike; ``"train"``, the training cells alone; ``"query"``, the test cells alone. The
        others stay at the deepest level.
    noise
        Kind of noise (`cellaxes.noise.show`); default: the first for what the data are, which is
        ``"thinning"`` for counts, ``"gaussian"`` for images, ``"substitution"`` for sequences.
    strengths
        Levels of a noise that is no thinning, in its own terms; default: ``n_levels`` of them
        from hardly any noise to hardly any signal.
    random_state
        The replicates use the seeds ``random_state, random_state + 1, …``.

    Returns
    -------
    The frozen study, and the material that its runs read.

    Raises
    ------
    InputError
        If the file, a key, the counts or a wish cannot be used.
    """
    path = Path(path)
    specs = tuple(pin(ModelSpec.parse(m) if isinstance(m, str) else m) for m in models or ())
    if not signals or (models is not None and not specs) or n_seeds < 1:
        raise InputError("a study needs at least one signal, one model and one seed.")
    if len(set(signals)) < len(signals) or len({str(spec) for spec in specs}) < len(specs):
        raise InputError("a signal or a model is named twice: name each once.")
    known = [*estimators()["name"], "auto"]
    if estimator not in known:
        raise InputError(f"there is no estimator {estimator!r}: there are {', '.join(known)}.")
    unknown = [way for way in thin if way not in THIN]
    if unknown or not thin:
        raise InputError(
            f"thin cannot be {', '.join(map(repr, unknown)) or 'empty'}: name one or more of "
            f"{', '.join(map(repr, THIN))}."
        )
    adata = open_data(path)
    specs = specs or tuple(map(ModelSpec.parse, DEFAULTS[kind_for(modality_of(adata)).modality]))
    signals = expand(adata, signals)
    if len(set(signals)) < len(signals):
        raise InputError("a level of a hierarchy is named twice: name each once.")
    stuff, kind = material(adata, signals, specs, layer, noise)
    n_cells = stuff.counts.shape[0]
    if not 0 < test_fraction < 1:
        raise InputError(f"test_fraction must lie between 0 and 1, but is {test_fraction}.")
    n_test = round(n_cells * test_fraction)
    chosen = tuple(sorted(set(sizes))) if sizes else (n_cells - n_test,)
    if min(chosen[0], n_test) < MIN_CELLS or chosen[-1] + n_test > n_cells:
        raise InputError(
            f"{path.name} has {n_cells} {kind.axis.rows}, too few for {chosen[-1]} training and "
            f"{n_test} test {kind.axis.rows} (at least {MIN_CELLS} each): lower sizes or "
            "test_fraction, or give more."
        )
    seeds = tuple(range(random_state, random_state + n_seeds))
    for signal in stuff.signals.values():
        for seed in seeds if signal.relation is not None else ():
            signal.pairs(split(n_cells, chosen[-1], n_test, seed)[1], random_state=seed)
    ladder = levels_of(kind, fractions, strengths)
    if ladder is None:
        ladder = kind.ladder(stuff.counts, stuff.modality, n_levels, min_depth)
    spec = StudySpec(
        path=str(path.resolve()),
        data=path_identity(path),
        layer=layer,
        signals=tuple(signals),
        models=specs,
        fractions=tuple(ladder),
        sizes=chosen,
        n_test=n_test,
        seeds=seeds,
        estimator=estimator,
        n_permutations=n_permutations,
        thin=tuple(way for way in THIN if way in thin),
        noise=kind.name,
    )
    check_handouts(spec)
    return spec, stuff


def reload(spec: StudySpec) -> Material:
    """Read the material of ``spec``, a frozen study, again.

    Raises
    ------
    InputError
        If the file of the data has changed.
    """
    path = Path(spec.path)
    adata: Any = open_data(path)
    if path_identity(path) != spec.data:
        raise InputError(
            f"{path} has changed since the study was made: restore the file, or start a study anew."
        )
    check_handouts(spec)
    return material(adata, spec.signals, spec.models, spec.layer, spec.noise)[0]
