"""The layout of Open Problems 3: `de_train.h5ad`, `de_test.h5ad`."""

from pathlib import Path
from typing import Any

import anndata
import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError, near
from cellaxes._core.tables import naming_its_file
from cellaxes.perturbation._table._h5ad import parts_of, readable
from cellaxes.perturbation._table._kaggle import COMPOUND, CONTEXT, OF_COMPOUND, split_compounds
from cellaxes.perturbation._table._statistics import fill_zero_p
from cellaxes.perturbation._table._table import PerturbationTable

SIGNED, CLIPPED = "sign_log10_pval", "clipped_sign_log10_pval"
USUAL = {"t": ("t", "t_statistic"), "logFC": ("logFC",)}
RENAMED = {"donor_id": "donor", "plate_name": "plate", "dose_uM": "dose"}


@naming_its_file
def read_op3(
    source: str | Path | anndata.AnnData,
    *,
    clipped: bool = False,
    context: str = CONTEXT,
    compound: str = COMPOUND,
) -> PerturbationTable:
    """Read differential expression in the layout of Open Problems 3.

    Layers ``sign_log10_pval`` (or ``clipped_sign_log10_pval``, at most 4), ``t`` or
    ``t_statistic`` and ``logFC`` are read and no others; ``obs`` says cell type, compound, SMILES,
    split. An infinite exponent (p = 0) follows from t in log space.

    Parameters
    ----------
    source
        The ``.h5ad`` file, or an AnnData, also backed.
    clipped
        Whether exponents are those clipped at 4; t and logFC are left out then.
    context, compound
        Columns of ``obs``.

    Raises
    ------
    InputError
        If the file is damaged, or a column or the layer is missing.
    """
    signed = CLIPPED if clipped else SIGNED
    wanted = (signed, *(name for names in USUAL.values() for name in names))
    adata = source if isinstance(source, anndata.AnnData) else parts_of(Path(source), wanted)
    obs = readable(adata.obs)
    for key in (context, compound):
        if key not in obs:
            raise InputError(f"obs has no column {key!r}: {near(key, obs.columns)}")
    there = [str(name) for name in adata.layers if name is not None]
    if signed not in there:
        raise InputError(f"there is no layer {signed!r}: {near(signed, there)}")
    layers: dict[str, Any] = {"signed_log10_p": _dense(adata.layers[signed])}
    for name, usual in USUAL.items():
        for key in usual:
            if key in there and name not in layers and not clipped:
                layers[name] = _dense(adata.layers[key])
    y = layers["signed_log10_p"]
    notes: list[str] = []
    if np.isinf(y).any():
        size, notes = fill_zero_p(np.abs(y).astype(np.float64), layers.get("t"))
        layers["signed_log10_p"] = np.copysign(size, y)
    compounds, said = split_compounds(obs, compound)
    rows = obs.drop(columns=[name for name in OF_COMPOUND if name in obs])
    return PerturbationTable(
        rows=rows.rename(columns={context: "context", compound: "compound"} | RENAMED),
        genes=np.asarray(adata.var_names, dtype=str),
        **layers,
        compounds=compounds,
        notes=(*notes, *said),
    )


def _dense(values: Any) -> NDArray[Any]:
    dense: NDArray[Any] = np.asarray(values.toarray() if hasattr(values, "toarray") else values)
    return dense
