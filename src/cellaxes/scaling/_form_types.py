"""What fits of the forms of the noise law say of themselves."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cellaxes.scaling._laws import NoiseLaw
from cellaxes.scaling._points import Written


@dataclass(frozen=True)
class FormFit(Written):
    """One form of the noise law fitted to one curve.

    Attributes
    ----------
    form
        ``standard`` (two parameters), ``exponent`` (gamma is free) or ``channels`` (k is free).
    law
        The fitted law: ``fit.law(u)`` in bits.
    I_max_low, I_max_high
        95 % profile-likelihood interval of the capacity, bits; infinite where it does not close.
    sse
        Weighted sum of squares of the level means, bits².
    aicc
        Akaike's criterion with its small-sample correction, on level means.
    weight
        Akaike weight among the forms.
    """

    form: str
    law: NoiseLaw
    I_max_low: float
    I_max_high: float
    sse: float
    aicc: float
    weight: float

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """Return the fit whose ``fields`` `to_dict` wrote."""
        numbers = {
            key: float(fields[key]) for key in ("I_max_low", "I_max_high", "sse", "aicc", "weight")
        }
        return cls(**(fields | numbers | {"law": NoiseLaw(**fields["law"])}))


@dataclass(frozen=True)
class FormsFit:
    """Forms of the noise law averaged by their Akaike weights.

    Attributes
    ----------
    members
        The forms, best first.
    I_max, I_max_low, I_max_high
        Averaged capacity with a 95 % interval that holds the doubt about the form, bits.
    n_levels
        Depths.
    """

    members: tuple[FormFit, ...]
    I_max: float
    I_max_low: float
    I_max_high: float
    n_levels: int

    def law(self, u: ArrayLike) -> Any:
        """Averaged information at depth ``u``, bits; a float for a number, else the shape of u."""
        value = sum(member.weight * np.asarray(member.law(u)) for member in self.members)
        return float(value) if np.ndim(value) == 0 else value

    @property
    def best(self) -> FormFit:
        """The form with the largest weight."""
        return self.members[0]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per form, best first."""
        return pd.concat([member.to_frame() for member in self.members], ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in JSON's own types."""
        own = {key: getattr(self, key) for key in ("I_max", "I_max_low", "I_max_high", "n_levels")}
        return own | {"members": [member.to_dict() for member in self.members]}
