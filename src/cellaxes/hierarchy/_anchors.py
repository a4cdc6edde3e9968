"""Anchors: the terms that name the coarse levels of a tree."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pandas as pd

from cellaxes._core.errors import InputError, near
from cellaxes._core.reading import reading
from cellaxes._core.registry import Info, Registry
from cellaxes._core.tables import read_table


@dataclass(frozen=True)
class Anchor:
    """A term that gives its name to a level of everything below it.

    Attributes
    ----------
    level
        1 is the coarsest.
    id, name
        Term, and what its group is called.
    fallback
        Whether it is asked only where no other anchor of the level fits.
    parent
        Group of the level above that it belongs to; empty: as the ontology says.
    """

    level: int
    id: str
    name: str
    fallback: bool = False
    parent: str = ""


@dataclass(frozen=True)
class AnchorTable:
    """The anchors of all coarse levels, in order: of equally good ones the first wins.

    Attributes
    ----------
    name
        Of the table, for messages.
    anchors
        Coarse levels first.
    """

    name: str
    anchors: tuple[Anchor, ...]

    @property
    def depth(self) -> int:
        """Number of levels that have anchors."""
        return max(anchor.level for anchor in self.anchors)

    def at(self, level: int) -> tuple[Anchor, ...]:
        """Return the anchors of one ``level`` (1 is the coarsest), in order."""
        return tuple(anchor for anchor in self.anchors if anchor.level == level)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per anchor: level, ontology_id, name, fallback, parent."""
        return pd.DataFrame(
            [(a.level, a.id, a.name, a.fallback, a.parent) for a in self.anchors],
            columns=["level", "ontology_id", "name", "fallback", "parent"],
        )

    def __repr__(self) -> str:
        counts = ", ".join(
            f"{len(self.at(level))} at level {level}" for level in range(1, self.depth + 1)
        )
        return f"AnchorTable({self.name}: {counts})"


_TABLES: Registry[str] = Registry("table of anchors")
_TABLES.add(
    Info(
        "systems",
        "Six systems, Stem/Progenitor where none fits, and eleven lineages.",
        "",
        "frac-bio-embed, 2026",
        "no lineages of epithelial, endothelial and stem cells, platelets or erythrocytes: there "
        "level 2 repeats level 1",
    ),
    "anchors_systems.csv",
)
_TABLES.add(
    Info(
        "cellxgene",
        "22 cell classes and 73 subclasses of CELLxGENE Discover.",
        "",
        "cellxgene-ontology-guide 1.11, cell_class_list and cell_subclass_list",
        "classes overlap and are of very different size; made for a recent Cell Ontology",
    ),
    "anchors_cellxgene.csv",
)


def load_anchors(source: str | Path | pd.DataFrame = "systems") -> AnchorTable:
    """Return a table of anchors.

    Parameters
    ----------
    source
        Name of a table that comes with the package (`show`), or a ``.csv``, ``.tsv`` or
        ``.parquet`` file or a data frame with the columns ``level`` (1, 2, …), ``ontology_id`` and
        ``name``, and if wanted ``fallback`` (true: only where no other fits) and ``parent`` (name
        of the group above).

    Raises
    ------
    InputError
        If there is no such table, a column or a value is missing, levels do not count from 1, an
        id comes twice in a level, or a parent is no name of the level above.

    Examples
    --------
    >>> load_anchors("systems")
    AnchorTable(systems: 7 at level 1, 11 at level 2)
    """
    if isinstance(source, pd.DataFrame):
        return _checked(source, "your anchors")
    if str(source) in list(_TABLES):
        packed = resources.files("cellaxes.hierarchy") / "data" / _TABLES[str(source)]
        with resources.as_file(packed) as file:
            return _checked(read_table(file), str(source))
    path = Path(source)
    if not path.is_file():
        raise InputError(
            f"{path} is no file of anchors, and no table of that name comes with the package: "
            f"{near(str(source), _TABLES)}"
        )
    with reading(path, "a table of anchors"):
        return _checked(read_table(path), path.name)


def anchor_tables() -> pd.DataFrame:
    """Return what tables of anchors come with the package, one row each."""
    return _TABLES.show()


def _checked(table: pd.DataFrame, name: str) -> AnchorTable:
    for column in ("level", "ontology_id", "name"):
        if column not in table:
            raise InputError(f"{name} has no column {column!r}: {near(column, table.columns)}")
        if table[column].isna().any():
            row = int(table[column].isna().to_numpy().argmax()) + 1
            raise InputError(f"{name} has no {column} in row {row}: fill it or remove the row.")
    if table.empty:
        raise InputError(f"{name} has no rows: name one anchor at least.")
    levels = pd.to_numeric(table["level"], errors="coerce")
    if set(levels) != set(range(1, int(levels.max() if levels.notna().all() else 0) + 1)):
        raise InputError(f"levels in {name} must count 1, 2, …, but are {sorted(set(levels))}.")
    anchors = tuple(
        Anchor(
            level=int(level),
            id=str(row["ontology_id"]).strip(),
            name=str(row["name"]).strip(),
            fallback=_truth(row.get("fallback"), name),
            parent="" if pd.isna(row.get("parent")) else str(row["parent"]).strip(),
        )
        for level, (_, row) in zip(levels, table.iterrows(), strict=True)
    )
    found = AnchorTable(name, tuple(sorted(anchors, key=lambda anchor: anchor.level)))
    for level in range(1, found.depth + 1):
        here = [anchor.id for anchor in found.at(level)]
        if len(set(here)) < len(here):
            twice = next(one for one in here if here.count(one) > 1)
            raise InputError(f"{name} has {twice} twice at level {level}: keep one row.")
        above = {anchor.name for anchor in found.at(level - 1)}
        for anchor in found.at(level):
            if anchor.parent and anchor.parent not in above:
                raise InputError(
                    f"{name} puts {anchor.name!r} under {anchor.parent!r}, which is no name of "
                    f"level {level - 1}: {near(anchor.parent, above)}"
                )
    return found


def _truth(value: object, name: str) -> bool:
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return False
    text = str(value).strip().lower()
    if text not in ("true", "false", "1", "0", "1.0", "0.0", "yes", "no", ""):
        raise InputError(f"fallback in {name} must be true or false, not {value!r}.")
    return text in ("true", "1", "1.0", "yes")
