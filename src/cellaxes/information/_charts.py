"""Coordinates in which dependence is easy to see: normal scores, few components."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.special import ndtri
from scipy.stats import rankdata

from cellaxes.information._critic import deal, gaussian_reading, noise
from cellaxes.information._data import Pairs, standardise

MAX_COMPONENTS = 64
"""Principal components of each side at most."""
RANKS = (8, 16, 32)
"""Numbers of components tried besides all of them."""
WIDE = 16
"""Components that a learned critic is given at least, where there are as many."""
MAX_TRIED = 5000
"""Pairs on which charts are compared at most."""


@dataclass(frozen=True, eq=False)
class Chart:
    """Two sides in the coordinates chosen for them.

    Attributes
    ----------
    narrow
        Pairs in as many components as hold what a Gaussian critic can find.
    wide
        Pairs in more components, for critics that can find more.
    kind
        What the normal scores were taken of: ``"columns"`` or ``"components"``.
    """

    narrow: Pairs
    wide: Pairs
    kind: str

    def take(self, rows: NDArray[np.int64]) -> "Chart":
        """Return the chart of the pairs at ``rows``."""
        return Chart(self.narrow.take(rows), self.wide.take(rows), self.kind)


def normal_scores(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map each column to standard normal quantiles of its ranks; constant columns are dropped."""
    varying = standardise(values)
    scores: NDArray[np.float64] = ndtri((rankdata(varying, axis=0) - 0.5) / len(varying))
    return scores


def components(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return principal components, largest first, none that is rounding error.

    At most `MAX_COMPONENTS` and a twentieth of the rows; of few rows 5, or a sixth of them.
    """
    n, d = values.shape
    if d == 0:
        return values
    centred = values - values.mean(axis=0)
    most = min(max(min(MAX_COMPONENTS, n // 20), min(5, n // 6), 1), d)
    small = min(n, d)
    gram = centred @ centred.T if d > n else centred.T @ centred
    variances, vectors = eigh(gram, subset_by_index=[small - most, small - 1])
    variances, vectors = np.maximum(variances[::-1], 0), vectors[:, ::-1]
    kept = variances > 1e-12 * variances.max(initial=0.0)
    variances, vectors = variances[kept], vectors[:, kept]
    return np.asarray(vectors * np.sqrt(variances) if d > n else centred @ vectors)


@dataclass(frozen=True, eq=False)
class Views:
    """Both sides in every kind of coordinates: what each side alone decides.

    Attributes
    ----------
    pairs
        As given.
    kinds
        Normal scores of the columns, in components; and of the components.
    """

    pairs: Pairs
    kinds: dict[str, Pairs]

    def permuted(self, rng: np.random.Generator) -> "Views":
        """Return the views with y permuted: no information left."""
        order = rng.permutation(self.pairs.n)
        return Views(
            replace(self.pairs, y=self.pairs.y[order]),
            {kind: replace(seen, y=seen.y[order]) for kind, seen in self.kinds.items()},
        )


def view(pairs: Pairs) -> Views:
    """Return both sides in every kind of coordinates.

    Where columns depend on each other exactly, ranks would blur that into components of
    their own: there only scores of the components are taken.
    """
    sides = pairs.x, pairs.y
    columns = [components(normal_scores(side)) for side in sides]
    kinds = {"columns": Pairs(columns[0], columns[1])}
    if max(side.shape[1] for side in sides) > 1:
        raw = [components(standardise(side)) for side in sides]
        if any(few.shape[1] < many.shape[1] for few, many in zip(raw, columns, strict=True)):
            kinds = {}
        kinds["components"] = Pairs(normal_scores(raw[0]), normal_scores(raw[1]))
    return Views(pairs, kinds)


def choose(views: Views, rng: np.random.Generator) -> Chart:
    """Return the pairs in the chart in which a Gaussian critic finds most.

    Scores may be taken of the columns, or of the principal components of the columns, which
    is the better map where many columns share few dimensions. Both, each with its leading
    8, 16, 32, … components, are compared by what a Gaussian critic reads there
    (`gaussian_reading`), on at most `MAX_TRIED` pairs. The fewest components within two
    standard errors of the most are taken: every further one adds noise.
    """
    n = views.pairs.n
    any_kind = next(iter(views.kinds.values()))
    if any_kind.x.shape[1] == 0 or any_kind.y.shape[1] == 0:
        return Chart(any_kind, any_kind, "columns")
    some = np.sort(rng.permutation(n)[:MAX_TRIED])
    folds = deal(len(some), rng)
    tried = []
    for kind, seen in views.kinds.items():
        widest = max(seen.x.shape[1], seen.y.shape[1])
        for rank in (*(rank for rank in RANKS if rank < widest), widest):
            part = leading(seen.take(some), rank)
            tried.append((kind, rank, *gaussian_reading(part, folds, rng)))
    _, widest, most, shares = max(tried, key=lambda entry: entry[2])
    within = [
        (rank, -bits, kind)
        for kind, rank, bits, found in tried
        if most - bits
        <= 2
        * np.hypot((shares - found).std() / np.sqrt(len(some)), noise(widest, widest, len(some)))
    ]
    rank, _, kind = min(within)
    seen = views.kinds[kind]
    return Chart(leading(seen, rank), leading(seen, max(rank, WIDE)), kind)


def leading(pairs: Pairs, rank: int) -> Pairs:
    """Return the leading coordinates of both sides."""
    return Pairs(pairs.x[:, :rank], pairs.y[:, :rank])
