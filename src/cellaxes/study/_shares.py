"""Whose loss it is: noise of the training cells and noise of the queries, apart."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from cellaxes.study._collect import CURVE, curves
from cellaxes.study._spec import THIN

_COLUMNS = (
    *("signal", "model", "n_train", "fraction", "depth", "full", *THIN),
    *("loss", "loss_low", "loss_high", "train_loss", "query_loss", "interaction"),
    *("train_share", "train_share_low", "train_share_high"),
    *("query_share", "query_share_low", "query_share_high", "interaction_share"),
    *("deeper_queries", "deeper_training", "n_seeds", "reliable"),
)


def shares(table: pd.DataFrame) -> pd.DataFrame:
    """Split the information lost at each depth into training noise and query noise.

    Write I_full for the information at the deepest level, and I_both(u), I_train(u),
    I_query(u) for what is left where all cells, the training cells alone, or the queries
    (test cells) alone are thinned to depth u. Then::

        loss            = I_full − I_both
        train_loss      = I_full − I_train     the training cells' own
        query_loss      = I_full − I_query     the queries' own
        interaction     = loss − train_loss − query_loss
        train_share     = train_loss / loss    and query_share, interaction_share alike
        deeper_queries  = I_train − I_both     what deep queries alone would bring back
        deeper_training = I_query − I_both     what deep training cells alone would

    The two losses interact: their shares add up to 1 only together with the interaction,
    which is negative where each noise alone already costs what both cost.

    Parameters
    ----------
    table
        Of `collect`, one row per run; only depths with ``both`` and at least one of ``train``,
        ``query`` count.

    Returns
    -------
    One row per signal, model, number of training cells and fraction below the deepest:
    ``depth``, median UMIs per cell of the test cells where all are thinned; ``full``, ``both``,
    ``train``, ``query`` and the quantities above, bits, as means over the ``n_seeds`` replicates
    that finished everywhere; 95 % intervals ``_low``, ``_high`` of the loss (Student's t) and
    of the two shares (Fieller's theorem), from replicates paired by seed: infinite where the
    loss is positive but not clear of zero, NaN where it is not positive, with one replicate, or
    where a way was not studied; and whether all estimates were ``reliable``. Replicates share
    cells: the intervals say what other splits and thinnings would change, not what other cells
    would.

    References
    ----------
    Fieller, J. R. Stat. Soc. B 16, 175 (1954): intervals of a ratio of means.
    """
    rows = []
    for key, group in curves(table).groupby(list(CURVE[:-1]), sort=False):
        information = group.pivot(index="seed", columns=["fraction", "thin"], values="information")
        deepest, *thinned = sorted(group["fraction"].unique(), reverse=True)
        full = information[deepest].iloc[:, 0]
        for fraction in thinned:
            bits = information[fraction].assign(full=full).dropna(axis=1, how="all").dropna()
            if not {"both", "full"} < set(bits) or bits.empty:
                continue
            used = group[group["fraction"].isin([deepest, fraction])]
            used = used[used["seed"].isin(bits.index)]
            both = used[(used["thin"] == "both") & (used["fraction"] == fraction)]
            rows.append(
                dict(zip(CURVE[:-1], key, strict=True))
                | {"fraction": fraction, "depth": float(both["depth"].mean())}
                | _parts(bits.reindex(columns=["full", *THIN]))
                | {"n_seeds": len(bits), "reliable": bool(used["reliable"].all())}
            )
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _parts(bits: pd.DataFrame) -> dict[str, float]:
    """Return the loss and its parts from the information of each replicate."""
    lost = {way: (bits["full"] - bits[way]).to_numpy() for way in THIN}
    mean = {str(name): float(value) for name, value in bits.mean().items()}
    loss, loss_low, loss_high = _ratio(lost["both"], np.ones(len(bits)))
    train_loss, query_loss = mean["full"] - mean["train"], mean["full"] - mean["query"]
    interaction = loss - train_loss - query_loss
    parts = {
        "loss": loss,
        "loss_low": loss_low,
        "loss_high": loss_high,
        "train_loss": train_loss,
        "query_loss": query_loss,
        "interaction": interaction,
        "interaction_share": interaction / loss if loss > 0 else np.nan,
        "deeper_queries": mean["train"] - mean["both"],
        "deeper_training": mean["query"] - mean["both"],
    }
    for way in ("train", "query"):
        names = (f"{way}_share", f"{way}_share_low", f"{way}_share_high")
        parts |= dict(zip(names, _ratio(lost[way], lost["both"]), strict=True))
    return mean | parts


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return mean(part) / mean(whole) and its 95 % interval by Fieller's theorem."""
    n, a, b = len(part), float(part.mean()), float(whole.mean())
    if n < 2 or b <= 0 or np.isnan(a):
        return (a / b if b > 0 else np.nan), np.nan, np.nan
    square = float(stdtrit(n - 1, 0.975)) ** 2 / n
    (aa, ab), (_, bb) = square * np.cov(part, whole)
    if b * b <= bb:
        return a / b, -np.inf, np.inf
    root = np.sqrt(max((a * b - ab) ** 2 - (b * b - bb) * (a * a - aa), 0.0))
    return a / b, *(float(a * b - ab + side * root) / (b * b - bb) for side in (-1, 1))
