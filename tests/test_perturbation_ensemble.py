"""The ensemble: judged on what it has not seen, saved without pickle, honest about new names."""

import numpy as np
import pandas as pd
import pytest

from cellaxes import InputError
from cellaxes import perturbation as p

QUICK = {"kernel_gp": p.KernelGP(n_steps=10), "recommender": p.Recommender()}


@pytest.fixture(scope="module")
def simulated():
    """Four rich contexts, and one in which eight of thirty compounds were measured."""
    rng = np.random.default_rng(0)
    names = [f"drug {k:02d}" for k in range(30)]
    effect = rng.normal(size=(30, 4)) @ rng.normal(size=(4, 40)) * 2
    parts, rows = [], []
    for k, context in enumerate("ABCDE"):
        parts.append(effect * (0.6 + 0.2 * k) + rng.normal(size=(1, 40)))
        rows += [(context, name) for name in names]
    rows = pd.DataFrame(rows, columns=["context", "compound"])
    truth = np.vstack(parts)
    t = truth + rng.normal(size=truth.shape)
    bridge = names[::4]
    known = (rows["context"] != "E") | rows["compound"].isin(bridge)
    genes = [f"g{k}" for k in range(40)]
    table = p.PerturbationTable(rows[known].reset_index(drop=True), genes, t=t[known])
    return table, rows[~known].reset_index(drop=True), t[~known]


@pytest.fixture(scope="module")
def fitted(simulated):
    table, wanted, _ = simulated
    return p.fit(table, wanted, members=QUICK, n_jobs=1)


def rmse(truth, guess):
    return float(np.sqrt(((truth - guess) ** 2).mean(axis=1)).mean())


def test_it_beats_the_averages_where_compounds_are_known_elsewhere(fitted, simulated):
    table, wanted, truth = simulated
    mean = p.predict_baseline(table.t, table.rows, wanted, name="compound_mean").values
    found = fitted.predict(wanted)
    assert rmse(truth, found.t) < 0.8 * rmse(truth, mean)
    assert found.genes.tolist() == table.genes.tolist()
    np.testing.assert_allclose(found.signed_log10_p, p.signed_log10_p(found.t, np.inf), atol=1e-6)
    assert set(found.rows["rests_on"]) == {"rows of its context and of its compound"}


def test_intervals_cover_what_they_promise_on_rows_never_seen(fitted, simulated):
    _, wanted, truth = simulated
    low, high = fitted.predict_interval(wanted)
    y = p.signed_log10_p(truth, np.inf)
    assert 0.84 < ((y >= low) & (y <= high)).mean() < 0.97


def test_what_is_asked_never_reaches_the_fit(fitted, simulated):
    """The fit knows names of wanted rows only; other wanted rows of the kind change nothing."""
    table, wanted, _ = simulated
    again = p.fit(table, wanted.iloc[:10], members=QUICK, n_jobs=1)
    np.testing.assert_array_equal(again.predict(wanted).t, fitted.predict(wanted).t)


def test_a_row_is_predicted_alone_as_among_others(fitted, simulated):
    wanted = simulated[1]
    whole = fitted.predict(wanted).t
    order = np.random.default_rng(1).permutation(len(wanted))
    mixed = fitted.predict(wanted.iloc[order]).t
    np.testing.assert_allclose(mixed, whole[order], atol=1e-5)
    np.testing.assert_allclose(fitted.predict(wanted.iloc[3:4]).t, whole[3:4], atol=1e-5)


def test_it_comes_back_from_disk_and_strangers_are_refused(fitted, simulated, tmp_path):
    wanted = simulated[1]
    fitted.save(tmp_path / "model")
    back = p.load_ensemble(tmp_path / "model")
    np.testing.assert_array_equal(back.predict(wanted).t, fitted.predict(wanted).t)
    np.testing.assert_array_equal(back.predict_interval(wanted), fitted.predict_interval(wanted))
    assert repr(back) == repr(fitted)
    with pytest.raises(InputError, match="exists already"):
        fitted.save(tmp_path / "model")
    p.save_model(fitted.members["kernel_gp"], tmp_path / "gp")
    with pytest.raises(InputError, match="not an ensemble"):
        p.load_ensemble(tmp_path / "gp")
    head = tmp_path / "model" / "artefact.json"
    head.write_text(head.read_text().replace('"slopes"', '"slope"'))
    with pytest.raises(InputError, match="damaged"):
        p.load_ensemble(tmp_path / "model")


def test_new_names_are_predicted_and_what_they_rest_on_is_said(fitted):
    new = pd.DataFrame({"context": ["E", "Z", "Z"], "compound": ["unheard", "drug 01", "unheard"]})
    found = fitted.predict(new)
    assert np.isfinite(found.t).all()
    assert found.rows["rests_on"].tolist() == [
        "rows of its context, and compounds of like chemistry",
        "rows of its compound in other contexts",
        "the mean of all rows, and compounds of like chemistry",
    ]


def test_time_that_is_over_is_said_and_the_first_model_stays(simulated):
    table, wanted, _ = simulated
    members = {"recommender": p.Recommender(), "kernel_gp": p.KernelGP(n_steps=10)}
    found = p.fit(table, wanted, members=members, minutes=1e-9, n_jobs=1)
    assert set(found.members) == {"recommender"}
    assert "Left out, as 1e-09 minutes were over: kernel_gp." in repr(found)


def test_values_that_were_not_measured_do_not_count(simulated):
    table, wanted, _ = simulated
    measured = np.ones(table.t.shape, dtype=bool)
    measured[:, 7] = False
    wild = table.t.copy()
    wild[:, 7] = 1e6
    blind = p.PerturbationTable(table.rows, table.genes, t=wild, measured=measured)
    found = p.fit(blind, wanted, members={"recommender": p.Recommender()}, n_jobs=1)
    assert np.abs(found.predict(wanted).t).max() < 100


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"members": {}}, "members must not be empty"),
        ({"minutes": 0}, "minutes must be positive"),
        ({"like": "few shot"}, "there is no split 'few shot'"),
    ],
)
def test_bad_settings_are_one_sentence(simulated, change, message):
    table, wanted, _ = simulated
    with pytest.raises(InputError, match=message):
        p.fit(table, change.pop("like", wanted), **({"members": QUICK, "n_jobs": 1} | change))
