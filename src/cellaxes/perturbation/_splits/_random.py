"""Rows held out one by one: the split that flatters."""

import pandas as pd

from cellaxes.perturbation._splits._rows import check_rows, draw
from cellaxes.perturbation._splits._split import Split, make_split


def random_rows(rows: pd.DataFrame, held_out: float = 0.2, *, random_state: int = 0) -> Split:
    """Hold out rows one by one. Optimistic: nearly every compound and context is in train.

    It speaks for filling gaps in a table of responses, not for a new context or a new compound.

    Parameters
    ----------
    rows
        One row per response, with columns ``context`` and ``compound``; where there are, leakage of
        ``scaffold``, ``moa`` (several separated by ``;``), ``donor`` and ``plate`` is stated too.
    held_out
        Share of rows to test on.
    random_state
        Seed.

    Raises
    ------
    InputError
        If a column is missing or has gaps, or ``held_out`` is no share.

    Examples
    --------
    >>> rows = pd.DataFrame({"context": list("AABB"), "compound": list("xyxy")})
    >>> random_rows(rows, 0.25).test.sum()
    np.int64(1)
    """
    check_rows(rows)
    out = draw([1] * len(rows), held_out, "row", random_state)
    return make_split(
        rows,
        "random rows",
        "a response missing from a table whose other rows of the compound and context are known",
        train=~out,
        test=out,
        doubts=("optimistic: says nothing of new compounds or new contexts",),
    )
