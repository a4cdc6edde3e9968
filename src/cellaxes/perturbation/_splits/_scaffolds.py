"""Scaffolds of molecules, from RDKit where it is installed."""

from collections.abc import Iterable

import pandas as pd

from cellaxes._core.errors import InputError
from cellaxes.perturbation._molecules import chemistry, molecules


def murcko_scaffolds(smiles: Iterable[str | None]) -> list[str | None]:
    """Return the Murcko scaffold of every molecule: its rings and what joins them.

    Of a salt the largest fragment is read. A molecule without rings has no scaffold; it gets its
    own canonical SMILES, so that it is a group by itself.

    Parameters
    ----------
    smiles
        SMILES, or ``None`` (or NaN) where there is none.

    Returns
    -------
    Canonical SMILES of each scaffold, ``None`` where there was no SMILES.

    Raises
    ------
    InputError
        If RDKit is not installed, or a SMILES does not parse (all such are named by position).

    References
    ----------
    Bemis & Murcko 1996.
    """
    what = "Murcko scaffolds"
    found = molecules(smiles, what=what)
    chem, murcko = chemistry("Chem", what), chemistry("Chem.Scaffolds.MurckoScaffold", what)
    return [
        None
        if molecule is None
        else murcko.MurckoScaffoldSmiles(mol=molecule) or chem.MolToSmiles(molecule)
        for molecule in found
    ]


def with_scaffolds(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows that have a column ``scaffold``, made of ``SMILES`` if there is none."""
    if "scaffold" in rows:
        return rows
    if "SMILES" not in rows:
        raise InputError(
            "rows have neither a column 'scaffold' nor 'SMILES': add one (`few_shot_context` and "
            "`leave_compound` need neither)."
        )
    each = rows["SMILES"].drop_duplicates()
    scaffold = dict(zip(each, murcko_scaffolds(each), strict=True))
    return rows.assign(scaffold=rows["SMILES"].map(scaffold))
