"""Controls that know nothing: a model that does as well is no model, or it has seen the test."""

from dataclasses import replace

import numpy as np

from cellaxes._core.random import stream
from cellaxes.perturbation._baselines._groups import Array
from cellaxes.perturbation._baselines._ridge import additive_ridge
from cellaxes.perturbation._baselines._task import Task


def random_row(task: Task) -> Array:
    """Return a training row drawn for each wanted pair, whatever it is of."""
    c, s = task.context, task.compound
    order = np.lexsort((s.train, c.train))
    able = order[(task.weights[order] > 0) & ~np.isnan(task.Y[order]).all(axis=1)]
    drawn = [
        stream(task.random_state, "random_row", c.names[i], s.names[j]).integers(len(able))
        for i, j in zip(c.wanted, s.wanted, strict=True)
    ]
    return task.Y[able[drawn]]


def permuted_labels(task: Task) -> Array:
    """Return `additive_ridge` where every training compound carries the name of another.

    Names go round a circle drawn at random, so none is left in place and all else is as it was.
    """
    known = np.unique(task.compound.train)
    rng = stream(task.random_state, "permuted_labels", len(known))
    circle = task.compound.names[rng.permutation(known)]
    new = dict(zip(circle, np.roll(circle, 1), strict=True))
    names = [new[task.compound.names[code]] for code in task.compound.train]
    return additive_ridge(replace(task, train=task.train.assign(compound=names)))
