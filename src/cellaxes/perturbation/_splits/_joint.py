"""New compounds in new contexts: the hardest split."""

from collections.abc import Iterable
from typing import Literal

import numpy as np
import pandas as pd

from cellaxes._core.errors import InputError, near
from cellaxes.perturbation._splits._rows import check_rows, listed, names
from cellaxes.perturbation._splits._scaffolds import with_scaffolds
from cellaxes.perturbation._splits._split import Split, make_split
from cellaxes.perturbation._splits._units import HeldOut, choose

By = Literal["compound", "scaffold", "moa"]


def joint(
    rows: pd.DataFrame,
    contexts: str | Iterable[str],
    held_out: HeldOut = 0.2,
    *,
    by: By = "compound",
    random_state: int = 0,
) -> Split:
    """Hold out contexts and compounds together: neither of a tested row is in train.

    Rows of a held-out context with other compounds, and of held-out compounds in other contexts,
    are put aside, as are rows of which it is not known.

    Parameters
    ----------
    rows
        One row per response, as in `leave_compound`, `leave_scaffold` or `leave_moa`.
    contexts
        Names of contexts to test on.
    held_out
        Names of what ``by`` says, or the share of all rows that it should hold.
    by
        ``"compound"``, ``"scaffold"`` or ``"moa"``.
    random_state
        Seed.

    Raises
    ------
    InputError
        If a name or column is unknown, or nothing is left to train or test on.

    Examples
    --------
    >>> rows = pd.DataFrame({"context": list("AAABBB"), "compound": list("xyzxyz")})
    >>> joint(rows, "B", ["z"]).roles.tolist()
    ['train', 'train', 'aside', 'aside', 'aside', 'test']
    """
    if by not in ("compound", "scaffold", "moa"):
        raise InputError(f"by cannot be {by!r}: {near(str(by), ('compound', 'scaffold', 'moa'))}")
    check_rows(rows, *(["moa"] if by == "moa" else []))
    rows = with_scaffolds(rows) if by == "scaffold" else rows
    context = names(rows, "context")
    held = listed(contexts, context, "context")
    here = np.isin(context, held)
    chosen = choose(rows, by, held_out, random_state)
    train, test = ~here & ~chosen.out & ~chosen.unknown, here & chosen.out
    return make_split(
        rows,
        f"joint context and {by}",
        f"a {by} that was never measured, in a context where nothing was",
        train=train,
        test=test,
        held_out=(*held, *chosen.names),
        doubts=(f"{(~train & ~test).sum()} rows of one but not of the other are put aside",),
    )
