"""Compounds put into one form: canonical SMILES, InChIKey, and which names are one molecule."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cellaxes._core.errors import InputError, near
from cellaxes._core.tables import naming_its_file, read_table
from cellaxes.perturbation._molecules import chemistry, molecules
from cellaxes.perturbation._table._check import plain_frame

NAMES = ("compound", "sm_name", "drug_name", "name", "pert_iname", "drug")
SMILES = ("SMILES", "smiles", "canonical_smiles")
MOA = ("moa", "MoA", "moa_lincs", "mechanism")
WHAT = "Canonical SMILES"
MADE = ("canonical", "inchikey", "connectivity", "scaffold", "n_fragments")
"""Columns that `standardise_compounds` writes."""


@dataclass(frozen=True, eq=False)
class Compounds:
    """Compounds in one form.

    Attributes
    ----------
    table
        One row per compound, by name: ``SMILES`` as given, ``canonical`` (of the parent: largest
        fragment, uncharged), ``inchikey``, ``connectivity`` (its first block: without
        stereochemistry), ``scaffold`` (Murcko), ``n_fragments`` (of the SMILES as given) and what
        else was given, e.g. ``moa``. Without a SMILES they are missing.
    duplicates
        One row per molecule with several names: ``same`` (``"molecule"``: one InChIKey;
        ``"connectivity"``: stereochemistry differs), ``key``, ``compounds`` (tuple of names).
    """

    table: pd.DataFrame
    duplicates: pd.DataFrame

    @property
    def told(self) -> tuple[str, ...]:
        """The duplicates in words."""
        pairs = self.duplicates[["same", "compounds"]].itertuples(index=False)
        return tuple(f"{' = '.join(names)}: one {same}" for same, names in pairs)

    def to_frame(self) -> pd.DataFrame:
        """Return the table of compounds, one row each."""
        return self.table

    def __repr__(self) -> str:
        known = int(self.table["canonical"].notna().sum())
        more = "; …" if len(self.told) > 3 else ""
        told = f"; {'; '.join(self.told[:3])}{more}" if self.told else ""
        return f"Compounds({len(self.table)}, {known} with SMILES{told})"


@naming_its_file
def read_compounds(
    source: str | Path | pd.DataFrame,
    *,
    compound: str | None = None,
    smiles: str | None = None,
    moa: str | None = None,
) -> Compounds:
    """Read a table of compounds and put it into one form, see `standardise_compounds`.

    Parameters
    ----------
    source
        A ``.csv``, ``.tsv`` or ``.parquet`` file, or a data frame; one row per compound.
    compound, smiles, moa
        Columns; unless given, found by their usual names (``compound``, ``sm_name``, ``drug_name``;
        ``SMILES``, ``canonical_smiles``; ``moa``, ``moa_lincs``). MoA may be absent.

    Raises
    ------
    InputError
        As `standardise_compounds`, or if the file cannot be read or has no such columns.
    """
    table = source if isinstance(source, pd.DataFrame) else read_table(Path(source))
    if compound is None and not set(NAMES) & set(table) and table.index.name in NAMES:
        table = table.reset_index()
    name = _column(table, compound, NAMES, "of compounds (compound=)")
    text = _column(table, smiles, SMILES, "of SMILES (smiles=)")
    renamed = {text: "SMILES"}
    if moa is not None or set(MOA) & set(table):
        renamed[_column(table, moa, MOA, "of mechanisms (moa=)")] = "moa"
    if table[name].isna().any():
        raise InputError(f"column {name!r} has no name in {int(table[name].isna().sum())} rows.")
    named = table.set_index(pd.Index(table[name].astype(str), name="compound"))
    return standardise_compounds(named.drop(columns=name).rename(columns=renamed))


def standardise_compounds(compounds: pd.DataFrame) -> Compounds:
    """Parse SMILES, strip salts, make keys and find names that are one molecule.

    Of several fragments the one with the most heavy atoms is kept, and its charges are
    neutralised where hydrogens can do it, so that a salt and its free acid or base are one.

    Parameters
    ----------
    compounds
        Indexed by name, with a column ``SMILES`` (missing where not known); others are kept.

    Raises
    ------
    InputError
        If RDKit is not installed, a name occurs twice, there is no such column, or a SMILES does
        not parse: all such are named in one message.

    References
    ----------
    Heller et al., J. Cheminform. 7, 23 (2015): InChIKey. Bemis & Murcko 1996: scaffolds.

    Examples
    --------
    >>> import pytest; _ = pytest.importorskip("rdkit")
    >>> given = pd.DataFrame(
    ...     {"SMILES": ["CC(=O)[O-].[Na+]", "OC(C)=O"]}, index=["sodium acetate", "acetic acid"]
    ... )
    >>> standardise_compounds(given)
    Compounds(2, 2 with SMILES; sodium acetate = acetic acid: one molecule)
    """
    if "SMILES" not in compounds:
        raise InputError(
            f"compounds have no column 'SMILES': {near('SMILES', compounds.columns)} "
            "(read_compounds finds it under other names)."
        )
    names = compounds.index.astype(str)
    if names.has_duplicates:
        twice = names[names.duplicated()].unique()
        raise InputError(
            f"compound {twice[0]!r} stands more than once ({len(twice)} such names): leave one row "
            "of each."
        )
    given = compounds["SMILES"]
    parents = molecules(given, what=WHAT, names=list(names))
    chem, murcko = chemistry("Chem", WHAT), chemistry("Chem.Scaffolds.MurckoScaffold", WHAT)
    uncharge = chemistry("Chem.MolStandardize.rdMolStandardize", WHAT).Uncharger().uncharge
    made = pd.DataFrame(index=names, columns=list(MADE), dtype=object)
    with chemistry("rdBase", WHAT).BlockLogs():
        for i, parent in enumerate(parents):
            if parent is None:
                continue
            neutral = uncharge(parent)
            canonical = chem.MolToSmiles(neutral)
            key = chem.MolToInchiKey(neutral) or None
            scaffold = murcko.MurckoScaffoldSmiles(mol=neutral) or canonical
            n_fragments = str(given.iloc[i]).count(".") + 1
            block = None if key is None else key[:14]
            made.iloc[i] = [canonical, key, block, scaffold, n_fragments]
    made["n_fragments"] = made["n_fragments"].astype(float)
    kept = compounds.set_axis(names).drop(columns=list(MADE), errors="ignore")
    table = plain_frame(pd.concat([kept[["SMILES"]], made, kept.drop(columns="SMILES")], axis=1))
    table.index.name = "compound"
    return Compounds(table, duplicates_of(table))


def duplicates_of(table: pd.DataFrame) -> pd.DataFrame:
    """Return which names of a standardised table are one molecule, or differ by stereo only."""
    found: list[tuple[str, str, tuple[str, ...]]] = []
    for same, column in (("molecule", "inchikey"), ("connectivity", "connectivity")):
        for key, group in table.groupby(column, sort=True):
            if len(group) > 1 and (same == "molecule" or group["inchikey"].nunique() > 1):
                found.append((same, str(key), tuple(group.index)))
    return pd.DataFrame(found, columns=["same", "key", "compounds"])


def _column(table: pd.DataFrame, asked: str | None, usual: tuple[str, ...], what: str) -> str:
    """Return the column that is asked for, or the first with a usual name."""
    if asked is not None:
        if asked not in table:
            raise InputError(f"there is no column {asked!r}: {near(asked, table.columns)}")
        return asked
    for name in usual:
        if name in table:
            return name
    raise InputError(f"no column {what} is found: {near(usual[0], table.columns)}")
