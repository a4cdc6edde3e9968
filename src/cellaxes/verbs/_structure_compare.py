"""The untouched embedding, the adapter and the baselines on cells that were held out."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from cellaxes.hierarchy import Adapter, Evaluation, Split, Tree, evaluate, fit_adapter, split_by
from cellaxes.verbs._structure_inputs import Cells, parts_of

PARTS = 5
"""Parts that groups are held out in: one group each, or several where there are more groups."""


def compare(
    cells: Cells,
    tree: Tree,
    methods: Sequence[str],
    *,
    regrow: Callable[[Cells], Tree] | None,
    n_seeds: int,
    device: str,
    random_state: int,
    bar: "tqdm[None]",
) -> Evaluation:
    """Evaluate adapters fitted to the training cells of every split and seed.

    Parameters
    ----------
    cells
        Cells that are looked at.
    tree
        Of their labels: what is asked.
    methods
        Names of adapters; the first is the untouched embedding.
    regrow
        Grows the tree that adapters learn from the training cells; None: it is ``tree``, which
        does not depend on the embedding.
    n_seeds
        Seeds: of random halves, of the parts that groups are dealt to, and of every fit.
    bar
        Told of every fit, of which it expects one more: that of the adapter which is kept.

    Returns
    -------
    One evaluation of all seeds; the splits' names tell the seed.
    """
    levels = tree.expand(cells.labels)
    found = []
    seeds = range(random_state, random_state + n_seeds)
    splits = [_splits(cells, seed) for seed in seeds]
    bar.reset(len(methods) * sum(map(len, splits)) + 1)
    for seed, some in zip(seeds, splits, strict=True):
        entries = {
            method: _fit(cells, levels, tree, method, regrow, device, seed, bar)
            for method in methods
        }
        one = evaluate(
            entries,
            levels,
            splits=some,
            groups=cells.groups,
            tree=tree,
            Z=cells.z,
            device=device,
            random_state=random_state,
        )
        found.append(one)
    return _pooled(found)


def _splits(cells: Cells, seed: int) -> list[Split]:
    """Return the splits of one seed: each part held out, or random halves."""
    parts = parts_of(cells.groups, PARTS, seed)
    made = split_by(parts, len(cells.z), repeats=1, random_state=seed)
    return [replace(split, name=f"seed {seed}, {split.name}") for split in made]


def _fit(
    cells: Cells,
    levels: pd.DataFrame,
    tree: Tree,
    method: str,
    regrow: Callable[[Cells], Tree] | None,
    device: str,
    seed: int,
    bar: "tqdm[None]",
) -> Callable[[NDArray[np.bool_]], Adapter]:
    """Return what fits an adapter to training cells."""

    def fit(train: NDArray[np.bool_]) -> Adapter:
        own, learnt = tree, levels[train]
        groups = None if cells.groups is None else cells.groups[train]
        if regrow is not None:
            own = regrow(Cells(cells.z[train], cells.labels[train], None, groups, None))
            learnt = own.expand(cells.labels[train])
        bar.set_postfix_str(method)
        adapter = fit_adapter(
            cells.z[train],
            learnt,
            method=method,
            groups=groups,
            tree=own,
            device=device,
            random_state=seed,
        )
        bar.update()
        return adapter

    return fit


def _pooled(found: Sequence[Evaluation]) -> Evaluation:
    """Return evaluations of the same cells on different splits as one."""
    return replace(
        found[0],
        table=pd.concat([one.table for one in found], ignore_index=True),
        steering=pd.concat([one.steering for one in found], ignore_index=True),
        calls={key: calls for one in found for key, calls in one.calls.items()},
    )
