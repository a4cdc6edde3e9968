"""Signals by name, as on the command line."""

import anndata

from cellaxes._core.errors import InputError
from cellaxes.signal._label import label
from cellaxes.signal._measurement import measurement
from cellaxes.signal._signal import Signal


def parse(adata: anndata.AnnData, spec: str) -> Signal:
    """Return the signal that ``kind:key`` names.

    Parameters
    ----------
    adata
        Cells.
    spec
        ``label:OBS_KEY``, ``protein:OBSM_KEY`` (CLR) or ``measurement:OBSM_KEY`` (raw).

    Raises
    ------
    InputError
        If the kind is unknown or the key is missing or unusable.
    """
    kind, separator, key = spec.partition(":")
    if not separator or not key or kind not in ("label", "protein", "measurement"):
        raise InputError(
            f"{spec!r} names no signal: write label:OBS_KEY, protein:OBSM_KEY (counts, CLR) or "
            "measurement:OBSM_KEY (as it stands)."
        )
    if kind == "label":
        return label(adata, key)
    return measurement(adata, key, transform="clr" if kind == "protein" else "raw")
