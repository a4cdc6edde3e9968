"""Human pancreas counts that arrive inside a package dependency."""

import importlib.metadata
from pathlib import Path

import anndata

from cellaxes._core.adata import read_h5ad
from cellaxes._core.errors import InputError

_PACKAGE = "hormone2cell"
_FILE = "hormone2cell/pancreas_downsample200CT.h5ad"


def pancreas() -> anndata.AnnData:
    """Return 1,411 human pancreas cells (10x, whole cells) with raw UMI counts.

    ``X`` holds counts ``(1411, 33053)`` float32 CSR, median 10,790 UMIs per cell;
    ``obs["cell_type"]`` eight types, ``obs["donor_id"]`` the donors,
    ``obs["cell_type_ontology_term_id"]`` their Cell Ontology terms. The file comes with the
    package ``hormone2cell`` (extra ``demo``; MIT, data from CELLxGENE, CC BY 4.0) and is
    read by path; the package itself is not imported.

    Raises
    ------
    InputError
        If the extra ``demo`` is not installed.
    """
    try:
        located = importlib.metadata.distribution(_PACKAGE).locate_file(_FILE)
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(
            "the pancreas data come with the extra 'demo', which is not installed: "
            "pip install 'cellaxes[demo]'."
        ) from error
    whole = read_h5ad(Path(str(located)))
    wanted = (whole.obs["suspension_type"] == "cell") & whole.obs["assay"].str.startswith("10x")
    raw = whole.raw.to_adata()[wanted.to_numpy()]
    return anndata.AnnData(X=raw.X.copy(), obs=raw.obs.copy(), var=raw.var.copy())
