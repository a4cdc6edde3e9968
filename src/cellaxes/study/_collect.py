"""Reading a study: its table, its levels, its state."""

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellaxes.noise import noise_kind
from cellaxes.study._spec import RunSpec
from cellaxes.study._store import Store

CURVE = ("signal", "model", "n_train", "thin")
"""Columns that together name a curve of information against depth."""
SHOWN = 5
"""Reasons for failures that a status names."""


def collect(out: str | Path) -> pd.DataFrame:
    """Return one row per run of the study in ``out``, in the study's own order.

    Columns: ``signal, model, n_train, n_test, thin, fraction, seed``; of counts the measured
    ``umis_per_cell`` (median of the test cells) and ``umis_per_cell_train``, and ``n_empty``
    test cells without a UMI; of images and sequences, whose ``fraction`` is the nominal
    coordinate of the level, ``depth``, the same, ``unit``, ``noise``, ``strength``, and the
    measured signal-to-noise ratios ``snr`` and ``snr_train``; ``information, low, high, null,
    null_high`` in bits; ``n`` pairs; ``estimator, reliable, reason``; ``status`` (done, failed,
    missing) and ``error``.
    It does not depend on how often the study was stopped or on how many workers ran it.

    Raises
    ------
    InputError
        If the folder holds no study or a record is damaged.
    """
    store = Store(out)
    return pd.DataFrame([_row_of(task, store) for task in store.read_spec().runs()])


def _row_of(task: RunSpec, store: Store) -> dict[str, Any]:
    with store.reading_record(task.id):
        return _row(task, store.read(task.id))


def _row(task: RunSpec, record: dict[str, Any] | None) -> dict[str, Any]:
    record = record or {"status": "missing"}
    facts, found = record.get("facts", {}), record.get("estimate", {})
    return {
        "signal": task.signal,
        "model": str(task.model),
        "n_train": task.n_train,
        "n_test": task.n_test,
        "thin": task.thin,
        "fraction": noise_kind(task.noise).nominal(task.chain[-1]),
        "seed": task.seed,
        **_noise(task, facts),
        "information": float(found.get("bits", "nan")),
        **{key: float(found.get(key, "nan")) for key in ("low", "high", "null", "null_high")},
        "n": int(found.get("n", 0)),
        "estimator": found.get("estimator", ""),
        "reliable": found.get("reliable", False),
        "reason": found.get("reason", ""),
        "status": record["status"],
        "error": record.get("error", ""),
    }


def _noise(task: RunSpec, facts: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of the noise of a run: measured, and nominal where it has one."""
    kind = noise_kind(task.noise)
    if kind.snr is None:
        return {
            "umis_per_cell": float(facts.get("umis_per_cell", "nan")),
            "umis_per_cell_train": float(facts.get("umis_per_cell_train", "nan")),
            "n_empty": int(facts.get("n_empty", 0)),
        }
    return {
        "depth": kind.nominal(task.chain[-1]),
        "unit": kind.axis.unit,
        "noise": kind.name,
        "strength": task.chain[-1],
        "snr": float(facts.get("snr", "nan")),
        "snr_train": float(facts.get("snr_train", "nan")),
    }


@dataclass(frozen=True)
class Status:
    """How far a study is.

    Attributes
    ----------
    total, done, failed, missing
        Runs of the study, and how many of them ended well, ended in an error, or did not yet.
    errors
        Why runs failed, and how many for that reason; the most frequent first.
    """

    total: int
    done: int
    failed: int
    missing: int
    errors: dict[str, int]

    def __str__(self) -> str:
        lines = [
            f"total {self.total}, done {self.done}, failed {self.failed}, missing {self.missing}"
        ]
        lines += [f"{count} failed: {why}" for why, count in islice(self.errors.items(), SHOWN)]
        if len(self.errors) > SHOWN:
            lines.append(
                f"and {len(self.errors) - SHOWN} other reasons, in runs.csv once collected"
            )
        if self.errors:
            lines.append("to do them again: study run --retry-failed")
        return "\n".join(lines)


def status(out: str | Path) -> Status:
    """Return how many runs of the study in ``out`` are done, failed and missing, and why.

    Raises
    ------
    InputError
        If the folder holds no study or a record is damaged.
    """
    records = _records(out)
    states = Counter(record["status"] if record else "missing" for record in records)
    errors = Counter(record["error"] for record in records if record and "error" in record)
    return Status(
        total=len(records),
        done=states["done"],
        failed=states["failed"],
        missing=states["missing"],
        errors=dict(errors.most_common()),
    )


def seconds(out: str | Path) -> float:
    """Return the seconds that the finished runs of the study in ``out`` took, added up.

    Raises
    ------
    InputError
        If the folder holds no study or a record is damaged.
    """
    return sum(float(record.get("seconds", 0.0)) for record in _records(out) if record)


def _records(out: str | Path) -> list[dict[str, Any] | None]:
    """Return the record of each run of the study in ``out``, ``None`` where there is none."""
    store = Store(out)
    return [store.read(task.id) for task in store.read_spec().runs()]


def curves(table: pd.DataFrame) -> pd.DataFrame:
    """Arrange the finished runs of ``table``, a row per run, by curve, with its deepest level.

    Returns
    -------
    One row per run and curve. The table's columns, ``thin`` now naming the curve: the deepest
    level, one run for all ways of thinning, stands in each of them; and ``depth``, the noise
    coordinate: the median UMIs per cell of the cells that are thinned, training cells where they
    alone are, test cells otherwise; the nominal coordinate where the data are no counts, and
    ``snr`` then that of the noisy rows.
    """
    parts = []
    for _, rows in table.groupby(list(CURVE[:-1]), sort=False):
        deepest = rows["fraction"] == rows["fraction"].max()
        for way in rows.loc[~deepest, "thin"].unique() if not deepest.all() else ("both",):
            curve = rows[deepest | (rows["thin"] == way)]
            measured = "umis_per_cell" if "umis_per_cell" in rows else "snr"
            seen = curve[f"{measured}_train" if way == "train" else measured]
            named = {"depth": seen} if measured == "umis_per_cell" else {"snr": seen}
            parts.append(curve.assign(thin=way, **named))
    points: pd.DataFrame = pd.concat(parts)
    return points[points["status"] == "done"].reset_index(drop=True)


def levels(table: pd.DataFrame) -> pd.DataFrame:
    """Join the replicates of each depth of ``table`` (`collect`, a row per run).

    Returns
    -------
    One row per signal, model, number of training cells, way of thinning and fraction, as
    arranged by `curves`: means of ``depth``, ``umis_per_cell`` or ``snr``, ``information`` and
    ``null``; the largest ``null_high`` and, of counts, ``n_empty``;
    ``total_sd``, the standard deviation over replicates; ``estimator_se``, the root mean
    square standard error of one estimate; ``replicate_sd``, what split, thinning and
    subsampling add to it, ``sqrt(max(0, total_sd^2 - estimator_se^2))``; all in bits;
    ``n_seeds``; and whether all were ``reliable``.
    """
    done = curves(table)
    done["squared_error"] = ((done["high"] - done["low"]) / 3.92) ** 2
    grouped = done.groupby([*CURVE, "fraction"], sort=False)
    measured = "umis_per_cell" if "umis_per_cell" in done else "snr"
    empty = {"n_empty": ("n_empty", "max")} if "n_empty" in done else {}
    joined = grouped.agg(
        depth=("depth", "mean"),
        **{measured: (measured, "mean")},
        information=("information", "mean"),
        total_sd=("information", "std"),
        estimator_se=("squared_error", "mean"),
        null=("null", "mean"),
        null_high=("null_high", "max"),
        **empty,
        n_seeds=("seed", "size"),
        reliable=("reliable", "all"),
    ).reset_index()
    joined["estimator_se"] = np.sqrt(joined["estimator_se"])
    beyond = joined["total_sd"] ** 2 - joined["estimator_se"] ** 2
    joined["replicate_sd"] = np.sqrt(np.maximum(beyond, 0))
    return joined
