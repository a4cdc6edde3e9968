"""Signals by name, as on the command line."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import anndata

from cellaxes._core.errors import InputError
from cellaxes.signal._clone import clone
from cellaxes.signal._label import label, names_of_classes, one_vs_rest
from cellaxes.signal._level import level, names_of_levels
from cellaxes.signal._measurement import measurement
from cellaxes.signal._signal import Signal
from cellaxes.signal._space import space
from cellaxes.signal._time import time

KINDS = ("label", "class", "protein", "measurement", "clone", "space", "time", "level")
HIERARCHY, CLASSES = "hierarchy", "classes"
"""Stand for the levels of a hierarchy, and for the classes of a label, a signal each (`expand`)."""
OPTIONS = {
    "clone": ("missing", "n_draws"),
    "space": ("k", "n_draws"),
    "level": ("levels", "ids"),
    HIERARCHY: ("levels", "ids"),
}
"""Settings that a kind takes behind its key."""


def parse(adata: anndata.AnnData, spec: str) -> Signal:
    """Return the signal that ``kind:key`` names.

    Parameters
    ----------
    adata
        Cells.
    spec
        ``label:OBS_KEY``, ``class:OBS_KEY@CLASS`` (one class against the rest),
        ``protein:OBSM_KEY`` (CLR), ``measurement:OBSM_KEY`` (raw), ``time:OBS_KEY``,
        ``level:OBS_KEY@2`` (cell types at a level of the Cell Ontology's tree, 1 the coarsest of
        4); pairs of cells: ``clone:OBS_KEY`` or ``clone:OBS_KEY@TIME_KEY``, ``space:OBSM_KEY`` or
        ``space:OBSM_KEY@SECTION_KEY``. Settings follow these:
        ``clone:barcode@day,missing=0,missing=unknown``, ``space:spatial,k=6,n_draws=10``.

    Raises
    ------
    InputError
        If the kind is unknown or the key is missing or unusable.
    """
    kind, separator, key = spec.partition(":")
    if not separator or not key or kind not in KINDS:
        meant = f"label:{spec}" if spec in adata.obs else ""
        if separator and key:
            close = get_close_matches(kind, (*KINDS, HIERARCHY, CLASSES), n=1, cutoff=0.5)
            meant = f"{close[0]}:{key}" if close else ""
        raise InputError(
            f"{spec!r} names no signal: "
            + (f"did you mean {meant!r}? Otherwise " if meant else "")
            + "write label:OBS_KEY, class:OBS_KEY@CLASS, protein:OBSM_KEY (counts, CLR), "
            "measurement:OBSM_KEY (as it stands), clone:OBS_KEY[@TIME_KEY], "
            "space:OBSM_KEY[@SECTION_KEY], time:OBS_KEY, level:OBS_KEY@LEVEL, or "
            "hierarchy:OBS_KEY for a curve per level."
        )
    if kind == "label":
        return label(adata, key)
    if kind == "class":
        return one_vs_rest(adata, *_class(adata, spec, key))
    if kind == "time":
        return time(adata, key)
    if kind not in OPTIONS:
        return measurement(adata, key, transform="clr" if kind == "protein" else "raw")
    if kind == "level":
        key, other, options = _settings(spec, kind, key)
        if other is None or not other.isdigit():
            raise InputError(f"{spec!r} names no level: write level:{key}@1, @2 and so on.")
        return level(adata, key, int(other), **options)
    other, options = None, {}
    if key not in (adata.obs if kind == "clone" else adata.obsm):  # a name may hold any sign
        key, other, options = _settings(spec, kind, key)
    if kind == "clone":
        return clone(adata, key, time=other, **options)
    return space(adata, key, section=other, **options)


def expand(adata: anndata.AnnData, specs: Sequence[str]) -> list[str]:
    """Return signals with ``hierarchy:`` replaced by its levels, ``classes:`` by its classes.

    Parameters
    ----------
    adata
        Cells.
    specs
        As of `parse`, or ``hierarchy:OBS_KEY``, with settings ``hierarchy:OBS_KEY,levels=5`` and
        ``ids=OBS_KEY`` (column of ontology ids), a level that tells no more than the one above
        being left out; or ``classes:OBS_KEY``, each class against the rest.

    Raises
    ------
    InputError
        If the column is missing, or holds what is not in the ontology.
    """
    found = []
    for spec in specs:
        kind, _, key = spec.partition(":")
        if kind == CLASSES:
            found += names_of_classes(adata, key)
            continue
        if kind != HIERARCHY:
            found.append(spec)
            continue
        key, other, options = _settings(spec, kind, key)
        if other is not None:
            raise InputError(f"{spec!r} names a level: write level:{key}@{other} for one alone.")
        found += names_of_levels(adata, key, **options)
    return found


def _class(adata: anndata.AnnData, spec: str, text: str) -> tuple[str, str]:
    """Split ``KEY@CLASS`` where what stands before is a column: both may hold any sign."""
    ends = [place for place, sign in enumerate(text) if sign == "@"]
    if not ends:
        raise InputError(f"{spec!r} names no class: write class:{text}@CLASS, or classes:{text}.")
    known = [place for place in ends if text[:place] in adata.obs]
    place = (known or ends)[0]
    return text[:place], text[place + 1 :]


def _settings(spec: str, kind: str, text: str) -> tuple[str, str | None, dict[str, Any]]:
    """Split ``KEY@OTHER,option=value,…``."""
    keys, *settings = text.split(",")
    key, _, other = keys.partition("@")
    options: dict[str, Any] = {}
    for setting in settings:
        name, separator, value = setting.partition("=")
        if not separator or name not in OPTIONS[kind]:
            raise InputError(
                f"{spec!r} holds {setting!r}, which is no setting of {kind}: write "
                f"{' or '.join(option + '=…' for option in OPTIONS[kind])}."
            )
        if name == "missing":
            options.setdefault(name, []).append(value)
        elif name == "ids":
            options[name] = value
        elif value.isdigit():
            options[name] = int(value)
        else:
            raise InputError(f"{spec!r}: {name} must be a whole number, not {value!r}.")
    return key, other or None, options
