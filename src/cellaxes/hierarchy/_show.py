"""What comes with the package."""

import pandas as pd

from cellaxes._core.registry import Info, Registry
from cellaxes.hierarchy._anchors import anchor_tables
from cellaxes.hierarchy._read import DEFAULT

_ONTOLOGIES: Registry[str] = Registry("ontology")
_ONTOLOGIES.add(
    Info(
        DEFAULT,
        "Cell Ontology of 2026-03-26, reduced to names, synonyms and is_a.",
        "",
        "Diehl et al., J Biomed Semantics 7:44, 2016; CC BY 4.0",
        "is_a only; the scope is known of three synonyms in four",
    ),
    f"{DEFAULT}.obo.gz",
)


def show() -> pd.DataFrame:
    """Return the ontologies and tables of anchors that come with the package, one row each."""
    kinds = {"ontology": _ONTOLOGIES.show(), "anchors": anchor_tables()}
    return pd.concat(kinds, names=["kind"]).reset_index(0).reset_index(drop=True)
