"""Scores of what is said of responses, against cells that were kept aside."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cellaxes.perturbation import metrics

Array = NDArray[np.float64]


class Judge:
    """Scores what was said of the asked rows against the cells kept aside.

    Parameters
    ----------
    reference
        Log2 fold changes of the cells kept aside, ``(n_seeds, n_rows, n_genes)``; NaN is not known.
    unit
        Standard error of each gene, ``(n_genes,)``.
    repeat
        The same of all cells that are measured.
    compounds
        Of the rows, ``(n_rows,)``.
    level, random_state
        Of the intervals, and of the compounds that are drawn for them.
    """

    def __init__(
        self,
        reference: Array,
        unit: Array,
        repeat: Array,
        compounds: Sequence[str],
        *,
        level: float,
        random_state: int,
    ) -> None:
        self.reference, self.unit, self.compounds = reference, unit, compounds
        self.level, self.random_state = level, random_state
        self.repeat = np.nan_to_num(repeat)
        known = ~np.isnan(reference)
        noise = np.where(known, (self.repeat - np.nan_to_num(reference)) ** 2 / 2, 0.0)
        self.noise = np.sqrt(noise.sum(axis=2) / np.maximum(known.sum(axis=2), 1)).mean()

    def score(self, said: Array) -> tuple[metrics.ResponseInformation, dict[str, float]]:
        """Return the information of ``(n_seeds, n_rows, n_genes)``, and errors in log2."""
        guess = np.nan_to_num(said)
        found = self._information(slice(None), guess)
        rows, flat = (x.reshape(-1, x.shape[-1]) for x in (self.reference, guess))
        facts = {
            "error": metrics.mrrmse(rows, flat),
            "error_of_zero": metrics.mrrmse(rows, np.zeros_like(flat)),
            "noise_of_reference": float(self.noise),
        }
        return found, facts

    def bits(self, seed: int, said: Array) -> float:
        """Return the bits of one draw, by the reliability of that draw."""
        return self._information(slice(seed, seed + 1), np.nan_to_num(said)[None]).bits

    def _information(self, at: slice, guess: Array) -> metrics.ResponseInformation:
        return metrics.information(
            relative(self.reference[at], self.unit), relative(guess, self.unit), self.compounds,
            repeat=relative(self.repeat[at], self.unit), level=self.level,
            random_state=self.random_state,
        )  # fmt: skip


def relative(values: Array, unit: Array) -> Array:
    """Return log2 fold changes less what all genes of a row share, in units of their errors.

    Counts are relative, so that a change of all genes alike is a matter of normalisation; it is
    the mean weighted by precision. NaN stays.
    """
    precision = np.where(np.isnan(values), 0.0, unit**-2.0)
    total = precision.sum(axis=-1, keepdims=True)
    shared = (np.nan_to_num(values) * precision).sum(axis=-1, keepdims=True)
    found: Array = (values - shared / np.maximum(total, 1e-300)) / unit
    return found
