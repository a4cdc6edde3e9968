"""The table of the kinds of noise: each with its levels, its axis and its function."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import numpy as np

from cellaxes._core.axis import DEPTH, Axis
from cellaxes._core.matrix import row_sums
from cellaxes.noise._images import gaussian_noise, image_snr, photon_noise, pool
from cellaxes.noise._kinds import THINNING, Noise, register_noise
from cellaxes.noise._noisy import Noisy
from cellaxes.noise._sequences import mask, sequence_snr, substitute, truncate, with_unknown
from cellaxes.noise._series import depth_ladder, thin_series

_PAPER = "Gowri et al., arXiv 2503.02726"


def _each(
    function: Callable[[Any, Any, float, int], Noisy],
) -> Callable[[Any, Sequence[float], Any, int], Iterable[Any]]:
    """Return a series whose levels are drawn from the clean matrix, one after the other."""
    return lambda clean, strengths, modality, seed: (
        function(clean, modality, strength, seed).values for strength in strengths
    )


def _between(weak: float, strong: float) -> Callable[[Any, Any, int, float], list[float]]:
    """Return a ladder of strengths evenly spaced in log."""
    return lambda _clean, _modality, n, _depth: _rounded(np.geomspace(weak, strong, n))


def _rates(weak: float, strong: float) -> Callable[[Any, Any, int, float], list[float]]:
    """Return a ladder of rates whose ratios of true to lost are evenly spaced in log."""
    return lambda _clean, _modality, n, _depth: _rounded(1 / (1 + np.geomspace(weak, strong, n)))


def _rounded(values: Any) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


def _sides(_clean: Any, modality: Any, n: int, _depth: float) -> list[float]:
    """Return up to n sides of blocks: single pixels, then ever fewer blocks, down to one."""
    side = max(modality.height, modality.width)
    blocks: set[int] = set()
    for points in range(n, 4 * n):
        found = {round(k) for k in np.geomspace(1, side, points)}
        if len(found) > n and blocks:
            break
        blocks = found
    return [side / k for k in sorted(blocks, reverse=True)]


def _substituting(by: Literal["uniform", "blosum62"]) -> Callable[[Any, Any, float, int], Noisy]:
    return lambda x, m, s, seed: substitute(x, m, p=s, by=by, random_state=seed)


def _averaged(clean: Any, noisy: Any) -> float:
    return image_snr(clean, noisy, averaged=True)


_NOISE = {
    "limit": "measurement noise",
    "limit_again": "measurement noise",
    "level": "noise level",
    "better": "cleaner",
}
_IMAGE = {"rows": "images", "columns": "pixels", "done": "noisy"} | _NOISE
_SEQUENCE = {"rows": "sequences", "columns": "residues"} | _NOISE
_RATIO = {"label": "true / replaced residues, (1−p)/p", "unit": "(1−p)/p", "name": "(1−p)/p"}
_LOST = _RATIO | {"label": "kept / lost residues, (1−p)/p"}
_AT_RATIO = {"at": "(1−p)/p = {}"}

register_noise(
    Noise(
        name=THINNING,
        modality="counts",
        strength="capture fraction",
        coordinates=("depth",),
        axis=DEPTH,
        ladder=lambda clean, _, n, least: depth_ladder(
            float(np.median(row_sums(clean))), n_levels=n, min_depth=least
        ),
        series=lambda clean, fractions, _, seed: [
            level.counts for level in thin_series(clean, fractions, random_state=seed)
        ],
        snr=None,
        chained=True,
    ),
    "each molecule is kept or lost",
    reference="binomial sampling of independent molecules",
    limits="nothing but depth: no batch, no ambient RNA",
)
register_noise(
    Noise(
        name="gaussian",
        modality="images",
        strength="sigma, a share of the intensity scale",
        coordinates=("gaussian", "gaussian_sd"),
        axis=Axis(
            label="1/σ² (σ in units of the intensity scale)",
            unit="1/σ²",
            at="1/σ² = {}",
            name="1/σ²",
            measured="Gaussian noise of standard deviation σ is added to every pixel",
            **_IMAGE,
        ),
        ladder=_between(0.01, 100.0),
        series=_each(lambda x, m, s, seed: gaussian_noise(x, m, sigma=s, random_state=seed)),
        snr=image_snr,
    ),
    "noise of one standard deviation is added to every pixel",
    reference=_PAPER,
    limits="no saturation: pixels leave the intensity scale",
)
register_noise(
    Noise(
        name="pooling",
        modality="images",
        strength="side of a block, pixels",
        coordinates=("block_area", "blocks"),
        axis=Axis(
            label="1/f² (blocks of f by f pixels averaged)",
            unit="1/f²",
            at="1/f² = {}",
            name="1/f²",
            measured="Blocks of f by f pixels are replaced by their mean",
            **_IMAGE | {"done": "averaged"},
        ),
        ladder=_sides,
        series=_each(lambda x, m, s, _: pool(x, m, factor=s)),
        snr=_averaged,
    ),
    "blocks of pixels are replaced by their mean",
    reference=_PAPER,
    limits="the mean of the whole image is never lost: at the strongest level it may still tell",
)
register_noise(
    Noise(
        name="photons",
        modality="images",
        strength="photons of a white pixel",
        coordinates=("photons",),
        axis=Axis(
            label="photons of a white pixel",
            unit="photons",
            at="{} photons",
            name="light",
            measured="Photons are counted pixel by pixel at falling light",
            **_IMAGE,
        ),
        ladder=_between(1000.0, 0.001),
        series=_each(lambda x, m, s, seed: photon_noise(x, m, photons=s, random_state=seed)),
        snr=image_snr,
    ),
    "photons are counted: shot noise",
    reference="Poisson statistics of counting",
    limits="levels are drawn independently; no noise of the camera itself",
)
_SUBSTITUTIONS: tuple[tuple[str, Literal["uniform", "blosum62"], str], ...] = (
    ("substitution", "uniform", "residues are replaced by uniform draws from the twenty"),
    ("blosum62", "blosum62", "residues are replaced as evolution would, by BLOSUM62"),
)
for _name, _by, _what in _SUBSTITUTIONS:
    register_noise(
        Noise(
            name=_name,
            modality="sequences",
            strength="share p of residues that are drawn anew",
            coordinates=("substitution",),
            axis=Axis(
                measured="Residues are drawn anew with probability p",
                **_SEQUENCE | _RATIO | _AT_RATIO | {"done": "substituted"},
            ),
            ladder=_rates(1e4, 1e-2),
            series=_each(_substituting(_by)),
            snr=sequence_snr,
        ),
        _what,
        reference=_PAPER if _by == "uniform" else "Henikoff and Henikoff, PNAS 89, 10915 (1992)",
        limits="the length stays; a draw may be silent, which the measured ratio counts",
    )
register_noise(
    Noise(
        name="masking",
        modality="sequences",
        strength="share p of residues that are unknown",
        coordinates=("lost",),
        axis=Axis(
            measured="Residues become unknown (X) with probability p",
            **_SEQUENCE | _LOST | _AT_RATIO | {"done": "masked"},
        ),
        ladder=_rates(1e4, 1e-2),
        series=_each(lambda x, m, s, seed: mask(x, m, p=s, random_state=seed)),
        snr=sequence_snr,
        changes=with_unknown,
    ),
    "residues become unknown (X)",
    reference="ambiguous base calls of a sequencer",
    limits="the length stays",
)
register_noise(
    Noise(
        name="truncation",
        modality="sequences",
        strength="share p that is cut off at the end",
        coordinates=("lost",),
        axis=Axis(
            measured="The last share p of each sequence is cut off",
            **_SEQUENCE | _LOST | _AT_RATIO | {"done": "truncated"},
        ),
        ladder=_rates(100.0, 1e-2),
        series=_each(lambda x, m, s, _: truncate(x, m, p=s)),
        snr=sequence_snr,
    ),
    "the end of each sequence is cut off",
    reference="incomplete reads; models with a largest length",
    limits="nothing is drawn; where in the sequence the information is decides the curve",
)
