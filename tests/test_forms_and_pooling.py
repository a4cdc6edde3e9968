"""Forms of the noise law, curves fitted together, weights from replicates, noise coordinates."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import least_squares

import cellaxes as cx
from cellaxes.scaling._laws import gradient, information

DEPTHS = np.geomspace(10, 10_000, 10)
LAWS = [
    cx.scaling.NoiseLaw(400, 2.0),
    cx.scaling.NoiseLaw(400, 2.0, gamma=0.6),
    cx.scaling.NoiseLaw(400, 2.0, k=3.0),
]


@pytest.mark.parametrize("law", LAWS)
def test_inverse_slope_and_collapse_belong_to_the_law(law):
    assert law(law.inverse(1.5)) == pytest.approx(1.5)
    assert law(1e30) == pytest.approx(2.0)
    step = 1e-5
    rise = (law(700 * 2**step) - law(700 * 2**-step)) / (2 * step)
    assert law.slope(700) == pytest.approx(rise, rel=1e-6)
    assert law.slope(0) == pytest.approx(0)
    assert 0 < law.slope(DEPTHS).max() <= law.gamma * law.k / 2
    z = law.collapse(DEPTHS)
    np.testing.assert_allclose(law(DEPTHS) - 2.0, -law.k / 2 * np.log2(1 + 1 / z), atol=1e-12)


def test_derivatives_by_exponent_and_channels_agree_with_differences():
    at, step = (np.log(300.0), 2.3, 0.8, 1.7), 1e-6
    exact = gradient(DEPTHS, *at)
    for i, scale in ((0, 1), (1, 1), (2, at[2]), (3, at[3])):
        up, down = list(at), list(at)
        up[i] += step * scale
        down[i] -= step * scale
        difference = (information(DEPTHS, *up) - information(DEPTHS, *down)) / (2 * step)
        np.testing.assert_allclose(exact[i], difference, atol=1e-7)


@pytest.mark.parametrize(("law", "form"), zip(LAWS, cx.scaling._forms.FORMS, strict=True))
def test_the_true_form_is_found_among_the_forms(law, form):
    noise = 1e-3 * np.random.default_rng(1).standard_normal(10)
    forms = cx.scaling.fit_forms(DEPTHS, law(DEPTHS) + noise)
    assert forms.best.form == form
    assert forms.best.weight > 0.6
    assert (forms.best.law.gamma, forms.best.law.k) == pytest.approx((law.gamma, law.k), rel=0.05)
    assert forms.I_max == pytest.approx(2.0, abs=0.03)


@pytest.mark.parametrize("form", ["exponent", "channels"])
def test_no_random_start_beats_the_optimum_of_a_form(form):
    rng = np.random.default_rng(3)
    y = LAWS[1](DEPTHS) + 0.1 * rng.standard_normal(10)
    (fit,) = (m for m in cx.scaling.fit_forms(DEPTHS, y).members if m.form == form)

    def residual(p):
        free = np.exp(p[2])
        gamma, k = (free, 1) if form == "exponent" else (1, free)
        return information(DEPTHS, p[0], p[1], gamma, k) - y

    bounds = [
        [np.log(DEPTHS[0]) - 9.2, 0, np.log(0.2)],
        [np.log(DEPTHS[-1]) + 9.2, 12, np.log(8)],
    ]
    for _ in range(50):
        start = [rng.uniform(0, 12), rng.uniform(0.1, 8), rng.uniform(-1.5, 2)]
        assert 2 * least_squares(residual, start, bounds=bounds).cost > fit.sse * (1 - 1e-6)


def test_doubt_about_the_form_widens_the_interval_of_the_capacity():
    short = np.geomspace(10, 500, 8)
    rng = np.random.default_rng(0)
    held, alone = [], []
    for seed in range(12):
        law = LAWS[seed % 3]
        y = law(short) + 0.02 * rng.standard_normal(8)
        forms = cx.scaling.fit_forms(short, y)
        held.append(forms.I_max_low <= law.I_max <= forms.I_max_high)
        standard = next(m for m in forms.members if m.form == "standard")
        alone.append(standard.I_max_low <= law.I_max <= standard.I_max_high)
    assert np.mean(held) >= 0.75
    assert np.mean(alone) <= 0.5
    assert sum(m.weight for m in forms.members) == pytest.approx(1)
    assert law(np.inf) == pytest.approx(law.I_max)
    assert law.slope(np.inf) == 0
    with pytest.raises(cx.InputError, match="no number of bits"):
        cx.scaling.NoiseLaw(3, 600)
    with pytest.raises(cx.InputError, match="at least 0 bits"):
        law.inverse(np.nan)
    assert forms.law(100) == pytest.approx(sum(m.weight * m.law(100) for m in forms.members))
    assert forms.to_frame()["form"].tolist() == [m.form for m in forms.members]
    best = forms.best
    assert cx.scaling.FormFit.from_dict(best.to_dict()) == best


def test_curves_that_share_a_sensitivity_are_told_from_those_that_do_not():
    rng = np.random.default_rng(0)
    u, name = np.tile(DEPTHS, 3), np.repeat(["a", "b", "c"], 10)
    for sensitivities, least, most in (((300, 300, 300), 7, 10), ((100, 300, 2000), 0, 0)):
        pairs = zip(sensitivities, (1, 2, 3), strict=True)
        bits = np.concatenate([cx.scaling.NoiseLaw(*pair)(DEPTHS) for pair in pairs])
        fits = [
            cx.scaling.fit_pooled_noise_law(u, bits + 0.02 * rng.standard_normal(30), name)
            for _ in range(10)
        ]
        assert least <= sum(fit.helps for fit in fits) <= most
    fit = fits[0]
    assert fit.to_frame()["curve"].tolist() == ["a", "b", "c"]
    assert fit.to_dict()["u_bar"] == fit.u_bar
    with pytest.raises(cx.InputError, match="no curve 'd'"):
        fit.law("d")


def test_a_short_curve_borrows_the_sensitivity_of_a_long_one():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(12):
        long, short = DEPTHS, DEPTHS[:5]
        law = cx.scaling.NoiseLaw(600, 1.5), cx.scaling.NoiseLaw(600, 2.5)
        u = np.concatenate([long, short])
        bits = np.concatenate([law[0](long), law[1](short)]) + 0.03 * rng.standard_normal(15)
        fit = cx.scaling.fit_pooled_noise_law(u, bits, ["long"] * 10 + ["short"] * 5)
        held += fit.u_bar_low <= 600 <= fit.u_bar_high and (
            fit.I_max_low[1] <= 2.5 <= fit.I_max_high[1]
        )
    assert held >= 10
    alone = cx.scaling.fit_noise_law(short, bits[10:])
    assert fit.I_max_high[1] - fit.I_max_low[1] < 0.5 * (alone.I_max_high - alone.I_max_low)
    assert fit.law("short")(1e9) == pytest.approx(fit.I_max[1])


def test_replicates_that_scatter_weigh_less_and_mend_the_fit():
    u = np.repeat(DEPTHS, 3)
    law, rng = cx.scaling.NoiseLaw(400, 2.0), np.random.default_rng(0)
    noise = np.repeat(np.where(DEPTHS < 300, 0.3, 0.01), 3)
    better = 0
    for _ in range(20):
        y = law(u) + noise * rng.standard_normal(30)
        weights = cx.scaling.replicate_weights(u, y)
        assert weights.mean() == pytest.approx(1)
        assert weights[u > 300].mean() > 3 * weights[u < 300].mean()
        plain, weighed = (cx.scaling.fit_noise_law(u, y, weights=w).I_max for w in (None, weights))
        better += abs(weighed - 2) < abs(plain - 2)
    assert better >= 15
    level = np.repeat(np.arange(10), 3)
    jitter = u * np.exp(1e-3 * rng.standard_normal(30))
    np.testing.assert_allclose(cx.scaling.replicate_weights(jitter, y, level=level), weights)
    with pytest.raises(cx.InputError, match="no depth was measured twice"):
        cx.scaling.replicate_weights(DEPTHS, law(DEPTHS))


def test_coordinates_grow_as_noise_falls():
    assert cx.scaling.coordinate("depth", 20.0) == 20.0
    assert cx.scaling.coordinate("gaussian_sd", 0.5) == 2.0
    assert cx.scaling.coordinate("blocks", 4) == 0.25
    assert cx.scaling.coordinate("block_area", [2, 4]).tolist() == [0.25, 0.0625]
    assert cx.scaling.coordinate("substitution", 0.0) == np.inf
    assert cx.scaling.coordinate("photons", 100.0) == 100.0
    table = cx.scaling.show_coordinates()
    assert len(table) == 8
    assert table["description"].str.startswith("u = ").all()
    for kind, value, message in [
        ("gauss", 1, "did you mean 'gaussian'"),
        ("blocks", -1, ">= 0"),
        ("blocks", np.nan, ">= 0"),
        ("substitution", 2, "between 0 and 1"),
    ]:
        with pytest.raises(cx.InputError, match=message):
            cx.scaling.coordinate(kind, value)


def test_unusable_points_are_refused_in_one_sentence():
    y = LAWS[0](DEPTHS)
    with pytest.raises(cx.InputError, match="at least 7 depths, but there are 4"):
        cx.scaling.fit_forms(DEPTHS[:4], y[:4])
    few = cx.scaling.fit_pooled_noise_law(np.tile(DEPTHS[:3], 2), y[:6], ["a"] * 3 + ["b"] * 3)
    assert not few.helps
    with pytest.raises(cx.InputError, match="curve has missing entries"):
        cx.scaling.fit_pooled_noise_law(DEPTHS, y, [1.0] * 9 + [np.nan])
    with pytest.raises(cx.InputError, match="positive at every depth"):
        cx.scaling.fit_forms(DEPTHS, y, weights=np.arange(10))
    for names, message in [
        (["a"] * 10, "at least two curves"),
        (["a"] * 9, "must name each of 10 points"),
        (["a"] * 8 + ["b"] * 2, "'b' has 2 depths"),
    ]:
        with pytest.raises(cx.InputError, match=message):
            cx.scaling.fit_pooled_noise_law(DEPTHS, y, names)


PUBLISHED = """
spike_esm2.csv true/error 35M substitution 10 18.788 2.9850 0.9901
spike_esm2.csv true/error 8M substitution 10 36.758 3.0228 0.9975
Caltech101_Gaussian.csv Scale 0 gaussian 10 0.15188 1.0172 0.9941
Caltech101_Gaussian.csv Scale 1 gaussian 10 0.039397 0.9428 0.9892
Caltech101_Gaussian.csv Scale 3 gaussian 10 0.031744 0.9756 0.9932
Caltech101_Gaussian.csv Scale 5 gaussian 10 0.075338 0.9990 0.9923
Caltech101_Gaussian.csv Scale 94 gaussian 10 0.41222 0.9900 0.9970
Caltech101_Gaussian.csv Scale all gaussian 10 0.11916 2.1491 0.9996
Caltech101_resolution.csv Factor 0 blocks 12 0.086316 1.0707 0.9634
Caltech101_resolution.csv Factor 1 blocks 12 0.041052 1.0009 0.9829
Caltech101_resolution.csv Factor 3 blocks 12 0.056756 1.0612 0.9758
Caltech101_resolution.csv Factor 5 blocks 12 0.057405 1.0678 0.9861
Caltech101_resolution.csv Factor 94 blocks 12 0.22604 1.2088 0.9709
Caltech101_resolution.csv Factor all blocks 12 0.13581 2.3806 0.9884
tissuemnist_pixel side mi_score block_area 11 0.001087 1.4289 0.9859
tissuemnist_pixel side ova_mi_continuous_Class_0 block_area 11 0.0002655 0.6937 0.9945
tissuemnist_pixel side ova_mi_continuous_Class_1 block_area 11 0.00031088 0.5309 0.9131
tissuemnist_pixel side ova_mi_continuous_Class_2 block_area 11 0.00023139 0.7329 0.9412
tissuemnist_pixel side ova_mi_continuous_Class_3 block_area 11 0.00039226 0.7248 0.9875
tissuemnist_pixel side ova_mi_continuous_Class_4 block_area 11 0.00029264 0.6766 0.9910
tissuemnist_pixel side ova_mi_continuous_Class_5 block_area 11 0.00058655 0.6945 0.9924
tissuemnist_pixel side ova_mi_continuous_Class_6 block_area 11 0.0001769 0.6627 0.9818
tissuemnist_pixel side ova_mi_continuous_Class_7 block_area 11 0.0002729 0.6559 0.9937
tissuemnist_pixel side discrete_mi block_area 11 0.0010384 1.0652 0.9672
"""
"""Table, column of the strength, curve, coordinate; points, u_bar, I_max, R²."""


def published_curve(folder, file, strength, curve, kind):
    """Return noise coordinate and bits of a published curve."""
    if file == "tissuemnist_pixel":
        table = pd.concat([pd.read_csv(part) for part in sorted((folder / file).glob("*.csv"))])
        side = table["experiment"].str.extract(r"pix_(\d+)x")[0].astype(float)
        return cx.scaling.coordinate(kind, side), table[curve]
    within = folder / "caltech101" if file.startswith("Caltech") else folder
    table = pd.read_csv(within / file)
    name, bits = ("model_size", "mutual_information") if kind == "substitution" else (
        "Class label", "MI")  # fmt: skip
    table = table[table[name].astype(str) == curve]
    # the stored rates of the sequences are rounded; the ratio that was set, and fitted, is not
    values = 1 / (table[strength] + 1) if kind == "substitution" else table[strength]
    return cx.scaling.coordinate(kind, values), table[bits]


def half_a_digit(written):
    """Return what rounding to the digits that were written may hide."""
    digits = written.partition(".")[2]
    return 0.51 * 10.0 ** -len(digits)


@pytest.mark.parametrize("line", PUBLISHED.split("\n")[1:-1])
def test_published_curves_of_images_and_sequences(shared, line):
    *where, n, u_bar, I_max, r_squared = line.split(" ")
    fit = cx.scaling.fit_noise_law(*published_curve(shared / "noise_scaling", *where))
    assert fit.n == int(n)
    assert fit.u_bar == pytest.approx(float(u_bar), rel=5e-5, abs=half_a_digit(u_bar))
    assert fit.I_max == pytest.approx(float(I_max), abs=half_a_digit(I_max))
    assert fit.r_squared == pytest.approx(float(r_squared), abs=half_a_digit(r_squared))
