"""Every baseline and every model on the same splits, scored side by side."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cellaxes._core.errors import InputError
from cellaxes.perturbation import metrics as m
from cellaxes.perturbation._leaderboard._entries import Model, make_entries
from cellaxes.perturbation._leaderboard._leaderboard import Leaderboard
from cellaxes.perturbation._leaderboard._runs import Extras, runs, scales
from cellaxes.perturbation._leaderboard._scoring import Scorer, names_of_metrics
from cellaxes.perturbation._leaderboard._summary import summarise
from cellaxes.perturbation._splits._split import Split
from cellaxes.perturbation.metrics._calibration import Calibration

CLIP = 4.0
"""Of Open Problems: signed log10 p beyond which a value says no more."""


def evaluate(
    Y: ArrayLike,
    rows: pd.DataFrame,
    splits: Split | Iterable[Split],
    *,
    models: Mapping[str, Model] | None = None,
    replicates: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    suspect: ArrayLike | None = None,
    metrics: Sequence[str] | None = None,
    fingerprints: ArrayLike | None = None,
    expression: pd.DataFrame | None = None,
    clip: float | None = CLIP,
    n_boot: int = 2000,
    random_state: int = 0,
) -> Leaderboard:
    """Score models beside every baseline, on the same rows of the same splits.

    All is done twice: on the profiles as they are, and clipped (trained and tested), because the
    two rank models differently where a few rows have huge values. Every entry is compared with
    the best baseline by drawing whole compounds; the best is chosen on the same rows, the harder
    test. Scaled scores begin at the best average, chosen for each metric, and reach 1 where a
    replicate is.

    Parameters
    ----------
    Y
        Profiles, ``(n_rows, n_genes)``; NaN is missing and does not count.
    rows
        ``context`` and ``compound`` of each row; where known ``moa``, several separated by ``;``.
    splits
        One or several, made from these rows, e.g. the same kind with several seeds.
    models
        Name to a callable ``(Y_train, rows_train, rows_wanted)`` that gives predictions
        ``(n_wanted, n_genes)``, or to predictions of all rows ``(n_rows, n_genes)``. A tuple of
        predictions and standard deviations has its intervals checked too. Ready predictions are
        clipped where the profiles are, a callable learns from clipped profiles.
    replicates
        A second profile of each row (other donors, say), NaN where there is none: the ceiling.
    weights
        Of the rows, ``(n_rows,)``, for the training of baselines; test rows count the same.
    suspect
        True for rows ``(n_rows,)`` to doubt, as `row_quality` finds them. They train; scores are
        given with and without them.
    metrics
        Names as in ``metrics.show()``, the first one ranks; without, a choice of ten.
    fingerprints
        ``(n_rows, n_bits)``, 0 or 1.
    expression
        Untreated expression, one row per context.
    clip
        Where profiles are clipped, in their units; ``None`` for no second scale.
    n_boot
        Draws of every comparison.
    random_state
        Seed.

    Raises
    ------
    InputError
        If shapes do not fit, a model predicts no number where the truth is known, or a metric is
        unknown.

    Examples
    --------
    >>> from cellaxes.perturbation import few_shot_context
    >>> pairs = pd.MultiIndex.from_product([list("AB"), list("stuvwxyz")])
    >>> rows = pairs.to_frame(index=False, name=["context", "compound"])
    >>> effect = np.random.default_rng(0).normal(size=(8, 30))
    >>> Y = np.vstack([effect, 2 * effect])
    >>> board = evaluate(Y, rows, few_shot_context(rows, "B", 4), clip=None)
    >>> board.best
    'compound_mean_x_context_slope'
    """
    entries = make_entries(Y, rows, splits, models, replicates, suspect)
    if clip is not None and not clip > 0:
        raise InputError(f"clip must be positive or None, but is {clip!r}.")
    extras = Extras(
        None if weights is None else np.asarray(weights, dtype=np.float64),
        None if fingerprints is None else np.asarray(fingerprints),
        expression,
        random_state,
    )
    asked = names_of_metrics(metrics)
    values: list[pd.DataFrame] = []
    by_row: list[pd.DataFrame] = []
    bases: list[pd.DataFrame] = []
    calibrations: dict[str, list[Calibration]] = {}
    for scale, here in scales(entries, clip):
        for number, split in enumerate(entries.splits):
            scorer = Scorer(here, split, number, scale, asked)
            for run in runs(here, split, extras, scale == "raw", clip):
                scorer.add(run.name, run.kind, run.values)
                if scale == "raw" and run.sd is not None:
                    calibrations.setdefault(run.name, []).append(
                        m.calibration(
                            here.Y[split.test], run.values, run.sd,
                            context=scorer.context, mask=scorer.scored,
                        )
                    )  # fmt: skip
                if scale == "raw" and run.basis is not None:
                    rests = pd.Series(run.basis).value_counts().rename_axis("basis")
                    bases.append(rests.reset_index(name="n_rows").assign(model=run.name))
            values += scorer.values
            by_row += scorer.by_row
    row_scores = pd.concat(by_row, ignore_index=True)
    table = summarise(
        pd.concat(values, ignore_index=True), row_scores,
        n_boot=n_boot, random_state=random_state,
    )  # fmt: skip
    basis = pd.concat(bases).groupby(["model", "basis"], sort=False)["n_rows"].sum()
    return Leaderboard(
        table=table,
        row_scores=row_scores,
        splits=entries.splits,
        calibrations={name: tuple(found) for name, found in calibrations.items()},
        rests=basis.reset_index(),
        clip=clip,
        n_boot=n_boot,
        random_state=random_state,
    )
