"""Images and sequences from files: what is read, and what is refused in one sentence."""

import datetime
import gzip
import json
import os

import anndata
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

import cellaxes as cx
from cellaxes._core.modality import RESIDUES, Images, Sequences, modality_of
from cellaxes.datasets._headers import ORIGIN

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 5, 4), dtype=np.uint8)
KINDS = np.array(["WBC", "RBC", "RBC"] * 4)


def refuses(path, message, **settings):
    with pytest.raises(cx.InputError, match=message) as caught:
        cx.datasets.open_data(path) if not settings else cx.datasets.read_images(path, **settings)
    said = str(caught.value)
    assert "\n" not in said
    assert path.name in said


# ---- images ------------------------------------------------------------------------------------


def test_plain_arrays_are_rows_of_pixels_with_labels(tmp_path):
    path = tmp_path / "crops.npz"
    np.savez_compressed(path, images=GREY, labels=KINDS, source_image=KINDS[::-1], n=3)
    adata = cx.datasets.open_data(path)
    assert adata.X.dtype == np.uint8
    np.testing.assert_array_equal(adata.X, GREY.reshape(12, -1))
    assert list(adata.obs["label"]) == list(KINDS)
    assert list(adata.obs) == ["label", "source_image"]
    assert modality_of(adata) == Images(5, 4, 1, 0.0, 255.0)
    adata.write_h5ad(tmp_path / "crops.h5ad")
    again = cx.datasets.open_data(tmp_path / "crops.h5ad")
    assert modality_of(again) == modality_of(adata)
    np.testing.assert_array_equal(again.X, adata.X)


def test_parts_of_medmnist_are_joined_and_told_apart(tmp_path):
    path = tmp_path / "tissuemnist.npz"
    colour = RNG.integers(0, 256, (6, 4, 4, 3), dtype=np.uint8)
    parts = {"train": slice(0, 3), "val": slice(3, 4), "test": slice(4, 6)}
    arrays = {f"{name}_images": colour[rows] for name, rows in parts.items()}
    arrays |= {f"{name}_labels": np.arange(6)[rows, None] % 2 for name, rows in parts.items()}
    np.savez(path, **arrays)
    adata = cx.datasets.read_images(path)
    np.testing.assert_array_equal(adata.X.reshape(colour.shape), colour)
    assert list(adata.obs["split"]) == ["train"] * 3 + ["val"] + ["test"] * 2
    assert list(adata.obs["label"]) == list("010101")
    assert adata.obs_names[3] == "val/0"
    arrays["train_labels"] = np.zeros((3, 14), int)
    arrays["val_labels"], arrays["test_labels"] = np.zeros((1, 14), int), np.ones((2, 14), int)
    np.savez(path, **arrays)
    assert list(cx.datasets.read_images(path).obs["label_13"]) == list("000011")


@pytest.mark.parametrize(
    ("images", "ends"),
    [
        (GREY / 255, (0.0, 1.0)),
        (GREY / 127.5 - 1, (-1.0, 1.0)),
        (np.clip(GREY // 15, 0, 16) * 1.0, (0.0, 16.0)),
        (GREY.astype(np.uint16), (0.0, 65535.0)),
        (GREY > 100, (0.0, 1.0)),
    ],
    ids=["unit", "centred", "digits", "deep", "binary"],
)
def test_the_intensity_scale_follows_the_type_unless_it_is_given(tmp_path, images, ends):
    np.savez(tmp_path / "x.npz", images=images)
    found = modality_of(cx.datasets.read_images(tmp_path / "x.npz"))
    assert (found.low, found.high) == ends
    given = modality_of(cx.datasets.read_images(tmp_path / "x.npz", scale=(0, 4095)))
    assert (given.low, given.high) == (0.0, 4095.0)


def test_unusable_images_are_refused(tmp_path):
    path = tmp_path / "x.npz"
    holes = GREY / 255
    holes[7, 2, 3] = np.nan
    bad = {
        "has 11 label for 12 images": {"images": GREY, "labels": KINDS[1:]},
        "image 7, row 2, column 3 holds nan: pixels must be finite": {"images": holes},
        r"shape \(5, 4, 2\)": {"images": np.zeros((3, 5, 4, 2))},
        "type <U1": {"images": np.full((3, 5, 4), "a")},
        "holds no image": {"images": GREY[:0]},
        "holds x, y, but images are read from": {"x": GREY, "y": KINDS},
        r"unequal size \(train \(5, 4\), test \(4, 5\)\)": {
            "train_images": GREY,
            "test_images": GREY.swapaxes(1, 2),
        },
        "has 3 test_labels for 12 images": {"test_images": GREY, "test_labels": np.arange(3)},
        "scale 7.5 to 7.5 has no width": {"images": np.full((3, 2, 2), 7.5)},
        "pickles are not read": {"images": np.array([{}, GREY], dtype=object)},
    }
    for message, arrays in bad.items():
        np.savez(path, **arrays)
        refuses(path, message)
    np.savez(path, images=GREY)
    path.write_bytes(path.read_bytes()[:300])
    refuses(path, "truncated, damaged")
    path.write_bytes(b"")
    refuses(path, "truncated, damaged")
    np.save(tmp_path / "x.npy", GREY)
    (tmp_path / "x.npy").replace(path)
    refuses(path, "truncated, damaged")
    refuses(tmp_path / "y.npz", "did you mean 'x.npz'")
    (tmp_path / "notes.txt").write_text("hello")
    refuses(tmp_path / "notes.txt", "none of the files that are read")
    refuses(tmp_path / "nothing", "no file and no folder")


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "101_ObjectCategories"
    for place, (kind, pixels) in enumerate(zip(KINDS, GREY, strict=True)):
        (root / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / kind / f"image_{place:04}.png")
    (root / "readme.txt").write_text("not an image")
    return root


def test_a_folder_of_classes_is_read_in_order_of_names(folder):
    adata = cx.datasets.open_data(folder)
    order = np.argsort(KINDS, kind="stable")
    np.testing.assert_array_equal(adata.X, GREY[order].reshape(12, -1))
    assert list(adata.obs["label"]) == list(KINDS[order])
    assert adata.obs_names[0] == "RBC/image_0001.png"
    assert modality_of(adata) == Images(5, 4, 1, 0.0, 255.0)


def test_one_coloured_image_makes_all_coloured_and_unequal_sizes_want_a_size(folder):
    colour = RNG.integers(0, 256, (9, 7, 3), dtype=np.uint8)
    Image.fromarray(colour).save(folder / "WBC" / "other.jpg")
    refuses(folder, r"image_0001.png: 5 x 4 pixels, other.jpg: 9 x 7\): pass size= to resize")
    adata = cx.datasets.read_images(folder, size=(8, 6))
    assert modality_of(adata) == Images(8, 6, 3, 0.0, 255.0)
    grey = adata["RBC/image_0001.png"].X.reshape(8, 6, 3)
    assert (grey == grey[:, :, :1]).all()
    other = adata["WBC/other.jpg"].X.reshape(8, 6, 3)
    assert abs(other.mean() - colour.mean()) < 12


def test_deep_images_keep_their_sixteen_bits(tmp_path):
    deep = RNG.integers(0, 65536, (3, 3), dtype=np.uint16)
    (tmp_path / "a").mkdir()
    Image.fromarray(deep).save(tmp_path / "a" / "x.png")
    adata = cx.datasets.read_images(tmp_path)
    np.testing.assert_array_equal(adata.X[0], deep.ravel())
    assert modality_of(adata).high == 65535
    Image.fromarray(GREY[0, :3, :3]).save(tmp_path / "a" / "y.png")
    refuses(tmp_path, "mixes images of 16 and of 8 bits")


def test_unusable_folders_are_refused(folder, tmp_path):
    np.savez(tmp_path / "x.npz", images=GREY)
    refuses(tmp_path / "x.npz", "resizes the images of a folder", size=3)
    whole = (folder / "RBC" / "image_0001.png").read_bytes()
    (folder / "RBC" / "image_0001.png").write_bytes(whole[:60])
    with pytest.raises(cx.InputError, match=r"image_0001\.png cannot be read as an image"):
        cx.datasets.read_images(folder)
    (folder / "RBC" / "image_0001.png").write_bytes(b"no image")
    with pytest.raises(cx.InputError, match=r"image_0001\.png cannot be read as an image"):
        cx.datasets.read_images(folder)
    (tmp_path / "empty").mkdir()
    refuses(tmp_path / "empty", "sub-folder per class")


# ---- sequences ---------------------------------------------------------------------------------


def fasta(path, records):
    text = "".join(f">{head}\n{body}\n" for head, body in records).encode()
    if path.suffix == ".gz":
        text = gzip.compress(text)
    if path.suffix == ".zst":
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, "zstd") as stream:
            stream.write(text)
        text = sink.getvalue().to_pybytes()
    path.write_bytes(text)
    return path


def spelled(adata):
    alphabet = "\0" + modality_of(adata).alphabet
    return ["".join(alphabet[code] for code in row).rstrip("\0") for row in adata.X]


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_sequences_are_codes_of_residues(tmp_path, suffix):
    path = fasta(tmp_path / f"a.fasta{suffix}", [("one x y", "MK\nVL "), ("two", "acdx-w*")])
    adata = cx.datasets.open_data(path)
    assert spelled(adata) == ["MKVL", "ACDX-W*"]
    assert modality_of(adata) == Sequences(RESIDUES + "X*-", 7)
    assert adata.X.dtype == np.uint8
    assert list(adata.X[1, :3]) == [1, 2, 3]
    assert list(adata.X[0, 4:]) == [0, 0, 0]
    assert list(adata.obs_names) == ["one", "two"]
    adata.write_h5ad(tmp_path / "a.h5ad")
    assert modality_of(anndata.read_h5ad(tmp_path / "a.h5ad")) == modality_of(adata)


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path):
    path = tmp_path / "a.fa"
    path.write_bytes(b"\xef\xbb\xbf>one\r\nMK\r\nVL\r\n>two\r\nAC")
    assert spelled(cx.datasets.open_data(path)) == ["MKVL", "AC"]


@pytest.fixture
def aliases(tmp_path):
    key = {"A": "", "B": "", "AY": "B.1.617.2", "XBB": ["BJ.1", "BM.1"], "EG": "XBB.1.9.2"}
    (tmp_path / "alias_key.json").write_text(json.dumps(key))
    return tmp_path / "alias_key.json"


def test_lineages_are_written_out_and_coarsened(tmp_path, aliases):
    names = [f"AY.{i}" for i in range(30)] + [f"EG.5.{i}" for i in range(25)]
    names += [f"B.1.{i}" for i in range(25)] + ["A.2"]
    path = fasta(tmp_path / "s.fasta", [(name, "MK") for name in names])
    obs = cx.datasets.read_sequences(path).obs
    assert list(obs["lineage"]) == names
    assert obs["lineage_1"].value_counts().to_dict() == {"B": 55, "XBB": 25, "other": 1}
    assert "lineage_2" not in obs  # tells no more than the first
    assert set(obs["lineage_3"]) == {"B.1.617", "B.1", "XBB.1.9", "other"}
    found = cx.datasets.read_aliases(aliases)
    assert cx.datasets.expand_lineage("EG.5.1", found) == "XBB.1.9.2.5.1"
    aliases.unlink()
    adata = cx.datasets.read_sequences(path)
    assert list(adata.obs) == ["lineage"]
    assert "no alias_key.json" in adata.uns["cellaxes_notes"][0]


def test_dates_of_gisaid_become_months_and_impossible_ones_are_counted(tmp_path):
    dates = [
        "2020-01-31",
        "2021-03-05",
        "2010-12-01",
        "2021-02-30",
        "2021-03",
        "2020",
        "2021-00-00",
    ]
    records = [
        (f"Spike|hCoV-19/A city/{i}/2021|{date}|EPI_ISL_{i}|Original|Human", "MK")
        for i, date in enumerate(dates)
    ]
    adata = cx.datasets.open_data(fasta(tmp_path / "s.fasta", records))
    assert list(adata.obs_names) == ["EPI_ISL_0", "EPI_ISL_1"]
    assert list(adata.obs["date"]) == ["2020-01-31", "2021-03-05"]
    assert list(adata.obs["month"]) == [0, 14]
    assert ORIGIN == 2020
    incomplete, impossible = adata.uns["cellaxes_notes"]
    assert incomplete.startswith("3 of 7 sequences are left out, their date is missing or incompl")
    assert impossible.startswith("2 of 7 sequences are left out, their date is impossible or not")
    older = cx.datasets.read_sequences(tmp_path / "s.fasta", since="2010-01-01")
    assert older.n_obs == 3
    with pytest.raises(cx.InputError, match="since must be a date"):
        cx.datasets.read_sequences(tmp_path / "s.fasta", since="2010")
    path = fasta(tmp_path / "u.fasta", [("a|2021-05-01", "MK"), ("b|2021-07-01", "MK")])
    june = datetime.datetime(2021, 6, 1, tzinfo=datetime.UTC).timestamp()
    os.utime(path, (june, june))  # no sequence is younger than the file, whenever it is read
    assert list(cx.datasets.read_sequences(path).obs_names) == ["a"]
    assert cx.datasets.read_sequences(path, until="2021-12-31").n_obs == 2
    with pytest.raises(cx.InputError, match="until must be a date"):
        cx.datasets.read_sequences(path, until="2021")
    path = fasta(tmp_path / "t.fasta", [("a|2020-03", "MK"), ("b|2020-13-01", "MK")])
    with pytest.raises(cx.InputError, match="none of the 2 sequences"):
        cx.datasets.read_sequences(path)


def test_a_measured_value_in_the_header_is_a_measurement(tmp_path):
    path = fasta(tmp_path / "p.fasta", [("0|bla_A1C|1.5", "MK"), ("1|bla_A1D|-2e-1", "MV")])
    adata = cx.datasets.open_data(path)
    assert list(adata.obs_names) == ["0|bla_A1C", "1|bla_A1D"]
    assert list(adata.obs["value"]) == [1.5, -0.2]
    assert cx.signal.parse(adata, "measurement:value").values.tolist() == [[1.5], [-0.2]]


def test_unusable_sequences_are_refused(tmp_path, aliases):
    path = tmp_path / "s.fasta"
    bad = {
        r"residue 3 of 'two' is 'J', which is no amino acid": [("one", "MK"), ("two", "MKJ")],
        "residue 1 of 'one' is '1'": [("one", "1")],
        "has 2 ids a second time, 'one' is the first": [("one", "MK")] * 3,
        "'two' has no residues": [("one", "MK"), ("two", "")],
        r"no 'QQ' \(lineage QQ.1\)": [("QQ.1", "MK"), ("B.1", "MK")],
    }
    for message, records in bad.items():
        with pytest.raises(cx.InputError, match=message):
            cx.datasets.open_data(fasta(path, records))
    fasta(path, [("one", "ACGTN" * 50)])
    refuses(path, "holds A, C, G, T, N alone: these are nucleotides")
    path.write_text("\n")
    refuses(path, "is empty")
    path.write_text("MKV\n")
    refuses(path, "does not begin with a line '>name'")
    for suffix in (".gz", ".zst"):
        packed = fasta(tmp_path / f"s.fasta{suffix}", [("one", "MKVL" * 50)])
        packed.write_bytes(packed.read_bytes()[:-9])
        refuses(packed, "cannot be read")
    refuses(tmp_path / "t.fasta", "did you mean 's.fasta'")
    aliases.write_text("[1, 2")
    fasta(path, [("B.1", "MK")])
    with pytest.raises(cx.InputError, match="cannot be read as a Pango alias key"):
        cx.datasets.open_data(path)
    fasta(path, [("one", "MK")])
    with pytest.raises(cx.InputError, match="names no lineages"):
        cx.datasets.read_sequences(path, aliases=aliases)


def test_real_files_are_read(shared):
    spike = cx.datasets.open_data(shared / "proteins/pango-consensus-sequences_S-aa.fasta.zst")
    assert spike.shape == (3585, 1274)
    assert modality_of(spike).alphabet == RESIDUES + "X*-"
    assert spike.obs["lineage_1"].nunique() == 5
    mutants = cx.datasets.open_data(shared / "proteins/P62593.fasta")
    assert mutants.shape == (5397, 286)
    assert mutants.obs["value"].iloc[0] == pytest.approx(1.581033423)
    crops = cx.datasets.open_data(shared / "images/bccd_crops28.npz")
    assert crops.shape == (4886, 784)
    assert crops.obs["label"].value_counts()["RBC"] == 4153
