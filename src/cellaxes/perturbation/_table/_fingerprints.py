"""Molecules as numbers: fingerprints and descriptors, by RDKit."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes.perturbation._molecules import chemistry, missing, molecules

Kind = Literal["ecfp", "maccs", "descriptors"]
"""What `fingerprints` makes of a molecule."""
WHAT = "Fingerprints"


def fingerprints(
    smiles: Iterable[str], *, kind: Kind = "ecfp", radius: int = 2, n_bits: int = 2048
) -> NDArray[Any]:
    """Return one row of numbers per molecule; each distinct SMILES is computed once.

    Of a salt the largest fragment is read. ECFP is as good as any shipped embedding at telling
    mechanisms apart, so it is the default.

    Parameters
    ----------
    smiles
        SMILES ``(n,)``, none missing.
    kind
        ``"ecfp"``: circular substructures of up to ``radius`` bonds, hashed to ``n_bits``;
        ``"maccs"``: 166 public keys (bit 0 is empty); ``"descriptors"``: RDKit's
        physicochemical descriptors, NaN where one is not defined.
    radius, n_bits
        Of ECFP.

    Returns
    -------
    ``(n, n_bits)`` or ``(n, 167)`` uint8 of 0 and 1, or ``(n, n_descriptors)`` float64.

    Raises
    ------
    InputError
        If RDKit is not installed, a SMILES is missing or does not parse (all are named by
        position), or an option is not known.

    References
    ----------
    Rogers & Hahn, J. Chem. Inf. Model. 50, 742 (2010).

    Examples
    --------
    >>> import pytest; _ = pytest.importorskip("rdkit")
    >>> fingerprints(["CCO", "OCC"]).sum(axis=1).tolist()
    [6, 6]
    """
    if kind not in ("ecfp", "maccs", "descriptors"):
        raise InputError(f"kind must be 'ecfp', 'maccs' or 'descriptors', not {kind!r}.")
    if radius < 0 or n_bits < 1:
        raise InputError("radius must be at least 0 and n_bits at least 1.")
    given = list(smiles)
    gaps = [str(i) for i, text in enumerate(given) if missing(text)]
    if gaps:
        raise InputError(
            f"{len(gaps)} of {len(given)} SMILES are missing (at {', '.join(gaps[:10])}"
            f"{', …' if len(gaps) > 10 else ''}): leave these compounds out."
        )
    codes, _ = pd.factorize(pd.Series(given, dtype=object))
    parsed = _parse(given, codes)
    dtype = np.float64 if kind == "descriptors" else np.uint8
    one = _maker(kind, radius, n_bits)
    rows = [np.asarray(one(molecule), dtype=dtype) for molecule in parsed]
    if not rows:
        return np.empty((0, n_bits if kind == "ecfp" else 0), dtype=dtype)
    return np.stack(rows)[codes]


def _parse(given: list[str], codes: NDArray[np.intp]) -> list[Any | None]:
    """Return the molecules of distinct SMILES, messages naming the positions in ``given``."""
    _, first = np.unique(codes, return_index=True)
    sparse: list[str | None] = [None] * len(given)
    for i in first:
        sparse[i] = given[i]
    return [m for m in molecules(sparse, what=WHAT) if m is not None]


def _maker(kind: Kind, radius: int, n_bits: int) -> Callable[[Any], Any]:
    if kind == "ecfp":
        module = chemistry("Chem.rdFingerprintGenerator", WHAT)
        made: Callable[[Any], Any] = module.GetMorganGenerator(
            radius=radius, fpSize=n_bits
        ).GetFingerprintAsNumPy
        return made
    if kind == "maccs":
        keys = chemistry("Chem.rdMolDescriptors", WHAT).GetMACCSKeysFingerprint
        return lambda molecule: list(keys(molecule))
    calculate = chemistry("Chem.Descriptors", WHAT).CalcMolDescriptors
    return lambda molecule: list(calculate(molecule, missingVal=np.nan).values())
