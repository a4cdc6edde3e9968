"""The models that are joined unless told otherwise, and what of a table they learn from."""

import importlib.util
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from cellaxes.perturbation._models._data import TrainingData
from cellaxes.perturbation._models._protocol import Predictor
from cellaxes.perturbation._models._registry import make_model
from cellaxes.perturbation._models._settings import EmbeddingMLP, TargetEncodingNet
from cellaxes.perturbation._models._train import Training
from cellaxes.perturbation._table._fingerprints import fingerprints
from cellaxes.perturbation._table._table import PerturbationTable

N_SEEDS = 5
"""Networks of each kind; their median is predicted."""


def default_members() -> dict[str, Predictor]:
    """Return the models by name, quick ones first: time leaves out from the end."""
    reader = TargetEncodingNet(head="lstm")
    return {
        "kernel_gp": make_model("kernel_gp"),
        "recommender": make_model("recommender"),
        "embedding_mlp": EmbeddingMLP(training=Training(n_seeds=N_SEEDS)),
        "target_encoding_net": replace(reader, training=replace(reader.training, n_seeds=N_SEEDS)),
    }


def training_data(
    table: PerturbationTable, *, layer: str = "t", random_state: int = 0
) -> TrainingData:
    """Return a layer of a table as what models are fitted to.

    Values that were not measured are missing; fingerprints stand for compounds whose SMILES is
    known, where RDKit is installed.

    Parameters
    ----------
    table
        Responses.
    layer
        ``"t"``, ``"signed_log10_p"`` or ``"logFC"``.
    random_state
        Seed of what is fitted to it.

    Raises
    ------
    InputError
        If the layer is not there and cannot be derived.
    """
    values = np.array(table.layer(layer), dtype=np.float32)
    if table.measured is not None:
        values[~table.measured] = np.nan
    facts = ["context", "compound", *(c for c in ("moa", "donor") if c in table.rows)]
    return TrainingData(
        values,
        table.rows[facts].reset_index(drop=True),
        table.weight,
        compounds=_chemistry(table.compounds),
        contexts=table.contexts,
        random_state=random_state,
    )


def _chemistry(compounds: pd.DataFrame) -> pd.DataFrame | None:
    """Return fingerprints by compound, of those with a SMILES."""
    column = next((name for name in ("canonical", "SMILES") if name in compounds), None)
    if column is None or importlib.util.find_spec("rdkit") is None:
        return None
    known = compounds[column].dropna()
    if known.empty:
        return None
    return pd.DataFrame(fingerprints(known.tolist()), index=known.index)


def rests_on(rows: pd.DataFrame, known: Mapping[str, frozenset[str]]) -> list[str]:
    """Say what the prediction of each row rests on: what of it was in training."""
    words = {
        (True, True): "rows of its context and of its compound",
        (True, False): "rows of its context, and compounds of like chemistry",
        (False, True): "rows of its compound in other contexts",
        (False, False): "the mean of all rows, and compounds of like chemistry",
    }
    return [
        words[str(context) in known["context"], str(compound) in known["compound"]]
        for context, compound in zip(rows["context"], rows["compound"], strict=True)
    ]
