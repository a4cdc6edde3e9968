"""The page of sparse features: what it holds, and what it does in a real browser."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import cellaxes as cx
from cellaxes._core.errors import InputError
from cellaxes.features import Config
from cellaxes.report import ExplainReport

N = 900
EVIL = "</script><script>window.hacked=1</script>&<b>"
GENES = [f"G{i}" for i in range(260)]


@pytest.fixture(scope="module")
def report() -> ExplainReport:
    """Features of 900 cells: four types, programmes of 20 genes each, two batches."""
    draw = np.random.default_rng(0)
    types = draw.integers(0, 4, N)
    donor = draw.integers(0, 6, N)
    truth = np.zeros((N, 6))
    for t in range(4):
        truth[:, t] = (types == t) * draw.gamma(5, 0.2, N)
    truth[:, 4] = (draw.random(N) < 0.3) * draw.gamma(5, 0.2, N)
    truth[:, 5] = (donor % 2 == 1) * draw.gamma(5, 0.2, N)
    rate = draw.gamma(2, 1, len(GENES)) * np.ones((N, 1))
    for j in range(6):
        rate[:, 20 * j : 20 * j + 20] *= np.exp(1.2 * np.minimum(truth[:, [j]], 2))
    counts = sp.csr_matrix(draw.poisson(rate))
    z = (truth @ draw.normal(size=(6, 12)) + draw.normal(0, 0.05, (N, 12))).astype(np.float32)
    cells = pd.DataFrame(
        {
            "type": np.array(["B cell", "T cell", "NK", EVIL], dtype=object)[types],
            "batch": np.array(["b0", "b1"])[donor % 2],
            "donor": np.array([f"d{i}" for i in range(6)])[donor],
            "depth": np.asarray(counts.sum(axis=1)).ravel().astype(float),
        },
        index=[f"cell_{i}" for i in range(N)],
    )
    cells.loc["cell_0", "type"] = None
    config = Config(arch="matryoshka", n_features=12, k=2, steps=500, batch_size=128)
    model, *others = cx.features.fit_many(z, config=config, seeds=(0, 1, 2))
    F = model.encode(z)
    stability = cx.features.stability(model, others, z)
    annotation = cx.features.annotate(
        F,
        counts,
        GENES,
        labels=cells["type"],
        batch=cells["batch"],
        groups=cells["donor"],
        gene_sets={f"HALLMARK_SET_{j}": GENES[20 * j : 20 * j + 20] for j in range(6)},
        stability=stability.worst,
        n_permutations=5,
    )
    return ExplainReport(
        name="simulated",
        rep="X_test",
        model=model,
        activations=F,
        annotation=annotation,
        stability=stability,
        card=cx.features.evaluate(
            model, z, labels=cells["type"], groups=cells["donor"], others=others
        ),
        preflight=cx.features.preflight(z, {"type": cells["type"].astype(str)}),
        coordinates=z[:, :2],
        coordinates_name="first two dimensions of X_test",
        cells=cells,
        label="type",
        batch="batch",
    )
