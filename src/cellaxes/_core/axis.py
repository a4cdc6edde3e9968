"""The noise axis in words: what pages and plots call a coordinate and what is corrupted."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """How people speak of one kind of noise.

    Attributes
    ----------
    label
        Of the axis of a figure.
    unit
        Of the coordinate u: ``"UMIs per cell"``, ``"1/sigma²"``.
    at
        How a value is said, with ``{}`` for the number.
    name
        What is doubled: ``"depth"``.
    limit, limit_again
        What is to blame where the coordinate is too small, and in short.
    level
        What there are several of: ``"depth"``, ``"noise level"``.
    better
        What rows with less noise are: ``"deeper"``.
    rows, columns
        What the rows and columns of the matrix are: ``"cells"``, ``"genes"``.
    done
        What happened to the rows: ``"thinned"``.
    measured
        How the coordinate comes about, in a sentence for the page.
    """

    label: str = "UMIs per cell (median, measured)"
    unit: str = "UMIs per cell"
    at: str = "{} UMIs per cell"
    name: str = "depth"
    limit: str = "sequencing depth"
    limit_again: str = "depth"
    level: str = "depth"
    better: str = "deeper"
    rows: str = "cells"
    columns: str = "genes"
    done: str = "thinned"
    measured: str = "Counts are thinned molecule by molecule to lower depths"

    @property
    def levels(self) -> str:
        """The plural of `level`."""
        return f"{self.level}s"

    @property
    def counts(self) -> bool:
        """Whether the coordinate is a depth, measured as UMIs per cell."""
        return self.unit == "UMIs per cell"

    def worded(self, reason: str) -> str:
        """Return what a law says of depths in the words of this axis."""
        if self.counts:
            return reason
        for words, mine in (
            ("measure deeper", "measure with less noise"),
            ("measure shallower", "measure with more noise"),
            ("the depth range", f"the range of {self.name}"),
            ("at every depth", f"at every {self.level}"),
            ("with depth", f"with {self.name}"),
            ("depths", self.levels),
        ):
            reason = reason.replace(words, mine)
        return reason


DEPTH = Axis()
"""The axis of counts."""
