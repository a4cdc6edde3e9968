"""Fit an ensemble to a table of responses, and say on a page what it is worth."""

import time
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from cellaxes import perturbation as p
from cellaxes._core.errors import InputError
from cellaxes._core.folders import folder_filled, receiving
from cellaxes.report import PredictorReport
from cellaxes.verbs._predict_inputs import Table, judge, name_of, read_responses
from cellaxes.verbs._predict_pairs import Pairs, all_pairs, read_pairs
from cellaxes.verbs._predict_rows import PREDICTIONS, write_predictions

N_NEXT = 20
SEARCHED = "embedding_mlp"
"""Member whose settings are searched."""


def fit_predictor(
    table: Table,
    like: Pairs | str = "few-shot context",
    *,
    out: str | Path,
    compounds: str | Path | pd.DataFrame | None = None,
    leave_out: str | list[str] | tuple[str, ...] = (),
    members: Mapping[str, p.Predictor] | None = None,
    minutes: float = 10.0,
    search: float = 0.0,
    level: float = 0.9,
    n_jobs: int | None = None,
    random_state: int = 0,
    name: str | None = None,
    progress: bool = True,
) -> PredictorReport:
    """Fit an ensemble to responses and write it with a page that says what it is worth.

    Rows are judged first (`cellaxes.perturbation.row_quality`) and weigh by their quality.

    Parameters
    ----------
    table
        As in `evaluate_predictions`.
    like
        What will be asked: a table or a file of pairs (``context`` and ``compound`` of each, or the
        id map of the competition), which are predicted at once; or the name of a split.
    out
        Folder that receives the page, the tables, the ensemble (``model``) and, where pairs are
        given, their predictions.
    compounds
        Table of compounds, one row each, with ``SMILES`` and ``moa``.
    leave_out
        Contexts that do not train.
    members, minutes, level, n_jobs, random_state, progress
        As in `cellaxes.perturbation.fit`.
    search
        Minutes to search settings of the embedding networks before
        (`cellaxes.perturbation.search_settings`), on folds drawn anew; they take the place of the
        default ones.
    name
        What the page calls the data.

    Raises
    ------
    InputError
        If the table, the pairs or a wish cannot be used.
    StoreError
        If a worker was killed or the disk is full.
    """
    with receiving(out) as folder:
        begun = time.monotonic()
        found = judge(read_responses(table, compounds, leave_out)[0])[0]
        pairs = like if isinstance(like, str) and not Path(like).is_file() else read_pairs(like)
        if search:
            chosen = p.default_members() if members is None else dict(members)
            members = chosen | {SEARCHED: _searched(found, pairs, search, random_state)}
        ensemble = p.fit(
            found, pairs, members=members, minutes=minutes, level=level, n_jobs=n_jobs,
            random_state=random_state, progress=progress,
        )  # fmt: skip
        nothing = pd.DataFrame(columns=["context", "compound", "reduction"])
        try:
            free = all_pairs(ensemble, found.rows)
            advised, why_not = ensemble.measure_next(free, n=N_NEXT).to_frame(), ""
        except InputError as error:
            advised, why_not = nothing, str(error)
        report = PredictorReport(
            name or name_of(table), ensemble, found.n_rows, advised, why_not,
            time.monotonic() - begun,
        )  # fmt: skip
        with folder_filled(folder, instead_of=PREDICTIONS) as new:
            report.write(new)
            if not isinstance(pairs, str):
                write_predictions(ensemble, pairs, new)
    return report


def _searched(
    table: p.PerturbationTable, like: pd.DataFrame | str, minutes: float, random_state: int
) -> p.Predictor:
    """Return the embedding networks of the least error on folds that weights will not see."""
    data = p.training_data(table, random_state=random_state)
    folds = p.folds_like(like, data.rows, random_state=random_state + 1)
    return p.search_settings(data, folds, minutes=minutes, random_state=random_state).settings
