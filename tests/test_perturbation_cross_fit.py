"""Weights, and labels of a second stage, have not seen the fold that they are judged on."""

import re
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cellaxes import perturbation as p
from cellaxes.perturbation._ensemble._find import find
from cellaxes.perturbation._ensemble._judge import Clock
from cellaxes.perturbation._ensemble._members import training_data
from cellaxes.perturbation._ensemble._second import AGAIN, one_fold_again
from cellaxes.perturbation._stack import cross_fit, stack


@pytest.fixture(scope="module")
def guesses():
    """Responses of three folds, and what a fair and many useless models say of them."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(30, 8))
    told = {f"noise {i}": rng.normal(size=truth.shape) for i in range(12)}
    told["fair"] = 0.5 * truth + 0.5 * rng.normal(size=truth.shape)
    return truth, told, np.repeat([0, 1, 2], 10), np.array(["A", "B"] * 15)


def test_what_is_joined_of_a_fold_knows_nothing_of_its_responses(guesses):
    truth, told, fold, context = guesses
    joined = cross_fit(truth, told, fold, context=context)
    noise = np.where((fold == 1)[:, None], 50 * truth[::-1], truth)
    again = cross_fit(noise, told, fold, context=context)
    np.testing.assert_array_equal(again[fold == 1], joined[fold == 1])
    assert not np.allclose(again[fold == 0], joined[fold == 0])


def test_useless_models_take_no_error_away(guesses):
    truth, told, fold, context = guesses
    fair = {"fair": told["fair"]}
    error = [
        p.metrics.mrrmse(truth, cross_fit(truth, each, fold, context=context))
        for each in (fair, told)
    ]
    assert error[1] > error[0]
    assert stack(truth, told).loss < stack(truth, fair).loss  # in sample, they seem to


NET = p.EmbeddingMLP(4, (16,), (0.0,), n_dim=4, training=p.Training(epochs=20, n_seeds=1))
MEMBERS = {"kernel_gp": p.KernelGP(n_steps=5), "embedding_mlp": NET}


@pytest.fixture(scope="module")
def asked():
    """Training rows, folds in the shape of what is asked, and that."""
    rows = pd.DataFrame([(c, f"s{i:02}") for c in "ABCD" for i in range(24)])
    rows.columns = ["context", "compound"]
    known = (rows["context"] != "D") | rows["compound"].lt("s08")
    rng = np.random.default_rng(1)
    t = np.tile(2 * rng.normal(size=(24, 12)), (4, 1)) + rng.normal(size=(96, 12))
    table = p.PerturbationTable(
        rows[known].reset_index(drop=True), [f"g{i}" for i in range(12)], t=t[known]
    )
    data = training_data(table)
    wanted = rows[~known].reset_index(drop=True)
    return data, p.folds_like(wanted, data.rows), wanted


def judged(data, folds, wanted):
    clock = Clock(time.monotonic() + 600, 1)
    return find(MEMBERS, data, folds, clock=clock, step=lambda _: None, wanted=wanted)


def test_an_ensemble_is_judged_by_weights_of_other_folds(asked):
    data, folds, wanted = asked
    found = judged(data, folds, wanted[:0])
    fold = found.asked["kernel_gp"].fold
    noise = data.Y.copy()
    noise[found.rows[fold == 0]] *= -30
    context = data.rows["context"].to_numpy()[found.rows]
    for responses in (data.Y[found.rows], noise[found.rows]):
        joined = cross_fit(responses, found.predicted, fold, context=context)
        np.testing.assert_allclose(found.joined[fold == 0], joined[fold == 0])


def test_a_second_stage_does_not_see_the_values_it_is_judged_on(asked):
    data, folds, _ = asked
    labels = np.zeros((int(folds[0].test.sum()), 12), dtype=np.float32)
    noise = data.Y.copy()
    noise[folds[0].test] = 50
    one, two = (
        one_fold_again(NET, each, folds[0], labels) for each in (data, replace(data, Y=noise))
    )
    np.testing.assert_array_equal(one.predicted, two.predicted)
    other = one_fold_again(NET, data, folds[0], labels + 5)
    assert other.predicted.mean() > one.predicted.mean()  # but it does learn from its labels


def test_a_second_stage_that_is_worse_is_left_out(asked, monkeypatch):
    data, folds, wanted = asked
    name = "embedding_mlp" + AGAIN
    fits = judged(data, folds, wanted)
    before, after = (float(x) for x in re.findall(r"from ([\d.]+) to ([\d.]+)", fits.second)[0])
    assert (name in fits.asked) == (after < before)

    def spoilt(model, data, split, labels):
        found = one_fold_again(model, data, split, labels)
        return replace(found, predicted=-100 * np.ones_like(found.predicted))

    monkeypatch.setattr("cellaxes.perturbation._ensemble._find.one_fold_again", spoilt)
    found = judged(data, folds, wanted)
    assert name not in found.asked
    assert "left out" in found.second
    np.testing.assert_array_equal(found.joined, judged(data, folds, wanted[:0]).joined)
