"""What every model and every baseline is worth on the same rows."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from cellaxes._core.errors import InputError, near
from cellaxes.perturbation._leaderboard._scoring import ALL
from cellaxes.perturbation._leaderboard._summary import compare
from cellaxes.perturbation._leaderboard._text import board_text, verdict_of
from cellaxes.perturbation._splits._rows import terms
from cellaxes.perturbation._splits._split import Split
from cellaxes.perturbation.metrics._calibration import Calibration


@dataclass(frozen=True, eq=False)
class Leaderboard:
    """Scores of models, baselines and controls, best first.

    Attributes
    ----------
    table
        A line per ``scale`` (``"raw"``, ``"clipped"``), ``rows`` (``"all"`` test rows, or the
        ``"trusted"`` that are not suspect), ``metric`` and ``model``: ``kind``, ``value`` (mean
        over splits), ``sd`` (between splits), ``best`` (of a perfect prediction), ``scaled``
        (0 is the best average, 1 a replicate), ``against`` (the best baseline), ``difference``
        to it with ``low``, ``high`` (95 %, whole compounds drawn) and ``p_value``, ``n_rows``.
    row_scores
        A line per scale, split, test row and model, with a column per metric that rows have.
    splits
        What was tested.
    calibrations
        Of each model that gave standard deviations, one per split, on the raw scale.
    rests
        A row per model and basis, ``model``, ``basis``, ``n_rows``: what the rows of baselines rest
        on.
    clip
        Where profiles were clipped, or ``None``.
    n_boot, random_state
        Of the comparisons.
    """

    table: pd.DataFrame
    row_scores: pd.DataFrame
    splits: tuple[Split, ...]
    calibrations: dict[str, tuple[Calibration, ...]]
    rests: pd.DataFrame
    clip: float | None
    n_boot: int
    random_state: int

    @property
    def metrics(self) -> list[str]:
        """What was scored; the first ranks."""
        return list(self.table["metric"].unique())

    @property
    def best(self) -> str:
        """The best baseline by the first metric, on the raw scale and all rows."""
        return str(self.ranked()["against"].iloc[0])

    @property
    def verdicts(self) -> dict[str, str]:
        """On each scale, whether a model beats the best baseline, in words."""
        return {
            scale: verdict_of(self.ranked(scale=scale)) for scale in self.table["scale"].unique()
        }

    @property
    def doubts(self) -> tuple[str, ...]:
        """What the controls say against the split."""
        held = self._scores("", "raw")
        found = compare(
            held[held["model"].isin(["permuted_labels", "additive_ridge"])],
            self.metrics[0], "permuted_labels",
            n_boot=self.n_boot, random_state=self.random_state,
        )  # fmt: skip
        high, low = found.reindex(["additive_ridge"])[["high", "low"]].iloc[0]
        best = float(self.ranked()["best"].iloc[0])
        told = high < 0 if best == 0 else low > 0
        if told:
            return ()
        return (
            "permuted_labels is no worse than additive_ridge: compounds cannot be told by their "
            "mean here, or the split leaks",
        )

    def ranked(self, *, metric: str = "", scale: str = "raw", rows: str = ALL) -> pd.DataFrame:
        """Return the lines of one metric on one scale, best first, indexed by model.

        Parameters
        ----------
        metric, scale
            Of those in `table`; the first metric unless told.
        rows
            ``"all"``, or the ``"trusted"``.

        Raises
        ------
        InputError
            If the table has no such lines.
        """
        metric = metric or self.metrics[0]
        for column, name in (("metric", metric), ("scale", scale), ("rows", rows)):
            there = self.table[column].unique()
            if name not in there:
                raise InputError(f"the board has no {column} {name!r}: {near(name, there)}")
        here = (self.table[["metric", "scale", "rows"]] == [metric, scale, rows]).all(axis=1)
        return self.table[here].drop(columns=["metric", "scale", "rows"]).set_index("model")

    def against(self, name: str, *, metric: str = "", scale: str = "raw") -> pd.DataFrame:
        """Return how every model differs from one of them, ``name``, on the same rows.

        Parameters
        ----------
        metric, scale
            Of those in `table`; the first metric unless told.

        Returns
        -------
        Table indexed by model: ``value``, ``other``, ``difference``, ``low``, ``high``,
        ``p_value``, ``n_compounds``, ``n_rows``.

        Raises
        ------
        InputError
            If there is no such model, metric or scale.
        """
        order = self.ranked(metric=metric, scale=scale).index
        if name not in order:
            raise InputError(f"the board has no model {name!r}: {near(name, order)}")
        found = compare(
            self._scores(metric, scale), metric or self.metrics[0], name,
            n_boot=self.n_boot, random_state=self.random_state,
        )  # fmt: skip
        return found.reindex(order.drop(name))

    def by(self, column: str, *, metric: str = "", scale: str = "raw") -> pd.DataFrame:
        """Return mean scores by ``"context"``, ``"compound"``, ``"moa"`` or ``"split"``.

        A row of several mechanisms counts in each. ``column`` is one of these, or ``"suspect"``.

        Parameters
        ----------
        metric, scale
            Of those in `table`; the first metric unless told.

        Returns
        -------
        A line per group: ``n_rows``, and a column per model, best first.

        Raises
        ------
        InputError
            If there is no such column, metric or scale.
        """
        held = self._scores(metric, scale)
        able = [key for key in ("context", "compound", "moa", "split", "suspect") if key in held]
        if column not in able:
            raise InputError(f"rows cannot be grouped by {column!r}: {near(column, able)}")
        if column == "moa":
            several = pd.Series([sorted(entry) for entry in terms(held, "moa")], index=held.index)
            held = held.assign(moa=several).explode("moa")
        table = held.pivot_table(
            index=column, columns="model", values=metric or self.metrics[0], observed=True
        )
        rows = held.drop_duplicates(["split", "row", column]).groupby(column).size()
        order = self.ranked(metric=metric, scale=scale).index
        table = table.reindex(columns=order).rename_axis(columns=None)
        table.insert(0, "n_rows", rows.reindex(table.index))
        return table

    def to_frame(self) -> pd.DataFrame:
        """Return `table`, a line per scale, rows, metric and model."""
        return self.table.copy()

    def to_dict(self) -> dict[str, Any]:
        """Return the board in JSON's own types, without the scores of rows."""
        table = self.table.astype(object).where(self.table.notna(), None)
        return {
            "table": table.to_dict("records"),
            "splits": [split.to_dict() for split in self.splits],
            "calibrations": {
                name: [entry.to_dict() for entry in found]
                for name, found in self.calibrations.items()
            },
            "rests": self.rests.to_dict("records"),
            "verdicts": self.verdicts,
            "doubts": list(self.doubts),
            "clip": self.clip,
        }

    def __repr__(self) -> str:
        tested = self.row_scores.drop_duplicates(["split", "row"])
        head = (
            f"Leaderboard({self.metrics[0]}, best {self.table['best'].iloc[0]:g}; "
            f"{self.splits[0].name} x {len(self.splits)}, {len(tested)} test rows of "
            f"{tested['compound'].nunique()} compounds)"
        )
        titles = {"raw": "raw", "clipped": f"clipped at ±{self.clip or 0:g}"}
        ranked = {titles[scale]: self.ranked(scale=scale) for scale in self.verdicts}
        said = [f"{titles[scale]}: {sentence}" for scale, sentence in self.verdicts.items()]
        return board_text(ranked, head, self.splits, (*said, *self.doubts))

    def _scores(self, metric: str, scale: str) -> pd.DataFrame:
        metric = metric or self.metrics[0]
        self.ranked(metric=metric, scale=scale)
        if metric not in self.row_scores:
            raise InputError(f"{metric} is one number of all rows: choose a metric of rows.")
        return self.row_scores[self.row_scores["scale"] == scale]
