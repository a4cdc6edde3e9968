"""From labels to a tree, along an ontology."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cellaxes._core.errors import InputError, near
from cellaxes.hierarchy._anchors import AnchorTable, load_anchors
from cellaxes.hierarchy._graph import ROOT, rooted
from cellaxes.hierarchy._labels import Labels, read_labels
from cellaxes.hierarchy._names import Match, Names, names_of, successor
from cellaxes.hierarchy._ontology import Ontology
from cellaxes.hierarchy._order import ordered
from cellaxes.hierarchy._read import DEFAULT, load_ontology
from cellaxes.hierarchy._result import SEED, Tree
from cellaxes.hierarchy._rows import OTHER, Row
from cellaxes.hierarchy._seed import nearest_anchor, seed_match

METHOD = "most-specific"
SHOWN, HINTED = 50, 12
"""Unknown labels that a message lists, and of these, those for which it looks for near names."""


def tree(
    labels: Iterable[Any],
    ontology_ids: Iterable[Any] | Mapping[str, Any] | None = None,
    levels: int = 4,
    *,
    ontology: Ontology | str | Path = DEFAULT,
    anchors: AnchorTable | pd.DataFrame | str | Path = "systems",
    relations: Sequence[str] = ("is_a",),
    method: str = METHOD,
    allow_unknown: bool = False,
    unknown: str = OTHER,
) -> Tree:
    """Order cell types from coarse to fine along an ontology.

    Anchors name the coarse levels. Of the anchors above a type the most specific wins: one that is
    below another matched anchor; of those that cannot be compared, the one with fewer steps; of
    equally near ones, the first of the table. A group of level 2 holds only what belongs to its
    group of level 1; where no anchor fits, the level repeats the one above. The levels between the
    anchors and the label are branches of the ontology that the types at hand have in common; the
    last level is the label.

    Parameters
    ----------
    labels
        Names of cell types, of types or of cells (repeats are counted).
    ontology_ids
        Id of each label, ``(n_labels,)``, or a dictionary from label to id. Labels without one
        (NaN, empty, ``"unknown"``) are looked up by name; an id that is given wins over the name.
    levels
        Depth of the tree, 2 to 6.
    ontology
        An `Ontology`, or what `load_ontology` reads; the Cell Ontology that comes with the package
        unless told otherwise.
    anchors
        An `AnchorTable`, or what `load_anchors` reads: ``"systems"``, ``"cellxgene"``, a file or a
        data frame with a row per anchor.
    relations
        Relations that count as a step to a parent; ``("all",)`` for every edge of the file.
    method
        ``"most-specific"``, or ``"nearest-anchor"``: levels chosen independently by distance alone
        (4 levels; need not be nested), kept to reproduce published tables.
    allow_unknown
        Put labels that are not in the ontology under ``unknown`` instead of refusing them.
    unknown
        Group of such labels.

    Returns
    -------
    Tree
        Its ``levels`` has one row per type.

    Raises
    ------
    InputError
        If there are no labels, one is missing, has two ids or is not in the ontology; if levels is
        not 2 to 6; if an anchor is not in the ontology; if a file cannot be read or the ontology
        has a cycle.

    Examples
    --------
    >>> found = tree(["T cell", "naive B cell", "B cell", "vein endothelial cell"])
    >>> found.levels.loc["naive B cell"].tolist()
    ['Immune', 'Lymphoid', 'B cell', 'naive B cell']
    >>> found.is_ancestor("B cell", "naive B cell")
    True
    """
    if isinstance(levels, bool) or levels not in range(2, 7):
        raise InputError(f"levels must be a whole number from 2 to 6, not {levels}.")
    if method not in (METHOD, SEED):
        raise InputError(f"there is no method {method!r}: {near(method, [METHOD, SEED])}")
    given = read_labels(labels, ontology_ids)
    terms = ontology if isinstance(ontology, Ontology) else load_ontology(ontology)
    if tuple(relations) != terms.relations:
        terms = terms.with_relations(relations)
    table = anchors if isinstance(anchors, AnchorTable) else load_anchors(anchors)
    names = names_of(terms)
    found = _found(given, terms, seed_match(terms) if method == SEED else names.find)
    lost = [label for label, match in found.items() if match is None]
    if lost and not allow_unknown:
        raise InputError(_refusal(lost, given, names))
    place = nearest_anchor if method == SEED else ordered
    ids = {label: match.id if match else None for label, match in found.items()}
    rows = place(ids, terms, table, int(levels), unknown)
    nodes = {label: one or f"label:{label}" for label, one in ids.items()}
    graph = rooted(terms.parents | {f"label:{label}": () for label in lost}, list(nodes.values()))
    called = {one: terms.terms[one].name for one in graph if one in terms}
    return Tree(
        levels=pd.DataFrame(
            [rows[label].groups for label in given.names],
            pd.Index(given.names, name="label", dtype=object),
            [f"level{k}" for k in range(1, levels + 1)],
            dtype=object,
        ),
        report=_report(given, found, rows, terms),
        graph=graph,
        names={**called, **{nodes[label]: label for label in lost}, ROOT: ROOT},
        nodes=nodes,
        method=method,
        ontology=terms.version,
        anchors=table.name,
    )


def _found(
    given: Labels, terms: Ontology, find: Callable[[str], Match | None]
) -> dict[str, Match | None]:
    """Return the term of each label: by its id where one is given, else by name."""
    found: dict[str, Match | None] = {}
    for label, stated in zip(given.names, given.ids, strict=True):
        if not stated:
            found[label] = find(label)
            continue
        now, named = successor(stated, terms), find(label)
        how = "id" if now == stated else f"id, given as {stated}"
        also = (named.id,) if named is not None and named.id != now else ()
        found[label] = None if now is None else Match(now, how, also)
    return found


def _refusal(lost: list[str], given: Labels, names: Names) -> str:
    """Return the sentence that lists labels without a term, with the nearest names of some."""
    stated = dict(zip(given.names, given.ids, strict=True))
    said = []
    for rank, label in enumerate(lost[:SHOWN]):
        close = names.nearest(label) if rank < HINTED else []
        hint = f" (nearest: {' or '.join(repr(name) for name in close)})" if close else ""
        hint = f" (id {stated[label]})" if stated[label] else hint
        said.append(repr(label) + hint)
    said += [f"and {len(lost) - SHOWN} more"] * (len(lost) > SHOWN)
    return (
        f"{len(lost)} of {len(given.names)} labels are not in the ontology "
        f"{names.ontology.version}: {', '.join(said)}; rename them, give their ontology ids, put "
        "them apart with allow_unknown=True (--allow-unknown), or make the tree from the data "
        "(tree_from_embedding, --tree data)."
    )


def _report(
    given: Labels, found: dict[str, Match | None], rows: dict[str, Row], terms: Ontology
) -> pd.DataFrame:
    """Return one row per label: what it was taken for, and why it is where it is."""
    said = []
    for label, count in zip(given.names, given.counts, strict=True):
        match, row = found[label], rows[label]
        also = (
            [f"name: {one} ({terms.terms[one].name})" for one in match.alternatives]
            if match
            else []
        )
        known = match is not None and match.id in terms
        said.append(
            {
                "ontology_id": match.id if match else "",
                "term": terms.terms[match.id].name if match and known else "",
                "match": match.how if match else "none",
                "count": count,
                "path": row.path,
                "reason": row.reason,
                "alternatives": "; ".join([*also, *row.alternatives]),
            }
        )
    return pd.DataFrame(said, pd.Index(given.names, name="label", dtype=object))
