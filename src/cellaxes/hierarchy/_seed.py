"""The published rule of the nearest anchor, with its faults, to reproduce published tables.

frac-bio-embed, ``ingest.py``, 2026. Levels 1 and 2 are chosen independently, so that a lineage may
lie in two systems; a tie goes to the anchor that stands first; level 3 is the next term on a
shortest way to the lineage; names are found by the last term that bears them.
"""

from collections.abc import Callable, Mapping

from cellaxes._core.errors import InputError
from cellaxes.hierarchy._anchors import Anchor, AnchorTable
from cellaxes.hierarchy._names import Match
from cellaxes.hierarchy._ontology import Ontology
from cellaxes.hierarchy._place import current
from cellaxes.hierarchy._rows import OTHER, Row, in_words

BY_HAND = {"native cell": "CL:0000003", "animal cell": "CL:0000548"}
"""Labels that the rule sets apart, under Other."""


def seed_match(ontology: Ontology) -> Callable[[str], Match | None]:
    """Return the finder of names of the rule: name, name less ``", human"``, any synonym."""
    live = [term for term in ontology.terms.values() if not term.deprecated]
    by_name = {term.name: term.id for term in live}
    by_synonym = {text.lower(): term.id for term in live for _, text in term.synonyms}

    def find(label: str) -> Match | None:
        if label in BY_HAND:
            return Match(BY_HAND[label], "set by hand")
        bare = label.replace(", human", "")
        for how, one in (
            ("name", by_name.get(label)),
            ("name (', human')", by_name.get(bare)),
            ("synonym", by_synonym.get(label.lower())),
            ("synonym (', human')", by_synonym.get(bare.lower())),
        ):
            if one is not None:
                return Match(one, how)
        return None

    return find


def nearest_anchor(
    ids: Mapping[str, str | None],
    ontology: Ontology,
    table: AnchorTable,
    levels: int,
    unknown: str,
) -> dict[str, Row]:
    """Return the place of each label by the nearest anchor; parameters as in `ordered`.

    Raises
    ------
    InputError
        If ``levels`` is not 4, or the table has not two levels.
    """
    if levels != 4 or table.depth != 2:
        raise InputError(
            "method='nearest-anchor' is defined for 4 levels and anchors at 2 levels; leave method "
            "out for another depth."
        )
    first, second = current(table, 1, ontology), current(table, 2, ontology)

    def place(label: str, one: str | None) -> Row:
        if label in BY_HAND:
            return Row((OTHER, OTHER, label, label), label, "set by hand")
        if one is None:
            return Row((unknown, unknown, label, label), label, "not in the ontology")
        steps = ontology.ancestors(one)
        system = _nearest(steps, [a for a in first if not a.fallback]) or _nearest(steps, first)
        lineage = _nearest(steps, second)
        level1 = system.name if system else OTHER
        way = _way(ontology, one, lineage.id) if lineage else [one]
        level3 = ontology.terms[way[1] if len(way) > 2 else one].name
        chosen = [a for a in (system, lineage) if a is not None]
        return Row(
            (level1, lineage.name if lineage else level1, level3, label),
            in_words(way, ontology),
            "; ".join(f"{a.name}: {steps[a.id]} steps to {a.id}" for a in chosen),
            tuple(
                f"level {a.level}: {a.name} ({steps[a.id]} steps)"
                for a in (*first, *second)
                if a.id in steps and a not in chosen
            ),
        )

    return {label: place(label, one) for label, one in ids.items()}


def _nearest(steps: dict[str, int], anchors: list[Anchor]) -> Anchor | None:
    matched = [anchor for anchor in anchors if anchor.id in steps]
    return min(matched, key=lambda anchor: steps[anchor.id], default=None)


def _way(ontology: Ontology, start: str, target: str) -> list[str]:
    """Return the shortest way that a search from both ends meets first.

    Each round extends the end with fewer open terms (the lower where they are equal), in order of
    the file: which of several shortest ways is found depends on that.
    """
    below: dict[str, str] = {start: ""}
    above: dict[str, str] = {target: ""}
    low, high = [start], [target]
    meeting = start if start == target else ""
    while not meeting:
        upward = len(low) <= len(high)
        edges, seen, across = (
            (ontology.parents, below, above) if upward else (ontology.children, above, below)
        )
        fresh = []
        for here, there in ((h, t) for h in (low if upward else high) for t in edges[h]):
            if there not in seen:
                seen[there] = here
                fresh.append(there)
            if there in across:
                meeting = there
                break
        low, high = (fresh, high) if upward else (low, fresh)
    way = [meeting]
    while below[way[0]]:
        way.insert(0, below[way[0]])
    while above[way[-1]]:
        way.append(above[way[-1]])
    return way
