"""Representation models: counts, images or sequences in, coordinates out."""

from cellaxes._core.artefact import Artefact
from cellaxes.embed import (  # noqa: F401  fills the registry
    _cnn,
    _geneformer,
    _pca,
    _pixel_pca,
    _precomputed,
    _projection,
    _protein_lm,
    _rank_transformer,
    _scvi,
    _sequence_pca,
    _vision,
)
from cellaxes.embed._annotations import Annotations
from cellaxes.embed._cnn import CNN
from cellaxes.embed._geneformer import Geneformer
from cellaxes.embed._model import Model, load, make, register, show
from cellaxes.embed._pca import PCA
from cellaxes.embed._pixel_pca import PixelPCA
from cellaxes.embed._precomputed import Precomputed
from cellaxes.embed._projection import RandomProjection
from cellaxes.embed._protein_lm import ProteinLM
from cellaxes.embed._rank_transformer import RankTransformer
from cellaxes.embed._run import embed
from cellaxes.embed._scvi import SCVI
from cellaxes.embed._sequence_pca import KMer, OneHot
from cellaxes.embed._vision import Vision

__all__ = [
    "CNN",
    "PCA",
    "SCVI",
    "Annotations",
    "Artefact",
    "Geneformer",
    "KMer",
    "Model",
    "OneHot",
    "PixelPCA",
    "Precomputed",
    "ProteinLM",
    "RandomProjection",
    "RankTransformer",
    "Vision",
    "embed",
    "load",
    "make",
    "register",
    "show",
]
