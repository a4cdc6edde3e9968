"""Whole units held out: compounds, scaffolds, mechanisms of action, donors, plates."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes.perturbation._splits._rows import check_rows, draw, listed, terms
from cellaxes.perturbation._splits._scaffolds import with_scaffolds
from cellaxes.perturbation._splits._split import Split, make_split

HeldOut = float | str | Iterable[str]
"""Share of the rows, or the names of what to hold out."""


def leave_compound(rows: pd.DataFrame, held_out: HeldOut = 0.2, *, random_state: int = 0) -> Split:
    """Hold compounds out of every context.

    Parameters
    ----------
    rows
        One row per response, as in `random_rows`.
    held_out
        Names of compounds, or the share of rows to test on.
    random_state
        Seed.

    Raises
    ------
    InputError
        If a name is unknown, or there are too few compounds to hold one out.

    Examples
    --------
    >>> rows = pd.DataFrame({"context": list("AAABBB"), "compound": list("xyzxyz")})
    >>> leave_compound(rows, ["z"]).roles.tolist()
    ['train', 'train', 'test', 'train', 'train', 'test']
    """
    check_rows(rows)
    chosen = choose(rows, "compound", held_out, random_state)
    return _leave(rows, "leave compound", "a compound that was never measured", chosen)


def leave_scaffold(rows: pd.DataFrame, held_out: HeldOut = 0.2, *, random_state: int = 0) -> Split:
    """Hold chemical scaffolds out: a tested compound shares its rings with none in train.

    Parameters
    ----------
    rows
        One row per response, as in `random_rows`, with ``scaffold`` (any grouping of compounds) or
        ``SMILES``, of which Murcko scaffolds are made (needs RDKit, ``cellaxes[chem]``). Rows
        without either are put aside.
    held_out
        Names of scaffolds, or the share of rows to test on.
    random_state
        Seed.

    Raises
    ------
    InputError
        If there is neither column, a SMILES does not parse, or there are too few scaffolds.

    References
    ----------
    Bemis & Murcko 1996.

    Examples
    --------
    >>> rows = pd.DataFrame(
    ...     {"context": list("AAA"), "compound": list("xyz"), "scaffold": ["a", "a", "b"]}
    ... )
    >>> leave_scaffold(rows, ["a"]).roles.tolist()
    ['test', 'test', 'train']
    """
    check_rows(rows)
    rows = with_scaffolds(rows)
    chosen = choose(rows, "scaffold", held_out, random_state)
    return _leave(rows, "scaffold", "a compound of a scaffold that was never measured", chosen)


def leave_moa(rows: pd.DataFrame, held_out: HeldOut = 0.2, *, random_state: int = 0) -> Split:
    """Hold mechanisms of action out.

    Compounds with several (separated by ``;``) tie these together: what is drawn is held out
    with all it is tied to. Rows without a mechanism are put aside, since theirs may be the one.

    Parameters
    ----------
    rows
        One row per response, as in `random_rows`, with a column ``moa``.
    held_out
        Names of mechanisms, or the share of rows (that have one) to test on.
    random_state
        Seed.

    Raises
    ------
    InputError
        If there is no such column or name, or there are too few mechanisms.

    Examples
    --------
    >>> moa = ["MTOR; PI3K", "PI3K", "HDAC", None]
    >>> rows = pd.DataFrame({"context": "A", "compound": list("wxyz"), "moa": moa})
    >>> leave_moa(rows, ["MTOR"]).roles.tolist()
    ['test', 'test', 'train', 'aside']
    """
    check_rows(rows, "moa")
    chosen = choose(rows, "moa", held_out, random_state)
    return _leave(rows, "leave moa", "a compound of a mechanism that was never measured", chosen)


def leave_group(
    rows: pd.DataFrame, column: str, held_out: HeldOut = 0.2, *, random_state: int = 0
) -> Split:
    """Hold donors, plates or any other groups out.

    The compounds and contexts are the same, so it speaks for how well a response repeats: read
    the leakage of ``pair``.

    Parameters
    ----------
    rows
        One row per response, as in `random_rows`, with ``column``.
    column
        ``"donor"``, ``"plate"``, or any that names a group for each row. Rows without are put
        aside.
    held_out
        Names of groups, or the share of rows to test on.
    random_state
        Seed.

    Raises
    ------
    InputError
        If there is no such column or name, or there is one group only.

    Examples
    --------
    >>> rows = pd.DataFrame({"context": "A", "compound": list("xyxy"), "donor": [1, 1, 2, 2]})
    >>> leave_group(rows, "donor", ["2"]).seen("pair")
    1.0
    """
    check_rows(rows, column)
    chosen = choose(rows, column, held_out, random_state)
    return _leave(rows, f"leave {column}", f"the same responses in another {column}", chosen)


@dataclass(frozen=True)
class Chosen:
    """Rows that were chosen to be held out, those without a value, and the names."""

    out: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    names: tuple[str, ...]
    column: str


def choose(rows: pd.DataFrame, column: str, held_out: HeldOut, random_state: int) -> Chosen:
    """Return which rows to hold out by whole units of a column."""
    held = terms(rows, column)
    units = tied(held)
    unknown = np.array([not entry for entry in held])
    if unknown.all():
        raise InputError(f"{column} is missing in every row: fill it in, or split by another.")
    unit = np.array([units[min(entry)] if entry else -1 for entry in held])
    if isinstance(held_out, bool | int | float | np.number):
        sizes = np.bincount(unit[~unknown])
        drawn = np.flatnonzero(draw(sizes.tolist(), float(held_out), column, random_state))
    else:
        drawn = np.unique([units[name] for name in listed(held_out, units, column)])
        if len(drawn) == len(set(units.values())):
            raise InputError(
                f"holding these out (and what is tied to them) leaves no {column} to learn from: "
                "hold out fewer."
            )
    within = tuple(sorted(name for name, code in units.items() if code in set(drawn.tolist())))
    return Chosen(np.isin(unit, drawn), unknown, within, column)


def tied(held: list[frozenset[str]]) -> dict[str, int]:
    """Return the unit of every term: terms that one row holds together are of one unit."""
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while root.setdefault(name, name) != name:
            name = root[name]
        return name

    for entry in set(held):
        first, *others = sorted(entry) or [""]
        for other in others:
            a, b = sorted((find(first), find(other)))
            root[b] = a
        if first:
            find(first)
    order = {name: i for i, name in enumerate(sorted({find(name) for name in root}))}
    return {name: order[find(name)] for name in sorted(root)}


def _leave(rows: pd.DataFrame, name: str, claim: str, chosen: Chosen) -> Split:
    n = int(chosen.unknown.sum())
    return make_split(
        rows,
        name,
        claim,
        train=~chosen.out & ~chosen.unknown,
        test=chosen.out,
        held_out=chosen.names,
        doubts=(f"{n} rows without {chosen.column} are put aside",) if n else (),
    )
