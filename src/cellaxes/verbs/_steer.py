"""Steer: change features of cells, and write the cells and what their genes would do."""

from collections.abc import Mapping
from pathlib import Path

import anndata

from cellaxes._core.adata import obs_column, obsm_matrix, read_h5ad, write_h5ad
from cellaxes._core.errors import InputError
from cellaxes._core.files import pretty_json
from cellaxes._core.folders import folder_filled, receiving
from cellaxes.features import Edit, LinearDecoder, Steered, load
from cellaxes.features import steer as steer_features
from cellaxes.verbs._inputs import read_counts


def steer(
    data: anndata.AnnData | str | Path,
    rep: str,
    edits: Mapping[int, Edit],
    *,
    features: str | Path,
    out: str | Path,
    cells: tuple[str, str] | None = None,
    layer: str | None = None,
    gene_names: str | None = None,
    random_state: int = 0,
) -> Steered:
    """Change features of cells in an ``.h5ad`` file, and say what their genes would do.

    Writes ``steered.h5ad`` (annotations, the embedding and ``obsm["<rep>_steered"]``),
    ``genes.csv`` (change of each gene's log rate, by a linear map from embedding to log-normalised
    expression) and ``results.json``.

    Parameters
    ----------
    data
        AnnData, or the path of its ``.h5ad`` file.
    rep
        Key of the embedding in ``obsm``.
    edits
        By feature, as of ``cx.features.steer``.
    features
        Folder with the features, as ``explain`` wrote it.
    out
        Folder that receives the files.
    cells
        Column of ``obs`` and value: only these cells are changed. None: all.
    layer, gene_names
        As of `explain`.
    random_state
        Seed of the cells that are compared with real ones.

    Raises
    ------
    InputError
        If a key or feature is missing, or the features are of an embedding of another width.
    """
    with receiving(out) as folder:
        adata = data if isinstance(data, anndata.AnnData) else read_h5ad(data)
        model, z = load(features), obsm_matrix(adata, rep)
        mask = None
        if cells is not None:
            mask = (obs_column(adata, cells[0]).astype(str) == cells[1]).to_numpy()
            if not mask.any():
                raise InputError(f"no cell has {cells[0]} = {cells[1]!r}.")
        counts, genes = read_counts(adata, layer, gene_names)
        found = steer_features(
            model,
            z,
            edits,
            cells=mask,
            decoder=LinearDecoder.fit(z, counts, genes),
            random_state=random_state,
        )
        made = anndata.AnnData(obs=adata.obs, obsm={rep: z, f"{rep}_steered": found.z})
        with folder_filled(folder) as new:
            write_h5ad(made, new / "steered.h5ad")
            found.to_frame().to_csv(new / "genes.csv", index=False)
            (new / "results.json").write_text(pretty_json(found.to_dict()))
        return found
