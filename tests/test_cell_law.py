"""What more training cells bring."""

import numpy as np
import pytest
from scipy.optimize import minimize

import cellaxes as cx

SIZES = np.repeat(np.geomspace(100, 100_000, 10), 3)


def curve(law, seed, noise=0.03):
    return law(SIZES) + noise * np.random.default_rng(seed).standard_normal(len(SIZES))


def test_law_and_its_inverse():
    law = cx.scaling.CellLaw(200, 0.4, 3.0)
    assert law(200) == pytest.approx(2.0)
    assert law.inverse(law(5000)) == pytest.approx(5000)
    assert law.inverse(3.0) == np.inf
    assert cx.scaling.CellLaw(0, 1.0, 2.0)(SIZES) == pytest.approx(2.0)


@pytest.mark.parametrize("s", [0.2, 0.5, 1.5])
def test_intervals_hold_the_truth(s):
    law = cx.scaling.CellLaw(150, s, 2.5)
    held = 0
    for seed in range(40):
        fit = cx.scaling.fit_cell_law(SIZES, curve(law, seed))
        held += (fit.I_inf_low <= 2.5 <= fit.I_inf_high) and (
            fit.s_low * 0.98 <= s <= fit.s_high * 1.02
        )
    assert held >= 34


def test_no_random_start_beats_the_optimum():
    rng = np.random.default_rng(0)
    for seed in range(3):
        y = curve(cx.scaling.CellLaw(10 ** rng.uniform(2, 4), 0.45, 3.0), seed, 0.1)
        fit = cx.scaling.fit_cell_law(SIZES, y)
        least = float(((y - fit.law(SIZES)) ** 2).sum())

        def sse(p, y=y):
            missing = np.exp(np.clip(np.exp(p[1]) * (p[0] - np.log(SIZES)), -50, 50))
            return float(((p[2] - missing - y) ** 2).sum())

        for _ in range(50):
            start = [rng.uniform(-5, 15), rng.uniform(-4, 2), rng.uniform(0.5, 10)]
            bounds = [(-40, 600), (np.log(0.01), np.log(10)), (-5, 500)]
            assert minimize(sse, start, bounds=bounds).fun > least * (1 - 1e-6)


def test_constant_and_rising_curves_are_flagged():
    rng = np.random.default_rng(0)
    flat = cx.scaling.fit_cell_law(SIZES, 2 + 0.05 * rng.standard_normal(len(SIZES)))
    assert not flat.identified
    assert "constant" in flat.reason
    assert flat.law(10) == flat.law(1e6) == pytest.approx(2, abs=0.05)
    rising = cx.scaling.fit_cell_law(
        SIZES, np.log10(SIZES) + 0.05 * rng.standard_normal(len(SIZES))
    )
    assert not rising.identified
    assert "still rises" in rising.reason
    assert rising.r_squared > 0.95


def test_fits_survive_json():
    fit = cx.scaling.fit_cell_law(SIZES, curve(cx.scaling.CellLaw(150, 0.5, 2.5), 0))
    assert cx.scaling.CellFit.from_dict(fit.to_dict()) == fit
    assert fit.to_frame().shape == (1, 13)
    assert fit.identified, fit.reason


def test_unusable_curves_are_refused_in_one_sentence():
    y = curve(cx.scaling.CellLaw(150, 0.5, 2.5), 0)
    for args, message in [
        ((SIZES, y[:-1]), "equal lengths"),
        ((SIZES[:9], y[:9]), "at least 4 different numbers of cells, not 3"),
        ((-SIZES, y), "must be positive"),
        ((SIZES, y * np.inf), "NaN or infinity"),
        ((SIZES, y * 100), "must be in bits"),
    ]:
        with pytest.raises(cx.InputError, match=message):
            cx.scaling.fit_cell_law(*args)
    with pytest.raises(cx.InputError, match="n_0 >= 0"):
        cx.scaling.CellLaw(-1, 1, 1)
