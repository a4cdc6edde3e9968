"""Predicting information at depths that were not measured."""

import numpy as np
import pytest

import cellaxes as cx

DEPTHS = np.geomspace(10, 3000, 8)


def study(law, seed, noise=0.03, replicates=3):
    rng = np.random.default_rng(seed)
    u = np.repeat(DEPTHS, replicates)
    return u, law(u) + noise * rng.standard_normal(len(u))


def test_prediction_holds_the_truth_as_often_as_it_says():
    inside = []
    for seed in range(40):
        u_bar = 10 ** np.random.default_rng(seed).uniform(2, 4)
        law = cx.scaling.NoiseLaw(u_bar, 2.5)
        ahead = cx.scaling.predict(*study(law, seed), at=[6000, 20_000])
        inside += [
            low <= law(u) <= high
            for u, low, high in zip(ahead.at, ahead.low, ahead.high, strict=True)
        ]
    assert np.mean(inside) >= 0.85


def test_interval_widens_with_the_distance_and_the_members_are_told():
    law = cx.scaling.NoiseLaw(800, 2.5)
    ahead = cx.scaling.predict(*study(law, 0), at=[100, 3000, 6000, 20_000])
    width = np.subtract(ahead.high, ahead.low)
    assert (np.diff(width[1:]) > 0).all()
    frame = ahead.to_frame()
    assert frame["law"].iloc[0] == pytest.approx(frame["mean"].iloc[0])
    beyond = sum(ahead.weights[name] * frame[name] for name in ahead.weights)
    np.testing.assert_allclose(frame["mean"].iloc[2:], beyond[2:])
    assert sum(ahead.weights.values()) == pytest.approx(1)
    assert frame["mean"].iloc[0] == pytest.approx(law(100), abs=0.05)


def test_levels_are_named_where_depths_scatter():
    law = cx.scaling.NoiseLaw(500, 2.0)
    u, y = study(law, 1)
    level = np.repeat(np.arange(8), 3)
    jittered = u * np.exp(0.01 * np.random.default_rng(0).standard_normal(len(u)))
    ahead = cx.scaling.predict(jittered, y, at=[6000], level=level)
    plain = cx.scaling.predict(u, y, at=[6000])
    assert ahead.mean[0] == pytest.approx(plain.mean[0], abs=0.05)
    order = np.random.default_rng(1).permutation(len(u))
    assert cx.scaling.predict(u[order], y[order], at=[6000]).mean == pytest.approx(plain.mean)


def test_noisier_replicates_leave_more_open():
    law = cx.scaling.NoiseLaw(500, 2.0)
    width = []
    for noise in (0.001, 0.3):
        ahead = cx.scaling.predict(*study(law, 3, noise=noise), at=[6000])
        width.append(ahead.high[0] - ahead.low[0])
    assert width[1] > 1.3 * width[0]


def test_weights_follow_who_was_right_on_withheld_levels():
    saturated = cx.scaling.NoiseLaw(30, 2.5)
    ahead = cx.scaling.predict(*study(saturated, 0, noise=0.01), at=[20_000])
    assert ahead.weights["law of 4"] > 1.15 * ahead.weights["trend of 4"]
    straight = np.log2(DEPTHS) / 4
    ahead = cx.scaling.predict(DEPTHS, straight, at=[20_000])
    assert ahead.weights["trend of 4"] > ahead.weights["law of 4"]
    few = cx.scaling.predict(DEPTHS[:4], straight[:4], at=[20_000])
    np.testing.assert_allclose(list(few.weights.values()), 1 / 3)


def test_more_training_cells_are_predicted_by_the_law_of_cells():
    law = cx.scaling.CellLaw(200, 0.4, 3.0)
    sizes = np.repeat(np.geomspace(100, 10_000, 7), 3)
    rng = np.random.default_rng(0)
    ahead = cx.scaling.predict(
        sizes, law(sizes) + 0.02 * rng.standard_normal(21), at=[1000, 100_000], along="cells"
    )
    assert ahead.mean[0] == pytest.approx(law(1000), abs=0.05)
    assert ahead.low[1] < law(100_000) < ahead.high[1]
    assert ahead.to_dict()["at"] == [1000, 100_000]


def test_unusable_curves_are_refused_in_one_sentence():
    u, y = study(cx.scaling.NoiseLaw(500, 2.0), 0)
    for args, options, message in [
        ((u[:9], y[:9]), {"at": [1]}, "at least 4 depths, but there are 3"),
        ((u, y), {"at": [-1]}, "positive numbers"),
        ((u, y), {"at": [np.nan]}, "positive numbers"),
        ((u, y), {"at": [1], "level": [1, 2]}, "one entry per point"),
        ((u, y[:-1]), {"at": [1]}, "equal lengths"),
        ((u, y), {"at": [1], "along": "time"}, "'depth' or 'cells'"),
        ((u, y), {"at": [1], "along": "cells"}, "fewer than were ever measured"),
    ]:
        with pytest.raises(cx.InputError, match=message):
            cx.scaling.predict(*args, **options)
