"""Bits that predicted responses tell of the responses themselves, noise of both known."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream
from cellaxes.perturbation.metrics._pairs import Array, labels

MOST = 0.9999
"""Squared correlation beyond which bits are not told apart."""


@dataclass(frozen=True)
class ResponseInformation:
    """How much predictions tell of responses, bits per gene.

    Attributes
    ----------
    bits, low, high
        ``-1/2 log2(1 - rho^2)``, bits per gene, with its interval over compounds; below 0 where
        predictions point the wrong way.
    standard_error
        Over compounds, bits.
    correlation
        rho, with the response itself where ``corrected``, else with the truth as measured.
    reliability, reliability_low, reliability_high
        Correlation of two measurements of the truth, with its interval; NaN without a repeat.
    corrected
        Whether the noise of the truth was taken out.
    n_rows, n_compounds
        What was judged.
    """

    bits: float
    low: float
    high: float
    standard_error: float
    correlation: float
    reliability: float
    reliability_low: float
    reliability_high: float
    corrected: bool
    n_rows: int
    n_compounds: int

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in JSON's own types."""
        return asdict(self)

    def __repr__(self) -> str:
        of = "the response" if self.corrected else "the truth as measured"
        return (
            f"ResponseInformation({self.bits:.3f} bits per gene [{self.low:.3f}, {self.high:.3f}], "
            f"correlation with {of} {self.correlation:.3f}, {self.n_rows} rows of "
            f"{self.n_compounds} compounds)"
        )


def information(
    truth: ArrayLike,
    predicted: ArrayLike,
    compounds: Any,
    *,
    repeat: ArrayLike | None = None,
    level: float = 0.95,
    n_boot: int = 1000,
    random_state: int = 0,
) -> ResponseInformation:
    """Return the Gaussian information between predicted and true responses, bits per gene.

    Rows y of the truth and x of the prediction are divided by the length of y, so that a few
    strong responses do not decide, and ``rho = Σ xy / sqrt(Σx² Σy²)`` over rows and genes. A truth
    that was measured is noisy itself, which caps rho. Where it was measured twice, with errors
    that are independent and alike, the correlation r of the two is the share of its variance
    that is response, and ``rho / sqrt(r)`` is the correlation with the response itself (Spearman,
    Am. J. Psychol. 15, 72, 1904). If the interval of r holds 0, nothing is corrected.

    Parameters
    ----------
    truth, predicted
        ``(n_rows, n_genes)``, or ``(n_draws, n_rows, n_genes)`` of several draws of the same rows,
        which are pooled. Genes should be in units of their noise, or the noisiest decide. NaN in
        the truth does not count.
    compounds
        Of the rows, ``(n_rows,)``: they are drawn whole for the intervals.
    repeat
        Second measurement of the truth, in its shape.
    level
        Of the intervals.
    n_boot
        Draws of compounds.
    random_state
        Seed of the draws.

    Raises
    ------
    InputError
        If shapes differ, or the truth is zero throughout.

    References
    ----------
    Cover & Thomas, Elements of Information Theory, section 8.5.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> response = rng.normal(size=(40, 200))
    >>> truth, repeat = response + rng.normal(size=(2, 40, 200))
    >>> guess = response + rng.normal(size=(40, 200))
    >>> found = information(truth, guess, np.arange(40), repeat=repeat)
    >>> round(found.bits, 1), round(found.reliability, 1)  # half of the variance: half a bit
    (0.5, 0.5)
    """
    y = _draws_of(truth, "truth")
    x = _draws_of(predicted, "predicted", y.shape)
    known = ~np.isnan(y)
    codes, names = labels(compounds, y.shape[1], "compounds")
    length = np.nansum(y**2, axis=2, keepdims=True)
    if not length.any():
        raise InputError("truth is zero in every row: there is no response to tell of.")
    share = np.where(known, 1 / np.where(length > 0, length, np.inf), 0.0)
    y = np.where(known, y, 0.0)
    member = codes[:, None] == np.arange(len(names))
    own = _moments(x, y, share, member)
    again = None if repeat is None else _moments(
        _draws_of(repeat, "repeat", y.shape), y, share, member
    )  # fmt: skip
    rng = stream(random_state, "response information", len(names))
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_boot)
    tails = [(1 - level) / 2, (1 + level) / 2]
    rho, rhos = _correlation(own.sum(axis=0)), _correlation(drawn @ own)
    corrected, r, ends = False, float("nan"), (float("nan"), float("nan"))
    if again is not None:
        r, rs = float(_correlation(again.sum(axis=0))), _correlation(drawn @ again)
        low, high = np.quantile(rs, tails)
        ends, corrected = (float(low), float(high)), bool(low > 0)
        if corrected:
            rho, rhos = rho / np.sqrt(r), rhos / np.sqrt(np.maximum(rs, 1e-12))
    values = _bits(rhos)
    low, high = np.quantile(values, tails)
    return ResponseInformation(
        float(_bits(rho)), float(low), float(high), float(values.std()), float(rho), r, *ends,
        corrected, y.shape[1], len(names),
    )  # fmt: skip


def _draws_of(values: ArrayLike, what: str, shape: tuple[int, ...] | None = None) -> Array:
    """Return ``(n_draws, n_rows, n_genes)``; what is not the truth must be finite."""
    found = np.asarray(values, dtype=np.float64)
    found = found[None] if found.ndim == 2 else found
    if found.ndim != 3 or (shape is not None and found.shape != shape):
        raise InputError(
            f"{what} has shape {found.shape}, but must have rows of genes"
            + (f", {shape} as the truth has." if shape else ".")
        )
    if np.isinf(found).any() or (shape is not None and np.isnan(found).any()):
        raise InputError(f"{what} holds values that are not finite: fill them.")
    return found


def _moments(x: Array, y: Array, share: Array, member: NDArray[np.bool_]) -> Array:
    """Return Σxy, Σx² and Σy² of each compound, ``(n_compounds, 3)``."""
    rows = np.stack([(a * b * share).sum(axis=(0, 2)) for a, b in ((x, y), (x, x), (y, y))])
    found: Array = (rows @ member).T
    return found


def _correlation(moments: Array) -> Array:
    """Return rho of sums of moments along the last axis; 0 where nothing is predicted."""
    both = np.sqrt(moments[..., 1] * moments[..., 2])
    found: Array = moments[..., 0] / np.where(both > 0, both, np.inf)
    return found


def _bits(rho: Array) -> Array:
    """Return bits with the sign of rho."""
    found: Array = -0.5 * np.sign(rho) * np.log2(1 - np.minimum(rho**2, MOST))
    return found
