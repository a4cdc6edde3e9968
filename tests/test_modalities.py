"""Images and sequences through the study, the page and the command that counts go through."""

import json
import sys

import anndata
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

import cellaxes as cx
from cellaxes._core.modality import RESIDUES, Images, Sequences, set_modality
from cellaxes.cli._app import main

SMALL = {"models": ["pixel_pca:n_components=8"], "n_permutations": 1, "n_jobs": 1}
SIGMAS = [0.05, 0.3, 0.8, 2.0, 5.0, 40.0]


@pytest.fixture(scope="module")
def digits():
    found = load_digits()
    adata = anndata.AnnData(found.data[:600].astype(np.float32))
    adata.obs["digit"] = found.target[:600].astype(str)
    set_modality(adata, Images(8, 8, 1, 0.0, 16.0))
    return adata


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    found = load_digits()
    path = tmp_path_factory.mktemp("npz") / "digits.npz"
    images = (found.images[:300] * 15).astype(np.uint8)
    np.savez(path, images=images, labels=found.target[:300].astype(str))
    return path


@pytest.fixture(scope="module")
def fasta(tmp_path_factory):
    """200 mutants of two families that differ in ten places, with a measured number."""
    rng, letters = np.random.default_rng(0), np.array(list(RESIDUES))
    one = rng.choice(letters, 60)
    other = one.copy()
    other[20:30] = one[30:40]
    lines = []
    for i in range(200):
        mutant = (one, other)[i % 2].copy()
        mutant[rng.integers(60)] = rng.choice(letters)
        lines += [f">m{i}|{i % 2 + rng.normal() / 9:.3f}", "".join(mutant)]
    path = tmp_path_factory.mktemp("fasta") / "mutants.fasta"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def measured(digits, tmp_path_factory):
    out = tmp_path_factory.mktemp("digits")
    report = cx.verbs.measure(
        digits, ["label:digit"], out=out, noise="gaussian", strengths=SIGMAS, n_seeds=2,
        progress=False, name="digits", **SMALL,
    )  # fmt: skip
    return report, out


def test_images_follow_the_law_and_end_in_nothing(measured):
    report, _ = measured
    (curve,) = report.curves
    assert not len(report.failures)
    assert curve.fit.r_squared > 0.95
    assert curve.fit.depth == pytest.approx(np.repeat(1 / np.square(SIGMAS), 2))
    last = report.runs[report.runs["strength"] == 40.0]
    assert abs(last["information"].mean()) < 0.05
    assert curve.information > 2


def test_the_ratio_is_measured_on_the_images_that_are_embedded(measured, digits):
    report, _ = measured
    runs = report.runs
    expected = digits.X.var() / (16 * runs["strength"]) ** 2
    assert runs["snr"].to_numpy() == pytest.approx(expected.to_numpy(), rel=0.1)
    assert (runs["snr"] != runs["snr_train"]).all()
    assert runs["depth"].to_numpy() == pytest.approx(runs["strength"].to_numpy() ** -2.0)
    assert (runs["fraction"] == runs["depth"]).all()
    assert set(runs["unit"]) == {"1/σ²"}


def test_the_law_is_fitted_on_every_coordinate_and_all_are_reported(measured):
    report, out = measured
    fits = pd.read_csv(out / "fits.csv").set_index("coordinate")
    assert list(fits.index) == ["1/σ²", "1 / standard deviation", "measured SNR"]
    snr = report.levels.groupby("fraction")["snr"].mean()
    bits = report.levels.groupby("fraction")["information"].mean()
    alone = cx.scaling.fit_noise_law(snr, bits)
    assert fits.loc["measured SNR", "u_bar"] == pytest.approx(alone.u_bar, rel=0.1)
    assert fits["r_squared"].idxmin() == "1 / standard deviation"
    told = json.loads((out / "results.json").read_text())
    assert told["data"]["axis"]["unit"] == "1/σ²"
    assert told["data"]["noise"] == "gaussian"
    assert [o["coordinate"] for o in told["curves"][0]["others"]] == ["gaussian_sd", "snr"]
    assert "axis" not in told["curves"][0]
    page = (out / "report.html").read_text()
    for words in ("1/σ² (σ in units", "measured SNR", "600 images of 8 × 8 pixels", "0.9"):
        assert words in page
    for words in ("UMI", "cells", "genes", "depth", "thinn"):
        assert words not in page, words


def test_the_zoo_takes_the_runs_and_their_unit(measured):
    _, out = measured
    zoo = cx.report.zoo(pd.read_csv(out / "runs.csv"))
    assert zoo.unit == "1/σ²"
    assert zoo.columns["depth"] == "depth"
    assert zoo.curves[0].identified


def test_measuring_again_only_reads_and_new_levels_keep_the_old(measured, digits, tmp_path):
    _, out = measured
    spec = cx.study.Store(out).read_spec()
    runs = {run.id for run in spec.runs()}
    assert runs == cx.study.Store(out).finished()
    more = spec.model_copy(update={"fractions": (0.05, 0.1, 0.3, 0.8, 2.0, 5.0, 40.0)})
    assert runs < {run.id for run in more.runs()}
    assert all(run.model_dump(mode="json")["noise"] == "gaussian" for run in more.runs())
    counts = spec.model_copy(update={"noise": "thinning", "fractions": (1.0, 0.1)})
    assert all("noise" not in run.model_dump(mode="json") for run in counts.runs())
    assert [run.chain for run in counts.runs()][-1] == (1.0, 0.1)


def test_whose_noise_it_is_can_be_told_apart(digits, tmp_path):
    report = cx.verbs.measure(
        digits, ["label:digit"], out=tmp_path, noise="photons", strengths=[300, 3, 0.1, 0.01],
        n_seeds=2, thin=["both", "train", "query"], progress=False, **SMALL,
    )  # fmt: skip
    apart = report.points[report.points["strength"] == 0.1].groupby("thin")["snr"].mean()
    assert apart["train"] == pytest.approx(apart["query"], rel=0.2)
    trained = report.runs[(report.runs["thin"] == "train") & (report.runs["strength"] == 0.1)]
    assert trained["snr"].mean() > 100 * trained["snr_train"].mean()
    assert "cleaner queries alone" in (tmp_path / "report.html").read_text()
    assert cx.report.brief(report).count("photons") > 2


@pytest.mark.parametrize(
    ("noise", "model"),
    [("substitution", "one_hot"), ("masking", "kmer:k=2"), ("truncation", "one_hot")],
)
def test_sequences_are_measured_from_fasta(noise, model, fasta, tmp_path):
    report = cx.verbs.measure(
        fasta, ["measurement:value"], out=tmp_path, models=[f"{model},n_components=4".replace(
            "one_hot,", "one_hot:")], noise=noise, n_levels=5, n_seeds=1, n_permutations=1,
        n_jobs=1, progress=False,
    )  # fmt: skip
    assert not len(report.failures), report.failures["error"].iloc[0]
    bits = report.levels.sort_values("depth")["information"].to_numpy()
    assert bits[-1] > 0.5
    assert bits[0] < 0.2
    assert report.levels["snr"].is_monotonic_decreasing
    assert "sequences of up to 60 residues" in (tmp_path / "report.html").read_text()


def test_the_command_measures_images_by_default_models(npz, tmp_path, monkeypatch, capsys):
    words = [str(npz), "--signal", "label:label", "--noise", "pooling", "--levels", "4"]
    words += ["--seeds", "1", "--permutations", "1", "--jobs", "1", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["cellaxes", "measure", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert "pixel_pca" in capsys.readouterr().out
    runs = pd.read_csv(tmp_path / "runs.csv")
    assert runs["strength"].tolist() == [1.0, 2.0, 4.0, 8.0]
    assert np.isinf(runs["snr"][0])
    fits = pd.read_csv(tmp_path / "fits.csv")
    assert fits["coordinate"].tolist() == ["1/f²", "1 / pixels", "measured SNR"]


def test_handed_out_images_come_back_as_an_embedding(npz, tmp_path):
    wishes = {"noise": "gaussian", "strengths": [0.1, 1.0, 3.0], "n_seeds": 2}
    files = cx.study.write_thinned(npz, tmp_path / "out", **wishes)
    assert len(files) == 6
    seen = [anndata.read_h5ad(file) for file in files]
    for file, adata in zip(files, seen, strict=True):
        np.save(tmp_path / "out" / "embeddings" / f"{file.stem}.npy", adata.X[:, 20:28])
    assert (seen[1].X != seen[4].X).any()
    model = f"precomputed:folder={tmp_path / 'out'}"
    spec, material = cx.study.prepare(
        npz, ["label:label"], models=[model], n_permutations=0, **wishes
    )
    cx.study.run(spec, tmp_path / "study", material=material, n_jobs=1, progress=False)
    assert (cx.study.collect(tmp_path / "study")["status"] == "done").all()
    with pytest.raises(cx.InputError, match="handed out for noise gaussian"):
        cx.study.prepare(
            npz, ["label:label"], models=[model], noise="photons", strengths=[0.1, 1.0, 3.0],
            n_seeds=2,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"noise": "substitution"}, "for sequences, but the data are images"),
        ({"noise": "thinning"}, "for counts, but the data are images"),
        ({"noise": "blur"}, "there is no noise 'blur'"),
        ({"strengths": [0.0, 1.0]}, "neither without noise nor without signal"),
        ({"strengths": [-1.0, 1.0]}, "must be numbers >= 0"),
        ({"fractions": [0.5, 0.1]}, "levels of 'gaussian' are given as strengths"),
        ({"models": ["precomputed:X_z"]}, "has no place on the axis"),
        ({"models": ["pca"]}, "the model pca reads counts, but X holds images"),
        ({"sizes": [400]}, "digits.npz has 300 images, too few"),
        ({"layer": "counts"}, "layers has no 'counts'"),
    ],
)
def test_wishes_that_images_cannot_meet_are_refused(wishes, words, npz):
    with pytest.raises(cx.InputError, match=words):
        cx.study.prepare(npz, ["label:label"], **wishes)


def test_data_that_are_no_images_are_refused_before_work_starts(digits, tmp_path):
    broken = digits.copy()
    broken.X[7, 3] = np.nan
    with pytest.raises(cx.InputError, match="image 7 has the pixel nan in column 3"):
        cx.verbs.measure(broken, ["label:digit"], out=tmp_path)
    codes = anndata.AnnData(np.full((60, 9), 25, dtype=np.uint8))
    codes.obs["x"] = ["a", "b"] * 30
    set_modality(codes, Sequences(RESIDUES, 9))
    with pytest.raises(cx.InputError, match="unknown code 25 at residue 1"):
        cx.verbs.measure(codes, ["label:x"], out=tmp_path)
