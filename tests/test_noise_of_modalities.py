"""Noise of images and sequences: what it is, how it is measured; chunks change nothing."""

import anndata
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

import cellaxes as cx
from cellaxes._core.modality import RESIDUES, Images, Sequences, modality_of, set_modality
from cellaxes.noise import _blosum

GREY = Images(28, 28, 1, 0.0, 255.0)
PROTEIN = Sequences(RESIDUES, 60)


@pytest.fixture(scope="module")
def pixels():
    """2,500 images, three row blocks, of uint8."""
    return np.random.default_rng(0).integers(0, 256, (2500, 784)).astype(np.uint8)


@pytest.fixture(scope="module")
def codes():
    """2,500 sequences of 30 to 60 residues."""
    rng = np.random.default_rng(1)
    found = rng.integers(1, 21, (2500, 60)).astype(np.uint8)
    found[np.arange(60) >= rng.integers(30, 61, 2500)[:, None]] = 0
    return found


IMAGE_NOISE = {
    "gaussian": lambda x, **more: cx.noise.gaussian_noise(x, GREY, sigma=0.3, **more),
    "photons": lambda x, **more: cx.noise.photon_noise(x, GREY, photons=7.0, **more),
}
SEQUENCE_NOISE = {
    "uniform": lambda x, **more: cx.noise.substitute(x, PROTEIN, p=0.3, **more),
    "blosum62": lambda x, **more: cx.noise.substitute(x, PROTEIN, p=0.3, by="blosum62", **more),
    "masking": lambda x, **more: cx.noise.mask(x, PROTEIN, p=0.3, **more),
}


@pytest.mark.parametrize("name", [*IMAGE_NOISE, *SEQUENCE_NOISE])
def test_chunks_change_no_draw_and_seeds_do(name, pixels, codes):
    make = (IMAGE_NOISE | SEQUENCE_NOISE)[name]
    x = pixels if name in IMAGE_NOISE else codes
    whole = make(x).values
    parts = [make(x[a:b], first_row=a).values for a, b in ((0, 1024), (1024, 2500))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(make(np.asfortranarray(x)).values, whole)
    assert (make(x, random_state=1).values != whole).any()
    assert (whole[:1024] != make(np.roll(x, 1024, axis=0)).values[1024:2048]).any()
    with pytest.raises(cx.InputError, match="multiple of 1024"):
        make(x, first_row=5)


def test_gaussian_noise_has_its_deviation_and_its_measured_ratio(pixels):
    noisy = cx.noise.gaussian_noise(pixels, GREY, sigma=0.5)
    error = noisy.values - pixels
    assert error.std() == pytest.approx(127.5, rel=0.005)
    assert abs(error.mean()) < 0.5
    assert noisy.coordinate == 4.0
    assert noisy.snr == pytest.approx(pixels.var() / 127.5**2, rel=0.01)
    again = cx.noise.gaussian_noise(pixels, GREY, sigma=5.0)
    np.testing.assert_allclose((again.values - pixels) / 10, error, atol=0.01)
    none = cx.noise.gaussian_noise(pixels, GREY, sigma=0.0)
    np.testing.assert_array_equal(none.values, pixels)
    assert (none.coordinate, none.snr) == (np.inf, np.inf)


@pytest.mark.parametrize("mean", [0.02, 3.3, 61.7, 4000.0, 90_000.0])
def test_photons_are_poisson_at_every_brightness(mean):
    scale = Images(10, 10, 1, 0.0, 1.0)
    photons = min(1e5, mean * 1.7)
    bright = np.float32(mean / photons)
    flat = np.full((2000, 100), bright, dtype=np.float32)
    drawn = cx.noise.photon_noise(flat, scale, photons=photons).values.astype(np.float64)
    counts = np.rint(drawn * photons)
    exact = float(bright) * photons
    for k in np.unique(poisson.ppf([0.05, 0.25, 0.5, 0.75, 0.95], exact)):
        expected = poisson.cdf(k, exact)
        assert (counts <= k).mean() == pytest.approx(expected, abs=0.005)
    assert counts.var() == pytest.approx(exact, rel=0.02)


def test_dark_stays_dark_and_light_is_not_lost():
    scale = Images(1, 3, 1, -1.0, 1.0)
    x = np.tile(np.float32([-1.0, 0.0, 1.0]), (50_000, 1))
    noisy = cx.noise.photon_noise(x, scale, photons=4.0)
    assert (noisy.values[:, 0] == -1).all()
    np.testing.assert_allclose(noisy.values.mean(axis=0), [-1, 0, 1], atol=0.02)
    np.testing.assert_allclose(noisy.values.var(axis=0), [0, 2 / 4, 4 / 4], atol=0.02)
    assert noisy.snr == pytest.approx((2 / 3) / 0.5, rel=0.02)


def test_blocks_are_means_and_the_ratio_counts_what_they_keep(pixels):
    noisy = cx.noise.pool(pixels, GREY, factor=4)
    blocks = pixels.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(
        noisy.values.reshape(-1, 28, 28), blocks.repeat(4, axis=1).repeat(4, axis=2), rtol=1e-6
    )
    small = cx.noise.pool(pixels, GREY, factor=4, resize=False)
    np.testing.assert_allclose(small.values, blocks.reshape(-1, 49), rtol=1e-6)
    assert (small.modality.height, small.modality.width) == (7, 7)
    lost = ((noisy.values - pixels.astype(float)) ** 2).mean()
    assert noisy.snr == small.snr == pytest.approx(noisy.values.var() / lost, rel=1e-4)
    assert noisy.coordinate == 1 / 16


@given(height=st.integers(1, 12), width=st.integers(1, 12), factor=st.floats(1, 20))
def test_any_factor_cuts_any_image_into_nearly_equal_blocks(height, width, factor):
    images = Images(height, width, 2, 0.0, 1.0)
    x = np.random.default_rng(0).random((3, images.n_columns), dtype=np.float32)
    small = cx.noise.pool(x, images, factor=factor, resize=False)
    assert small.modality.height == max(1, round(height / factor))
    assert small.values.shape[1] == small.modality.n_columns
    full = cx.noise.pool(x, images, factor=factor).values.reshape(3, height, width, 2)
    np.testing.assert_allclose(full.mean(axis=(1, 2)), x.reshape(full.shape).mean(axis=(1, 2)),
                               atol=1e-5)  # fmt: skip
    used = [len(set(full[0, :, 0, 0])), len(set(full[0, 0, :, 0]))]
    assert used == [small.modality.height, small.modality.width]


def test_constant_images_have_no_signal_and_no_error():
    flat = np.full((5, 784), 7, dtype=np.uint8)
    assert cx.noise.gaussian_noise(flat, GREY, sigma=1.0).snr == 0
    assert cx.noise.pool(flat, GREY, factor=3).snr == 0
    assert cx.noise.gaussian_noise(flat[:0], GREY, sigma=1.0).values.shape == (0, 784)


def test_a_rate_is_met_and_what_really_changed_is_measured(codes):
    there = codes > 0
    noisy = cx.noise.substitute(codes, PROTEIN, p=0.4)
    changed = (noisy.values != codes)[there].mean()
    assert changed == pytest.approx(0.4 * 19 / 20, abs=0.005)
    assert noisy.snr == pytest.approx((1 - changed) / changed)
    assert noisy.coordinate == pytest.approx(1.5)
    assert (noisy.values[~there] == 0).all()
    drawn = np.bincount(noisy.values[noisy.values != codes], minlength=21)[1:]
    assert drawn.min() > 0.8 * drawn.mean()
    more = cx.noise.substitute(codes, PROTEIN, p=0.7).values
    at = noisy.values != codes
    np.testing.assert_array_equal(more[at], noisy.values[at])
    assert cx.noise.substitute(codes, PROTEIN, p=0.0).snr == np.inf


def test_evolution_prefers_what_it_prefers():
    table = _blosum.scores()
    place = {residue: i for i, residue in enumerate(RESIDUES)}
    assert (table == table.T).all()
    assert table[place["W"], place["W"]] == 11
    assert table[place["I"], place["V"]] == 3
    assert table[place["C"], place["D"]] == -3
    assert table[place["F"], place["Y"]] == 3
    p = _blosum.conditional()
    np.testing.assert_allclose(p.sum(axis=1), 1)
    found = cx.noise.substitute(
        np.full((2000, 60), place["I"] + 1), PROTEIN, p=0.999, by="blosum62"
    ).values
    seen = np.bincount(found.ravel(), minlength=21)[1:] / found.size
    np.testing.assert_allclose(seen, p[place["I"]], atol=0.005)
    silent = cx.noise.substitute(found, PROTEIN, p=0.5, by="blosum62").snr
    assert silent > cx.noise.substitute(found, PROTEIN, p=0.5).snr


def test_masks_are_nested_and_widen_the_alphabet(codes):
    weak, strong = (cx.noise.mask(codes, PROTEIN, p=p) for p in (0.2, 0.6))
    unknown = weak.modality.alphabet.index("X") + 1
    assert (strong.values[weak.values == unknown] == unknown).all()
    assert (strong.values == unknown)[codes > 0].mean() == pytest.approx(0.6, abs=0.005)
    assert set(np.unique(weak.values[weak.values != codes])) == {unknown}
    known = Sequences(RESIDUES + "-X", 60)
    assert cx.noise.mask(codes, known, p=0.5).modality == known


def test_the_end_is_cut(codes):
    noisy = cx.noise.truncate(codes, PROTEIN, p=0.25).values
    own, kept = (codes > 0).sum(axis=1), (noisy > 0).sum(axis=1)
    np.testing.assert_array_equal(kept, own - np.floor(0.25 * own + 0.5))
    np.testing.assert_array_equal(noisy, np.where(np.arange(60) < kept[:, None], codes, 0))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x, _: cx.noise.gaussian_noise(x, GREY, sigma=-1), "sigma must be a number >= 0"),
        (lambda x, _: cx.noise.gaussian_noise(x, GREY, sigma=np.nan), "sigma must be"),
        (lambda x, _: cx.noise.gaussian_noise(x[:, 1:], GREY, sigma=1), "783 columns"),
        (lambda x, _: cx.noise.gaussian_noise(x[0], GREY, sigma=1), "dense matrix"),
        (lambda x, _: cx.noise.gaussian_noise(np.where(x == x[3, 5], np.inf, x), GREY, sigma=1),
         "has the pixel inf in column"),
        (lambda x, _: cx.noise.gaussian_noise(x, Images(28, 28, 1, 1.0, 1.0), sigma=1),
         "high must be above low"),
        (lambda x, _: cx.noise.pool(x, GREY, factor=0.5), "at least 1, but is 0.5"),
        (lambda x, _: cx.noise.photon_noise(x, GREY, photons=0), "above 0"),
        (lambda x, _: cx.noise.photon_noise(x - 1.0, GREY, photons=1), "outside black"),
        (lambda _, s: cx.noise.substitute(s, PROTEIN, p=1.0), "at least 0 and below 1, but is 1"),
        (lambda _, s: cx.noise.mask(s, PROTEIN, p=-0.1), "masking rate p must be"),
        (lambda _, s: cx.noise.truncate(s, PROTEIN, p=np.nan), "truncated share p must be"),
        (lambda _, s: cx.noise.substitute(s + 20, PROTEIN, p=0.1), "unknown code"),
        (lambda _, s: cx.noise.substitute(s * 0 + 0.5, PROTEIN, p=0.1), "codes are whole numbers"),
        (lambda _, s: cx.noise.substitute(s, PROTEIN, p=0.1, by="pam"), "'uniform' or 'blosum62'"),
        (lambda _, s: cx.noise.substitute(s, Sequences("ACGT", 60), p=0.1), "unknown code|begin"),
    ],
)  # fmt: skip
def test_what_is_no_noise_or_no_data_is_refused_in_a_sentence(call, words, pixels, codes):
    with pytest.raises(cx.InputError, match=words) as told:
        call(pixels[:10], codes[:10])
    assert str(told.value).count("\n") == 0


def test_the_table_of_kinds_says_what_there_is():
    table = cx.noise.show().set_index("name")
    assert set(table["modality"]) == {"counts", "images", "sequences"}
    for name in table.index:
        kind = cx.noise.noise_kind(name)
        if kind.name == cx.noise.THINNING:
            continue
        strengths = kind.ladder(None, Images(28, 28, 1, 0.0, 1.0), 10, 10.0)
        u = [kind.nominal(strength) for strength in strengths]
        assert 8 <= len(u) <= 10
        assert u == sorted(u, reverse=True)
        assert cx.noise.levels_of(kind, None, strengths[::-1]) == strengths
        with pytest.raises(cx.InputError, match="given as strengths"):
            cx.noise.levels_of(kind, [0.5], None)
        with pytest.raises(cx.InputError, match="must differ and be neither"):
            cx.noise.levels_of(kind, None, [strengths[0], strengths[0]])
    with pytest.raises(cx.InputError, match="did you mean 'gaussian'"):
        cx.noise.noise_kind("gausian")


@pytest.mark.parametrize("noise", ["gaussian", "pooling", "photons"])
def test_corrupt_does_the_work_on_an_anndata(noise, pixels):
    adata = anndata.AnnData(pixels[:50])
    set_modality(adata, GREY)
    strength = {"gaussian": 0.5, "pooling": 4, "photons": 3}[noise]
    noisy = cx.noise.corrupt(adata, strength, noise=noise)
    told = noisy.uns["cellaxes_noise"]
    assert told["noise"] == noise
    assert told["snr"] == pytest.approx(
        cx.noise.image_snr(pixels[:50], noisy.X, averaged=noise == "pooling")
    )
    assert modality_of(noisy) == GREY
    assert (pixels[:50] == adata.X).all()
    with pytest.raises(cx.InputError, match="for sequences, but the data are images"):
        cx.noise.corrupt(adata, 0.5, noise="masking")
    counts = anndata.AnnData(np.full((30, 40), 5.0))
    assert cx.noise.corrupt(counts, 0.5).uns["cellaxes_noise"]["umis_per_cell"] < 150
