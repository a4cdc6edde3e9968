"""Whether following the advice on what to measure beats choosing at random."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellaxes._core.random import stream
from cellaxes.perturbation._models._data import TrainingData
from cellaxes.perturbation._models._gp import KernelGP
from cellaxes.perturbation._next import measure_next
from cellaxes.perturbation._simulate import Simulated, simulate_responses
from cellaxes.perturbation.metrics import rmse


@dataclass(frozen=True)
class Campaigns:
    """Errors after as many measurements, chosen by advice and at random.

    Attributes
    ----------
    table
        One row per campaign: ``before``, ``advice``, ``random`` (the mean of draws), each the
        mean row-wise root mean square error of the truth over all wanted pairs.
    """

    table: pd.DataFrame

    @property
    def won(self) -> float:
        """Share of campaigns in which the advice left the smaller error."""
        return float((self.table["advice"] < self.table["random"]).mean())

    def __repr__(self) -> str:
        mean = self.table.mean()
        return (
            f"Campaigns({self.won:.0%} of {len(self.table)} won; error {mean['before']:.3f} "
            f"→ {mean['advice']:.3f} by advice, {mean['random']:.3f} at random)"
        )


def simulate_campaigns(
    n_campaigns: int = 20,
    n_measurements: int = 20,
    *,
    n_bridge: int = 10,
    n_draws: int = 3,
    model: KernelGP | None = None,
    random_state: int = 0,
) -> Campaigns:
    """Play campaigns on simulated screens: two contexts know a few compounds, the others all.

    In each, pairs of the two contexts are measured, chosen by `measure_next` at once or drawn;
    the model is fitted again, and the error of the truth over all pairs of these contexts that
    were not measured at first is compared.

    Parameters
    ----------
    n_campaigns
        Screens, each simulated anew.
    n_measurements
        In each.
    n_bridge
        Compounds known in the two contexts.
    n_draws
        Random choices that are averaged.
    model
        The Gaussian process.
    random_state
        Seed.
    """
    model = model or KernelGP(n_steps=50)
    found = [
        _play(
            simulate_responses(random_state=random_state + i), model,
            (n_measurements, n_bridge, n_draws), random_state + i,
        )
        for i in range(n_campaigns)
    ]  # fmt: skip
    return Campaigns(pd.DataFrame(found, columns=["before", "advice", "random"]))


def _play(
    made: Simulated, model: KernelGP, sizes: tuple[int, int, int], seed: int
) -> tuple[float, float, float]:
    n, n_bridge, n_draws = sizes
    rng = stream(seed, "campaign")
    names = sorted(set(made.rows["context"]))[-2:]
    bridge = rng.choice(sorted(set(made.rows["compound"])), n_bridge, replace=False)
    asked = np.flatnonzero(made.rows["context"].isin(names) & ~made.rows["compound"].isin(bridge))
    known = np.setdiff1d(np.arange(len(made.rows)), asked)
    fitted = model.fit(_data(made, known))
    wanted = made.rows.iloc[asked].reset_index(drop=True)

    def error(more: np.ndarray) -> float:
        again = model.fit(_data(made, np.concatenate([known, more]))) if len(more) else fitted
        return float(rmse(made.truth[asked], again.predict(wanted)).mean())

    advised = asked[measure_next(fitted, wanted, n=n).at]
    drawn = [error(rng.choice(asked, n, replace=False)) for _ in range(n_draws)]
    return error(asked[:0]), error(advised), float(np.mean(drawn))


def _data(made: Simulated, at: np.ndarray) -> TrainingData:
    rows = made.rows.iloc[at].reset_index(drop=True)
    return TrainingData(made.t[at], rows, np.ones(len(at)))
