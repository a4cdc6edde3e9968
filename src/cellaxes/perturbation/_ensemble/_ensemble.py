"""Models of responses, joined: predictions with intervals, saved as arrays and JSON."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.artefact import Artefact, opened
from cellaxes._core.errors import InputError
from cellaxes.perturbation._ensemble._judgement import Judgement
from cellaxes.perturbation._ensemble._members import rests_on
from cellaxes.perturbation._intervals import Intervals
from cellaxes.perturbation._models._gp import FittedGP
from cellaxes.perturbation._models._protocol import Fitted, FittedWithSd
from cellaxes.perturbation._models._registry import MODELS, name_of
from cellaxes.perturbation._next import Advice, measure_next
from cellaxes.perturbation._splits._rows import check_rows
from cellaxes.perturbation._stack import Stack
from cellaxes.perturbation._table._conversion import signed_log10_p
from cellaxes.perturbation._table._table import PerturbationTable

KIND = "perturbation.ensemble"


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Fitted models with the weights of each.

    Attributes
    ----------
    members
        By name.
    weights
        Of the members, learned out of fold.
    slopes
        By context, what the weighted sum is multiplied with; ``""`` for any other context.
    intervals
        Half widths, from errors out of fold.
    genes
        Names ``(n_genes,)``.
    low, high
        Of the training responses, ``(n_genes,)``: no prediction is beyond.
    df
        Degrees of freedom that turn t into p, by context; ``""`` for any other.
    known
        Contexts and compounds of the training rows.
    judgement
        How good the ensemble was out of fold, beside its models and the baselines.
    spread
        What the sd of the Gaussian process is multiplied with to be the error of a row; 0 without.
    notes
        What was decided on the way, in words.
    """

    members: dict[str, Fitted]
    weights: Stack
    slopes: dict[str, float]
    intervals: Intervals
    genes: NDArray[np.str_]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    df: dict[str, float]
    known: dict[str, frozenset[str]]
    judgement: Judgement
    spread: float
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        contexts, compounds = (len(self.known[key]) for key in ("context", "compound"))
        head = f"Ensemble of {len(self.genes)} genes, {contexts} contexts, {compounds} compounds"
        return "\n".join([f"{head}: {self.weights}", *self.notes])

    def predict(self, rows: pd.DataFrame) -> PerturbationTable:
        """Return the responses of rows, t and signed log10 p, and what each is worth.

        Columns of the rows: ``rests_on``, what of the row was in training; ``doubt``, why not to
        trust it, or empty; ``expected_error``, the root mean square error to expect in t, where
        a Gaussian process is among the members.

        Parameters
        ----------
        rows
            ``context`` and ``compound`` of each; either may be new.

        Raises
        ------
        InputError
            If a column is missing, or a row stands twice.
        """
        wanted = _wanted(rows)
        t = self._t(wanted)
        told = wanted.assign(rests_on=rests_on(wanted, self.known))
        told["doubt"] = self.judgement.doubts(told)
        if (process := self._process()) is not None:
            told["expected_error"] = self.spread * row_sd(process.predict_sd(wanted))
        return PerturbationTable(
            rows=told, genes=self.genes, t=t, signed_log10_p=self._p(t, wanted), notes=self.notes
        )

    def predict_interval(
        self, rows: pd.DataFrame
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the lower and upper ends of signed log10 p, ``(n_rows, n_genes)`` both.

        ``rows`` name ``context`` and ``compound``, one row per pair. They hold at the level of
        ``intervals`` for rows like those that were asked out of fold.
        """
        wanted = _wanted(rows)
        ends = self.intervals.of(self._t(wanted), wanted["context"])
        return self._p(ends[0], wanted), self._p(ends[1], wanted)

    def measure_next(
        self, allowed: pd.DataFrame, wanted: pd.DataFrame | None = None, *, n: int = 20
    ) -> Advice:
        """Choose pairs to measure, by the Gaussian process among the members.

        Parameters
        ----------
        allowed, wanted, n
            Pairs, ``context`` and ``compound`` of each, and their number, as in
            `cellaxes.perturbation.measure_next`.

        Raises
        ------
        InputError
            If there is no Gaussian process, or it knows nothing of a pair.
        """
        process = self._process()
        if not isinstance(process, FittedGP):
            raise InputError(
                "no Gaussian process is among the members, so none can say what to measure next: "
                "fit with members that hold make_model('kernel_gp')."
            )
        return measure_next(process, allowed, wanted, n=n)

    def save(self, path: str | Path) -> None:
        """Write the new folder ``path``: JSON and safetensors, whole or not at all.

        Raises
        ------
        InputError
            If ``path`` exists.
        """
        arrays: dict[str, NDArray[Any]] = {
            "genes": np.frombuffer("\n".join(self.genes).encode(), dtype=np.uint8),
            "low": self.low,
            "high": self.high,
            "bins": self.intervals.bins,
            "halves": self.intervals.halves,
            "n_rows": self.intervals.n_rows,
        }
        members = {}
        for name, member in self.members.items():
            params, held = member.to_arrays()
            members[name] = {"model": name_of(member), "params": params}
            arrays |= {f"{name}/{key}": array for key, array in held.items()}
        params = {
            "members": members,
            "weights": self.weights.to_dict(),
            "slopes": self.slopes,
            "level": self.intervals.level,
            "contexts": list(self.intervals.contexts),
            "df": {key: None if np.isinf(value) else value for key, value in self.df.items()},
            "known": {key: sorted(names) for key, names in self.known.items()},
            "judgement": self.judgement.to_dict(),
            "spread": self.spread,
            "notes": list(self.notes),
        }
        Artefact(KIND, params, arrays).save(path)

    def _process(self) -> FittedWithSd | None:
        return next((m for m in self.members.values() if isinstance(m, FittedWithSd)), None)

    def _t(self, wanted: pd.DataFrame) -> NDArray[np.float64]:
        used = {name: m for name, m in self.members.items() if self.weights.weights[name] > 0}
        found = self.weights.combine(
            {name: model.predict(wanted) for name, model in (used or self.members).items()}
        )
        slope = _by_context(self.slopes, wanted)
        return np.asarray(np.clip(found * slope[:, None], self.low, self.high), dtype=np.float64)

    def _p(self, t: NDArray[np.float64], wanted: pd.DataFrame) -> NDArray[np.float64]:
        return np.asarray(signed_log10_p(t, _by_context(self.df, wanted)), dtype=np.float64)


def load_ensemble(path: str | Path) -> Ensemble:
    """Read the folder ``path`` that `Ensemble.save` wrote; nothing is unpickled.

    Raises
    ------
    InputError
        If the folder is missing, damaged, or holds something else.
    """
    with opened(path, KIND, "not an ensemble of perturbation models") as found:
        ensemble = _read(found.params, found.arrays)
        known = {key: [min(names)] for key, names in ensemble.known.items()}
        ensemble.predict_interval(pd.DataFrame(known))  # reads every part of it
        repr(ensemble)
        return ensemble


def _read(params: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Ensemble:
    members = {}
    for name, told in params["members"].items():
        own = {
            key.removeprefix(f"{name}/"): array
            for key, array in arrays.items()
            if key.startswith(f"{name}/")
        }
        members[name] = MODELS[told["model"]].fitted.from_arrays(told["params"], own)
    intervals = Intervals(
        params["level"], tuple(params["contexts"]), arrays["bins"], arrays["halves"], False,
        arrays["n_rows"],
    )  # fmt: skip
    return Ensemble(
        members=members,
        weights=Stack(**params["weights"]),
        slopes=params["slopes"],
        intervals=intervals,
        genes=np.array(arrays["genes"].tobytes().decode().split("\n")),
        low=arrays["low"],
        high=arrays["high"],
        df={key: np.inf if value is None else value for key, value in params["df"].items()},
        known={key: frozenset(names) for key, names in params["known"].items()},
        judgement=Judgement.from_dict(params["judgement"]),
        spread=float(params["spread"]),
        notes=tuple(params["notes"]),
    )


def row_sd(sd: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the root mean square of each row, ``(n_rows,)``."""
    return np.asarray(np.sqrt((sd.astype(np.float64) ** 2).mean(axis=1)))


def _wanted(rows: pd.DataFrame) -> pd.DataFrame:
    check_rows(rows, least=1)
    return rows[["context", "compound"]].astype(str).reset_index(drop=True)


def _by_context(values: dict[str, float], rows: pd.DataFrame) -> NDArray[np.float64]:
    return np.array([values.get(name, values[""]) for name in rows["context"]], dtype=np.float64)
