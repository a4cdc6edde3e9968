"""What is said of one type."""

from collections.abc import Sequence
from dataclasses import dataclass

from cellaxes.hierarchy._ontology import Ontology

OTHER = "Other"
"""Group of the types that no anchor holds."""


@dataclass(frozen=True)
class Row:
    """Place of one type in the tree.

    Attributes
    ----------
    groups
        Names, coarse first; the last is the label.
    path
        Terms from the type up to its anchor, in words.
    reason
        Why it is there.
    alternatives
        Where else it could be, and why it is not.
    """

    groups: tuple[str, ...]
    path: str = ""
    reason: str = ""
    alternatives: tuple[str, ...] = ()


def in_words(way: Sequence[str], ontology: Ontology) -> str:
    """Return a way up as names, the type first."""
    return " < ".join(ontology.terms[one].name for one in way)
