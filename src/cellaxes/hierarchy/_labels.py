"""The labels that are handed in: distinct types, how often each comes, and their ids."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError, near

NO_ID = {"", "unknown", "na", "nan", "none"}


@dataclass(frozen=True)
class Labels:
    """Distinct labels, in order of first appearance.

    Attributes
    ----------
    names
        Labels, ``(n_types,)``.
    counts
        How often each was handed in.
    ids
        Ontology id of each; empty where none was given.
    """

    names: tuple[str, ...]
    counts: tuple[int, ...]
    ids: tuple[str, ...]


def read_labels(
    labels: Iterable[Any], ontology_ids: Iterable[Any] | Mapping[str, Any] | None
) -> Labels:
    """Return the distinct labels of types or cells.

    Raises
    ------
    InputError
        If there is no label, one is missing or comes with two ids, or the lengths differ.
    """
    if isinstance(labels, str):
        raise InputError("labels must be a list of names, not one string: put it in brackets.")
    codes, names = _coded(labels)
    if not len(codes):
        raise InputError("there are no labels: hand in one name of a cell type at least.")
    missing = np.isin(codes, [k for k, name in enumerate(names) if not name.strip()]) | (codes < 0)
    if missing.any():
        raise InputError(
            f"{int(missing.sum())} of {len(codes)} labels are missing (NaN or empty), the first "
            f"at position {int(missing.argmax())}: remove or name them."
        )
    found = dict.fromkeys(names, "")
    for name, one in _pairs(codes, names, ontology_ids):
        if one and found[name] not in ("", one):
            raise InputError(
                f"the label {name!r} comes with two ontology ids, {found[name]} and {one}: keep "
                "one, or give the cells different labels."
            )
        found[name] = one or found[name]
    counts = np.bincount(codes, minlength=len(names))
    return Labels(tuple(names), tuple(counts.tolist()), tuple(found.values()))


def _coded(values: Iterable[Any]) -> tuple[NDArray[np.int64], list[str]]:
    """Return the distinct values as text, and which of them each entry is; -1: missing."""
    column = pd.Series(values if hasattr(values, "dtype") else list(values))
    codes, distinct = pd.factorize(column)
    texts = [str(value) for value in distinct]
    rank = {text: k for k, text in enumerate(dict.fromkeys(texts))}
    same = np.array([*(rank[text] for text in texts), -1], dtype=np.int64)
    return same[codes], list(rank)


def _pairs(
    codes: NDArray[np.int64],
    names: list[str],
    ontology_ids: Iterable[Any] | Mapping[str, Any] | None,
) -> list[tuple[str, str]]:
    """Return the distinct pairs of label and id."""
    if ontology_ids is None:
        return []
    if isinstance(ontology_ids, Mapping):
        alien = [str(name) for name in ontology_ids if str(name) not in names]
        if alien:
            raise InputError(
                f"ontology_ids names {alien[0]!r}, which is no label: {near(alien[0], names)}"
            )
        return [(str(name), _id(one)) for name, one in ontology_ids.items()]
    id_codes, ids = _coded(ontology_ids)
    if len(id_codes) != len(codes):
        raise InputError(
            f"there are {len(id_codes)} ontology ids for {len(codes)} labels: give one to each, "
            "or a dictionary from label to id."
        )
    pairs = np.unique(np.column_stack([codes, id_codes]), axis=0)
    return [(names[label], _id(ids[one]) if one >= 0 else "") for label, one in pairs]


def _id(value: Any) -> str:
    text = "" if value is None or value is pd.NA or value != value else str(value).strip()
    return "" if text.lower() in NO_ID else text
