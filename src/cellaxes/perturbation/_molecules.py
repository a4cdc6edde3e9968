"""Molecules of SMILES, by RDKit where it is installed."""

import importlib
from collections.abc import Iterable, Sequence
from typing import Any

from cellaxes._core.errors import InputError
from cellaxes._core.extras import require_extra

SHOWN = 20
"""SMILES that a message names at most."""


def chemistry(module: str, what: str) -> Any:
    """Return a module of RDKit, or say which extra brings it."""
    require_extra("rdkit", extra="chem", what=what)
    return importlib.import_module(f"rdkit.{module}")


def missing(text: object) -> bool:
    """Whether there is no SMILES: None, NaN or an empty text."""
    return text is None or text != text or not str(text).strip()


def molecules(
    smiles: Iterable[object], *, what: str, names: Sequence[str] | None = None
) -> list[Any | None]:
    """Return the largest fragment of every SMILES as an RDKit molecule.

    The largest has the most heavy atoms; of several, the one whose SMILES sorts first.

    Parameters
    ----------
    smiles
        SMILES; None, NaN or empty text where there is none.
    what
        What is made of them, for messages.
    names
        How messages call each entry, besides its position.

    Returns
    -------
    Molecules, None where there was no SMILES.

    Raises
    ------
    InputError
        If RDKit is not installed, or a SMILES does not parse (all such are named).
    """
    chem = chemistry("Chem", what)
    found: list[Any | None] = []
    broken: list[str] = []
    with chemistry("rdBase", what).BlockLogs():
        for i, text in enumerate(smiles):
            if missing(text):
                found.append(None)
                continue
            molecule = chem.MolFromSmiles(str(text).strip())
            if molecule is None or not molecule.GetNumAtoms():
                place = str(i) if names is None else f"{i} ({names[i]})"
                broken.append(f"{place}: {str(text)!r}")
                continue
            parts = chem.GetMolFrags(molecule, asMols=True)
            found.append(
                min(parts, key=lambda part: (-part.GetNumHeavyAtoms(), chem.MolToSmiles(part)))
                if len(parts) > 1
                else molecule
            )
    if broken:
        raise InputError(
            f"{len(broken)} SMILES do not parse ({', '.join(broken[:SHOWN])}"
            f"{', …' if len(broken) > SHOWN else ''}): mend them, or leave them empty."
        )
    return found
