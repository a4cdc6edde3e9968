"""What an estimate of mutual information says of itself."""

from dataclasses import asdict, dataclass
from typing import Any, Self

import pandas as pd

from cellaxes._core.files import plain


@dataclass(frozen=True)
class Reading:
    """What an estimator reads: bits, their 95 % interval, and why they may not be relied on."""

    bits: float
    low: float
    high: float
    doubts: tuple[str, ...]


@dataclass(frozen=True)
class MIEstimate:
    """Mutual information I(X;Y) in bits.

    Attributes
    ----------
    bits
        The estimate, bits; may fall below zero by its error.
    low, high
        95 % interval, bits. Of ``copula`` and ``composite`` it holds sampling error and what
        the readings may still lack; of the others, sampling error alone.
    null
        Mean estimate with Y permuted, bits; subtracted only on request.
    null_high
        Largest estimate with Y permuted, bits.
    n
        Pairs used.
    estimator
        Name of the estimator that was run.
    reliable
        Whether the data lie where the estimator is known to work.
    reason
        Why this estimator, and where ``reliable`` is false, why not.
    """

    bits: float
    low: float
    high: float
    null: float
    null_high: float
    n: int
    estimator: str
    reliable: bool
    reason: str

    @property
    def standard_error(self) -> float:
        """Half width of the interval over 1.96, bits."""
        return (self.high - self.low) / 3.92

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in JSON's own types."""
        fields: dict[str, Any] = plain(asdict(self))
        return fields

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """Return the estimate whose ``fields`` `to_dict` wrote."""
        numbers = {key: float(fields[key]) for key in ("bits", "low", "high", "null", "null_high")}
        return cls(**(fields | numbers))

    def to_frame(self) -> pd.DataFrame:
        """Return a table of one row, the fields as columns; bits."""
        return pd.DataFrame([asdict(self)])

    def __repr__(self) -> str:
        mark = "" if self.reliable else ", NOT RELIABLE"
        return (
            f"MIEstimate({self.bits:.3f} bits [{self.low:.3f}, {self.high:.3f}], "
            f"null {self.null:.3f}, n={self.n}, {self.estimator}{mark}: {self.reason})"
        )
