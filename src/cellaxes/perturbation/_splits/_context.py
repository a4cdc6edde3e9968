"""Contexts held out: all but a few compounds of them, or whole."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream
from cellaxes.perturbation._splits._rows import check_rows, listed, names
from cellaxes.perturbation._splits._split import Split, make_split

N_BRIDGE = 17
"""Compounds that the competition of 2023 measured in every context."""


def few_shot_context(
    rows: pd.DataFrame,
    contexts: str | Iterable[str],
    bridge: int | Iterable[str] = N_BRIDGE,
    *,
    random_state: int = 0,
) -> Split:
    """Hold contexts out but for a few bridge compounds: the Open Problems competition of 2023.

    Every compound that is tested is in train in another context; rows of a compound that is in
    no other are put aside.

    Parameters
    ----------
    rows
        One row per response, as in `random_rows`.
    contexts
        Names of contexts to test on.
    bridge
        Compounds whose rows in these contexts stay in train: their names, or how many to draw
        from those measured in all of these contexts and in another.
    random_state
        Seed of the draw.

    Raises
    ------
    InputError
        If a context or compound is unknown, no other context is left, or there are too few
        compounds for the bridge and the test.

    Examples
    --------
    >>> rows = pd.DataFrame({"context": list("AAABBB"), "compound": list("xyzxyz")})
    >>> few_shot_context(rows, "B", ["x"]).roles.tolist()
    ['train', 'train', 'train', 'train', 'test', 'test']
    """
    check_rows(rows)
    held, here, compound = _held_contexts(rows, contexts)
    if isinstance(bridge, int | np.integer):
        kept = _draw_bridge(rows, held, here, int(bridge), random_state)
    else:
        kept = listed(bridge, compound[here], "bridge compound")
    wanted = here & ~np.isin(compound, kept)
    return _seen_elsewhere(
        rows,
        "few-shot context",
        f"a compound known elsewhere, in a context where {len(kept)} compounds were measured",
        wanted,
        held,
    )


def zero_shot_context(rows: pd.DataFrame, contexts: str | Iterable[str]) -> Split:
    """Hold whole contexts out: nothing of them is in train, every tested compound is elsewhere.

    Parameters
    ----------
    rows, contexts
        One row per response, and names, as in `few_shot_context`.

    Raises
    ------
    InputError
        If a context is unknown, or no other context is left.

    Examples
    --------
    >>> rows = pd.DataFrame({"context": list("AAABBB"), "compound": list("xyzxyz")})
    >>> zero_shot_context(rows, "B").seen("context")
    0.0
    """
    check_rows(rows)
    held, here, _ = _held_contexts(rows, contexts)
    return _seen_elsewhere(
        rows,
        "zero-shot context",
        "a compound known elsewhere, in a context where nothing was measured",
        here,
        held,
    )


def _held_contexts(
    rows: pd.DataFrame, contexts: str | Iterable[str]
) -> tuple[tuple[str, ...], NDArray[np.bool_], NDArray[np.object_]]:
    """Return the names of the contexts, their rows, and the compound of every row."""
    context = names(rows, "context")
    held = listed(contexts, context, "context")
    here = np.isin(context, held)
    if here.all():
        raise InputError(
            f"holding out {', '.join(held)} leaves no context to learn from: rows of another are "
            "needed."
        )
    return held, here, names(rows, "compound")


def _draw_bridge(
    rows: pd.DataFrame,
    held: tuple[str, ...],
    here: NDArray[np.bool_],
    n_bridge: int,
    random_state: int,
) -> tuple[str, ...]:
    context, compound = names(rows, "context"), names(rows, "compound")
    able = set(compound[~here])
    for name in held:
        able &= set(compound[context == name])
    if n_bridge < 1:
        raise InputError("bridge must be at least 1: for none, use zero_shot_context.")
    if n_bridge >= len(able):
        raise InputError(
            f"{n_bridge} bridge compounds are asked for, but {len(able)} are measured in "
            f"{', '.join(held)} and elsewhere, and some must be left to test: ask for fewer."
        )
    rng = stream(random_state, "few_shot_context", n_bridge, len(able))
    return tuple(sorted(rng.choice(sorted(able), n_bridge, replace=False)))


def _seen_elsewhere(
    rows: pd.DataFrame, name: str, claim: str, wanted: NDArray[np.bool_], held: tuple[str, ...]
) -> Split:
    """Return the split that tests the wanted rows whose compound is in train."""
    compound = names(rows, "compound")
    test = wanted & np.isin(compound, compound[~wanted])
    aside = int(wanted.sum() - test.sum())
    doubts = (f"{aside} rows of compounds that are nowhere else are put aside",) if aside else ()
    return make_split(rows, name, claim, train=~wanted, test=test, held_out=held, doubts=doubts)
