"""Plans: the optimum for a budget, what is not known, depths that answer a question."""

import json

import numpy as np
import pytest
from scipy.optimize import brentq

import cellaxes as cx

DEPTHS, SIZES = np.geomspace(20, 5000, 6), np.geomspace(100, 10_000, 5).round()
U, N = (np.repeat(axis, 2) for axis in np.meshgrid(DEPTHS, SIZES))
LAW = cx.scaling.JointLaw(800, 200, 2.5, s=0.6)
COSTS = cx.scaling.Costs(per_cell=0.1, per_umi=1e-4)


def pilot(law, seed=0, noise=0.03, rows=slice(None)):
    y = law(U, N) + noise * np.random.default_rng(seed).standard_normal(U.shape)
    return U[rows], N[rows], y[rows]


def optimum(law, costs, budget):
    n = np.geomspace(100, 1e6, 4000)
    u = costs.depth(budget, n)
    bits = law(u[u > 1], n[u > 1])
    return n[u > 1][bits.argmax()], bits.max()


def test_costs_add_up_and_depth_spends_the_rest():
    costs = cx.scaling.Costs(
        per_cell=0.5, per_read=1e-5, reads_per_umi=3, per_library=1000, cells_per_library=5000
    )
    assert costs.total(6000, 1000) == pytest.approx(2000 + 3000 + 6000 * 1000 * 3e-5)
    assert costs.depth(costs.total(6000, 1000), 6000) == pytest.approx(1000)
    assert costs.depth(100, 6000) < 0
    for bad, message in [
        ({"per_cell": -1, "per_umi": 1}, ">= 0"),
        ({"per_cell": 1}, "depth must cost something"),
        ({"per_umi": 1, "reads_per_umi": 0}, "must be positive"),
        ({"per_umi": np.nan}, ">= 0"),
    ]:
        with pytest.raises(cx.InputError, match=message):
            cx.scaling.Costs(**bad)


def test_region_holds_the_optimum_and_the_plan_loses_little():
    held, lost = 0, []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        law = cx.scaling.JointLaw(
            10 ** rng.uniform(2, 3.5), 10 ** rng.uniform(1, 3), rng.uniform(1, 4), s=0.6
        )
        costs = cx.scaling.Costs(per_cell=0.1, per_umi=10 ** rng.uniform(-5, -4))
        budget = 10 ** rng.uniform(2.5, 3.5)
        found = cx.scaling.plan(*pilot(law, seed), costs=costs, budget=budget, random_state=seed)
        n, bits = optimum(law, costs, budget)
        held += found.n_cells_low * 0.98 <= n <= found.n_cells_high * 1.02
        lost.append(1 - law(found.depth, found.n_cells) / bits)
        assert found.cost == pytest.approx(budget, rel=1e-6)
    assert held >= 10
    assert np.median(lost) < 0.01


def test_cheaper_molecules_buy_depth_and_doubling_says_what_limits():
    cheap, dear = (
        cx.scaling.plan(
            *pilot(LAW), costs=cx.scaling.Costs(per_cell=0.1, per_umi=price), budget=1000
        )
        for price in (1e-5, 1e-3)
    )
    assert cheap.depth > 3 * dear.depth
    assert cheap.information > dear.information
    for found in (cheap, dear):
        for mean, low, high in found.gains.values():
            assert low <= mean <= high
            assert mean > -0.01
        frame = found.to_frame()
        at = (frame["n_cells"] - found.n_cells).abs().argmin()
        assert frame["information"].max() == pytest.approx(frame["information"][at])
        assert (frame["low"] < frame["high"]).all()
        assert json.loads(json.dumps(found.to_dict()))["n_cells"] == found.n_cells
    u, n = dear.depth, dear.n_cells
    assert dear.gains["depth"][0] == pytest.approx(LAW(2 * u, n) - LAW(u, n), abs=0.05)
    assert dear.gains["cells"][0] == pytest.approx(LAW(u, 2 * n) - LAW(u, n), abs=0.05)


def test_what_there_is_to_be_had_limits_the_plan():
    free = cx.scaling.plan(*pilot(LAW), costs=COSTS, budget=3000)
    few = cx.scaling.plan(*pilot(LAW), costs=COSTS, budget=3000, max_cells=free.n_cells // 2)
    assert few.n_cells <= free.n_cells // 2
    shallow = cx.scaling.plan(*pilot(LAW), costs=COSTS, budget=3000, max_depth=free.depth / 2)
    assert shallow.depth <= free.depth / 2 + 1e-9
    assert shallow.n_cells > free.n_cells
    tiny = cx.scaling.plan(*pilot(LAW), costs=COSTS, budget=3000, max_cells=50)
    assert tiny.n_cells <= 50
    assert tiny.next is None or tiny.next.n_cells <= 50


def test_a_plan_at_the_edge_of_the_law_is_not_known():
    law = cx.scaling.JointLaw(30_000, 5, 3.0, s=0.8)
    costs = cx.scaling.Costs(per_cell=1, per_umi=1e-3)
    found = cx.scaling.plan(*pilot(law), costs=costs, budget=300)
    assert found.n_cells == 10
    assert not found.known
    assert "0.1 times the cells" in found.reason
    deep = cx.scaling.plan(*pilot(law), costs=costs, budget=30_000)
    assert not deep.known
    assert "times the" in deep.reason


def test_a_pilot_that_the_law_does_not_describe_is_no_plan_to_trust():
    for y in (1 + 0.5 * np.sin(2 * np.log(N)) + 0.5 * np.sin(2 * np.log(U)), np.ones_like(U)):
        found = cx.scaling.plan(U, N, y, costs=COSTS, budget=1000)
        assert not found.known
        assert "does not describe the pilot" in found.reason
    assert cx.scaling.plan(*pilot(LAW), costs=COSTS, budget=1000).r_squared > 0.95


def test_full_libraries_are_among_the_choices():
    costs = cx.scaling.Costs(per_cell=0.01, per_umi=1e-4, per_library=400, cells_per_library=1000)
    found = cx.scaling.plan(*pilot(LAW), costs=costs, budget=1500)
    line = found.to_frame()
    truth = LAW(line["depth"], line["n_cells"])
    assert {1000, 2000} <= set(line["n_cells"])
    assert LAW(found.depth, found.n_cells) > 0.99 * truth.max()


def test_every_walker_of_the_posterior_is_heard_and_order_changes_nothing():
    from cellaxes.scaling._posterior import WALKERS, posterior

    u, n, y = pilot(LAW)
    draws, _ = posterior(u[::2], n[::2], y[::2], start=LAW, random_state=0)
    assert len(draws) % WALKERS == 0
    assert len(np.unique(draws[:WALKERS, 0])) > WALKERS / 2
    other, _ = posterior(u[::2], n[::2], y[::2], start=LAW, random_state=1)
    ends = [np.quantile(some[:, 2], [0.1, 0.9]) for some in (draws, other)]
    np.testing.assert_allclose(*ends, rtol=0.15)
    order = np.random.default_rng(0).permutation(len(u))
    one = cx.scaling.plan(u, n, y, costs=COSTS, budget=1000)
    shuffled = cx.scaling.plan(u[order], n[order], y[order], costs=COSTS, budget=1000)
    assert shuffled.n_cells == one.n_cells


def test_a_pilot_that_cannot_know_says_so_and_what_would_settle_it():
    law = cx.scaling.JointLaw(3000, 3000, 4.0, s=0.5)
    rows = (U < 200) & (N < 2000)
    found = cx.scaling.plan(
        *pilot(law, noise=0.1, rows=rows), costs=COSTS, budget=50_000, random_state=1
    )
    assert not found.known
    assert "rests on the law alone" in found.reason
    assert "NOT KNOWN" in repr(found)
    assert found.next is not None
    assert found.next.depth > U[rows].max() or found.next.n_cells > N[rows].max()
    assert found.next.cost == COSTS.total(found.next.n_cells, found.next.depth)
    far = cx.scaling.JointLaw(20_000, 20_000, 5.0, s=0.8)
    few = (U < 200) & (N < 2000)
    lost = cx.scaling.plan(*pilot(far, noise=0.3, rows=few), costs=COSTS, budget=20_000)
    assert "you cannot know this from your pilot" in lost.reason
    sure = cx.scaling.plan(*pilot(LAW), costs=COSTS, budget=1000)
    assert sure.known
    assert sure.reason == ""
    assert sure.next is None


def test_replicates_of_one_depth_may_differ_in_what_was_measured():
    u, n, y = pilot(LAW)
    jitter = u * np.exp(0.02 * np.random.default_rng(0).standard_normal(len(u)))
    plain = cx.scaling.plan(u, n, y, costs=COSTS, budget=1000)
    named = cx.scaling.plan(jitter, n, y, costs=COSTS, budget=1000, level=u)
    assert named.n_cells == pytest.approx(plain.n_cells, rel=0.2)
    assert named.n_cells_high / named.n_cells_low == pytest.approx(
        plain.n_cells_high / plain.n_cells_low, rel=0.3
    )


def test_same_seed_same_plan():
    one, two, other = (
        cx.scaling.plan(*pilot(LAW), costs=COSTS, budget=1000, random_state=seed)
        for seed in (3, 3, 4)
    )
    assert one == two
    assert one != other


def test_unusable_pilots_and_budgets_are_refused_in_one_sentence():
    u, n, y = pilot(LAW)
    for args, options, message in [
        ((u, np.full_like(n, 500), y), {}, "three different values of n_cells"),
        ((u, n, y), {"budget": 1}, "raise it to 1.002 or more"),
        ((u, n, y), {"budget": np.nan}, "positive number"),
        ((u, n, y[:-1]), {}, "equal lengths"),
        ((u, n, y), {"level": [1]}, "one entry per point"),
        ((u, n, y), {"level": np.where(u > 1000, np.nan, u)}, "level has missing entries"),
        ((u, n, y), {"level": np.ones_like(u)}, "three different values of depth"),
        ((u, n, y), {"max_cells": 0}, "max_cells must be at least 10"),
        ((u, n, y), {"max_cells": np.nan}, "max_cells must be at least 10"),
        ((u, n, y), {"max_depth": -5}, "max_depth must be at least 2"),
    ]:
        with pytest.raises(cx.InputError, match=message):
            cx.scaling.plan(*args, costs=COSTS, **({"budget": 1000} | options))


def test_both_definitions_of_a_saturation_depth():
    law = cx.scaling.NoiseLaw(300, 2.5)
    fit = cx.scaling.fit_noise_law(DEPTHS, law(DEPTHS))
    by_bits = cx.scaling.depth_for(fit, share_of_bits=0.9)
    by_states = cx.scaling.depth_for(fit, share_of_states=0.9)
    assert law(by_bits.depth) == pytest.approx(0.9 * 2.5, abs=1e-3)
    assert 2 ** law(by_states.depth) == pytest.approx(0.9 * 2**2.5, rel=1e-3)
    assert by_states.depth != pytest.approx(by_bits.depth, rel=0.1)
    assert cx.scaling.depth_for(fit, bits=2.0).known


def test_interval_of_a_target_holds_the_truth_and_tells_what_cannot_be_known():
    held = 0
    u = np.repeat(DEPTHS, 3)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        law = cx.scaling.NoiseLaw(10 ** rng.uniform(2, 3), 2.5)
        fit = cx.scaling.fit_noise_law(u, law(u) + 0.05 * rng.standard_normal(len(u)))
        found = cx.scaling.depth_for(fit, bits=1.8)
        held += found.low <= law.inverse(1.8) <= found.high
    assert held >= 36
    beyond = cx.scaling.depth_for(fit, bits=fit.I_max + 0.05)
    assert beyond.depth == np.inf
    assert beyond.low < np.inf
    assert "no depth reaches" in beyond.reason
    assert not beyond.known
    flat = cx.scaling.fit_noise_law(DEPTHS, -0.01 * np.ones(6))
    assert not cx.scaling.depth_for(flat, share_of_bits=0.5).known
    nothing = cx.scaling.depth_for(fit, share_of_states=0.1)
    assert nothing.depth == 0
    assert "no depth is needed" in nothing.reason
    nearly = cx.scaling.depth_for(fit, bits=fit.I_max - 0.001)
    assert not nearly.known
    assert json.loads(json.dumps(beyond.to_dict()))["known"] is False


def test_crossing_is_where_two_curves_meet():
    robust, able = cx.scaling.NoiseLaw(100, 2.0), cx.scaling.NoiseLaw(1500, 3.0)
    rng = np.random.default_rng(0)
    held = 0
    truth = brentq(lambda u: robust(u) - able(u), 10, 1e5)
    u = np.repeat(DEPTHS, 3)
    for _ in range(20):
        fits = [
            cx.scaling.fit_noise_law(u, law(u) + 0.03 * rng.standard_normal(len(u)))
            for law in (robust, able)
        ]
        found = cx.scaling.crossing(*fits)
        held += found.low <= truth <= found.high
    assert held >= 18
    assert found.depth == pytest.approx(cx.scaling.crossing(*fits[::-1]).depth)
    exact = [cx.scaling.fit_noise_law(DEPTHS, law(DEPTHS)) for law in (robust, able)]
    assert cx.scaling.crossing(*exact).depth == pytest.approx(truth, rel=1e-3)
    above = cx.scaling.fit_noise_law(DEPTHS, cx.scaling.NoiseLaw(100, 3.0)(DEPTHS))
    none = cx.scaling.crossing(exact[0], above)
    assert none.depth == np.inf
    assert "the second model is above" in none.reason
    assert "the first model is above" in cx.scaling.crossing(above, exact[0]).reason
    early = cx.scaling.fit_noise_law(DEPTHS, cx.scaling.NoiseLaw(50, 2.0)(DEPTHS))
    assert "the second model is above" in cx.scaling.crossing(exact[0], early).reason
    assert "the first model is above" in cx.scaling.crossing(early, exact[0]).reason
    assert "the same" in cx.scaling.crossing(exact[0], exact[0]).reason


def test_impossible_targets_are_refused():
    fit = cx.scaling.fit_noise_law(DEPTHS, cx.scaling.NoiseLaw(300, 2.5)(DEPTHS))
    for target, message in [
        ({}, "give one of"),
        ({"bits": 1, "share_of_bits": 0.5}, "not 2"),
        ({"share_of_states": 1.2}, "between 0 and 1"),
        ({"bits": -1}, "above 0"),
    ]:
        with pytest.raises(cx.InputError, match=message):
            cx.scaling.depth_for(fit, **target)
