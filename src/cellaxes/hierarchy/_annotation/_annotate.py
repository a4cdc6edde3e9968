"""Call the types of query cells from a labelled reference."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream
from cellaxes.hierarchy._annotation._calibrate import calibrate, reached
from cellaxes.hierarchy._annotation._evidence import Reference, asked
from cellaxes.hierarchy._annotation._result import COLUMNS, Annotation
from cellaxes.hierarchy._levels import read_groups, read_levels
from cellaxes.hierarchy._neighbours._vectors import embedding, norms, same_width, whole

NOVELTY = (0.1, 0.2)
"""Known cells that may be taken for unknown, without and with groups: new donors hide more."""
HELD = 5_000
"""Reference cells that are held out in turn, at most."""


def annotate(
    query: ArrayLike,
    reference: ArrayLike,
    levels: Any,
    *,
    level: str = "auto",
    k: int = 10,
    confidence: float = 0.9,
    novelty: float | None = None,
    dims: Sequence[int] | None = None,
    groups: Any = None,
    device: str = "cpu",
    random_state: int = 0,
) -> Annotation:
    """Call each cell down to the deepest level that can be trusted.

    The k nearest reference cells (cosine) vote from the coarsest level down; at each level those
    vote that agree with the calls above. Three numbers say how far that is to be trusted: the share
    of the neighbours, how far away they are, and how much farther than they are from their own.
    What they are worth is learnt from the reference, each of whose cells (5,000 at most) is asked
    about from the others: with ``groups`` without its whole group, otherwise without itself.

    - The **confidence** of a level is the share of right calls at that evidence (logistic
      regression on held-out cells).
    - A cell is **unlike** a level's groups if it is farther than 99 % of the held-out cells, or if
      it looks more like the cells whose own group was taken out of the reference than
      ``1 - novelty`` of those whose group was there (fewer, where that finds 98 % of the former).
    - The **threshold** is the lowest confidence at which the called level of held-out cells is
      right at the nominal rate (split conformal; with groups, for most of them and not on average
      alone).

    A cell is called down to the deepest level that is confident enough and not unlike it, and is
    rejected where no level is.

    Parameters
    ----------
    query, reference
        Embeddings of one model, ``(n_query, d)`` and ``(n_reference, d)``.
    levels
        Labels of the reference from coarse to fine, as `Tree.expand` gives them,
        ``(n_reference, n_levels)``; or one label per cell.
    level
        ``"auto"``, or the name of the finest level wanted.
    k
        Neighbours that vote.
    confidence
        Nominal rate at which the called level is to be right.
    novelty
        Share of cells of known groups that may be taken for cells of unknown ones, at most: 0.1,
        with groups 0.2, unless told. A larger one finds more unknown cells and calls fewer known
        ones to the end.
    dims
        Length of the prefix on which each level is asked, coarse to fine; the full vector for all
        unless told.
    groups
        Donor (or technology, study) of each reference cell, ``(n_reference,)``. Give it if the
        query is of new donors; without it, the rates hold for new cells of the same donors.
    device
        Where distances are computed.
    random_state
        Seed of the choice of held-out cells of a large reference.

    Returns
    -------
    Annotation
        `Annotation.to_frame` has one row per query cell.

    Raises
    ------
    InputError
        If a row is zero or not finite, dimensions or lengths differ, a label is missing, there is
        one class or one group only, k is as large as the reference, there is no such level, or a
        share is not between 0 and 1.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> kind = np.repeat([0, 1], 100)
    >>> z = np.eye(8)[kind] + 0.1 * rng.normal(size=(200, 8))
    >>> found = annotate([[1.0, 0, 0, 0, 0, 0, 0, 0.1]], z, np.array(["T", "B"])[kind])
    >>> found.to_frame()["call"].tolist()
    ['T']
    """
    left, right = embedding(query, "the query"), embedding(reference, "the reference")
    same_width(left, right)
    norms(left, "the query")
    norms(right, "the reference")
    coded = read_levels(levels, len(right))
    novelty = NOVELTY[groups is not None] if novelty is None else novelty
    for value, what in ((confidence, "confidence"), (novelty, "novelty")):
        if not 0 < value < 1:
            raise InputError(f"{what} must lie between 0 and 1, not {value}.")
    if taken := set(COLUMNS) & set(coded.levels):
        raise InputError(
            f"a level cannot be called {taken.pop()!r}, which is a column of the result: rename it."
        )
    if level != "auto":
        coded = coded.first(coded.position(level) + 1)
    k = whole(k, "k")
    if k >= len(right):
        raise InputError(
            f"k is {k}, but the reference has {len(right)} cells: lower k or add cells, since "
            "every cell is also asked about from the others."
        )
    n = len(right)
    units = np.arange(n) if groups is None else read_groups(groups, n)[0]
    cells = np.arange(n)
    if n > HELD:
        cells = np.sort(stream(random_state, "annotate", n).choice(n, HELD, replace=False))
    widths = _widths(dims, right.shape[1], len(coded.levels))
    ref = Reference(right, coded.codes, units, cells, widths, k, device)
    made = calibrate(ref, confidence, novelty, by_donor=groups is not None)
    found = asked(ref, left, made.scales)
    sure, familiar = made.confidence(found), made.familiar(found)
    return Annotation(
        levels=coded.levels,
        names=coded.names,
        calls=found.calls,
        confidence=sure,
        familiar=familiar,
        reached=reached(sure, familiar, made.threshold),
        nominal=confidence,
        threshold=made.threshold,
        rate=made.rate,
        held_out="cells" if groups is None else "groups",
    )


def _widths(dims: Sequence[int] | None, width: int, n_levels: int) -> tuple[int, ...]:
    """Return the prefix on which each level is asked."""
    found = (width,) * n_levels if dims is None else tuple(whole(m, "each of dims") for m in dims)
    if len(found) < n_levels or max(found) > width:
        raise InputError(
            f"dims must give a prefix of at most {width} dimensions to each of the {n_levels} "
            f"levels, but are {found}."
        )
    return found[:n_levels]
