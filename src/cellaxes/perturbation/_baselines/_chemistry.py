"""Profiles guessed from what compounds are made of: Tanimoto likeness of fingerprints."""

import numpy as np

from cellaxes._core.errors import InputError
from cellaxes.perturbation._baselines._groups import Array, Codes, group_means
from cellaxes.perturbation._baselines._likeness import measured
from cellaxes.perturbation._baselines._neighbours import borrowed
from cellaxes.perturbation._baselines._task import Task

PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Among which leave-one-out chooses; a compound is alike to itself by 1."""


def tanimoto(bits: Array) -> Array:
    """Return shared bits over bits of either, ``(n, n)``; 0 where a row has none."""
    shared = bits @ bits.T
    n = bits.sum(axis=1)
    either = n[:, None] + n - shared
    found: Array = np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)
    return found


def fingerprint_knn(task: Task) -> Array:
    """Return the mean, in the wanted context, of the compounds of most alike fingerprints."""
    alike = tanimoto(compound_bits(task))

    def of(_: int, wanted: Codes) -> Array:
        return alike[wanted]

    return borrowed(task, measured(task), of)


def fingerprint_ridge(task: Task) -> Array:
    """Return the context mean plus a kernel ridge of what compounds add to it."""
    bits = compound_bits(task)
    n = len(bits)
    centre = np.nan_to_num(task.by_context.means)[task.context.train]
    added = group_means(
        task.weighted - task.counts * centre, task.counts, task.compound.train, n
    )  # (n_compounds, n_genes), of the rows less their context
    size = group_means(task.weights[:, None], np.ones((len(task.Y), 1)), task.compound.train, n)
    weight = size.sums[:, 0]
    known = np.flatnonzero((weight > 0) & (bits.sum(axis=1) > 0))
    out = np.full(task.shape, np.nan)
    if not len(known):
        return out
    alike, r = tanimoto(bits), np.nan_to_num(added.means[known])
    kernel = alike[np.ix_(known, known)]
    penalty = loo_penalty(kernel, r @ r.T, weight[known])
    dual = np.linalg.solve(kernel + np.diag(penalty / weight[known]), r)
    rows = np.flatnonzero(bits[task.compound.wanted].sum(axis=1) > 0)
    means = task.by_context.means[task.context.wanted[rows]]
    out[rows] = np.where(np.isnan(means), task.mean, means)
    out[rows] += alike[np.ix_(task.compound.wanted[rows], known)] @ dual
    return out


def loo_penalty(kernel: Array, products: Array, weights: Array) -> float:
    """Return the penalty with the least leave-one-out error, in closed form.

    With A = K + λ W⁻¹ the prediction of compound i without it is wrong by (A⁻¹ r)ᵢ / (A⁻¹)ᵢᵢ.

    Parameters
    ----------
    kernel
        ``(n, n)``.
    products
        ``r r'``, ``(n, n)``: all that the errors need of the profiles.
    weights
        ``(n,)``.

    References
    ----------
    Rasmussen & Williams 2006, equation 5.12.
    """
    errors = []
    for penalty in PENALTIES:
        inverse = np.linalg.inv(kernel + np.diag(penalty / weights))
        square = np.einsum("ij,jk,ik->i", inverse, products, inverse, optimize=True)
        errors.append(float((weights * square / np.diag(inverse) ** 2).sum()))
    return PENALTIES[int(np.argmin(errors))]


def compound_bits(task: Task) -> Array:
    """Return the fingerprint of each compound, ``(n_compounds, n_bits)``: that of a row of it."""
    if task.fingerprints is None:
        raise InputError("this baseline needs fingerprints=: pass 0 or 1 for each row and bit.")
    codes = np.concatenate([task.compound.train, task.compound.wanted])
    order = np.argsort(task.fingerprints.any(axis=1), kind="stable")
    found = np.zeros((len(task.compound.names), task.fingerprints.shape[1]))
    found[codes[order]] = task.fingerprints[order]
    unlike = task.fingerprints.any(axis=1) & (task.fingerprints != found[codes]).any(axis=1)
    if unlike.any():
        raise InputError(
            f"rows of compound {task.compound.names[codes[unlike][0]]!r} have different "
            "fingerprints: give all rows of a compound the same."
        )
    return found
