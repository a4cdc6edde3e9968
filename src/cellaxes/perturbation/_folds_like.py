"""Folds by name, and folds in the shape of what a model will be asked."""

from collections.abc import Iterable
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError, near
from cellaxes.perturbation._folds import (
    bridge_folds,
    cluster_folds,
    context_folds,
    group_folds,
    random_folds,
    rich_folds,
)
from cellaxes.perturbation._splits._rows import check_rows, names
from cellaxes.perturbation._splits._split import Split, make_split

Scheme = Literal["bridge", "rich", "contexts", "kmeans", "compounds", "random"]

POOR = 0.5
"""A context with fewer compounds than this share of the richest one is a target."""
MOSTLY = 0.5
"""Share of wanted rows from which they are said to be of a kind."""


def make_folds(
    rows: pd.DataFrame,
    scheme: Scheme,
    *,
    contexts: str | Iterable[str] | None = None,
    Y: ArrayLike | None = None,
    random_state: int = 0,
) -> tuple[Split, ...]:
    """Return the folds of a named scheme.

    Parameters
    ----------
    rows
        Training rows, ``context`` and ``compound`` of each.
    scheme
        ``"bridge"`` (thirds of the bridge compounds in the target contexts), ``"rich"`` (each
        rich context as if it were a target), ``"contexts"`` (each context whole), ``"kmeans"``
        (a tenth of every cluster of responses), ``"compounds"``, ``"random"``.
    contexts
        Target contexts, for the first three; by default those in which fewer than half the
        compounds of the richest were measured.
    Y
        Responses ``(n_rows, n_genes)``, for ``"kmeans"``.
    random_state
        Seed.

    Raises
    ------
    InputError
        If there is no such scheme, or the rows do not allow it.

    Examples
    --------
    >>> rows = pd.DataFrame({"context": list("AAAABBBB"), "compound": list("wxyzwxyz")})
    >>> [int(fold.test.sum()) for fold in make_folds(rows, "bridge", contexts="B")]
    [2, 1, 1]
    """
    if scheme not in get_args(Scheme):
        raise InputError(f"there is no scheme {scheme!r}: {near(str(scheme), get_args(Scheme))}")
    check_rows(rows)
    targets = poor_contexts(rows) if contexts is None else contexts
    if scheme == "bridge":
        return bridge_folds(rows, targets, random_state=random_state)
    if scheme == "rich":
        return rich_folds(rows, targets, random_state=random_state)
    if scheme == "contexts":
        return context_folds(rows)
    if scheme == "kmeans":
        if Y is None:
            raise InputError("the scheme 'kmeans' clusters responses: pass Y.")
        return cluster_folds(rows, Y, random_state=random_state)
    if scheme == "compounds":
        return group_folds(rows, random_state=random_state)
    return random_folds(rows, random_state=random_state)


def poor_contexts(rows: pd.DataFrame) -> tuple[str, ...]:
    """Return the contexts with fewer than half the compounds of the richest one, sorted."""
    pairs = pd.DataFrame({column: names(rows, column) for column in ("context", "compound")})
    sizes = pairs.drop_duplicates().groupby("context").size()
    return tuple(sorted(str(name) for name in sizes.index[sizes < POOR * sizes.max()]))


def folds_like(
    like: str | Split | pd.DataFrame, rows: pd.DataFrame, *, random_state: int = 0
) -> tuple[Split, ...]:
    """Return folds of the training rows that ask what will be asked.

    A few-shot context gives `bridge_folds` and, where a context is rich enough, `rich_folds`;
    compounds, scaffolds, mechanisms or other groups held out give `group_folds`; whole contexts
    `context_folds`; anything else `random_folds`.

    Parameters
    ----------
    like
        A `Split`; its name; or the wanted rows (``context`` and ``compound`` of each), whose
        kind is told by what of them is in the training rows.
    rows
        One row per response. Of a split, the rows it was made of: masks are of all of them, and
        rows that it tests on or puts aside stay aside. Otherwise the training rows alone.
    random_state
        Seed.

    Raises
    ------
    InputError
        If the shape of ``rows`` does not fit, or a name is none of a split.
    """
    if isinstance(like, Split):
        if len(like.train) != len(rows):
            raise InputError(
                f"the split is of {len(like.train)} rows, but {len(rows)} are given: pass the "
                "rows it was made of."
            )
        at = np.flatnonzero(like.train)
        train = rows.iloc[at].reset_index(drop=True)
        targets = like.held_out if like.name == "few-shot context" else ()
        found = _by_kind(like.name, train, targets, random_state)
        return tuple(_spread(fold, at, rows) for fold in found)
    if isinstance(like, pd.DataFrame):
        return _by_kind(*_kind(like, rows), random_state=random_state)
    targets = poor_contexts(rows) if like == "few-shot context" else ()
    return _by_kind(like, rows, targets, random_state)


def _kind(wanted: pd.DataFrame, rows: pd.DataFrame) -> tuple[str, pd.DataFrame, tuple[str, ...]]:
    """Return what the wanted rows amount to: name of a split, training rows, target contexts."""
    check_rows(wanted, least=1)
    check_rows(rows)
    seen = {c: np.isin(names(wanted, c), names(rows, c)) for c in ("context", "compound")}
    if seen["compound"].mean() < MOSTLY:
        return "leave compound", rows, ()
    if seen["context"].mean() < MOSTLY:
        return "zero-shot context", rows, ()
    asked = set(names(wanted, "context")[seen["context"]])
    targets = tuple(name for name in poor_contexts(rows) if name in asked)
    share = np.isin(names(wanted, "context"), targets).mean()
    return ("few-shot context" if share >= MOSTLY else "random rows"), rows, targets


def _by_kind(
    name: str, rows: pd.DataFrame, targets: tuple[str, ...], random_state: int
) -> tuple[Split, ...]:
    if name == "few-shot context":
        return _few_shot(rows, targets, random_state)
    if name == "zero-shot context":
        return context_folds(rows)
    if name == "random rows":
        return random_folds(rows, random_state=random_state)
    if name.startswith("joint context"):
        return context_folds(rows) + group_folds(
            rows, name.rsplit(" ", 1)[1], random_state=random_state
        )
    column = name.removeprefix("leave ")
    if column in rows or column == "scaffold":
        return group_folds(rows, column, random_state=random_state)
    raise InputError(
        f"there is no split {name!r}: it is 'few-shot context', 'zero-shot context', 'random "
        "rows', 'scaffold', or 'leave ' and a column of the rows."
    )


def _few_shot(rows: pd.DataFrame, targets: tuple[str, ...], random_state: int) -> tuple[Split, ...]:
    if not targets:
        raise InputError("no context has few compounds, so none is few-shot: name another split.")
    bridge = bridge_folds(rows, targets, random_state=random_state)
    try:
        return bridge + rich_folds(rows, targets, random_state=random_state)
    except InputError:  # no context is rich enough to stand in
        return bridge


def _spread(fold: Split, at: NDArray[np.intp], rows: pd.DataFrame) -> Split:
    """Return a fold of some rows as one of all rows, the others aside."""
    masks = []
    for mask in (fold.train, fold.test):
        whole = np.zeros(len(rows), dtype=bool)
        whole[at] = mask
        masks.append(whole)
    return make_split(
        rows, fold.name, fold.claim, train=masks[0], test=masks[1],
        held_out=fold.held_out, doubts=fold.doubts,
    )  # fmt: skip
