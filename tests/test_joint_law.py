"""One law for depth and training cells."""

import numpy as np
import pytest

import cellaxes as cx
from cellaxes.scaling._joint import _slopes, joint_bits

U, N = np.meshgrid(np.geomspace(10, 10_000, 7), np.geomspace(100, 100_000, 6))


def test_joint_law_with_endless_cells_is_the_noise_law():
    joint, noise = cx.scaling.JointLaw(700, 30, 2.6), cx.scaling.NoiseLaw(700, 2.6)
    depths = np.geomspace(1, 1e5, 9)
    np.testing.assert_allclose(joint(depths, 1e15), noise(depths), atol=1e-9)
    assert joint(1e15, 1e15) == pytest.approx(2.6)
    assert isinstance(joint(100, 100), float)


def test_derivatives_agree_with_differences():
    rng = np.random.default_rng(0)
    for _ in range(20):
        theta = rng.normal([3, 6, 4, 0, -0.5, 0], 0.4)
        log_u, log_n = rng.uniform(2, 9, 5), rng.uniform(4, 11, 5)
        slopes = _slopes(theta, log_u, log_n)
        for i, step in enumerate(1e-6 * np.eye(6)):
            up, down = (joint_bits(theta + s * step, log_u, log_n) for s in (1, -1))
            np.testing.assert_allclose(slopes[i], (up - down) / 2e-6, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    "law",
    [
        cx.scaling.JointLaw(500, 200, 2.5),
        cx.scaling.JointLaw(300, 2000, 3.0, gamma=0.7, s=0.5, k=2.0),
    ],
)
def test_fit_finds_the_law_and_predicts_a_withheld_corner(law):
    fit = cx.scaling.fit_joint_law(U, N, law(U, N))
    assert fit.r_squared > 0.99999
    assert fit.identified, fit.reason
    assert fit.law.I_max == pytest.approx(law.I_max, rel=0.05)
    rng = np.random.default_rng(0)
    noisy = law(U, N) + 0.02 * rng.standard_normal(U.shape)
    known = (U < 2000) | (N < 20_000)
    rest = cx.scaling.fit_joint_law(U[known], N[known], noisy[known])
    assert np.abs(rest.law(U, N) - law(U, N))[~known].max() < 0.1
    assert rest.residual_sd == pytest.approx(0.02, rel=0.4)


def test_a_grid_that_ends_early_does_not_identify_the_law():
    law = cx.scaling.JointLaw(50_000, 100, 4.0)
    fit = cx.scaling.fit_joint_law(U, N, law(U, N))
    assert not fit.identified
    assert "measure deeper" in fit.reason


def test_an_endless_rise_and_a_constant_are_no_capacity():
    rising = cx.scaling.fit_joint_law(U, N, 0.3 * np.log10(N) * U / (U + 300))
    assert not rising.identified
    constant = cx.scaling.fit_joint_law(U, N, np.ones_like(U))
    assert not constant.identified
    assert "varies with neither" in constant.reason


def test_fits_survive_json_and_no_random_start_beats_them():
    rng = np.random.default_rng(1)
    law = cx.scaling.JointLaw(300, 2000, 3.0, gamma=0.7, s=0.5, k=2.0)
    y = law(U, N) + 0.05 * rng.standard_normal(U.shape)
    fit = cx.scaling.fit_joint_law(U, N, y)
    assert cx.scaling.JointFit.from_dict(fit.to_dict()) == fit
    assert fit.to_frame().shape == (1, 11)
    assert cx.scaling.fit_joint_law(U, N, y) == fit
    from scipy.optimize import minimize

    def sse(theta):
        return float(((joint_bits(theta, np.log(U), np.log(N)) - y) ** 2).sum())

    least = float(((fit.law(U, N) - y) ** 2).sum())
    for _ in range(50):
        start = rng.normal([3, 4, 4, 0, -0.5, 0], [1, 2, 2, 0.2, 0.4, 0.4])
        assert minimize(sse, start, method="L-BFGS-B").fun > least * (1 - 1e-4)


def test_unusable_grids_are_refused_in_one_sentence():
    y = cx.scaling.JointLaw(500, 200, 2.5)(U, N)
    for args, message in [
        ((U, N, y[:3]), "equal lengths"),
        ((U[:1], N[:1], y[:1]), "at least 12 points, not 7"),
        ((U, np.full_like(N, 5), y), "three different values of n_cells"),
        ((-U, N, y), "depth must be positive"),
        ((U, N, y * np.nan), "information holds NaN"),
        ((U, N, 1e5 * y), "must be in bits"),
    ]:
        with pytest.raises(cx.InputError, match=message):
            cx.scaling.fit_joint_law(*args)
    with pytest.raises(cx.InputError, match="positive parameters"):
        cx.scaling.JointLaw(-1, 1, 1)
