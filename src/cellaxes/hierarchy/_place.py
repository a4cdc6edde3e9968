"""Which group of the coarse levels a term belongs to: the most specific anchor wins."""

from dataclasses import dataclass

from cellaxes._core.errors import InputError
from cellaxes.hierarchy._anchors import Anchor, AnchorTable
from cellaxes.hierarchy._names import successor
from cellaxes.hierarchy._ontology import Ontology


@dataclass(frozen=True)
class Choice:
    """The group of a term at one coarse level.

    Attributes
    ----------
    name
        Of the group.
    anchor
        Id of the anchor that won, or empty where none fits.
    reason
        Why, in words.
    alternatives
        Anchors that fit and lost, as ``name (why)``.
    """

    name: str
    anchor: str
    reason: str
    alternatives: tuple[str, ...] = ()


class Placement:
    """Groups of terms at the coarse levels.

    A group of level 2 or more holds only what belongs to its group of the level above, so that
    groups are nested. A level without an anchor repeats the name of the level above.

    Parameters
    ----------
    ontology
        Terms.
    table
        Anchors.
    depth
        How many coarse levels to use.
    other
        Name of what no anchor of level 1 holds.
    """

    def __init__(self, ontology: Ontology, table: AnchorTable, depth: int, other: str) -> None:
        self.ontology, self.depth, self.other = ontology, depth, other
        self.levels = [current(table, level, ontology) for level in range(1, depth + 1)]
        self._choices: dict[tuple[str, int], Choice] = {}

    def names(self, identifier: str, depth: int | None = None) -> tuple[str, ...]:
        """Return the groups of a term, coarse first."""
        wanted = self.depth if depth is None else depth
        return tuple(self.choice(identifier, level).name for level in range(1, wanted + 1))

    def choice(self, identifier: str, level: int) -> Choice:
        """Return the group of a term at a level, and why."""
        key = (identifier, level)
        if key not in self._choices:
            self._choices[key] = self._choose(identifier, level)
        return self._choices[key]

    def _choose(self, identifier: str, level: int) -> Choice:
        steps = self.ontology.ancestors(identifier)
        above = self.names(identifier, level - 1)
        matched = [anchor for anchor in self.levels[level - 1] if anchor.id in steps]
        inside = [anchor for anchor in matched if self._within(anchor, above)]
        outside = [f"{a.name} (not in {above[-1]})" for a in matched if a not in inside]
        first = [anchor for anchor in inside if not anchor.fallback] or inside
        if not first:
            name = above[-1] if above else self.other
            return Choice(name, "", f"no anchor of level {level} is above it", tuple(outside))
        specific = [a for a in first if not any(self._below(b, a) for b in first)]
        order = {anchor.id: (steps[anchor.id], rank) for rank, anchor in enumerate(first)}
        specific.sort(key=lambda anchor: order[anchor.id])
        winner = specific[0]
        lost = [
            f"{a.name} ({self._why(a, winner, specific, steps)})" for a in inside if a is not winner
        ]
        return Choice(winner.name, winner.id, _words(winner, steps), (*lost, *outside))

    def _within(self, anchor: Anchor, above: tuple[str, ...]) -> bool:
        if anchor.parent:
            return anchor.parent == above[-1]
        return self.names(anchor.id, len(above)) == above

    def _below(self, one: Anchor, other: Anchor) -> bool:
        return one.id != other.id and other.id in self.ontology.ancestors(one.id)

    def _why(
        self, anchor: Anchor, winner: Anchor, specific: list[Anchor], steps: dict[str, int]
    ) -> str:
        if anchor.fallback and not winner.fallback:
            return "fall-back"
        if anchor not in specific:
            return "less specific"
        if steps[anchor.id] > steps[winner.id]:
            return f"farther: {steps[anchor.id]} steps"
        return "as near, later in the table"


def current(table: AnchorTable, level: int, ontology: Ontology) -> list[Anchor]:
    """Return the anchors of a level with the ids that stand in an ontology.

    Raises
    ------
    InputError
        If an anchor is not in the ontology, or obsolete without a replacement.
    """
    found, lost = [], []
    for anchor in table.at(level):
        identifier = successor(anchor.id, ontology)
        if identifier is None:
            lost.append(f"{anchor.id} ({anchor.name})")
        else:
            found.append(Anchor(level, identifier, anchor.name, anchor.fallback, anchor.parent))
    if lost:
        raise InputError(
            f"{len(lost)} anchors of {table.name} are not in the ontology {ontology.version}: "
            f"{', '.join(lost)}: correct or remove these rows, or choose another ontology."
        )
    return found


def _words(winner: Anchor, steps: dict[str, int]) -> str:
    n = steps[winner.id]
    return f"{'is' if n == 0 else f'{n} step' + 's' * (n > 1) + ' below'} {winner.id}"
