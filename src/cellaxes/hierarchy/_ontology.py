"""An ontology of cell types: terms, their parents, and questions about ancestors."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

from cellaxes._core.errors import InputError, near

ALL = "all"
"""In place of names of relations: every edge of the file."""


@dataclass(frozen=True)
class Term:
    """One term of an ontology.

    Attributes
    ----------
    id, name
        For example ``"CL:0000084"`` and ``"T cell"``; some obsolete terms have no name.
    synonyms
        Pairs of scope (``"EXACT"``, ``"NARROW"``, ``"BROAD"``, ``"RELATED"``; empty where the
        file does not say) and text.
    edges
        Pairs of relation (``"is_a"``, ``"develops_from"``, …) and target, in order of the file.
    deprecated
        Whether the term is obsolete.
    replaced_by
        Ids of the terms that stand for it now.
    """

    id: str
    name: str
    synonyms: tuple[tuple[str, str], ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    deprecated: bool = False
    replaced_by: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Ontology:
    """Terms and their parents: a directed graph without cycles.

    Parameters
    ----------
    terms
        By id, in order of the file.
    version
        What the file calls itself, e.g. ``"cl/releases/2026-03-26"``.
    relations
        Which edges count as a step to a parent: ``("is_a",)``, or ``("all",)`` for every edge.
    aliases
        Ids of merged terms, and the ids they are part of.

    Raises
    ------
    InputError
        If there are no terms, a parent is missing, a relation is unknown or parents go in a circle.

    Examples
    --------
    >>> cell, t = Term("X:0", "cell"), Term("X:1", "T cell", edges=(("is_a", "X:0"),))
    >>> found = Ontology({"X:0": cell, "X:1": t}, "toy")
    >>> found
    Ontology(toy: 2 terms, 0 obsolete, 1 edge of is_a)
    >>> found.ancestors("X:1")
    {'X:1': 0, 'X:0': 1}
    """

    terms: dict[str, Term]
    version: str
    relations: tuple[str, ...] = ("is_a",)
    aliases: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.terms:
            raise InputError(f"the ontology {self.version} has no terms: is it the right file?")
        known = {relation for term in self.terms.values() for relation, _ in term.edges}
        for relation in self.relations:
            if relation not in {ALL, "is_a", *known}:
                raise InputError(
                    f"the ontology {self.version} has no relation {relation!r}: "
                    f"{near(relation, {*known, ALL})}"
                )
        lost = [
            f"{target} (of {term.id})"
            for term in self.terms.values()
            for relation, target in term.edges
            if relation == "is_a" and target not in self.terms
        ]
        if lost:
            raise InputError(
                f"the ontology {self.version} names {len(lost)} parents that it does not hold, "
                f"such as {lost[0]}: the file is truncated, or needs its imports merged in."
            )
        if ring := _cycle(self.parents):
            shown = " to ".join(f"{one} ({self.terms[one].name})" for one in ring)
            raise InputError(
                f"parents ({', '.join(self.relations)}) go in a circle in the ontology "
                f"{self.version}: {shown}: remove one of these edges from the file, or a relation."
            )

    def __contains__(self, identifier: object) -> bool:
        return identifier in self.terms

    def __len__(self) -> int:
        return len(self.terms)

    def __repr__(self) -> str:
        n = sum(len(self.parents[one]) for one in self.terms)
        obsolete = sum(term.deprecated for term in self.terms.values())
        return (
            f"Ontology({self.version}: {len(self)} terms, {obsolete} obsolete, "
            f"{n} edge{'s' if n != 1 else ''} of {', '.join(self.relations)})"
        )

    def with_relations(self, relations: Iterable[str]) -> "Ontology":
        """Return the same terms with ``relations``, by name, as steps to a parent."""
        return replace(self, relations=tuple(relations))

    @cached_property
    def parents(self) -> dict[str, tuple[str, ...]]:
        """Parents of each term, in order of the file; obsolete terms have none and are none."""
        return {one: self._edges(one, self.relations) for one in self.terms}

    @cached_property
    def children(self) -> dict[str, tuple[str, ...]]:
        """Children of each term, in order of the file."""
        found: dict[str, list[str]] = {one: [] for one in self.terms}
        for one, parents in self.parents.items():
            for parent in parents:
                found[parent].append(one)
        return {one: tuple(children) for one, children in found.items()}

    @cached_property
    def _ancestors(self) -> dict[str, dict[str, int]]:
        return {}

    def ancestors(self, identifier: str) -> dict[str, int]:
        """Return the term and its ancestors, each with the fewest steps up to it.

        Parameters
        ----------
        identifier
            Id of a term.

        Raises
        ------
        InputError
            If there is no such term.
        """
        if identifier not in self.terms:
            raise InputError(f"the ontology {self.version} has no term {identifier!r}.")
        if identifier not in self._ancestors:
            self._ancestors[identifier] = steps_up(self.parents, identifier)
        return self._ancestors[identifier]

    def path(self, identifier: str, target: str) -> list[str]:
        """Return a shortest way up from a term to an ancestor; of equal ones, first parents first.

        Parameters
        ----------
        identifier, target
            Ids; the second is the first or above it.
        """
        way = [identifier]
        while way[-1] != target:
            above = [up for up in self.parents[way[-1]] if target in self.ancestors(up)]
            way.append(min(above, key=lambda up: self.ancestors(up)[target]))
        return way

    def _edges(self, identifier: str, relations: tuple[str, ...]) -> tuple[str, ...]:
        term = self.terms[identifier]
        if term.deprecated:
            return ()
        wanted = (
            target for relation, target in term.edges if relation in relations or ALL in relations
        )
        kept = (one for one in wanted if one in self.terms and not self.terms[one].deprecated)
        return tuple(dict.fromkeys(kept))


def steps_up(parents: dict[str, tuple[str, ...]], start: str) -> dict[str, int]:
    """Return ``start`` and its ancestors with the fewest steps, nearest first."""
    found, level = {start: 0}, [start]
    while level:
        fresh = dict.fromkeys(p for one in level for p in parents[one] if p not in found)
        found.update(dict.fromkeys(fresh, found[level[0]] + 1))
        level = list(fresh)
    return found


def _cycle(parents: dict[str, tuple[str, ...]]) -> list[str]:
    """Return a circle of parents, or nothing, by taking away terms whose parents are all gone."""
    waiting = {one: set(above) for one, above in parents.items()}
    below: dict[str, list[str]] = {one: [] for one in parents}
    for one, above in parents.items():
        for parent in above:
            below[parent].append(one)
    free = [one for one, above in waiting.items() if not above]
    while free:
        gone = free.pop()
        del waiting[gone]
        for child in below[gone]:
            waiting[child].discard(gone)
            if not waiting[child]:
                free.append(child)
    if not waiting:
        return []
    path = [min(waiting)]
    while path.count(path[-1]) < 2:
        path.append(min(waiting[path[-1]]))
    return path[path.index(path[-1]) :]
