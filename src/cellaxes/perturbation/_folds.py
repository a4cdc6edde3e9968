"""Cross-validation schemes by name: which training rows stand in for those that will be asked."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream
from cellaxes.perturbation._models._targets import fit_components
from cellaxes.perturbation._splits._context import N_BRIDGE, few_shot_context, zero_shot_context
from cellaxes.perturbation._splits._rows import check_rows, listed, names, terms
from cellaxes.perturbation._splits._scaffolds import with_scaffolds
from cellaxes.perturbation._splits._split import Split, make_split
from cellaxes.perturbation._splits._units import (
    leave_compound,
    leave_group,
    leave_moa,
    leave_scaffold,
    tied,
)

N_CLUSTERS, CLUSTER_SHARE, CLUSTER_LEAST = 2, 0.1, 20
"""Of the 2nd place of 2023: clusters, what is held out of each, rows below which nothing is."""
COMPONENTS = 50
"""Principal components that targets are clustered on."""


def bridge_folds(
    rows: pd.DataFrame,
    contexts: str | Iterable[str],
    *,
    n_folds: int = 3,
    random_state: int = 0,
) -> tuple[Split, ...]:
    """Hold out, in the target contexts, a part of the bridge compounds at a time (4th place).

    Every bridge compound is asked once, in all target contexts together, and is known from the
    other contexts. Its rows are few: combine with `rich_folds`.

    Parameters
    ----------
    rows
        Training rows, ``context`` and ``compound`` of each.
    contexts
        Target contexts, in which few compounds were measured.
    n_folds
        Parts of the bridge.
    random_state
        Seed.

    Raises
    ------
    InputError
        If a context is unknown, or fewer than ``n_folds`` compounds were measured in them and
        in another.

    Examples
    --------
    >>> rows = pd.DataFrame({"context": list("AAABBB"), "compound": list("xyzxyz")})
    >>> [fold.held_out for fold in bridge_folds(rows, "B")]
    [('z',), ('x',), ('y',)]
    """
    check_rows(rows)
    context, compound = names(rows, "context"), names(rows, "compound")
    here = np.isin(context, listed(contexts, context, "context"))
    bridge = sorted(set(compound[here]) & set(compound[~here]))
    return tuple(
        make_split(
            rows,
            "bridge",
            "a compound known elsewhere, in the contexts that will be asked",
            train=~(here & np.isin(compound, part)),
            test=here & np.isin(compound, part),
            held_out=part,
        )
        for part in _parts(bridge, n_folds, "bridge compounds", random_state)
    )


def rich_folds(
    rows: pd.DataFrame,
    contexts: str | Iterable[str] = (),
    *,
    n_bridge: int | None = None,
    random_state: int = 0,
) -> tuple[Split, ...]:
    """Pretend of each rich context that it is the target (3rd place): a few compounds of it stay.

    Parameters
    ----------
    rows
        Training rows.
    contexts
        Target contexts, which are not pretended of; the others are rich.
    n_bridge
        Compounds that stay; by default as many as the target contexts have, 17 without any. A
        context with too few compounds to hide as many again is left out.
    random_state
        Seed of which stay.

    Raises
    ------
    InputError
        If a context is unknown, or none is rich enough.
    """
    check_rows(rows)
    context, compound = names(rows, "context"), names(rows, "compound")
    asked = [contexts] if isinstance(contexts, str) else list(contexts)
    targets = listed(asked, context, "context") if asked else ()
    if n_bridge is None:
        sizes = [len(set(compound[context == name])) for name in targets]
        n_bridge = int(np.median(sizes)) if sizes else N_BRIDGE
    found = []
    for name in sorted(set(context) - set(targets)):
        here = context == name
        able = sorted(set(compound[here]) & set(compound[~here]))
        if len(able) < 2 * n_bridge:
            continue
        drawn = stream(random_state, "rich", name).choice(able, n_bridge, replace=False)
        found.append(few_shot_context(rows, name, sorted(drawn)))
    if not found:
        raise InputError(
            f"no context outside the targets has {2 * n_bridge} compounds that are known "
            "elsewhere: ask for a smaller n_bridge."
        )
    return tuple(found)


def context_folds(rows: pd.DataFrame, contexts: str | Iterable[str] = ()) -> tuple[Split, ...]:
    """Hold out each context in turn, whole; those named are left alone."""
    check_rows(rows)
    left_alone = [contexts] if isinstance(contexts, str) else list(contexts)
    held = sorted(set(names(rows, "context")) - set(left_alone))
    return tuple(zero_shot_context(rows, name) for name in held)


def cluster_folds(
    rows: pd.DataFrame,
    Y: ArrayLike,
    *,
    n_clusters: int = N_CLUSTERS,
    n_folds: int = 5,
    random_state: int = 0,
) -> tuple[Split, ...]:
    """Hold out a tenth of every cluster of responses (2nd place): strong and weak ones alike.

    Clusters of fewer than 20 rows stay in train. It is as optimistic as `random_rows`.

    Parameters
    ----------
    rows
        Training rows.
    Y
        Their responses, ``(n_rows, n_genes)``; NaN is missing.
    n_clusters
        Of k-means on the leading components.
    n_folds
        Tenths that are held out, 10 at most; no row twice.
    random_state
        Seed.

    Raises
    ------
    InputError
        If shapes do not fit, or no cluster has 20 rows.
    """
    from sklearn.cluster import KMeans

    check_rows(rows)
    values = np.asarray(Y, dtype=np.float64)
    if values.ndim != 2 or len(values) != len(rows):
        raise InputError(f"Y must hold one profile for each of {len(rows)} rows.")
    most = round(1 / CLUSTER_SHARE)
    if not 1 <= n_folds <= most:
        raise InputError(f"n_folds must lie between 1 and {most}, but is {n_folds}.")
    scores = fit_components(values, COMPONENTS, random_state=random_state).scores(values)
    seed = int(stream(random_state, "kmeans").integers(2**31))
    cluster = KMeans(n_clusters, n_init=10, random_state=seed).fit_predict(scores)
    part = np.full(len(rows), -1)
    for code in range(n_clusters):
        members = np.flatnonzero(cluster == code)
        if len(members) >= CLUSTER_LEAST:
            drawn = stream(random_state, "cluster", code).permutation(members)
            part[drawn] = np.arange(len(drawn)) % most
    if (part < 0).all():
        raise InputError(f"no cluster has {CLUSTER_LEAST} rows: ask for fewer clusters.")
    return tuple(
        make_split(
            rows,
            "kmeans",
            "a response missing from a table, strong and weak ones in their shares",
            train=part != k,
            test=part == k,
            doubts=("optimistic: says nothing of new compounds or new contexts",),
        )
        for k in range(n_folds)
    )


def group_folds(
    rows: pd.DataFrame, column: str = "compound", *, n_folds: int = 5, random_state: int = 0
) -> tuple[Split, ...]:
    """Hold out each part of the groups in turn: compounds, scaffolds, mechanisms, donors, ….

    Rows without a value are put aside; mechanisms that a compound ties together stay together.

    Parameters
    ----------
    rows
        Training rows with ``column``; of scaffolds, ``SMILES`` will do.
    column
        What names the groups.
    n_folds
        Parts.
    random_state
        Seed.

    Raises
    ------
    InputError
        If the column is missing or has fewer than ``n_folds`` groups.
    """
    rows = with_scaffolds(rows) if column == "scaffold" else rows
    check_rows(rows, column)
    unit = tied(terms(rows, column))
    parts = _parts(sorted(set(unit.values())), n_folds, f"groups by {column}", random_state)
    return tuple(
        _leave(rows, column, [name for name, code in unit.items() if code in part])
        for part in parts
    )


def random_folds(
    rows: pd.DataFrame, *, n_folds: int = 5, random_state: int = 0
) -> tuple[Split, ...]:
    """Hold out each part of the rows in turn, drawn one by one: the scheme that flatters.

    Examples
    --------
    >>> rows = pd.DataFrame({"context": list("AABB"), "compound": list("xyxy")})
    >>> sum(fold.test.sum() for fold in random_folds(rows, n_folds=2))
    np.int64(4)
    """
    check_rows(rows)
    parts = _parts(list(range(len(rows))), n_folds, "rows", random_state)
    masks = [np.isin(np.arange(len(rows)), part) for part in parts]
    doubt = "optimistic: says nothing of new compounds or new contexts"
    claim = "a response missing from a table"
    return tuple(
        make_split(rows, "random", claim, train=~out, test=out, doubts=(doubt,)) for out in masks
    )


def _leave(rows: pd.DataFrame, column: str, held_out: Sequence[str]) -> Split:
    known = {"compound": leave_compound, "scaffold": leave_scaffold, "moa": leave_moa}
    if column in known:
        return known[column](rows, held_out)
    return leave_group(rows, column, held_out)


T = TypeVar("T", str, int)


def _parts(units: list[T], n_folds: int, what: str, random_state: int) -> list[tuple[T, ...]]:
    """Return the units dealt at random into parts of sizes that differ by one at most."""
    if n_folds < 2:
        raise InputError(f"n_folds must be 2 at least, but is {n_folds}.")
    if len(units) < n_folds:
        raise InputError(f"{len(units)} {what} cannot make {n_folds} folds: ask for fewer.")
    order = stream(random_state, "folds", what, len(units)).permutation(len(units))
    dealt = [units[i] for i in order]
    return [tuple(sorted(dealt[k::n_folds])) for k in range(n_folds)]
