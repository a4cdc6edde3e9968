"""Representation models: counts in, coordinates out."""

from cellaxes._core.artefact import Artefact
from cellaxes.embed import (  # noqa: F401  fills the registry
    _geneformer,
    _pca,
    _precomputed,
    _projection,
    _rank_transformer,
    _scvi,
)
from cellaxes.embed._annotations import Annotations
from cellaxes.embed._geneformer import Geneformer
from cellaxes.embed._model import Model, load, make, register, show
from cellaxes.embed._pca import PCA
from cellaxes.embed._precomputed import Precomputed
from cellaxes.embed._projection import RandomProjection
from cellaxes.embed._rank_transformer import RankTransformer
from cellaxes.embed._run import embed
from cellaxes.embed._scvi import SCVI

__all__ = [
    "PCA",
    "SCVI",
    "Annotations",
    "Artefact",
    "Geneformer",
    "Model",
    "Precomputed",
    "RandomProjection",
    "RankTransformer",
    "embed",
    "load",
    "make",
    "register",
    "show",
]
