"""What a fit of the noise law says of itself."""

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.files import plain
from cellaxes.scaling._laws import NoiseLaw
from cellaxes.scaling._laws import information as evaluate
from cellaxes.scaling._search import Problem, make_problem
from cellaxes.scaling._uncertainty import displaced, threshold

_POINTS = ("depth", "information", "weights", "shift")


@dataclass(frozen=True)
class NoiseFit:
    """The noise law fitted to one curve.

    Attributes
    ----------
    u_bar, u_bar_low, u_bar_high
        Sensitivity in the units of the depth, with its 95 % interval: profile likelihood,
        joined in quadrature with an error that all points may share (see ``shift``).
    I_max, I_max_low, I_max_high
        Capacity with its interval, bits. An interval the data do not close is infinite.
    r_squared
        Share of the variance of the level means that the law explains.
    r_squared_points
        The same over all points.
    residual_sd
        Standard deviation of the points around the law, bits (``n - 2`` degrees of freedom).
    n, n_levels
        Points and distinct depths.
    identified
        Whether both parameters can be read from these data.
    reason
        Why not, or empty.
    depth, information, weights
        The points that were fitted, one value each: depth in the units of ``u_bar``, information in
        bits, and weight.
    shift
        Error that all points may share, bits at each point: the half width (95 %) of a
        common displacement of the whole curve, which no residual can show.
    """

    u_bar: float
    u_bar_low: float
    u_bar_high: float
    I_max: float
    I_max_low: float
    I_max_high: float
    r_squared: float
    r_squared_points: float
    residual_sd: float
    n: int
    n_levels: int
    identified: bool
    reason: str
    depth: tuple[float, ...]
    information: tuple[float, ...]
    weights: tuple[float, ...]
    shift: tuple[float, ...]

    @property
    def law(self) -> NoiseLaw:
        """The fitted law: ``fit.law(u)`` in bits."""
        return NoiseLaw(self.u_bar, self.I_max)

    @property
    def residuals(self) -> NDArray[np.float64]:
        """Measured minus fitted information, bits, ``(n,)``."""
        fitted = self.law(np.asarray(self.depth))
        return np.asarray(np.asarray(self.information) - fitted, dtype=np.float64)

    def band(self, u: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the 95 % interval of the curve at depths ``u`` ``(n,)``: low, high, bits ``(n,)``.

        The smallest and largest ``I(u)`` over all parameters within the threshold of the
        profile likelihood, widened in quadrature by the shared error.
        """
        depths = np.atleast_1d(np.asarray(u, dtype=np.float64))
        best = self.law(depths)
        a, b = self._inside(160)
        curves = evaluate(depths, a[:, None], b[:, None])
        low, high = np.vstack([curves, best]).min(axis=0), np.vstack([curves, best]).max(axis=0)
        down, up = (law(depths) for law in self._displaced())
        return best - np.hypot(best - low, best - down), best + np.hypot(high - best, up - best)

    def allowed(self) -> tuple[list[NoiseLaw], list[NoiseLaw]]:
        """Return laws that the points allow: by scatter, and by a shared error, apart.

        The first are spread over the region of the profile likelihood's threshold (95 %), the
        second are the law moved down and up by the error that all points may share.
        """
        a, b = self._inside(60)
        scattered = [NoiseLaw(float(np.exp(x)), float(y)) for x, y in zip(a, b, strict=True)]
        return [*scattered, self.law], self._displaced()

    def _inside(self, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return ln u_bar and I_max of a grid's places within the profile's threshold."""
        problem = self._problem
        edge = threshold(problem, np.log(self.u_bar), self.I_max)
        with np.errstate(divide="ignore"):
            ends = np.log([self.u_bar_low, self.u_bar_high])
        a_low, a_high = np.clip(ends, *problem.log_u_bar_range)
        b_low, b_high = np.clip([self.I_max_low, self.I_max_high], *problem.I_max_range)
        a, b = np.meshgrid(np.linspace(a_low, a_high, n), np.linspace(b_low, b_high, n))
        inside = problem.sse(a, b) <= edge
        return a[inside], b[inside]

    def _displaced(self) -> list[NoiseLaw]:
        return [NoiseLaw(float(np.exp(x)), y) for x, y in displaced(self._problem, self.shift)]

    @property
    def _problem(self) -> Problem:
        return make_problem(self.depth, self.information, self.weights)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in JSON's own types."""
        fields: dict[str, Any] = plain(asdict(self))
        return fields

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """Return the fit whose ``fields`` `to_dict` wrote."""
        values: dict[str, Any] = {}
        for key, value in fields.items():
            if key in _POINTS:
                values[key] = tuple(float(entry) for entry in value)
            elif key in ("n", "n_levels", "identified", "reason"):
                values[key] = value
            else:
                values[key] = float(value)
        return cls(**values)

    def to_frame(self) -> pd.DataFrame:
        """Return a table of one row, without the points."""
        fields = asdict(self)
        for key in _POINTS:
            fields.pop(key)
        return pd.DataFrame([fields])

    def __repr__(self) -> str:
        mark = "" if self.identified else f"; NOT IDENTIFIED: {self.reason}"
        return (
            f"NoiseFit(u_bar {self.u_bar:.4g} [{self.u_bar_low:.4g}, {self.u_bar_high:.4g}], "
            f"I_max {self.I_max:.3f} [{self.I_max_low:.3f}, {self.I_max_high:.3f}] bits, "
            f"R² {self.r_squared:.3f}, {self.n} points at {self.n_levels} depths{mark})"
        )
