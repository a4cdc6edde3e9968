"""Corruptions of a measurement and their measured strength."""

from cellaxes._core.modality import Images, Sequences
from cellaxes.noise import _table as _table  # fills the table of kinds
from cellaxes.noise._batch import batch_shift
from cellaxes.noise._genewise import thin_genewise
from cellaxes.noise._images import gaussian_noise, image_snr, photon_noise, pool
from cellaxes.noise._kinds import (
    THINNING,
    Noise,
    clean_matrix,
    corrupt,
    kind_for,
    levels_of,
    noise_kind,
    show,
)
from cellaxes.noise._noisy import Noisy
from cellaxes.noise._sequences import mask, sequence_snr, substitute, truncate
from cellaxes.noise._series import depth_ladder, thin_series
from cellaxes.noise._thin import thin
from cellaxes.noise._types import Thinned

__all__ = [
    "THINNING",
    "Images",
    "Noise",
    "Noisy",
    "Sequences",
    "Thinned",
    "batch_shift",
    "clean_matrix",
    "corrupt",
    "depth_ladder",
    "gaussian_noise",
    "image_snr",
    "kind_for",
    "levels_of",
    "mask",
    "noise_kind",
    "photon_noise",
    "pool",
    "sequence_snr",
    "show",
    "substitute",
    "thin",
    "thin_genewise",
    "thin_series",
    "truncate",
]
