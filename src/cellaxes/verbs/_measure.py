"""Measure: how much of a signal embeddings hold, and how this falls with depth."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import anndata

from cellaxes._core.adata import counts_name, counts_of, write_h5ad
from cellaxes._core.errors import InputError
from cellaxes._core.files import file_atomic, identity
from cellaxes._core.folders import receiving
from cellaxes._core.modality import modality_of, set_modality
from cellaxes.embed import make
from cellaxes.noise import noise_kind
from cellaxes.report import DataFacts, MeasureReport
from cellaxes.study import (
    CURVE,
    ModelSpec,
    Store,
    check_keys,
    collect,
    curves,
    levels,
    prepare,
    run,
    seconds,
    shares,
)
from cellaxes.verbs._curves import curve_of


def measure(
    data: anndata.AnnData | str | Path,
    signals: Sequence[str],
    *,
    out: str | Path,
    models: Sequence[str] | None = None,
    layer: str | None = None,
    n_levels: int = 10,
    min_depth: float = 10.0,
    sizes: Sequence[int] | None = None,
    test_fraction: float = 0.5,
    n_seeds: int = 3,
    estimator: str = "auto",
    n_permutations: int = 5,
    thin: Sequence[str] = ("both",),
    noise: str | None = None,
    strengths: Sequence[float] | None = None,
    n_jobs: int | None = None,
    random_state: int = 0,
    retry_failed: bool = False,
    name: str | None = None,
    progress: bool = True,
) -> MeasureReport:
    """Measure how much of each signal embeddings hold as noise grows, and fit the law.

    Counts are thinned to falling depth; images and sequences are made noisy in their own ways.

    Interrupted or killed, the same call goes on where it stopped.

    Parameters
    ----------
    data
        AnnData with UMI counts, or with images or sequences and their modality; or the path of
        its ``.h5ad`` file, or of images (``.npz``, a folder) or sequences (FASTA).
    signals
        ``label:OBS_KEY``, ``protein:OBSM_KEY``, ``measurement:OBSM_KEY``, ``time:OBS_KEY``,
        ``clone:OBS_KEY@TIME_KEY``, ``space:OBSM_KEY@SECTION_KEY`` (`cellaxes.signal.parse`), or
        ``hierarchy:OBS_KEY``: a curve for every level of cell identity.
    out
        Folder for the page, the tables and the study.
    models
        ``name`` or ``name:key=value,…``, default: the simplest there are for what the data are;
        ``precomputed:OBSM_KEY`` for an embedding you have.
    layer
        Where the counts are (``None``: ``X``; ``"raw"``: ``raw.X``).
    n_levels, min_depth
        Depths: evenly spaced in log from the full median depth to ``min_depth`` UMIs per cell.
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
        alike; ``"train"``, the training cells alone; ``"query"``, the test cells alone. With
        ``"both"`` and another, the page tells whose loss it is (`cellaxes.study.shares`).
    noise, strengths
        Kind of noise (`cellaxes.noise.show`), and its levels: for what is no counts, instead of
        ``min_depth``. The law is fitted on the nominal coordinate of the kind, on others it has,
        and on the measured signal-to-noise ratio.
    n_jobs
        Worker processes, one thread each; default: the cores this process may use.
    random_state
        Seed.
    retry_failed
        Carry out runs again that failed in an earlier call.
    name
        What the page calls the data; default: the name of the file.
    progress
        Show a bar on standard error.

    Returns
    -------
    `MeasureReport`; written to ``out`` are ``report.html``, ``results.json``, ``runs.csv``,
    ``levels.csv``, ``fits.csv``, ``shares.csv`` where there are any, and the study.

    Raises
    ------
    InputError
        If data, keys or wishes cannot be used.
    StoreError
        If the disk is full or a worker was killed; finished runs are kept.
    """
    with receiving(out) as folder:
        with _on_disk(data, folder, layer, signals, models or ()) as path:
            spec, material = prepare(
                path,
                signals,
                models=models,
                layer=layer if not isinstance(data, anndata.AnnData) else None,
                n_levels=n_levels,
                min_depth=min_depth,
                sizes=sizes,
                test_fraction=test_fraction,
                n_seeds=n_seeds,
                estimator=estimator,
                n_permutations=n_permutations,
                thin=thin,
                noise=noise,
                strengths=strengths,
                random_state=random_state,
            )
        run(
            spec,
            folder,
            material=material,
            n_jobs=n_jobs,
            retry_failed=retry_failed,
            progress=progress,
        )
        report = summarise(folder, name=name)
        report.write(folder)
        return report


def summarise(out: str | Path, *, name: str | None = None) -> MeasureReport:
    """Fit the law to every curve of the study in ``out``; its data are not needed any more.

    Parameters
    ----------
    out
        Folder of a study.
    name
        What the page calls the data; default: the name of the file.

    Raises
    ------
    InputError
        If the folder holds no study, or a record of it is damaged.
    """
    store = Store(out)
    spec = store.read_spec()
    table = collect(out)
    points = curves(table)
    depth = points["depth"]
    kind = noise_kind(spec.noise)
    facts = DataFacts(
        **asdict(store.read_facts()),
        name=name or Path(spec.path).stem,
        depths=(float(depth.min()), float(depth.max())),
        n_test=spec.n_test,
        sizes=spec.sizes,
        seeds=spec.seeds,
        study=identity(spec.model_dump(mode="json") | {"path": ""}),
        data=spec.data,
        layer=counts_name(spec.layer),
        n_permutations=spec.n_permutations,
        seconds=seconds(out),
        noise=kind.name,
        axis=kind.axis,
    )
    return MeasureReport(
        facts,
        curves=tuple(
            curve_of(dict(zip(CURVE, key, strict=True)), rows, kind)
            for key, rows in points.groupby(list(CURVE), sort=False)
        ),
        runs=table,
        points=points,
        levels=levels(table),
        shares=shares(table),
    )


@contextmanager
def _on_disk(
    data: anndata.AnnData | str | Path,
    folder: Path,
    layer: str | None,
    signals: Sequence[str],
    models: Sequence[str],
) -> Iterator[Path]:
    """Give the path of the data; of an AnnData in memory, what is needed is written first.

    If the block ends in wrong input, what was written for it goes again.
    """
    if not isinstance(data, anndata.AnnData):
        yield Path(data)
        return
    specs = [ModelSpec.parse(model) for model in models]
    check_keys(data, signals, specs)  # while all columns are there to be meant
    counts, names = counts_of(data, layer)
    named = [word.partition(":")[2] for word in (*signals, *models)]
    keys = {key for name in named for key in (name, *re.split("[@,=]", name))}
    for spec in specs:
        model = make(spec.name, **spec.params)
        keys |= {getattr(model, setting, "") for setting in ("label_key", "batch_key")}
    slim = anndata.AnnData(
        X=counts,
        obs=data.obs[[column for column in data.obs if column in keys]],
        obsm={key: value for key, value in data.obsm.items() if key in keys},
    )
    slim.var_names = names
    modality = modality_of(data)
    if modality is not None:
        set_modality(slim, modality)
    path = folder / "cells.h5ad"
    new = not path.exists()
    with file_atomic(path) as temporary:
        try:
            write_h5ad(slim, temporary)
        except TypeError as error:
            raise InputError(
                f"the AnnData cannot be written beside the study ({str(error).splitlines()[0]}): "
                "make its columns of one type."
            ) from error
    try:
        yield path
    except InputError:
        if new:
            path.unlink()
        raise
