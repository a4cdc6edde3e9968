"""Measure: how much of a signal embeddings hold, and how this falls with depth."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anndata
import numpy as np

from cellaxes._core.adata import counts_of
from cellaxes._core.files import identity, out_dir, part_of, storing
from cellaxes.report import Curve, DataFacts, MeasureReport
from cellaxes.scaling import fit_noise_law
from cellaxes.study import (
    CURVE,
    Material,
    Store,
    StudySpec,
    collect,
    levels,
    prepare,
    reload,
    run,
)


def measure(
    data: anndata.AnnData | str | Path,
    signals: Sequence[str],
    *,
    out: str | Path,
    models: Sequence[str] = ("pca", "random_projection"),
    layer: str | None = None,
    n_levels: int = 10,
    min_depth: float = 10.0,
    sizes: Sequence[int] | None = None,
    test_fraction: float = 0.5,
    n_seeds: int = 3,
    estimator: str = "auto",
    n_permutations: int = 5,
    n_jobs: int | None = None,
    random_state: int = 0,
    name: str | None = None,
    progress: bool = True,
) -> MeasureReport:
    """Measure how much of each signal embeddings hold at falling depth, and fit the law.

    Interrupted or killed, the same call goes on where it stopped.

    Parameters
    ----------
    data
        AnnData with UMI counts, or the path of its ``.h5ad`` file.
    signals
        ``label:OBS_KEY``, ``protein:OBSM_KEY``, ``measurement:OBSM_KEY``.
    out
        Folder for the page, the tables and the study.
    models
        ``name`` or ``name:key=value,…``; ``precomputed:OBSM_KEY`` for an embedding you have.
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
    n_jobs
        Worker processes, one thread each; default: the cores of the machine.
    random_state
        Seed.
    name
        What the page calls the data; default: the name of the file.
    progress
        Show a bar on standard error.

    Returns
    -------
    `MeasureReport`; written to ``out`` are ``report.html``, ``results.json``, ``runs.csv``,
    ``levels.csv``, ``fits.csv`` and the study.

    Raises
    ------
    InputError
        If data, keys or wishes cannot be used.
    StoreError
        If the disk is full or a worker was killed; finished runs are kept.
    """
    start = time.perf_counter()
    folder = out_dir(out)
    spec, material = prepare(
        _on_disk(data, folder, layer),
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
        random_state=random_state,
    )
    run(spec, folder, material=material, n_jobs=n_jobs, progress=progress)
    report = summarise(folder, material=material, name=name, seconds=time.perf_counter() - start)
    report.write(folder)
    return report


def summarise(
    out: str | Path,
    *,
    material: Material | None = None,
    name: str | None = None,
    seconds: float = float("nan"),
) -> MeasureReport:
    """Fit the law to every curve of the study in ``out``.

    Parameters
    ----------
    out
        Folder of a study.
    material
        As `cellaxes.study.prepare` returned it; read again if left out.
    name
        What the page calls the data; default: the name of the file.
    seconds
        Wall time to state on the page.

    Raises
    ------
    InputError
        If the folder holds no study, or its data file is gone or has changed.
    """
    spec = Store(out).read_spec()
    material = reload(spec) if material is None else material
    table = collect(out)
    done = table[table["status"] == "done"]
    curves = tuple(
        _curve(dict(zip(CURVE, key, strict=True)), points)
        for key, points in done.groupby(list(CURVE), sort=False)
    )
    return MeasureReport(_facts(spec, material, name), curves, table, levels(table), seconds)


def _curve(names: dict[str, Any], points: Any) -> Curve:
    deepest = points[points["fraction"] == points["fraction"].max()]
    error = (points["high"] - points["low"]) / 3.92
    # The mean over replicates: their test cells overlap, so its error is not divided by their
    # number; the spread between them counts as well.
    half = 1.96 * float(np.hypot(error[deepest.index].mean(), _standard_error(deepest)))
    fit = (
        fit_noise_law(
            points["umis_per_cell"], points["information"], error=error, level=points["fraction"]
        )
        if points["fraction"].nunique() > 2
        else None
    )
    doubts = points.loc[~points["reliable"].astype(bool), "reason"]
    return Curve(
        **names,
        depth=float(deepest["umis_per_cell"].mean()),
        information=float(deepest["information"].mean()),
        low=float(deepest["information"].mean()) - half,
        high=float(deepest["information"].mean()) + half,
        null_high=float(points["null_high"].max()),
        estimator=str(points["estimator"].iloc[0]),
        doubts=tuple(dict.fromkeys(reason.partition("; ")[2] for reason in doubts))[:3],
        fit=fit,
    )


def _standard_error(points: Any) -> float:
    if len(points) < 2:
        return 0.0
    return float(points["information"].std() / np.sqrt(len(points)))


def _facts(spec: StudySpec, material: Material, name: str | None) -> DataFacts:
    n_cells, n_genes = material.counts.shape
    return DataFacts(
        name=name or Path(spec.path).stem,
        n_cells=n_cells,
        n_genes=n_genes,
        umis_per_cell=float(np.median(material.umis_per_cell)),
        n_test=spec.n_test,
        sizes=spec.sizes,
        seeds=spec.seeds,
        entropies={key: signal.entropy for key, signal in material.signals.items()},
        study=identity(spec.model_dump(mode="json") | {"path": ""}),
    )


def _on_disk(data: anndata.AnnData | str | Path, folder: Path, layer: str | None) -> Path:
    """Return the path of the data; an AnnData in memory is written beside the study."""
    if not isinstance(data, anndata.AnnData):
        return Path(data)
    counts, names = counts_of(data, layer)
    slim = anndata.AnnData(X=counts, obs=data.obs, obsm=dict(data.obsm))
    slim.var_names = names
    path = folder / "cells.h5ad"
    with storing(path):
        temporary = part_of(path)
        try:
            slim.write_h5ad(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return path
