"""Predictions of responses beside every baseline, on a split that states its leaks."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from cellaxes import perturbation as p
from cellaxes._core.errors import InputError
from cellaxes._core.folders import receiving
from cellaxes.report import PredictFacts, PredictReport
from cellaxes.verbs._predict_align import Source, align
from cellaxes.verbs._predict_compounds import fingerprints_of
from cellaxes.verbs._predict_inputs import Table, judge, name_of, read_responses
from cellaxes.verbs._predict_models import read_models, ready_of
from cellaxes.verbs._predict_nearest import likenesses
from cellaxes.verbs._predict_splits import Asked, make_splits

SEEDS, STEPS = 3, 5


def evaluate_predictions(
    table: Table,
    split: str = "few-shot",
    contexts: str | Sequence[str] | None = None,
    *,
    out: str | Path,
    bridge: int | str | Path | Iterable[str] | None = None,
    held_out: float | str | Sequence[str] | None = None,
    by: str | None = None,
    n_seeds: int | None = None,
    layer: str = "signed_log10_p",
    predictions: Mapping[str, Source] | str | Path | None = None,
    sds: Mapping[str, Source] | None = None,
    models: Mapping[str, Callable[..., Any]] | None = None,
    replicates: Source | None = None,
    compounds: str | Path | pd.DataFrame | None = None,
    leave_out: str | Sequence[str] = (),
    clip: float | None = 4.0,
    metrics: Sequence[str] | None = None,
    weighted: bool = False,
    n_boot: int = 2000,
    random_state: int = 0,
    name: str | None = None,
    progress: bool = True,
) -> PredictReport:
    """Score predictions of responses beside every baseline, and say what that is worth.

    Rows are judged first (`cellaxes.perturbation.row_quality`): the suspect ones are tested and
    trained on, and scores are given with and without them.

    Parameters
    ----------
    table
        A table of responses, the file of one (`cellaxes.perturbation.read_table`), or wide files by
        layer (`cellaxes.perturbation.read_wide`).
    split
        ``"random"``, ``"few-shot"`` (the competition of 2023), ``"zero-shot"``,
        ``"leave-compound"``, ``"scaffold"``, ``"moa"``, ``"joint"``, ``"donor"`` or ``"plate"``.
    contexts
        To hold out (few-shot, zero-shot, joint); unless told, the one with the most compounds
        that were measured elsewhere too.
    out
        Folder that receives the page and the tables; earlier ones are replaced.
    bridge
        Compounds of these contexts that train (few-shot): how many, their names, or a file of
        them. Unless told 17, or a quarter where there are few.
    held_out
        Share of the rows, or names (of compounds, scaffolds, mechanisms, donors, plates).
    by
        What a joint split holds out beside contexts: ``"compound"``, ``"scaffold"``, ``"moa"``.
    n_seeds
        Draws of the split, where chance draws; unless told 3, or 1 with ready predictions.
    layer
        What is predicted: ``"signed_log10_p"``, ``"t"`` or ``"logFC"``.
    predictions
        Tables of the same rows and genes by name of model, or a folder of such files. Rows are
        matched by what tells them apart, genes by name; rows that are not tested may be missing.
    sds
        Standard deviations of predictions, alike.
    models
        Name to a callable ``(Y_train, rows_train, rows_wanted)``, fitted to each split.
    replicates
        A second table of the same rows, the ceiling; rows may be missing.
    compounds
        Table of compounds, one row each, with ``SMILES`` and ``moa``
        (`cellaxes.perturbation.read_compounds`).
    leave_out
        Contexts that neither train nor test.
    clip
        Second scale: where values are clipped. ``None`` for none.
    metrics
        Names as in ``cellaxes.perturbation.metrics.show()``; the first ranks.
    weighted
        Train baselines with the weights of quality.
    n_boot
        Draws of each comparison.
    random_state
        First seed.
    name
        What the page calls the data.
    progress
        Show a bar on standard error.

    Returns
    -------
    `PredictReport`; see its ``write`` for the files.

    Raises
    ------
    InputError
        If something is not there (a context, a compound, rows or genes of a prediction: named),
        the split cannot be made, or an option belongs to another split.
    """
    asked = Asked(split, contexts, bridge, held_out, by)
    if n_seeds is not None and n_seeds < 1:
        raise InputError(f"n_seeds must be 1 or more, not {n_seeds}.")
    ready, deviations = ready_of(predictions, sds)
    again = sorted(set(ready) & set(models or {}))
    if again:
        raise InputError(f"{again[0]!r} is both a prediction and a model: rename one.")
    with receiving(out) as folder, _steps(progress) as step:
        step("reading")
        found, dropped = read_responses(table, compounds, leave_out)
        origin = found.origin(layer)
        step("judging rows")
        found, doubted = judge(found)
        rows = found.described()
        suspect = found.suspect
        seeds = range(random_state, random_state + (n_seeds or (1 if ready else SEEDS)))
        splits, how = make_splits(rows, asked, seeds)
        wanted: NDArray[np.bool_] = np.any([made.test for made in splits], axis=0)
        step("predictions and fingerprints")
        entries = read_models(ready, deviations, found, layer=layer, wanted=wanted)
        twice = None
        if replicates is not None:
            what = "the table of replicates"
            twice = align(replicates, found, layer=layer, wanted=wanted, what=what, partial=True)
        bits, chemistry = fingerprints_of(rows)
        y = np.asarray(found.layer(layer), dtype=np.float64)
        y = np.where(found.measured, y, np.nan) if found.measured is not None else y
        step(f"baselines and models on {len(splits)} draws")
        board = p.evaluate(
            y, rows, splits, models={**entries, **(models or {})}, replicates=twice,
            weights=found.weight if weighted else None, suspect=suspect if suspect.any() else None,
            metrics=metrics, fingerprints=bits, expression=found.contexts, clip=clip,
            n_boot=n_boot, random_state=random_state,
        )  # fmt: skip
        step("writing")
        known = ~np.isnan(y)
        facts = PredictFacts(
            name=name or name_of(table),
            layer=layer,
            origin=origin,
            n_rows=found.n_rows,
            n_genes=found.n_genes,
            n_contexts=int(rows["context"].nunique()),
            n_compounds=int(rows["compound"].nunique()),
            missing=float(1 - known.mean()),
            largest=float(np.nanmax(np.abs(y))),
            split=split,
            how=how,
            seeds=tuple(seeds)[: len(splits)],
            weighted=weighted,
            left_out=dropped,
            chemistry=chemistry,
            ready=tuple(ready),
            taught=tuple(models or {}),
            replicates=twice is not None,
            likeness=likenesses(y, rows, splits[0]),
            notes=found.notes,
        )
        report = PredictReport(facts=facts, board=board, rows=rows, doubted=doubted)
        report.write(folder)
    return report


@contextmanager
def _steps(progress: bool) -> Iterator[Callable[[str], None]]:
    """Give a function that says on a bar what is done next."""
    with tqdm(total=STEPS, desc="predict evaluate", unit="step", disable=not progress) as bar:
        begun: list[str] = []

        def step(text: str) -> None:
            if begun:
                bar.update()
            begun.append(text)
            bar.set_postfix_str(text)

        yield step
        bar.update()
