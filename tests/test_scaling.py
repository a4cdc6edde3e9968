"""The noise law: exact on the channel it describes, a true optimum, honest about doubt."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

import cellaxes as cx
from cellaxes.information._data import make_pairs
from cellaxes.information._gaussian import gaussian
from cellaxes.scaling._laws import gradient, information
from cellaxes.scaling._search import make_problem

DEPTHS = np.geomspace(10, 8000, 10)


@given(st.floats(1, 1e4), st.floats(0.01, 8), st.floats(0.1, 1e5))
@settings(deadline=None)
def test_both_published_forms_and_the_inverse_agree(u_bar, I_max, u):
    law = cx.scaling.NoiseLaw(u_bar, I_max)
    paper = I_max - 0.5 * np.log2((1 + u / u_bar) / (u / u_bar + 4.0**-I_max))
    assert law(u) == pytest.approx(paper, abs=1e-9)
    assert law(u) == pytest.approx(
        0.5 * np.log2((1 + law.snr_per_unit * u) / (1 + u / u_bar)), abs=1e-9
    )
    assert law(law.inverse(0.9 * I_max)) == pytest.approx(0.9 * I_max, rel=1e-6)
    assert 0 <= law.bits_per_doubling(u) <= 0.5 + 1e-9


def test_reference_values_of_the_law():
    for I_max, at_u_bar in {0.5: 0.29, 1: 0.66, 2: 1.54, 3: 2.51, 5: 4.50}.items():
        assert cx.scaling.NoiseLaw(300, I_max)(300) == pytest.approx(at_u_bar, abs=0.006)
    law = cx.scaling.NoiseLaw(100, 2.0)
    assert law(0) == pytest.approx(0)
    assert law.inverse(2.0) == np.inf
    np.testing.assert_allclose(law([10, 100]), [law(10), law(100)])
    assert law.bits_per_doubling(np.array([10.0])).shape == (1,)
    for bad in [(0, 1), (1, -1), (np.nan, 1)]:
        with pytest.raises(cx.InputError, match="u_bar > 0"):
            cx.scaling.NoiseLaw(*bad)
    with pytest.raises(cx.InputError, match="at least 0 bits"):
        law.inverse(-1)


@given(st.floats(2, 9), st.floats(0.05, 5))
@settings(max_examples=30, deadline=None)
def test_gradient_is_the_derivative(log_u_bar, I_max):
    analytic = gradient(DEPTHS, log_u_bar, I_max)[:2]
    step = 1e-6
    numeric = (
        (
            information(DEPTHS, log_u_bar + step, I_max)
            - information(DEPTHS, log_u_bar - step, I_max)
        ),
        (
            information(DEPTHS, log_u_bar, I_max + step)
            - information(DEPTHS, log_u_bar, I_max - step)
        ),
    )
    for exact, difference in zip(analytic, numeric, strict=True):
        np.testing.assert_allclose(exact, difference / (2 * step), atol=1e-6)


def test_gaussian_channel_follows_the_noise_law():
    y, x = cx.datasets.gaussian_channel(DEPTHS, capacity=2.0, sensitivity=300, n_cells=200_000)
    law = cx.scaling.NoiseLaw(300, 2.0)
    found = [gaussian(make_pairs(row, y)) for row in x]
    np.testing.assert_allclose(found, law(DEPTHS), atol=0.012)


@given(st.floats(20, 3000), st.floats(0.3, 5))
@settings(max_examples=15, deadline=None)
def test_exact_curves_give_back_their_parameters(u_bar, I_max):
    fit = cx.scaling.fit_noise_law(DEPTHS, cx.scaling.NoiseLaw(u_bar, I_max)(DEPTHS))
    assert fit.u_bar == pytest.approx(u_bar, rel=1e-4)
    assert fit.I_max == pytest.approx(I_max, abs=1e-5)
    assert fit.identified
    assert fit.r_squared == pytest.approx(1)


@pytest.mark.parametrize("seed", range(12))
def test_fifty_random_starts_never_beat_the_optimum(seed):
    rng = np.random.default_rng(seed)
    law = cx.scaling.NoiseLaw(rng.uniform(30, 5000), rng.uniform(0.2, 4))
    y = law(DEPTHS) + rng.normal(0, [0.02, 0.2, 1.0][seed % 3], len(DEPTHS))
    weights = rng.uniform(0.2, 5, len(DEPTHS)) if seed % 2 else None
    fit = cx.scaling.fit_noise_law(DEPTHS, y, weights=weights)
    problem = make_problem(DEPTHS, y, weights)
    ours = float(problem.sse(np.log(fit.u_bar), np.array(fit.I_max)))
    bounds = tuple(zip(problem.log_u_bar_range, problem.I_max_range, strict=True))
    for _ in range(50):
        start = [rng.uniform(*problem.log_u_bar_range), rng.uniform(*problem.I_max_range)]
        other = least_squares(
            lambda t: np.sqrt(problem.w) * (information(problem.u, t[0], t[1]) - problem.y),
            start,
            bounds=bounds,
        )
        assert ours <= 2 * other.cost * (1 + 1e-6) + 1e-12


def test_profile_interval_is_where_the_sum_of_squares_crosses_its_threshold():
    rng = np.random.default_rng(0)
    y = cx.scaling.NoiseLaw(400, 2.0)(DEPTHS) + rng.normal(0, 0.03, 10)
    problem = make_problem(DEPTHS, y, None)
    from cellaxes.scaling._search import optimum, profile_interval
    from cellaxes.scaling._uncertainty import threshold

    log_u_bar, I_max = optimum(problem)
    edge = threshold(problem, log_u_bar, I_max)
    for end in profile_interval(problem, 1, I_max, edge):
        grid = np.linspace(log_u_bar - 3, log_u_bar + 3, 200_001)
        profile = problem.sse(grid, np.full_like(grid, end)).min()
        assert profile == pytest.approx(edge, rel=1e-3)


@pytest.mark.parametrize("estimator", ["ksg", "gaussian"])
def test_truth_lies_in_the_intervals_of_ten_simulated_studies(estimator):
    """The full check is benchmarks/law_on_truth.py."""
    hits = 0
    for study in range(10):
        rng = np.random.default_rng(study)
        I_max, u_bar = rng.uniform(0.7, 3), np.exp(rng.uniform(np.log(100), np.log(2000)))
        depth, bits, error = [], [], []
        for seed in range(3):
            y, x = cx.datasets.gaussian_channel(
                DEPTHS,
                capacity=I_max,
                sensitivity=u_bar,
                n_cells=1000,
                random_state=3 * study + seed,
            )
            for u, row in zip(DEPTHS, x, strict=True):
                found = cx.information.estimate(row, y, estimator, n_permutations=0)
                depth.append(u)
                bits.append(found.bits)
                error.append(found.standard_error)
        fit = cx.scaling.fit_noise_law(depth, bits, error=error)
        hits += (
            fit.u_bar_low <= u_bar <= fit.u_bar_high and fit.I_max_low <= I_max <= fit.I_max_high
        )
    assert hits >= 9


def test_given_errors_widen_the_interval_and_the_band_holds_the_curve():
    rng = np.random.default_rng(1)
    law = cx.scaling.NoiseLaw(400, 2.0)
    y = law(DEPTHS) + rng.normal(0, 0.01, 10)
    narrow = cx.scaling.fit_noise_law(DEPTHS, y)
    wide = cx.scaling.fit_noise_law(DEPTHS, y, error=0.1)
    assert wide.I_max == narrow.I_max
    assert wide.I_max_high - wide.I_max_low > 3 * (narrow.I_max_high - narrow.I_max_low)
    low, high = narrow.band(DEPTHS)
    assert (low <= law(DEPTHS)).all()
    assert (law(DEPTHS) <= high).all()
    assert (wide.band(DEPTHS)[1] > high).all()


def test_weights_decide_whom_to_believe():
    u = np.tile(DEPTHS, 2)
    y = np.concatenate(
        [cx.scaling.NoiseLaw(100, 1.0)(DEPTHS), cx.scaling.NoiseLaw(900, 3.0)(DEPTHS)]
    )
    fit = cx.scaling.fit_noise_law(u, y, weights=np.repeat([1e-6, 1.0], 10))
    assert fit.I_max == pytest.approx(3.0, abs=0.01)


def test_replicates_count_as_one_level():
    u = np.concatenate([DEPTHS, DEPTHS * 1.01])
    y = cx.scaling.NoiseLaw(300, 2.0)(u)
    assert cx.scaling.fit_noise_law(u, y).n_levels == 20
    fit = cx.scaling.fit_noise_law(u, y, level=np.tile(np.arange(10), 2))
    assert (fit.n_levels, fit.n) == (10, 20)


LAW = cx.scaling.NoiseLaw
NOISE = np.random.default_rng(3).normal(0, 0.02, 10)
DOUBTFUL = {
    "three depths": (DEPTHS[::4], LAW(300, 2.0)(DEPTHS[::4]), "3 depths are too few"),
    "flat": (DEPTHS, 1.0 + NOISE, "flat within its scatter"),
    "no information": (DEPTHS, NOISE, "flat within its scatter"),
    "range ends below u_bar": (DEPTHS, LAW(1e5, 4.0)(DEPTHS) + NOISE, "depth range ends at 8000"),
    "range begins above u_bar": (DEPTHS, LAW(3, 2.0)(DEPTHS), "depth range begins at 10"),
    "wide": (
        np.geomspace(10, 1000, 12),
        LAW(60, 0.3)(np.geomspace(10, 1000, 12)) + np.random.default_rng(6).normal(0, 0.09, 12),
        "say little",
    ),
    "open above": (DEPTHS, LAW(6e3, 4.0)(DEPTHS) + 20 * NOISE, "no upper limit"),
    "measured above u_bar only": (DEPTHS, LAW(0.05, 2.0)(DEPTHS) + NOISE / 30, "flat within"),
}


@pytest.mark.parametrize("case", sorted(DOUBTFUL))
def test_what_the_data_cannot_tell_is_flagged_with_its_reason(case):
    depth, bits, reason = DOUBTFUL[case]
    fit = cx.scaling.fit_noise_law(depth, bits)
    assert not fit.identified
    assert reason in fit.reason
    assert "NOT IDENTIFIED" in repr(fit)


def test_fits_survive_json():
    fit = cx.scaling.fit_noise_law(DEPTHS, LAW(6e3, 4.0)(DEPTHS) + 20 * NOISE)
    assert np.isinf(fit.u_bar_high)
    assert cx.scaling.NoiseFit.from_dict(fit.to_dict()) == fit
    assert fit.residuals.shape == (10,)
    assert fit.to_frame().loc[0, "n"] == 10


def test_unusable_points_are_refused():
    for args, message in [
        (([1, 2], [1, 2]), "at least 3 points"),
        (([1, 2, 3], [1, 2]), "equal lengths"),
        (([0, 2, 3], [1, 2, 3]), "positive"),
        (([1, 2, np.nan], [1, 2, 3]), "depth holds NaN"),
        (([1, 2, 3], [1, 2, np.inf]), "information holds NaN"),
        (([1, 2, 3], [1, 2, 900]), "are the columns exchanged"),
    ]:
        with pytest.raises(cx.InputError, match=message):
            cx.scaling.fit_noise_law(*args)
    for wish, message in [
        ({"weights": [-1, 1, 1]}, "non-negative"),
        ({"error": -1}, "standard errors"),
        ({"level": [1]}, "one entry per point"),
    ]:
        with pytest.raises(cx.InputError, match=message):
            cx.scaling.fit_noise_law([1, 2, 3], [1, 2, 3], **wish)


def test_no_curve_of_a_table_is_dropped():
    table = pd.DataFrame(
        {
            "model": ["a"] * 10 + ["b"] * 2 + [None] * 10,
            "u": [*DEPTHS, 1, 2, *DEPTHS],
            "bits": [*LAW(300, 2.0)(DEPTHS), 1, 2, *LAW(100, 1.0)(DEPTHS)],
        }
    )
    fits = cx.scaling.fit_table(table, "u", "bits", by=["model"])
    assert len(fits) == 3
    assert fits["identified"].tolist() == [True, False, True]
    assert "at least 3 points" in fits["reason"][1]
    assert np.isnan(fits["u_bar"][1])
    assert len(cx.scaling.fit_table(table[:10], "u", "bits")) == 1
    gaps = table[:10].copy()
    gaps.loc[3, "bits"] = np.nan
    assert cx.scaling.fit_table(gaps, "u", "bits").loc[0, ["n", "n_missing"]].tolist() == [9, 1]
    scattered = pd.concat([table[:3]] * 2)
    scattered["u"] = scattered["u"] * np.linspace(1, 1.02, 6)
    scattered["step"] = [0, 1, 2] * 2
    fits = cx.scaling.fit_table(scattered, "u", "bits", level="step")
    assert fits.loc[0, "n_levels"] == 3
    assert not fits.loc[0, "identified"]
    with pytest.raises(cx.InputError, match="'n' names curves"):
        cx.scaling.fit_table(table.rename(columns={"model": "n"}), "u", "bits", by=["n"])
    with pytest.raises(cx.InputError, match="did you mean 'bits'"):
        cx.scaling.fit_table(table, "u", "bit")
    with pytest.raises(cx.InputError, match="holds text"):
        cx.scaling.fit_table(table, "u", "model")
    with pytest.raises(cx.InputError, match="no rows"):
        cx.scaling.fit_table(table[:0], "u", "bits")


def test_published_curves_are_reproduced(shared):
    curves = pd.read_csv(shared / "noise_scaling" / "mi_results.csv")
    published = pd.read_csv(shared / "noise_scaling" / "published_noise_fits.csv")
    some = curves["size"].isin([215, 10000, 100000])
    keys = ["dataset", "algorithm", "signal", "size"]
    fits = cx.scaling.fit_table(curves[some], "umis_per_cell", "mi_value", by=keys)
    both = fits.merge(published, left_on=keys, right_on=["dataset", "method", "metric", "size"])
    assert len(both) == len(fits) == 36
    known = both[both["identified"]]
    assert (known["u_bar"] / known["fitted_u_bar"] - 1).abs().max() < 1e-3
    assert (known["I_max"] - known["fitted_I_max"]).abs().max() < 1e-3
    doubtful = both[~both["identified"]]
    assert doubtful[keys].to_numpy().tolist() == [["larry", "Geneformer", "clone", 215]]


def test_a_curve_of_nothing_but_scatter_has_an_interval_and_no_overflow():
    fit = cx.scaling.fit_noise_law([9, 5, 3, 2], [1e-3, -2e-3, 5e-4, -1e-3], error=2e-3)
    assert not fit.identified
