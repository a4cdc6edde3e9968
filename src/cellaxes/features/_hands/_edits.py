"""Edits of activations: what they mean, and how to find those that set two groups apart."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError, near
from cellaxes.features._hands._effects import check_feature, strengths
from cellaxes.features._model import SparseFeatures

Edit = tuple[str | float, ...] | str
"""``("ablate",)`` or ``"ablate"``, ``("set", v)``, ``("scale", x)``, ``("percentile", p)`` or
``("clamp", low, high)``."""

_NUMBERS = {"ablate": 0, "set": 1, "scale": 1, "percentile": 1, "clamp": 2}


@dataclass(frozen=True, eq=False)
class Edits:
    """What becomes of activations: ``a' = min(max(factor a, low), high)`` of each feature.

    Attributes
    ----------
    features
        Edited, ``(n_edits,)``.
    factor, low, high
        ``(n_edits,)`` each.
    """

    features: NDArray[np.int64]
    factor: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]

    def changes(self, a: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return by how much activations ``(n_cells, n_edits)`` change."""
        return np.asarray(np.minimum(np.maximum(a * self.factor, self.low), self.high) - a)


def read_edits(model: SparseFeatures, active: sp.csr_matrix, edits: Mapping[int, Edit]) -> Edits:
    """Return edits as numbers.

    Parameters
    ----------
    model
        Features.
    active
        Activations of all cells, on which percentiles are taken.
    edits
        By feature.

    Raises
    ------
    InputError
        If there is no such feature or edit, or its numbers cannot be activations.
    """
    if not edits:
        raise InputError("there is no edit: name a feature, as in {3: ('ablate',)}.")
    features = [check_feature(feature, model) for feature in edits]
    numbers = [_numbers(feature, edit, active) for feature, edit in edits.items()]
    factor, low, high = np.array(numbers, dtype=np.float32).T
    return Edits(np.array(features), factor, low, high)


def _numbers(feature: int, edit: Edit, active: sp.csr_matrix) -> tuple[float, float, float]:
    """Return factor, lower and upper bound of an edit."""
    if not isinstance(edit, str | tuple | list):
        raise InputError(
            f"feature {feature} has the edit {edit!r}: write it as ('ablate',) or ('set', 2.0)."
        )
    name, *rest = (edit,) if isinstance(edit, str) else edit or ("",)
    if name not in _NUMBERS:
        raise InputError(
            f"feature {feature} has the edit {name!r}, which is none: "
            f"{near(str(name), _NUMBERS)}; write it as ('ablate',) or ('set', 2.0)."
        )
    if len(rest) != _NUMBERS[name]:
        raise InputError(
            f"feature {feature}: {name!r} takes {_NUMBERS[name]} numbers, not {len(rest)}."
        )
    try:
        numbers = [float(number) for number in rest]
    except (TypeError, ValueError):
        raise InputError(f"feature {feature}: {edit} holds what is no number.") from None
    finite = numbers[:-1] if name == "clamp" else numbers
    if any(not x >= 0 for x in numbers) or numbers != sorted(numbers) or np.inf in finite:
        raise InputError(
            f"feature {feature}: {edit} is out of range, activations are never negative: give "
            "finite numbers from 0, the smaller first."
        )
    match name:
        case "scale":
            return numbers[0], 0.0, np.inf
        case "clamp":
            return 1.0, numbers[0], numbers[1]
        case "percentile":
            numbers = [float(strengths(active, [feature], numbers[0])[0])]
        case "ablate":
            numbers = [0.0]
    return 1.0, numbers[0], numbers[0]


def contrast(
    model: SparseFeatures,
    z: NDArray[np.floating],
    group_a: ArrayLike,
    *,
    group_b: ArrayLike | None = None,
    top: int = 10,
) -> dict[int, Edit]:
    """Return the edits that make cells resemble those of a group.

    The features whose mean activations differ most between the groups, by how far the difference
    moves the embedding, are set to their mean in ``group_a``; hand the result to `steer`.

    Parameters
    ----------
    model
        Features.
    z
        Embedding ``(n_cells, d)``.
    group_a, group_b
        Masks of cells, ``(n_cells,)``; without ``group_b``, all cells outside ``group_a``.
    top
        Features, at most.

    Raises
    ------
    InputError
        If a mask is none, a group is empty, or the groups share cells.

    Examples
    --------
    >>> from cellaxes.features import fit
    >>> z = np.random.default_rng(0).normal(size=(400, 8))
    >>> model = fit(z, n_features=16, k=2)
    >>> len(contrast(model, z, z[:, 0] > 1, top=3))
    3
    """
    a = cell_mask(group_a, len(z), "group_a")
    b = ~a if group_b is None else cell_mask(group_b, len(z), "group_b")
    if not a.any() or not b.any() or (a & b).any():
        raise InputError(
            f"the groups have {a.sum()} and {b.sum()} cells, {(a & b).sum()} of them the same: "
            "give two groups without a common cell."
        )
    active = model.encode(z)
    mean_a, mean_b = (np.asarray(active[group].mean(axis=0)).ravel() for group in (a, b))
    move = np.abs(mean_a - mean_b) * np.linalg.norm(model.directions(), axis=1)
    order = np.argsort(-move, kind="stable")[: max(top, 0)]
    return {int(i): ("set", float(mean_a[i])) for i in order if move[i] > 0}


def cell_mask(mask: ArrayLike, n_cells: int, what: str) -> NDArray[np.bool_]:
    """Return a mask of cells, refusing what is none."""
    found = np.asarray(mask)
    if found.dtype != np.bool_ or found.shape != (n_cells,):
        raise InputError(
            f"{what} must be a mask of True and False, one per cell ({n_cells}), but is "
            f"{found.dtype} of shape {found.shape}."
        )
    return found
