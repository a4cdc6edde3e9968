"""Embeddings with labels: read from every kind of file by blocks, written whole, dealt fairly."""

import json
import struct
import sys

import anndata
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import cellaxes as cx
from cellaxes import hierarchy
from cellaxes.cli import main
from cellaxes.hierarchy import (
    batches,
    open_cells,
    read_cells,
    stratify,
    write_cells,
    write_parquet,
    write_stratified,
)
from cellaxes.hierarchy._ingest import (
    _anndata,
    _batches,
    _cells,
    _columns,
    _npy,
    _parquet,
    _scimilarity,
)

TYPES = np.array(["T cell", "B cell", "monocyte", "fibroblast"])


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of 64 cells: every reader and writer crosses their borders."""
    for module in (_anndata, _cells, _npy, _parquet, _scimilarity):
        monkeypatch.setattr(module, "ROWS", 64)


@pytest.fixture
def made():
    """200 cells x 6 dimensions with types and donors."""
    rng = np.random.default_rng(0)
    obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical(TYPES[rng.integers(0, 4, 200)], [*TYPES, "never seen"]),
            "donor": rng.integers(1, 12, 200),
        },
        [f"c{i}" for i in range(200)],
    )
    return rng.normal(size=(200, 6)).astype(np.float32), obs


def same(cells, z, obs, columns=("cell_type", "donor")):
    cells = cells.load() if isinstance(cells, hierarchy.CellStream) else cells
    np.testing.assert_array_equal(cells.z, z)
    assert list(cells.columns) == list(columns)
    for column in columns:
        assert list(cells.labels(column)) == obs[column].astype(str).tolist()
        assert cells.names(column) == tuple(sorted(set(obs[column].astype(str))))
        assert cells.codes(column).dtype == np.int16


# ---- every kind of file gives the same cells ---------------------------------------------------


@pytest.mark.parametrize("kind", ["object", "file", "backed", "frame", "frame file", "X"])
def test_an_anndata_is_read_whatever_its_form(made, tmp_path, kind):
    z, obs = made
    frame = pd.DataFrame(z, obs.index, [f"d{i}" for i in range(6)])
    obsm = {"X_pca": frame if "frame" in kind else z}
    cells = anndata.AnnData(z if kind == "X" else sp.csr_matrix(z > 1), obs, obsm=obsm)
    if kind not in ("object", "frame"):
        cells.write_h5ad(tmp_path / "cells.h5ad")
        cells = tmp_path / "cells.h5ad"
    if kind == "backed":
        cells = anndata.read_h5ad(cells, backed="r")
    same(read_cells(cells, ["cell_type", "donor"], rep="X" if kind == "X" else "X_pca"), z, obs)


def test_files_of_older_anndata_keep_their_categories_elsewhere(made, tmp_path):
    z, obs = made
    path = tmp_path / "cells.h5ad"
    anndata.AnnData(obs=obs, obsm={"X_pca": z}).write_h5ad(path)
    with h5py.File(path, "a") as file:
        frame = file["obs"]
        codes, names = (frame[f"cell_type/{part}"][()] for part in ("codes", "categories"))
        del frame["cell_type"]
        frame["__categories/cell_type"] = names
        frame["cell_type"] = codes
        frame["cell_type"].attrs["categories"] = frame["__categories/cell_type"].ref
        frame.attrs["encoding-version"] = "0.1.0"
    same(read_cells(path, ["cell_type", "donor"], rep="X_pca"), z, obs)


def test_a_file_of_anndata_is_never_read_as_a_whole(made, tmp_path, monkeypatch):
    z, obs = made
    anndata.AnnData(obs=obs, obsm={"X_pca": z}).write_h5ad(tmp_path / "cells.h5ad")
    asked = []
    read = h5py.Dataset.__getitem__

    def note(self, key, **options):
        if self.name == "/obsm/X_pca":
            asked.append(key)
        return read(self, key, **options)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", note)
    stream = read_cells(tmp_path / "cells.h5ad", rep="X_pca")
    assert not asked, "labels come first; the embedding only when it is needed"
    stream.load()
    assert asked == [slice(start, start + 64) for start in (0, 64, 128, 192)]


@pytest.mark.parametrize("kind", ["fixed", "list", "large", "double", "integer", "half"])
@pytest.mark.parametrize("coded", [True, False])
def test_parquet_is_read_whatever_its_lists_and_labels(made, tmp_path, kind, coded):
    z, obs = made
    z = np.round(8 * z) / 8 if kind != "integer" else np.round(z) + 100
    value = {"double": pa.float64(), "integer": pa.int32(), "half": pa.float16()}.get(
        kind, pa.float32()
    )
    flat = pa.array(z.reshape(-1).astype(value.to_pandas_dtype()))
    if kind in ("list", "large"):
        of = pa.ListArray if kind == "list" else pa.LargeListArray
        ends = pa.array(np.arange(0, z.size + 1, 6), pa.int32() if kind == "list" else pa.int64())
        lists = of.from_arrays(ends, flat)
    else:
        lists = pa.FixedSizeListArray.from_arrays(flat, 6)
    types = pa.array(obs["cell_type"].astype(str))
    types = types.dictionary_encode() if coded else types
    table = pa.table({"z": lists, "cell_type": types, "donor": pa.array(obs["donor"].to_numpy())})
    pq.write_table(table, tmp_path / "cells.parquet", row_group_size=70)
    same(read_cells(tmp_path / "cells.parquet", ["cell_type", "donor"]), z, obs)
    stream = read_cells(tmp_path / "cells.parquet")
    assert list(stream.columns) == ["cell_type"], "columns of text, if none is named"
    assert stream.dtype == (np.float16 if kind == "half" else np.float32)


def test_dictionaries_that_differ_between_files_mean_the_same(made, tmp_path):
    z, obs = made
    for number, part in enumerate(np.array_split(np.arange(200), 3)):
        part = part[::-1] if number == 1 else part
        lists = pa.FixedSizeListArray.from_arrays(pa.array(z[part].reshape(-1)), 6)
        types = pa.array(obs["cell_type"].astype(str).to_numpy()[part]).dictionary_encode()
        pq.write_table(
            pa.table({"embedding": lists, "cell_type": types}), tmp_path / f"{number}.parquet"
        )
    order = np.concatenate([np.arange(67), np.arange(133, 66, -1), np.arange(134, 200)])
    same(read_cells(tmp_path), z[order], obs.iloc[order], ["cell_type"])


def test_a_long_parquet_file_is_never_held_as_a_whole(tmp_path, monkeypatch):
    for module in (_cells, _parquet):
        monkeypatch.setattr(module, "ROWS", 4096)
    z = np.random.default_rng(0).normal(size=(100_000, 32)).astype(np.float32)
    cells = hierarchy.Cells(z, {"donor": _columns.column_of(np.zeros(len(z)), "donor")})
    write_parquet(cells.stream(), tmp_path / "z.parquet")
    stream = read_cells(tmp_path / "z.parquet")
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in stream.blocks()]
    assert max(held) < z.nbytes / 4


@pytest.mark.parametrize("end", ["csv", "tsv", "csv.gz"])
def test_a_numpy_file_takes_its_labels_from_a_table(made, tmp_path, end):
    z, obs = made
    obs = obs.assign(donor=[f"0{donor}" for donor in obs["donor"]])
    np.save(tmp_path / "z.npy", z.astype(np.float64))
    obs.to_csv(tmp_path / f"obs.{end}", sep="\t" if end == "tsv" else ",", index=False)
    same(read_cells(tmp_path / "z.npy", table=tmp_path / f"obs.{end}"), z, obs)


# ---- an index, byte by byte --------------------------------------------------------------------


def index_bytes(z, labels, *, links=8, room=0, deleted=()):
    """Return an hnswlib index: header, elements, links of the upper layers."""
    n, d = z.shape
    vector = 4 + 4 * links
    label = vector + 4 * d
    head = struct.pack("<6Q", 0, n + room, n, label + 8, label, vector)
    head += struct.pack("<iI3QdQ", 1, n - 1, links // 2, links, links // 2, 0.36, 1000)
    assert len(head) == 96
    body = b"".join(
        struct.pack("<HBx", 3, i in deleted)
        + bytes([7]) * (4 * links)
        + z[i].astype("<f4").tobytes()
        + struct.pack("<Q", labels[i])
        for i in range(n)
    )
    upper = b"".join(
        struct.pack("<I", 20) + bytes(20) if i % 9 == 0 else bytes(4) for i in range(n)
    )
    return head + body + upper


@pytest.fixture
def model(made, tmp_path):
    """A SCimilarity folder whose elements are not in the order of their labels."""
    z, obs = made
    folder = tmp_path / "model_v1.1"
    (folder / "annotation").mkdir(parents=True)
    order = np.random.default_rng(1).permutation(200)
    content = index_bytes(z[order], order, room=50)
    (folder / "annotation" / "labelled_kNN.bin").write_bytes(content)
    (folder / "annotation" / "reference_labels.tsv").write_text(
        "".join(f"{one} \n" for one in obs["cell_type"])
    )
    return folder


def test_an_index_is_read_in_the_order_of_its_label_file(made, model):
    z, obs = made
    same(read_cells(model, n_dims=6), z, obs, ["cell_type"])
    same(read_cells(model / "annotation"), z, obs, ["cell_type"])


def test_the_label_file_may_name_the_study(made, model):
    z, obs = made
    table = model / "annotation" / "reference_labels.tsv"
    lines = zip(obs["cell_type"], obs["donor"], strict=True)
    table.write_text("".join(f'{one}\tstudy "{donor}\n' for one, donor in lines))
    studies = obs.assign(study=[f'study "{donor}' for donor in obs["donor"]])
    same(read_cells(model), z, studies, ["cell_type", "study"])


def test_a_real_header_says_how_large_a_record_is():
    """80 links to either side twice over and 128 dimensions: 1,164 bytes for each cell."""
    z = np.zeros((2, 128), np.float32)
    body = len(index_bytes(z, [0, 1], links=160)) - 96
    assert body == 2 * 1164 + 24 + 4


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda index: index[:60], "truncated: it has 60 bytes"),
        (lambda index: index[: len(index) // 2], "truncated: 200 cells of 6 dimensions need"),
        (lambda index: index[:-900], "truncated: 200 cells of 6 dimensions need"),
        (lambda index: bytes(8) + index[8:40] + bytes(8) + index[48:], "no hnswlib index"),
        (lambda index: index[:32] + struct.pack("<Q", 59) + index[40:], "no hnswlib index"),
        (lambda index: b"\x80\x05pickle" * 99, "no hnswlib index"),
    ],
)
def test_a_damaged_index_is_refused(model, damage, said):
    path = model / "annotation" / "labelled_kNN.bin"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(cx.InputError, match=said):
        read_cells(model)


@pytest.mark.parametrize(
    ("labels", "deleted", "said"),
    [
        ([0, 1, 1, 3], (), "no element has the label 2"),
        ([0, 1, 2, 9], (), "no element has the label 3"),
        ([0, 1, 2, 3], (2,), "element 2 is marked as deleted"),
    ],
)
def test_an_index_whose_labels_are_no_lines_is_refused(tmp_path, labels, deleted, said):
    z = np.ones((4, 3), np.float32)
    (tmp_path / "labelled_kNN.bin").write_bytes(index_bytes(z, labels, deleted=deleted))
    (tmp_path / "reference_labels.tsv").write_text("a\nb\na\nb\n")
    with pytest.raises(cx.InputError, match=said):
        read_cells(tmp_path)


def test_labels_of_another_index_are_refused(model):
    table = model / "annotation" / "reference_labels.tsv"
    content = table.read_text()
    table.write_text(content + "T cell\n")
    with pytest.raises(cx.InputError, match=r"201 lines, but labelled_kNN\.bin has 200 cells"):
        read_cells(model)
    table.write_text(content.replace("\n", "\n\n", 1))
    with pytest.raises(cx.InputError, match="201 cells, the first in row 1"):
        read_cells(model)
    table.write_text("a\tb\tc\n")
    with pytest.raises(cx.InputError, match="has 3 columns"):
        read_cells(model)
    table.unlink()
    with pytest.raises(cx.InputError, match=r"reference_labels\.tsv is no file"):
        read_cells(model)


def test_another_number_of_dimensions_is_refused(model):
    with pytest.raises(cx.InputError, match="has 6 dimensions, but 128 were expected"):
        read_cells(model, n_dims=128)


# ---- what is written is what was read ----------------------------------------------------------


@pytest.fixture
def adata(made):
    z, obs = made
    return anndata.AnnData(obs=obs, obsm={"X_pca": z})


@pytest.fixture
def stream(adata):
    return read_cells(adata, ["cell_type", "donor"], rep="X_pca")


def test_the_folder_holds_a_memory_map_and_codes(stream, made, tmp_path):
    z, obs = made
    cells = write_cells(stream, tmp_path / "cells")
    same(cells, z, obs)
    same(open_cells(tmp_path / "cells", verify=True), z, obs)
    same(read_cells(tmp_path / "cells", ["donor"]), z, obs, ["donor"])
    assert isinstance(cells.z, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        cells.z[0] = 0
    assert len(cells) == 200
    np.testing.assert_array_equal(np.load(tmp_path / "cells" / "embedding.npy"), z)
    assert repr(cells).splitlines()[0] == (
        f"Cells: 200 x 6 dimensions, float32, memory map in {tmp_path / 'cells'}"
    )
    assert "cell_type  4 names: " in repr(cells)


@pytest.mark.parametrize("compression", ["none", "zstd"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_parquet_comes_back_as_it_was(stream, made, tmp_path, compression, dtype):
    z, obs = made
    cells = write_cells(stream, tmp_path / "cells", dtype=dtype)
    assert cells.z.dtype == dtype
    path = write_parquet(cells, tmp_path / "cells.parquet", compression=compression)
    back = read_cells(path)
    assert back.dtype == dtype
    same(back, z.astype(dtype), obs)
    found = pq.ParquetFile(path)
    kind = found.schema_arrow.field("embedding").type
    assert (kind.value_type, kind.list_size) == (pa.from_numpy_dtype(np.dtype(dtype)), 6)
    assert pa.types.is_dictionary(found.schema_arrow.field("cell_type").type)
    groups = [found.metadata.row_group(k).num_rows for k in range(found.num_row_groups)]
    assert groups == [64, 64, 64, 8]
    kind = found.metadata.row_group(0).column(0).compression
    assert kind == {"none": "UNCOMPRESSED", "zstd": "ZSTD"}[compression]


def test_levels_of_a_tree_become_columns_on_the_way(stream, made, tmp_path):
    tree = hierarchy.tree(stream.names("cell_type"))
    cells = write_cells(stream.with_levels(tree, "cell_type"), tmp_path / "cells")
    expected = tree.expand(made[1]["cell_type"])
    for level in ("level1", "level2", "level3", "level4"):
        assert list(cells.labels(level)) == list(expected[level])
    with pytest.raises(cx.InputError, match="a column 'level1' already"):
        cells.with_levels(tree, "cell_type")
    with pytest.raises(cx.InputError, match="no label 'B cell'"):
        stream.with_levels(hierarchy.tree(["T cell"]), "cell_type")


def test_names_and_codes_do_not_depend_on_the_order_of_cells(stream):
    cells = stream.load()
    order = np.random.default_rng(0).permutation(200)
    turned = cells.stream(order).load()
    np.testing.assert_array_equal(turned.codes("donor"), cells.codes("donor")[order])
    np.testing.assert_array_equal(turned.z, cells.z[order])


def test_more_names_than_int16_can_count(tmp_path):
    n = 40_000
    np.save(tmp_path / "z.npy", np.ones((n, 1), np.float32))
    (tmp_path / "t.csv").write_text("donor\n" + "\n".join(map(str, range(n))) + "\n")
    cells = read_cells(tmp_path / "z.npy", table=tmp_path / "t.csv").load()
    assert cells.codes("donor").dtype == np.int32
    assert list(cells.labels("donor")) == [str(i) for i in range(n)]


# ---- bad cells, bad files ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "dtype", "said"),
    [
        (np.nan, None, "holds NaN, infinity .* in row 130 and 1 more of the 64 from row 128"),
        (-np.inf, None, "holds NaN, infinity"),
        (1e6, "float16", "what float16 cannot hold in row 130"),
        (0, None, "is zero in every dimension in row 130 and 1 more .* no direction"),
    ],
)
def test_bad_rows_are_refused_and_nothing_is_left_behind(adata, tmp_path, value, dtype, said):
    adata.obsm["X_pca"][[130, 140]] = value
    stream = read_cells(adata, rep="X_pca")
    with pytest.raises(cx.InputError, match=said):
        write_cells(stream, tmp_path / "cells", dtype=dtype)
    if dtype is None:
        with pytest.raises(cx.InputError, match=said):
            write_parquet(stream, tmp_path / "cells.parquet")
    assert list(tmp_path.iterdir()) == []


def test_tiny_and_huge_values_are_no_fault(adata):
    adata.obsm["X_pca"][0] = 1e-30
    adata.obsm["X_pca"][1] = 1e30
    assert read_cells(adata, rep="X_pca").load().z[1, 0] == np.float32(1e30)


def test_an_interrupted_write_leaves_nothing(stream, tmp_path):
    def breaks():
        yield from [*stream.read()][:2]
        raise KeyboardInterrupt

    broken = hierarchy.CellStream(200, 6, stream.dtype, stream.columns, "broken", breaks)
    for write, name in ((write_cells, "cells"), (write_parquet, "cells.parquet")):
        with pytest.raises(KeyboardInterrupt):
            write(broken, tmp_path / name)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("take", "said"), [(2, "but 128 came"), (0, "but 0 came")])
def test_a_source_that_ends_early_is_refused(stream, take, said):
    short = hierarchy.CellStream(
        200, 6, stream.dtype, stream.columns, "short", lambda: iter([*stream.read()][:take])
    )
    with pytest.raises(cx.InputError, match=f"should have 200 cells, {said}"):
        short.load()


def test_what_exists_is_not_written_over(stream, tmp_path):
    write_cells(stream, tmp_path / "cells")
    with pytest.raises(cx.InputError, match="exists already"):
        write_cells(stream, tmp_path / "cells")
    (tmp_path / "empty").mkdir()
    assert len(write_cells(stream, tmp_path / "empty")) == 200


def edit(folder, change):
    head = json.loads((folder / "cells.json").read_text())
    change(head)
    (folder / "cells.json").write_text(json.dumps(head))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: (f / "cells.json").unlink(), r"cells\.json is missing"),
        (lambda f: (f / "cells.json").write_text("{"), "damaged"),
        (lambda f: edit(f, lambda h: h.pop("files")), "damaged"),
        (lambda f: edit(f, lambda h: h.update(dtype="S9x")), "damaged"),
        (lambda f: edit(f, lambda h: h["columns"][0].update(file="../x.npy")), "damaged"),
        (lambda f: edit(f, lambda h: h.update(format="cellaxes.cells/9")), "layout cellaxes"),
        (lambda f: edit(f, lambda h: h.update(n_cells=7)), r"shape \(200, 6\) instead of"),
        (lambda f: edit(f, lambda h: h["columns"][0]["names"].pop()), "codes that no name"),
        (lambda f: (f / "embedding.npy").unlink(), r"embedding\.npy is missing"),
        (
            lambda f: (f / "embedding.npy").write_bytes((f / "embedding.npy").read_bytes()[:999]),
            "has 999 bytes instead of 4,928",
        ),
        (lambda f: (f / "codes_1.npy").write_bytes(b"x"), "has 1 bytes instead of 528"),
        (lambda f: (f / "codes_1.npy").write_bytes(bytes(528)), "cannot be read as a NumPy file"),
    ],
)
def test_a_damaged_folder_is_refused(stream, tmp_path, damage, said):
    write_cells(stream, tmp_path / "cells")
    damage(tmp_path / "cells")
    with pytest.raises(cx.InputError, match=said):
        open_cells(tmp_path / "cells")


def test_a_changed_byte_is_found_on_request(stream, tmp_path):
    write_cells(stream, tmp_path / "cells")
    path = tmp_path / "cells" / "embedding.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    open_cells(tmp_path / "cells")
    with pytest.raises(cx.InputError, match="SHA-256 differs"):
        open_cells(tmp_path / "cells", verify=True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rep": None}, r"name the embedding in obsm .*'X_pca'"),
        ({"rep": "X_pcb"}, "obsm has no 'X_pcb': did you mean 'X_pca'"),
        ({"labels": "celltype"}, "has no column 'celltype': did you mean 'cell_type'"),
        ({"labels": []}, "has no label columns"),
        ({"rep": "X"}, "no dense matrix"),
        ({"rep": "flat"}, "shape"),
        ({"rep": "counts"}, "no dense matrix"),
    ],
)
@pytest.mark.parametrize("on_disk", [True, False])
def test_what_is_not_in_an_anndata_is_named(made, tmp_path, options, said, on_disk):
    z, obs = made
    obsm = {"X_pca": z, "counts": sp.csr_matrix(z), "flat": z[:, :, None]}
    cells = anndata.AnnData(sp.csr_matrix(z), obs, obsm=obsm)
    if on_disk:
        cells.write_h5ad(tmp_path / "cells.h5ad")
        cells = tmp_path / "cells.h5ad"
    with pytest.raises(cx.InputError, match=said):
        read_cells(cells, **{"labels": "cell_type", "rep": "X_pca"} | options)


def test_cells_without_a_label_are_refused_or_named(adata, made):
    types = made[1]["cell_type"].astype(object)
    types.iloc[[3, 5, 8]] = [None, np.nan, " "]
    adata.obs["cell_type"] = types
    with pytest.raises(cx.InputError, match="missing in 3 of 200 cells, the first in row 3"):
        read_cells(adata, rep="X_pca")
    named = read_cells(adata, rep="X_pca", missing="unknown").load()
    assert np.flatnonzero(named.labels("cell_type") == "unknown").tolist() == [3, 5, 8]


def test_missing_labels_of_tables_are_found_too(made, tmp_path):
    z, obs = made
    np.save(tmp_path / "z.npy", z)
    types = obs["cell_type"].astype(object).to_numpy()
    types[7] = None
    pd.DataFrame({"cell_type": types}).to_csv(tmp_path / "t.csv", index=False)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(z.reshape(-1)), 6)
    coded = pa.array(types, pa.string()).dictionary_encode()
    pq.write_table(pa.table({"z": lists, "cell_type": coded}), tmp_path / "z.parquet")
    for source, table in (("z.npy", tmp_path / "t.csv"), ("z.parquet", None)):
        with pytest.raises(cx.InputError, match="missing in 1 of 200 cells, the first in row 7"):
            read_cells(tmp_path / source, table=table)


def lists(values):
    return pa.table(
        {
            "z": pa.array(values, pa.list_(pa.float32())),
            "t": pa.array(["a"] * len(values), pa.string()),
        }
    )


@pytest.mark.parametrize(
    ("table", "options", "said"),
    [
        (lists([[1, 2], None]), {}, "cells without an embedding"),
        (lists([[1, 2], [None, 1]]), {}, "cells without an embedding"),
        (lists([[1, 2], [1], [1, 2, 3]]), {}, "not all of one length"),
        (lists([[1], [1]]), {"rep": "y"}, "no column 'y' of lists"),
        (lists([[1], [1]]), {"labels": "u"}, "no column 'u'"),
        (lists([]), {}, "has no cells"),
        (pa.table({"t": ["a"]}), {}, "0 columns that may be the embedding"),
        (pa.table({"z": [[1.0]], "y": [[1.0]], "t": ["a"]}), {}, "2 columns .* 'y', 'z'"),
        (pa.table({"z": [[1.0]]}), {}, "no label columns"),
    ],
)
def test_bad_parquet_is_refused(tmp_path, table, options, said):
    pq.write_table(table, tmp_path / "bad.parquet")
    with pytest.raises(cx.InputError, match=said):
        read_cells(tmp_path / "bad.parquet", **options).load()


def test_files_that_are_truncated_or_of_another_kind_are_refused(stream, adata, tmp_path):
    write_parquet(stream, tmp_path / "c.parquet")
    adata.write_h5ad(tmp_path / "c.h5ad")
    np.save(tmp_path / "c.npy", stream.load().z)
    (tmp_path / "t.csv").write_text("cell_type\n" + "T cell\n" * 200)
    for name, kind in (
        ("c.parquet", "Parquet"),
        ("c.h5ad", "an h5ad file"),
        ("c.npy", "a NumPy file"),
    ):
        options = {"rep": "X_pca" if name == "c.h5ad" else None, "table": tmp_path / "t.csv"}
        content = (tmp_path / name).read_bytes()
        for broken in (content[: len(content) // 2], b"", b"\x80\x04\x95pickled."):
            (tmp_path / name).write_bytes(broken)
            with pytest.raises(cx.InputError, match=f"{name} cannot be read as {kind}"):
                read_cells(tmp_path / name, **options)
        (tmp_path / name).unlink()
        with pytest.raises(cx.InputError, match=name):
            read_cells(tmp_path / name, **options)
    with pytest.raises(cx.InputError, match="holds no embedding that can be read"):
        read_cells(tmp_path)


def test_objects_in_a_numpy_file_are_never_unpickled(tmp_path):
    np.save(tmp_path / "z.npy", np.array([[{}]]), allow_pickle=True)
    with pytest.raises(cx.InputError, match="cannot be read as a NumPy file"):
        read_cells(tmp_path / "z.npy", table="t.csv")


def test_a_table_of_another_length_is_refused(made, tmp_path):
    np.save(tmp_path / "z.npy", made[0])
    (tmp_path / "t.csv").write_text("cell_type\n" + "T cell\n" * 199)
    with pytest.raises(cx.InputError, match=r"200 cells, but .* of .*t.csv has 199"):
        read_cells(tmp_path / "z.npy", table=tmp_path / "t.csv")
    with pytest.raises(cx.InputError, match="has no labels: name their table"):
        read_cells(tmp_path / "z.npy")


# ---- order -------------------------------------------------------------------------------------


def by_hand(codes, rng):
    """Return the order of turns, cell by cell."""
    groups = {}
    for cell, code in enumerate(codes):
        groups.setdefault(code, []).append(cell)
    for group in groups.values():
        rng.shuffle(group)
    turns = [iter(g) for g in sorted(groups.values(), key=len, reverse=True)]
    order = []
    while turns:
        drawn = [(turn, next(turn, None)) for turn in turns]
        turns = [turn for turn, cell in drawn if cell is not None]
        order += [cell for _, cell in drawn if cell is not None]
    return order


@given(
    st.lists(st.sampled_from([0, 1, 2, 3, 7, 300, 70_000]), max_size=60),
    st.sampled_from([np.int16, np.int32, np.int64]),
)
@settings(max_examples=60, deadline=None)
def test_turns_are_those_of_lists_that_are_dealt_by_hand(codes, kind):
    codes = np.array(codes, dtype=np.int64) % (1 << 15 if kind is np.int16 else 1 << 17)
    expected = by_hand(codes.tolist(), np.random.RandomState(42))
    found = stratify(codes.astype(kind), random_state=42, legacy=True)
    assert found.tolist() == expected
    ours = stratify(codes.astype(kind))
    assert ours.dtype == np.int64
    np.testing.assert_array_equal(np.sort(ours), np.arange(len(codes)))
    np.testing.assert_array_equal(codes[ours], codes[expected])


def test_the_first_cells_are_balanced():
    rng = np.random.default_rng(0)
    codes = rng.choice(5, 10_000, p=[0.9, 0.05, 0.03, 0.01, 0.01])
    order = stratify(codes)
    assert np.ptp(np.bincount(codes[order[:400]])) == 0
    assert not np.array_equal(order, stratify(codes, random_state=1))
    np.testing.assert_array_equal(order, stratify(codes))


@pytest.mark.parametrize("codes", [[0.5], [[1]], ["a"], [0, -1]])
def test_codes_that_are_none_are_refused(codes):
    with pytest.raises(cx.InputError, match="codes"):
        stratify(np.array(codes))


@pytest.mark.parametrize("name", ["cells.parquet", "cells"])
def test_the_order_is_written_on_request(stream, tmp_path, name):
    cells = stream.load()
    order = stratify(cells.codes("donor"), random_state=42, legacy=True)
    path = write_stratified(cells, "donor", tmp_path / name, random_state=42, legacy=True)
    back = read_cells(path).load()
    np.testing.assert_array_equal(back.z, cells.z[order])
    assert list(back.labels("cell_type")) == list(cells.labels("cell_type")[order])


@pytest.mark.parametrize("held", [1 << 20, 2500])
@pytest.mark.parametrize("world", [1, 3])
def test_every_cell_is_dealt_once(held, world, monkeypatch):
    monkeypatch.setattr(_batches, "BUFFER", held * 2)
    z = np.arange(20_000, dtype=np.float16)[:, None] * np.ones(2, np.float16)
    chosen = np.random.default_rng(0).permutation(10_000)[:8_000]
    seen = []
    for epoch in (0, 1):
        dealt = [
            [*batches(z, 300, rows=chosen, epoch=epoch, rank=rank, world=world)]
            for rank in range(world)
        ]
        assert len({len(one) for one in dealt}) == 1, "processes wait for each other"
        for rows, part in (pair for one in dealt for pair in one):
            assert 0 < len(rows) <= 300
            assert part.dtype == np.float32
            np.testing.assert_array_equal(part, z[rows].astype(np.float32))
        rows = np.concatenate([rows for one in dealt for rows, _ in one])
        assert len(np.unique(rows)) == len(rows) > 8_000 - world
        assert set(rows) <= set(chosen)
        seen.append(rows)
    assert not np.array_equal(*seen), "in a new order every time"
    again = np.concatenate(
        [r for k in range(world) for r, _ in batches(z, 300, rows=chosen, rank=k, world=world)]
    )
    np.testing.assert_array_equal(again, seen[0])


def test_a_memory_map_is_read_in_runs_and_its_order_is_mixed(monkeypatch):
    monkeypatch.setattr(_batches, "BUFFER", 4096)
    z = np.arange(40_000, dtype=np.float32)[:, None]
    rows = np.concatenate([rows for rows, _ in batches(z, 100)])
    first = np.sort(rows[:4000])
    assert (np.diff(first) == 1).mean() > 0.99, "of a window, whole blocks"
    assert np.ptp(first) > 10_000, "from all over the map"
    assert abs(np.corrcoef(rows, np.arange(40_000))[0, 1]) < 0.5


@pytest.mark.parametrize(
    "options", [{"size": 0}, {"rank": 1}, {"rank": -1, "world": 2}, {"rows": []}]
)
def test_batches_that_cannot_be_are_refused(options):
    with pytest.raises(cx.InputError):
        batches(np.ones((3, 1)), **{"size": 2} | options)


# ---- the command -------------------------------------------------------------------------------


@pytest.fixture
def run(monkeypatch, capsys):
    def go(*words):
        monkeypatch.setattr(sys, "argv", ["cellaxes", "structure", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            main()
        said = capsys.readouterr()
        return caught.value.code, said.out, said.err

    return go


def test_the_command_writes_cells_with_levels(adata, made, tmp_path, run):
    z, _ = made
    adata.write_h5ad(tmp_path / "cells.h5ad")
    assert run("tree", tmp_path / "cells.h5ad", "--out", tmp_path / "tree")[0] == 0
    code, said, error = run(
        *("ingest", tmp_path / "cells.h5ad", "--rep", "X_pca", "--out", tmp_path / "cells"),
        *("--labels", "cell_type", "--labels", "donor", "--dtype", "float16"),
        *("--tree", tmp_path / "tree" / "tree.json"),
        *("--parquet", tmp_path / "cells.parquet", "--compression", "zstd"),
    )
    assert code == 0, error
    cells = open_cells(tmp_path / "cells")
    np.testing.assert_array_equal(cells.z, z.astype(np.float16))
    assert list(cells.columns) == ["cell_type", "donor", *(f"level{k}" for k in range(1, 5))]
    assert set(cells.names("level1")) == {"Immune", "Stromal"}
    assert "Cells: 200 x 6 dimensions, float16" in said
    assert read_cells(tmp_path / "cells.parquet").names("donor") == cells.names("donor")


def test_the_command_names_what_is_wrong(model, tmp_path, run):
    path = model / "annotation" / "labelled_kNN.bin"
    path.write_bytes(path.read_bytes()[:500])
    code, _, error = run("ingest", model, "--out", tmp_path / "cells")
    assert code == 2
    assert error.startswith("cellaxes: ")
    assert "truncated" in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "cells").exists()
    (tmp_path / "tree.json").write_text("{")
    np.save(tmp_path / "z.npy", np.ones((1, 2)))
    (tmp_path / "t.csv").write_text("cell_type\nT cell\n")
    words = ("--table", tmp_path / "t.csv", "--tree", tmp_path / "tree.json")
    code, _, error = run("ingest", tmp_path / "z.npy", *words, "--out", tmp_path / "cells")
    assert code == 2
    assert "tree.json cannot be read as a tree" in error
