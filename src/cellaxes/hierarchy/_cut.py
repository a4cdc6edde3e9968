"""Levels below the anchors: one parent for every term, then its branches."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from cellaxes.hierarchy._ontology import Ontology


def branches(
    terms: Sequence[str], ontology: Ontology, inside: set[str], general: set[str]
) -> dict[str, tuple[str, ...]]:
    """Return the branching terms above each term of one group, coarse first, itself last.

    Every term keeps one parent: the most specific (that with the most ancestors in the group; then
    with the most of ``terms`` below it; then of the lowest id). Of the tree that is left, terms
    with one branch below them are passed over unless they are asked for.

    Parameters
    ----------
    terms
        Ids of the types of the group.
    ontology
        Parents.
    inside
        The types and those of their ancestors that belong to the group.
    general
        Terms above or at an anchor: they name no branch.

    Returns
    -------
    dict
        Of each of ``terms``, its branches, each of them below the one before.
    """
    below = Counter(up for term in terms for up in ontology.ancestors(term))
    depth = {term: sum(up in inside for up in ontology.ancestors(term)) for term in inside}
    parent: dict[str, str | None] = {}
    for term in inside:
        above = [up for up in ontology.parents[term] if up in inside and up not in general]
        parent[term] = min(above, key=lambda up: (-depth[up], -below[up], up), default=None)
    chains = {term: _chain(term, parent) for term in terms}
    children: dict[str, set[str]] = {}
    for chain in chains.values():
        for upper, lower in pairwise(chain):
            children.setdefault(upper, set()).add(lower)
    kept = {one for one, lower in children.items() if len(lower) > 1} | set(terms)
    return {term: tuple(one for one in chain if one in kept) for term, chain in chains.items()}


def _chain(term: str, parent: dict[str, str | None]) -> list[str]:
    chain: list[str] = []
    here: str | None = term
    while here is not None:
        chain.append(here)
        here = parent[here]
    return chain[::-1]
