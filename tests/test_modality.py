"""What the columns of a matrix are travels with the AnnData, in memory and on disk."""

import anndata
import numpy as np
import pytest

from cellaxes._core.modality import RESIDUES, Images, Modality, Sequences, modality_of, set_modality


@pytest.mark.parametrize(
    "modality", [Images(2, 3, 1, 0.0, 255.0), Sequences(RESIDUES + "X", 6)], ids=["images", "seq"]
)
def test_a_modality_comes_back_from_disk(tmp_path, modality: Modality) -> None:
    adata = anndata.AnnData(np.zeros((4, modality.n_columns), dtype=np.uint8))
    set_modality(adata, modality)
    assert modality_of(adata) == modality
    adata.write_h5ad(tmp_path / "a.h5ad")
    assert modality_of(anndata.read_h5ad(tmp_path / "a.h5ad")) == modality


def test_counts_have_none() -> None:
    assert modality_of(anndata.AnnData(np.zeros((2, 2)))) is None
