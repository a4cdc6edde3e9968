"""The search for settings: seeded, out of fold, with and without Optuna."""

import importlib.util

import numpy as np
import pytest

from cellaxes import InputError
from cellaxes import perturbation as p
from cellaxes.perturbation import _search


@pytest.fixture
def asked(monkeypatch):
    """Training rows, folds, and a stand-in for networks whose error falls with the rate."""
    made = p.simulate_responses(3, 12, 5, random_state=0)
    rows = made.rows[["context", "compound"]]
    data = p.TrainingData(made.t, rows, np.ones(len(rows)))
    folds = p.make_folds(rows, "random")

    def stand_in(settings, data, folds):
        at = np.flatnonzero(folds[0].test)
        wrong = settings.training.learning_rate * 100
        assert settings.training.n_seeds == 1
        values = (data.Y[at] + wrong).astype(np.float32)
        return p.OutOfFold(at, np.zeros(len(at), dtype=int), values, None)

    monkeypatch.setattr(_search, "out_of_fold", stand_in)
    return data, folds


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_the_best_trial_is_returned_and_all_are_told(asked, sampler):
    if sampler == "tpe" and importlib.util.find_spec("optuna") is None:
        pytest.skip("Optuna is not installed")
    found = p.search_settings(*asked, n_trials=12, sampler=sampler, random_state=3)
    table = found.trials
    assert len(table) == 12
    assert table["error"].is_monotonic_increasing
    assert found.settings.training.learning_rate == table["learning_rate"].min()
    assert found.settings.training.n_seeds == 5
    assert table["emb"].between(10, 62).all()
    assert table["learning_rate"].between(0.0026, 0.0098).all()
    assert {len(dense) for dense in table["dense"]} <= {2, 3, 4}
    again = p.search_settings(*asked, n_trials=12, sampler=sampler, random_state=3)
    assert again.settings == found.settings
    other = p.search_settings(*asked, n_trials=12, sampler=sampler, random_state=4)
    assert other.settings != found.settings


def test_time_ends_a_search_after_one_trial_at_least(asked):
    found = p.search_settings(*asked, n_trials=50, minutes=1e-9, sampler="random")
    assert len(found.trials) == 1
    assert repr(found).startswith("Search(1 trials by random")


def test_real_networks_are_searched(monkeypatch):
    small = p.EmbeddingMLP(dense=(8,), dropout=(0.0,), training=p.Training(epochs=2, n_seeds=1))
    monkeypatch.setattr(_search, "_draw", lambda trial: small)
    made = p.simulate_responses(3, 12, 5, random_state=0)
    rows = made.rows[["context", "compound"]]
    data = p.TrainingData(made.t, rows, np.ones(len(rows)))
    found = p.search_settings(
        data, p.make_folds(rows, "random")[:1], n_trials=1, n_seeds=1, sampler="random"
    )
    assert np.isfinite(found.settings.fit(data).predict(rows)).all()


def test_bad_wishes_are_one_sentence(asked, monkeypatch):
    with pytest.raises(InputError, match="1 or more"):
        p.search_settings(*asked, n_trials=0)
    with pytest.raises(InputError, match="sampler must be"):
        p.search_settings(*asked, sampler="grid")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="cellaxes\\[search\\]"):
        p.search_settings(*asked, sampler="tpe")
