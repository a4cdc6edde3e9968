"""The classifier bound: what a cross-fitted classifier can say about a label."""

import numpy as np
from numpy.typing import NDArray

from cellaxes.information._data import Pairs, standardise

N_FOLDS = 5
PENALTIES = (0.001, 0.03, 1.0, 10.0)
"""Inverse L2 strengths tried; the other folds choose for each fold."""


def entropy_bits(codes: NDArray[np.int64]) -> float:
    """Plug-in entropy of class codes, bits."""
    p = np.bincount(codes) / len(codes)
    p = p[p > 0]
    return float(-(p * np.log2(p)).sum())


def stratified_folds(
    codes: NDArray[np.int64], n_folds: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Deal the cells of each class to folds in random order, ``(n,)``."""
    order = rng.permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    folds = np.empty(len(codes), dtype=np.int64)
    folds[order] = np.arange(len(codes)) % n_folds
    return folds


def held_out_log2(pairs: Pairs, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return ``log2 p(y_i | x_i)`` from classifiers that did not see cell i, ``(n,)``.

    Multinomial logistic regression on standardised x, for weaker and weaker penalties until
    that costs held-out bits; each fold then takes the penalty that does best on the *other*
    folds. Probabilities are mixed with the class frequencies of the training folds at weight
    ``1 / (n_train + 1)``, so that a class unseen in training costs a finite number of bits.

    Parameters
    ----------
    pairs
        Pairs with a discrete y.
    rng
        Deals the folds.
    """
    x, y = standardise(pairs.x), pairs.y
    folds = stratified_folds(y, N_FOLDS, rng)
    tried: list[NDArray[np.float64]] = []
    for penalty in PENALTIES:
        tried.append(_cross_fit(x, y, folds, penalty))
        if len(tried) > 1 and tried[-1].sum() < tried[-2].sum():
            break
    log2 = np.array(tried)
    elsewhere = np.array([log2[:, folds != fold].sum(axis=1) for fold in range(N_FOLDS)])
    chosen: NDArray[np.float64] = log2[elsewhere.argmax(axis=1)[folds], np.arange(pairs.n)]
    return chosen


def _cross_fit(
    x: NDArray[np.float64], y: NDArray[np.int64], folds: NDArray[np.int64], penalty: float
) -> NDArray[np.float64]:
    """Held-out ``log2 p(y_i | x_i)`` under one penalty, ``(n,)``."""
    from sklearn.linear_model import LogisticRegression

    n_classes = int(y.max()) + 1
    log2 = np.empty(len(y))
    for fold in range(N_FOLDS):
        train, test = folds != fold, folds == fold
        n_train = int(train.sum())
        prior = (np.bincount(y[train], minlength=n_classes) + 1 / n_classes) / (n_train + 1)
        seen = np.unique(y[train])
        probability = np.tile(prior, (int(test.sum()), 1))
        if len(seen) > 1 and x.shape[1]:
            model = LogisticRegression(C=penalty, max_iter=2000).fit(x[train], y[train])
            probability[:] = 0.0
            probability[:, seen] = model.predict_proba(x[test])
        mixed = (n_train * probability + prior) / (n_train + 1)
        log2[test] = np.log2(mixed[np.arange(len(mixed)), y[test]])
    return log2
