"""Batch effects: shifts of counts, and the ceiling they set to the effective depth."""

import json

import numpy as np
import pytest
import scipy.sparse as sp

import cellaxes as cx

U = np.geomspace(10, 30_000, 9)
S = np.array([0.0, 0.25, 0.5, 1.0])


def channel(u, s, B=0.02, capacity=2.0):
    """Information through a Gaussian channel with noise 1 / (B u) and a shift of variance s^2."""
    shared = 1 - 4.0**-capacity
    return -0.5 * np.log2(1 - shared / (1 + 1 / (B * u) + s**2))


def test_a_gaussian_channel_with_a_shift_obeys_the_batch_law_with_alpha_one():
    u, s = np.meshgrid(U, S)
    fit = cx.scaling.fit_batch_law(u, channel(u, s), s)
    assert fit.law.alpha == pytest.approx(0.02, rel=1e-4)
    assert fit.law.alpha_snr == pytest.approx(1, rel=1e-4)
    assert fit.law.u_bar == pytest.approx(4.0**2 / 0.02, rel=1e-4)
    assert fit.law.I_max == pytest.approx(2, rel=1e-4)
    np.testing.assert_allclose(fit.alphas, 0.02, rtol=0.01)
    assert fit.identified
    assert fit.r_squared > 1 - 1e-9
    ceiling = fit.law.ceiling(0.5)
    assert ceiling == pytest.approx(1 / (0.02 * 0.25), rel=1e-4)
    assert fit.law(1e12, 0.5) == pytest.approx(fit.law.noise_law(ceiling), rel=1e-6)
    assert cx.scaling.BatchLaw(100, 2, 0.1).ceiling(0) == np.inf


def test_alpha_of_drawn_cells_lies_in_its_interval():
    """300 batches whose shifts nobody corrects, information by the Gaussian estimator."""
    rng = np.random.default_rng(3)
    n, n_batches, rows = 6000, 300, []
    y = rng.standard_normal(n)
    shared = np.sqrt(1 - 4.0**-2.0)
    cells = shared * y + np.sqrt(1 - shared**2) * rng.standard_normal(n)
    batch = rng.integers(n_batches, size=n)
    for s in S:
        shift = s * rng.standard_normal(n_batches)[batch]
        for u in U:
            x = cells + shift + rng.standard_normal(n) / np.sqrt(0.02 * u)
            r2 = np.corrcoef(x, y)[0, 1] ** 2
            rows.append((u, -0.5 * np.log2(1 - r2), s))
    fit = cx.scaling.fit_batch_law(*map(np.array, zip(*rows, strict=True)))
    assert fit.alpha_low < fit.law.alpha < fit.alpha_high
    assert fit.law.alpha_snr == pytest.approx(1, abs=0.25)
    assert fit.r_squared > 0.99
    assert json.dumps(fit.to_dict())
    assert list(fit.to_frame()["strength"]) == [0.25, 0.5, 1.0]


def test_a_cost_that_is_not_quadratic_is_told():
    u, s = np.meshgrid(U, S)
    fit = cx.scaling.fit_batch_law(u, channel(u, s**2), s)
    assert fit.alphas[-1] > 3 * fit.alphas[0]
    assert not fit.identified
    assert "square of the strength" in fit.reason


def test_fits_are_the_same_again_and_in_any_order():
    u, s = np.meshgrid(U, S)
    bits = channel(u, s) + 0.02 * np.random.default_rng(0).standard_normal(u.shape)
    first = cx.scaling.fit_batch_law(u, bits, s)
    assert cx.scaling.fit_batch_law(u, bits, s) == first
    order = np.random.default_rng(1).permutation(u.size)
    again = cx.scaling.fit_batch_law(u.ravel()[order], bits.ravel()[order], s.ravel()[order])
    assert again.law.alpha == pytest.approx(first.law.alpha, rel=1e-5)


def test_unusable_batch_laws_are_refused():
    u, s = np.meshgrid(U, S)
    for change, message in (
        ({"strength": s[0]}, "9 entries for 36"),
        ({"strength": -s}, "finite numbers >= 0"),
        ({"strength": 0 * s}, "two strengths"),
    ):
        with pytest.raises(cx.InputError, match=message):
            cx.scaling.fit_batch_law(
                **({"depth": u, "information": channel(u, s), "strength": s} | change)
            )
    with pytest.raises(cx.InputError, match="alpha >= 0"):
        cx.scaling.BatchLaw(100, 2, -1)
    with pytest.raises(cx.InputError, match="u_bar > 0"):
        cx.scaling.BatchLaw(-100, 2, 1)


BATCH = np.repeat(["a", "b", "c"], 200)


def test_a_shift_multiplies_the_genes_of_a_batch_by_one_log_normal_factor():
    counts = np.full((600, 300), 1000)
    shifted, depth = cx.noise.batch_shift(counts, BATCH, strength=0.5, random_state=4)
    factors = np.stack([shifted[name == BATCH].mean(axis=0) for name in "abc"]) / 1000
    logs = np.log(factors)
    assert logs.mean() == pytest.approx(-0.125, abs=0.05)
    assert logs.std() == pytest.approx(0.5, abs=0.05)
    assert np.abs(np.corrcoef(logs)[np.triu_indices(3, 1)]).max() < 0.2
    for name, factor in zip("abc", factors, strict=True):
        within = shifted[name == BATCH]
        assert (within.std(axis=0) < 0.6 * np.sqrt(1000)).all(), "one factor for all cells"
        np.testing.assert_allclose(within[:100].mean(axis=0) / 1000, factor, rtol=0.02)
    assert depth == pytest.approx(300_000, rel=0.2)
    assert depth == np.median(shifted.sum(axis=1))


def test_counts_stay_whole_and_the_mean_over_seeds_is_the_count(cells):
    dense = cells.X.toarray()
    mean = np.mean(
        [
            cx.noise.batch_shift(dense, BATCH, strength=0.4, random_state=seed).counts
            for seed in range(60)
        ],
        axis=0,
    )
    many = dense.sum(axis=0) > 5000
    ratio = mean[:, many].sum(axis=0) / dense[:, many].sum(axis=0)
    assert ratio.mean() == pytest.approx(1, abs=0.03)
    shifted = cx.noise.batch_shift(cells.X, BATCH, strength=0.4).counts
    assert shifted.dtype == cells.X.dtype
    assert sp.issparse(shifted)
    assert (shifted.toarray()[dense == 0] == 0).all()
    unshifted = cx.noise.batch_shift(cells.X, BATCH, strength=0).counts
    assert (unshifted != cells.X).nnz == 0


def test_a_shift_belongs_to_seed_and_batch_and_not_to_the_container(cells):
    first = cx.noise.batch_shift(cells.X, BATCH, strength=0.4).counts.toarray()
    for other in (cells.X.toarray(), cells.X.tocsc(), sp.csr_array(cells.X)):
        again = cx.noise.batch_shift(other, BATCH, strength=0.4).counts
        np.testing.assert_array_equal(again.toarray() if sp.issparse(again) else again, first)
    fewer = cx.noise.batch_shift(cells.X[:400], BATCH[:400], strength=0.4).counts.toarray()
    np.testing.assert_array_equal(fewer, first[:400])
    seeded = cx.noise.batch_shift(cells.X, BATCH, strength=0.4, random_state=1).counts
    assert (seeded.toarray() != first).any()


def test_unusable_batches_are_refused_with_the_mend(cells):
    single, gaps = BATCH.copy(), BATCH.astype(object)
    single[0], gaps[3] = "x", np.nan
    small = sp.csr_matrix(np.full((600, 40), 250, dtype=np.uint8))
    for counts, batch, strength, message in (
        (cells.X, single, 0.4, "'x' has one cell only"),
        (cells.X, gaps, 0.4, "missing in 1 of 600"),
        (cells.X, BATCH[:5], 0.4, "5 entries for 600"),
        (cells.X, ["a"] * 600, 0.4, "one batch only"),
        (cells.X, BATCH, -0.1, "strength must be"),
        (cells.X, BATCH, np.nan, "strength must be"),
        (cells, BATCH, 0.4, "pass adata.X"),
        (small, BATCH, 1.0, "too large for uint8"),
        (cells.X * 0.3, BATCH, 0.4, "counts"),
    ):
        with pytest.raises(cx.InputError, match=message) as caught:
            cx.noise.batch_shift(counts, batch, strength=strength)
        assert "\n" not in str(caught.value)


def test_shifts_of_simulated_counts_set_a_ceiling_as_the_batch_law_says():
    """A graded programme of 300 genes in 100 batches: projected, thinned, asked about."""
    rng = np.random.default_rng(0)
    n, rows = 900, []
    programme, weights = rng.standard_normal(n), 0.4 * rng.standard_normal(300)
    rates = rng.lognormal(0, 1, 300) * np.exp(programme[:, None] * weights)
    counts = sp.csr_matrix(rng.poisson(20_000 * rates / rates.sum(axis=1, keepdims=True)))
    for s in (0.0, 0.2, 0.6):
        shifted = cx.noise.batch_shift(counts, np.arange(n) % 100, strength=s).counts
        for fraction in (1.0, 0.3, 0.1, 0.03, 0.01, 0.003):
            thinned, depth = cx.noise.thin(shifted, fraction=fraction)
            model = cx.embed.make("random_projection", n_components=4).fit(thinned[:300])
            found = cx.information.estimate(
                model.transform(thinned[300:]), programme[300:], "copula", n_permutations=0
            )
            rows.append((depth, found.bits, s))
    fit = cx.scaling.fit_batch_law(*map(np.array, zip(*rows, strict=True)))
    assert fit.identified
    assert fit.r_squared > 0.96
    without = cx.scaling.fit_noise_law(*np.array(rows)[:, :2].T)
    assert fit.r_squared > without.r_squared_points + 0.2
    deepest = np.array(rows)[::6]
    assert (np.diff(deepest[:, 1]) < -0.5).all()
