"""Signals: labels and measurements, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import cellaxes as cx


def test_labels_are_coded_without_unused_categories(cells):
    adata = cells.copy()
    adata.obs["kind"] = pd.Categorical(["b", "a", "a"] * 200, categories=["a", "unused", "b"])
    found = cx.signal.label(adata, "kind")
    assert found.categories == ("a", "b")
    assert found.kind == "discrete"
    assert list(found.values[:3]) == [1, 0, 0]
    p = np.array([2 / 3, 1 / 3])
    assert found.entropy == pytest.approx(-(p * np.log2(p)).sum())
    assert "2 classes" in repr(found)


def test_numbers_with_odd_names_are_classes(cells):
    adata = cells.copy()
    adata.obs["ä/ b"] = np.repeat([1.0, 2.0, 10.0], 200)
    assert cx.signal.parse(adata, "label:ä/ b").categories == ("1.0", "2.0", "10.0")


def test_protein_is_centred_log_ratio_per_cell(cells):
    found = cx.signal.parse(cells, "protein:protein")
    np.testing.assert_allclose(found.values.sum(axis=1), 0, atol=1e-12)
    logs = np.log1p(cells.obsm["protein"])
    np.testing.assert_allclose(found.values, logs - logs.mean(axis=1, keepdims=True))
    assert found.entropy == np.inf
    assert "3 dimensions" in repr(found)


def test_raw_measurement_and_one_protein_are_kept(cells):
    raw = cx.signal.parse(cells, "measurement:protein")
    np.testing.assert_array_equal(raw.values, cells.obsm["protein"])
    adata = cells.copy()
    adata.obsm["one"] = adata.obsm["protein"][:, 0]
    one = cx.signal.measurement(adata, "one")
    np.testing.assert_allclose(one.values[:, 0], np.log1p(adata.obsm["protein"][:, 0]))


def test_unusable_signals_are_refused_with_the_mend(cells):
    adata = cells.copy()
    adata.obs["gaps"] = adata.obs["cell_type"].astype(object)
    adata.obs.loc["cell3", "gaps"] = None
    adata.obs["same"] = "x"
    adata.obs["name"] = adata.obs_names
    adata.obs["score"] = np.linspace(0, 1, 600)
    adata.obsm["scaled"] = adata.obsm["protein"] - 50
    adata.obsm["flat"] = np.ones((600, 2))
    adata.obsm["gaps"] = np.full((600, 2), np.nan)
    for spec, message in {
        "label:gaps": "missing in 1 of 600",
        "label:same": "one class only",
        "label:name": "names cells",
        "label:score": "bin them",
        "label:celltype": "did you mean 'cell_type'",
        "protein:proteins": "did you mean 'protein'",
        "protein:scaled": "measurement:scaled",
        "measurement:flat": "same in every cell",
        "measurement:gaps": "NaN or infinity in 600",
        "cell_type": "label:OBS_KEY",
        "sister:x": "label:OBS_KEY",
    }.items():
        with pytest.raises(cx.InputError, match=message) as caught:
            cx.signal.parse(adata, spec)
        assert "\n" not in str(caught.value)
    with pytest.raises(cx.InputError, match="'clr' or 'raw'"):
        cx.signal.measurement(adata, "protein", transform="log")
