"""Predictions of pairs, written with what each is worth."""

from pathlib import Path

import pandas as pd

from cellaxes import perturbation as p
from cellaxes._core.errors import InputError
from cellaxes._core.folders import folder_filled, receiving, settle
from cellaxes.verbs._predict_pairs import Pairs, all_pairs, read_pairs

PREDICTIONS = (
    "predictions.h5ad",
    "predictions.parquet",
    "low.parquet",
    "high.parquet",
    "rows.csv",
    "submission.csv",
)
"""What `write_predictions` writes; the last only where pairs have an id."""


def predict_responses(
    model: p.Ensemble | str | Path, pairs: Pairs, *, out: str | Path
) -> p.PerturbationTable:
    """Predict the responses of pairs by a fitted ensemble.

    Parameters
    ----------
    model
        The ensemble, its folder, or the folder that `fit_predictor` wrote.
    pairs
        Table or file with ``context`` and ``compound`` of each pair, or the id map of the
        competition.
    out
        Folder that receives ``predictions.h5ad`` (a table of responses), ``predictions.parquet``
        (signed log10 p, wide), ``low.parquet``, ``high.parquet``, ``rows.csv`` (what each row rests
        on, the error to expect, why to doubt it) and, where pairs have an id, ``submission.csv``.

    Raises
    ------
    InputError
        If the model or the pairs cannot be read.
    StoreError
        If a file cannot be written.
    """
    with receiving(out) as folder:
        return write_predictions(load(model), read_pairs(pairs), folder)


def next_measurements(
    model: p.Ensemble | str | Path,
    allowed: Pairs | None = None,
    *,
    out: str | Path,
    measured: Pairs | None = None,
    contexts: str | list[str] | tuple[str, ...] = (),
    wanted: Pairs | None = None,
    n: int = 20,
) -> p.Advice:
    """Say which pairs to measure next, by a fitted ensemble, and write them to ``next.csv``.

    Parameters
    ----------
    model
        As in `predict_responses`.
    allowed
        Pairs that can be measured, one row each; by default all of the contexts and compounds that
        the ensemble knows.
    out
        Folder that receives ``next.csv``.
    measured
        Pairs to leave out, one row each, as they were measured.
    contexts
        In which one can measure; with ``allowed`` unset.
    wanted
        Pairs whose error matters, one row each; by default the allowed ones.
    n
        How many.

    Raises
    ------
    InputError
        If the model has no Gaussian process, or knows nothing of a pair.
    """
    if allowed is not None and contexts:
        raise InputError("allowed pairs have their contexts: give allowed or contexts, not both.")
    with receiving(out) as folder:
        ensemble = load(model)
        known = None if measured is None else read_pairs(measured)
        names = [contexts] if isinstance(contexts, str) else list(contexts)
        free = (
            all_pairs(ensemble, known, contexts=names) if allowed is None else read_pairs(allowed)
        )
        found = ensemble.measure_next(free, None if wanted is None else read_pairs(wanted), n=n)
        with folder_filled(folder) as new:
            found.to_frame().to_csv(new / "next.csv", index=False)
    return found


def load(model: p.Ensemble | str | Path) -> p.Ensemble:
    """Return an ensemble, read from its folder or from that of its page."""
    if isinstance(model, p.Ensemble):
        return model
    settle(Path(model))
    inside = Path(model) / "model"
    return p.load_ensemble(inside if inside.is_dir() else model)


def write_predictions(
    ensemble: p.Ensemble, pairs: pd.DataFrame, folder: Path
) -> p.PerturbationTable:
    """Write predictions of pairs; all files appear, or none."""
    found = ensemble.predict(pairs)
    low, high = ensemble.predict_interval(pairs)
    named = found.rows[["context", "compound"]]
    wide = {"predictions": found.signed_log10_p, "low": low, "high": high}
    with folder_filled(folder, instead_of=PREDICTIONS) as new:
        p.write_table(found, new / "predictions.h5ad")
        for name, values in wide.items():
            genes = pd.DataFrame(values, columns=found.genes)
            pd.concat([named, genes], axis=1).to_parquet(new / f"{name}.parquet")
        found.rows.to_csv(new / "rows.csv", index=False)
        if "id" in pairs:
            p.write_submission(found, pairs, new / "submission.csv")
    return found
