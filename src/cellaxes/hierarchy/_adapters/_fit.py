"""Fitting an adapter."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from cellaxes._core.errors import InputError
from cellaxes.hierarchy._adapters._adapter import Adapter
from cellaxes.hierarchy._adapters._inputs import read_task
from cellaxes.hierarchy._adapters._methods import METHODS
from cellaxes.hierarchy._result import Tree


def fit_adapter(
    Z: ArrayLike,
    levels: Any,
    *,
    method: str = "residual",
    groups: ArrayLike | None = None,
    dims: Sequence[int] | None = None,
    tree: Tree | None = None,
    steps: int | None = None,
    learning_rate: float | None = None,
    device: str = "cpu",
    random_state: int = 0,
) -> Adapter:
    """Fit a map of an embedding whose prefixes stand for levels, coarse to fine.

    The default, ``"residual"``, puts two learned parts beside the embedding x (rows of length
    one): ``v = [x, a l(x), b n(x)]`` with l the discriminants of the finest level and n a small
    network, of length one each. So ``cos v = (cos x + a^2 cos l + b^2 cos n) / (1 + a^2 + b^2)``:
    at a = b = 0 the neighbours are those of the embedding. The strengths are chosen by the vote of
    the five nearest training cells, on groups kept aside (on cells, where there are no groups):
    the largest mean gain, provided no level loses and the gain is above zero with 95 % confidence
    (Student's t of the groups; the cells of one type and group are one observation); otherwise
    a = b = 0. A rotation then puts the directions of level 1 first, what level 2 adds next, …; of
    the rest the principal axes, as many as make up the width. Where nothing was added and the
    width is that of the embedding, all cosines are those of the embedding.

    Parameters
    ----------
    Z
        Embedding of the training cells, ``(n_cells, d)``, array or memory map. Of more than 100,000
        cells, what has a closed form is learned from so many, networks draw from all.
    levels
        Labels, coarse to fine: a DataFrame ``(n_cells, n_levels)``, as `Tree.expand` returns, or a
        sequence of arrays ``(n_cells,)``.
    method
        One of `show_adapters`.
    groups
        Donor, study or technology of each cell, ``(n_cells,)``: what new cells will be new in.
    dims
        Length of the prefix of each level, rising; default from a quarter of d to d in equal steps.
    tree
        With ``"hce"``: labels below the label of a cell in its ontology count as right.
    steps, learning_rate
        Of trained networks; default 300 steps of 256 cells at 0.003 (``"v5"``: 50 epochs at
        0.0001).
    device
        Of training, as ``"cpu"`` or ``"cuda"``.
    random_state
        Seed of folds, weights and batches.

    Returns
    -------
    Adapter
        ``transform`` maps embeddings, ``dims`` are the lengths, ``to_frame`` shows the choice.

    Raises
    ------
    InputError
        If there is no such method, rows of Z are zero or hold NaN or infinity, lengths differ, a
        label or group is missing, the finest level has one class, or dims do not rise or exceed
        what the method gives.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> fine = rng.integers(0, 4, 200)
    >>> Z = rng.normal(size=(200, 16)) + 4 * np.eye(4, 16)[fine]
    >>> adapter = fit_adapter(Z, [fine // 2, fine])
    >>> adapter.dims
    (4, 16)
    >>> adapter.transform(Z, truncate_dim=4).shape
    (200, 4)
    """
    chosen = METHODS[method]
    task = read_task(
        Z,
        levels,
        groups=groups,
        dims=dims,
        tree=tree,
        steps=steps,
        learning_rate=learning_rate,
        device=device,
        random_state=random_state,
    )
    d = task.z.shape[1]
    if task.width > d and not chosen.widens:
        raise InputError(
            f"dims ends at {task.width}, but {method!r} gives the {d} dimensions of Z at most."
        )
    with threadpool_limits(1, "blas"):  # on more threads sums are rounded in another order
        arrays, params = chosen.fit(task)
    return Adapter(method, task.dims, task.names, d, params, arrays)
