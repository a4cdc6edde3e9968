"""The levels of every type: anchors above, branches of the ontology below them."""

from collections.abc import Mapping
from dataclasses import dataclass

from cellaxes.hierarchy._anchors import AnchorTable
from cellaxes.hierarchy._cut import branches
from cellaxes.hierarchy._ontology import Ontology
from cellaxes.hierarchy._place import Placement
from cellaxes.hierarchy._rows import OTHER, Row, in_words


@dataclass(frozen=True)
class Group:
    """A group before it is named: two groups of one name are told apart by their hints."""

    key: tuple[str, ...]
    name: str
    hint: str


def ordered(
    ids: Mapping[str, str | None],
    ontology: Ontology,
    table: AnchorTable,
    levels: int,
    unknown: str,
) -> dict[str, Row]:
    """Return the place of each label, by the rule of the most specific anchor.

    Parameters
    ----------
    ids
        Term of each label; None where there is none.
    ontology, table
        Terms and anchors.
    levels
        Depth; the anchors of the last level and below are not used.
    unknown
        Group of labels without a term.
    """
    place = Placement(ontology, table, min(table.depth, levels - 1), OTHER)
    chains = _chains({one for one in ids.values() if one is not None}, ontology, place)
    bearers: dict[str, list[str]] = {}
    for label, one in ids.items():
        bearers.setdefault(one or "", []).append(label)

    def node(one: str) -> Group:
        alone = bearers.get(one, [])
        name = alone[0] if len(alone) == 1 else ontology.terms[one].name
        return Group((one,), name, one)

    groups = {}
    for label, one in ids.items():
        coarse = place.names(one) if one else (unknown,) * place.depth
        paths = [coarse[: level + 1] for level in range(place.depth)]
        above = [Group(path, path[-1], path[-2] if len(path) > 1 else "") for path in paths]
        chain = [node(up) for up in chains[one]] if one else [Group(("", label), label, unknown)]
        between = levels - 1 - place.depth
        middle = [chain[min(k, len(chain) - 1)] for k in range(between)]
        groups[label] = [*above, *middle, Group(("", label), label, "")]
    named = _named(list(groups.values()))
    return {
        label: _row(label, ids[label], names, place)
        for label, names in zip(groups, named, strict=True)
    }


def _chains(terms: set[str], ontology: Ontology, place: Placement) -> dict[str, tuple[str, ...]]:
    """Return the branches above each term, within its group of the anchors."""
    general = {up for level in place.levels for a in level for up in ontology.ancestors(a.id)}
    members: dict[tuple[str, ...], list[str]] = {}
    for one in sorted(terms):
        members.setdefault(place.names(one), []).append(one)
    found: dict[str, tuple[str, ...]] = {}
    for names, held in members.items():
        inside = {up for one in held for up in ontology.ancestors(one) if place.names(up) == names}
        found |= branches(held, ontology, inside, general)
    return found


def _named(rows: list[list[Group]]) -> list[tuple[str, ...]]:
    """Return the names of the groups; where two of a level share a name, with their hints."""
    columns = []
    for column in zip(*rows, strict=True):
        keys: dict[str, set[tuple[str, ...]]] = {}
        for group in column:
            keys.setdefault(group.name, set()).add(group.key)
        columns.append(
            [
                f"{group.name} ({group.hint})" if len(keys[group.name]) > 1 else group.name
                for group in column
            ]
        )
    return list(zip(*columns, strict=True))


def _row(label: str, one: str | None, names: tuple[str, ...], place: Placement) -> Row:
    if one is None:
        return Row(names, label, "not in the ontology")
    choices = [place.choice(one, level) for level in range(1, place.depth + 1)]
    top = choices[0].anchor or list(place.ontology.ancestors(one))[-1]
    return Row(
        names,
        in_words(place.ontology.path(one, top), place.ontology),
        "; ".join(f"{choice.name}: {choice.reason}" for choice in choices),
        tuple(f"level {k}: {lost}" for k, c in enumerate(choices, 1) for lost in c.alternatives),
    )
