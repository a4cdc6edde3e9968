"""The adapters there are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.registry import Info, Registry
from cellaxes.hierarchy._adapters import _dense, _losses
from cellaxes.hierarchy._adapters._inputs import Task
from cellaxes.hierarchy._adapters._lda import discriminants
from cellaxes.hierarchy._adapters._residual import Fitted, apply_residual, fit_residual
from cellaxes.hierarchy._adapters._train import train_network
from cellaxes.hierarchy._adapters._v5 import apply_v5, fit_v5

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Method:
    """How an adapter is fitted and applied.

    Attributes
    ----------
    fit
        Returns arrays and settings.
    apply
        Of unit rows, arrays and settings; ``(n_cells, width)``.
    widens
        Whether the result may have more dimensions than the embedding.
    """

    fit: Callable[[Task], Fitted]
    apply: Callable[[Rows, _dense.Arrays, dict[str, Any]], Rows]
    widens: bool = False


METHODS: Registry[Method] = Registry("adapter")


def show_adapters() -> pd.DataFrame:
    """Return the adapters, one row each: name, description, units, reference, limits."""
    return METHODS.show()


def _linear(x: Rows, arrays: _dense.Arrays, params: dict[str, Any]) -> Rows:
    return np.asarray((x - arrays["centre"]) @ arrays["map"], dtype=np.float32)


def _network(x: Rows, arrays: _dense.Arrays, params: dict[str, Any]) -> Rows:
    return _dense.forward(x, arrays)


def _fit_identity(task: Task) -> Fitted:
    d = task.z.shape[1]
    return {"centre": np.zeros(d, np.float32), "map": np.eye(d, task.width, dtype=np.float32)}, {}


def _fit_pca(task: Task) -> Fitted:
    rows = task.sample.x.astype(np.float64)
    axes = np.linalg.eigh(rows.T @ rows)[1][:, ::-1][:, : task.width]
    return {"centre": np.zeros(len(axes), np.float32), "map": axes.astype(np.float32)}, {}


def _fit_lda(task: Task) -> Fitted:
    centre, found = discriminants(task.sample.x, task.sample.leaf)
    filled = np.zeros((len(centre), task.width), dtype=np.float32)
    used = min(task.width, found.shape[1])
    filled[:, :used] = found[:, :used]
    return {"centre": centre, "map": filled}, {}


def _trained(make_loss: Callable[[Task], _losses.Loss]) -> Callable[[Task], Fitted]:
    """Return the fit of a network to a loss."""

    def fit(task: Task) -> Fitted:
        return dict(train_network(task, make_loss, task.width)), {}

    return fit


def _add(name: str, description: str, reference: str, limits: str, method: Method) -> None:
    METHODS.add(Info(name, description, "rows of length one", reference, limits), method)


_add(
    "residual",
    "the embedding with discriminants and a network beside it, as strong as helps on groups kept "
    "aside; rotated so that coarse levels come first",
    "ours",
    "linear in the number of folds; a single group tells nothing about new groups",
    Method(fit_residual, apply_residual),
)
_add(
    "identity",
    "the embedding untouched",
    "",
    "prefixes mean nothing unless the embedding orders its dimensions",
    Method(_fit_identity, _linear),
)
_add(
    "pca",
    "rotation to principal axes; prefixes truncate it",
    "Pearson 1901",
    "knows no labels",
    Method(_fit_pca, _linear),
)
_add(
    "lda",
    "discriminants of the finest level, covariance shrunk",
    "Fisher 1936; Ledoit and Wolf 2004",
    "as many dimensions as types less one, the rest are zero; forgets what no label speaks of",
    Method(_fit_lda, _linear),
)
_add(
    "softmax",
    "network; cosine softmax of the finest level",
    "a classifier's last but one layer",
    "prefixes are not trained",
    Method(_trained(_losses.the_finest), _network, widens=True),
)
_add(
    "prefix",
    "network; level j is learned on prefix j at every step",
    "level-aligned prefixes; cosine softmax",
    "forgets what no label speaks of; may lose on new donors",
    Method(_trained(_losses.each_prefix_its_level), _network, widens=True),
)
_add(
    "matryoshka",
    "network; the finest level is learned on every prefix",
    "Kusupati et al. 2022",
    "prefixes are short, not coarse",
    Method(_trained(_losses.each_prefix_the_finest), _network, widens=True),
)
_add(
    "supcon",
    "network; contrast of each cell's type with all others, all positives",
    "Khosla et al. 2020, eq. 2",
    "prefixes are not trained",
    Method(_trained(_losses.supervised_contrast), _network, widens=True),
)
_add(
    "hce",
    "network; the probability of a group is that of all types below it",
    "Nat Comput Sci 2026, s43588-025-00945-z",
    "prefixes are not trained; needs tree= where labels are ancestors of others",
    Method(_trained(_losses.hierarchical), _network, widens=True),
)
_add(
    "v5",
    "the fractal head V5: shared block, one prefix per batch by the mode of random lengths",
    "rcurrie/frac-bio-embed; Devansh 2026",
    "truncate_dim gives its prefixes, slicing does not: the whole vector is normalised across "
    "blocks; slow",
    Method(fit_v5, apply_v5, widens=True),
)
