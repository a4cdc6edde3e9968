"""Scaffolds of molecules, from RDKit where it is installed."""

import importlib
from collections.abc import Iterable

import pandas as pd

from cellaxes._core.errors import InputError
from cellaxes._core.extras import require_extra


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
    require_extra("rdkit", extra="chem", what="Murcko scaffolds")
    chem = importlib.import_module("rdkit.Chem")
    murcko = importlib.import_module("rdkit.Chem.Scaffolds.MurckoScaffold")
    log = importlib.import_module("rdkit.rdBase")
    found: list[str | None] = []
    broken: list[str] = []
    with log.BlockLogs():
        for i, text in enumerate(smiles):
            if text is None or text != text:  # NaN is unlike itself
                found.append(None)
                continue
            molecule = chem.MolFromSmiles(str(text))
            if molecule is None or not molecule.GetNumAtoms():
                broken.append(f"{i}: {text!r}")
                continue
            parts = chem.GetMolFrags(molecule, asMols=True)
            largest = max(parts, key=lambda part: part.GetNumHeavyAtoms())
            scaffold = murcko.MurckoScaffoldSmiles(mol=largest)
            found.append(scaffold or chem.MolToSmiles(largest))
    if broken:
        raise InputError(
            f"{len(broken)} SMILES do not parse ({', '.join(broken[:5])}"
            f"{', …' if len(broken) > 5 else ''}): mend them, or leave them empty."
        )
    return found


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
