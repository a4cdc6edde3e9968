"""A full or read-only disk: one sentence, nothing half-written, earlier results untouched."""

import io
import json
import re
import resource
import subprocess
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial

import anndata
import numpy as np
import pandas as pd
import pytest

import cellaxes as cx
from cellaxes import perturbation as p
from cellaxes._core.adata import write_h5ad
from cellaxes._core.errors import CellaxesError
from cellaxes.cli import _app

STORE = {"study.json", "facts.json", "runs", "stages", ".lock"}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Small inputs of every command, and what one command writes for another."""
    folder = tmp_path_factory.mktemp("inputs")
    adata = cx.datasets.simulated_counts(n_cells=200, n_genes=60, random_state=1)
    adata.obsm["X_z"] = cx.embed.make("pca", n_components=8).fit(adata.X).transform(adata.X)
    adata.write_h5ad(folder / "cells.h5ad")
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        [(c, f"drug {k}") for c in "ABC" for k in range(16) if c != "C" or k < 4],
        columns=["context", "compound"],
    )
    effect = rng.normal(size=(16, 3)) @ rng.normal(size=(3, 12)) * 2
    t = effect[rows["compound"].str[5:].astype(int)] + rng.normal(size=(len(rows), 12))
    table = p.PerturbationTable(rows, [f"g{i}" for i in range(12)], t=t)
    p.write_table(table, folder / "table.h5ad")
    wanted = pd.DataFrame({"context": "C", "compound": ["drug 14", "drug 15"]})
    wanted.to_csv(folder / "wanted.csv", index=False)
    members = {"kernel_gp": p.KernelGP(n_steps=2)}
    p.fit(
        table, "few-shot context", members=members, n_jobs=1, progress=False
    ).save(folder / "model")  # fmt: skip
    u, n = (grid.ravel() for grid in np.meshgrid(np.geomspace(10, 3000, 6), [100, 300, 1000]))
    bits = 2 * np.log2(1 + u / 100) / (1 + np.log2(1 + u / 100)) * n / (n + 50)
    curve = {"umis_per_cell": u, "n_train": n, "information": bits, "model": "pca", "signal": "s"}
    pd.DataFrame(curve).to_csv(folder / "mi.csv", index=False)
    (folder / "labels.txt").write_text("B cell\nT cell\nmonocyte\n")
    screen = p.simulate_screen(3, 6, 40, n_cells=16, depth=400, strength=1, random_state=2)
    screen.cells.write_h5ad(folder / "screen.h5ad")
    cx.verbs.explain(
        folder / "cells.h5ad", "X_z", gene_sets=(), n_features=16, k=3, n_seeds=1,
        out=folder / "explained", progress=False,
    )  # fmt: skip
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Predictors and comparisons that take a moment, where a command asks for the usual ones."""
    members = {"kernel_gp": p.KernelGP(n_steps=2)}
    monkeypatch.setattr("cellaxes.perturbation._ensemble._fit.default_members", lambda: members)
    structure = partial(cx.verbs.structure, method="lda", n_seeds=1)
    monkeypatch.setattr("cellaxes.verbs._profile.structure", structure)
    monkeypatch.setattr("cellaxes.verbs._profile.BESIDE", ("pca",))


STUDY = "cells.h5ad --signal protein:protein --model pca:n_components=4 --levels 3 --seeds 1 "
STUDY += "--estimator gaussian --permutations 2 --jobs 1"
EXPLAIN = "cells.h5ad --rep X_z --gene-sets none --features 16 --k 3 --seeds 1"
COMMANDS = {
    "measure": f"measure {STUDY} --out OUT",
    "study run": f"study run {STUDY} --out OUT",
    "study plan": f"study plan {STUDY.removesuffix(' --jobs 1')} --out OUT",
    "fit": "fit mi.csv --depth umis_per_cell --information information --by n_train --out OUT",
    "plan": "plan mi.csv --budget 5000 --cost-per-cell 1 --cost-per-umi 0.001 --out OUT",
    "zoo": "zoo mi.csv --out OUT/zoo.html",
    "explain": f"explain {EXPLAIN} --out OUT",
    "explain steer": "explain steer cells.h5ad --rep X_z --from explained --edit 0:ablate "
    "--out OUT",
    "structure": "structure cells.h5ad --rep X_z --labels cell_type --tree data --method lda "
    "--seeds 1 --baseline pca --out OUT",
    "structure tree": "structure tree labels.txt --out OUT",
    "structure ingest": "structure ingest cells.h5ad --rep X_z --labels cell_type --out OUT/cells "
    "--parquet OUT/cells.parquet",
    "predict fit": "predict fit table.h5ad --jobs 1 --out OUT",
    "predict predict": "predict predict model wanted.csv --out OUT",
    "predict next": "predict next model --contexts C --out OUT",
    "predict evaluate": "predict evaluate table.h5ad --seeds 1 --out OUT",
    "predict needs": "predict needs screen.h5ad --sample well --covariate donor --split random "
    "--held-out 0.4 --predictor compound_mean --levels 3 --depths 2 --seeds 1 --out OUT",
    "profile": "profile cells.h5ad --rep X_z --labels cell_type --gene-sets none --tree data "
    "--levels 3 --seeds 1 --jobs 1 --out OUT",
}


def command(line, out):
    """Run a command as a shell would; return its exit code and what it said."""
    from typer.main import get_command

    words = [word.replace("OUT", str(out)) for word in line.split()]
    said = io.StringIO()  # not a file: those are not to grow
    try:
        with redirect_stdout(said), redirect_stderr(said):
            get_command(_app.app)(words, standalone_mode=False)
    except CellaxesError as error:
        return 2, str(error)
    except SystemExit as end:
        return end.code, ""
    return 0, ""


def entries(out):
    """Return every file of a folder with its bytes."""
    if not out.exists():
        return {}
    return {str(f.relative_to(out)): f.read_bytes() for f in out.rglob("*") if f.is_file()}


@contextmanager
def files_of_at_most(size):
    """Let no file grow beyond a size, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def disk(path, size):
    """Give a disk of a size; where none can be mounted, skip."""
    path.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], capture_output=True
    )
    if made.returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def is_a_sentence_about(said, out):
    return str(out) in said and "\n" not in said and re.search(r"(again|choose another).*\.$", said)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_costs_a_sentence_and_no_earlier_result(name, inputs, tmp_path, monkeypatch):
    monkeypatch.chdir(inputs)
    out = tmp_path / "out"
    if name != "structure ingest":
        assert command(COMMANDS[name], out) == (0, "")
    whole = entries(out)
    said = COMMANDS[name].replace("--levels 3", "--levels 4")  # another study: there is work to do
    largest = max((len(content) for content in whole.values()), default=2000)
    for size in (0, largest // 2):  # at the first byte; at the largest file
        with files_of_at_most(size):
            code, why = command(said, out)
        assert code == 2
        assert is_a_sentence_about(why, out), why
        found = entries(out)
        kept = {file for file in whole if "runs/" in file or not of_study(file)}
        if name == "profile":  # whose first part was finished, and is another study's now
            kept = {file for file in kept if "/runs/" in file or not file.startswith("measure/")}
        assert not [file for file in kept if found.get(file) != whole[file]]
        new = {file for file in found if not of_study(file)} - whole.keys()
        assert all(".training/" in file for file in new)  # which goes on from there
        assert not [file for file in found if "runs/" in file and not json.loads(found[file])]
    if name in ("study run", "structure ingest"):  # the disk has room again
        assert command(said, out) == (0, "")


def test_a_disk_without_room_is_named(inputs, tmp_path, monkeypatch):
    monkeypatch.chdir(inputs)
    with disk(tmp_path / "disk", "12k") as small:
        code, why = command(COMMANDS["structure ingest"], small / "out")
        assert code == 2
        assert why.startswith(f"the disk is full, {small / 'out' / 'cells'}"), why
        assert "free space and run the same command again" in why
        assert entries(small) == {}


def test_a_disk_without_room_is_found_out_before_hdf5_begins(tmp_path, monkeypatch):
    """After a write that failed, HDF5 2.0 may crash the process much later."""
    adata = cx.datasets.simulated_counts(n_cells=200, n_genes=60, random_state=1)
    path, begun = tmp_path / "cells.h5ad", []
    write = anndata.AnnData.write_h5ad
    monkeypatch.setattr(
        anndata.AnnData, "write_h5ad", lambda *words: (begun.append(1), write(*words))
    )
    write_h5ad(adata, path)
    size = path.stat().st_size
    path.unlink()
    for least in (0, size // 2, size - 1):
        with files_of_at_most(least), pytest.raises(OSError, match="File too large"):
            write_h5ad(adata, path)
    assert begun == [1]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"measure", "study plan", "structure"}))
def test_a_read_only_disk_costs_a_sentence_before_any_work(name, inputs, tmp_path, monkeypatch):
    monkeypatch.chdir(inputs)
    with disk(tmp_path / "disk", "1m") as readonly:
        subprocess.run(["mount", "-o", "remount,ro", str(readonly)], check=True)
        code, why = command(COMMANDS[name], readonly / "out")
        assert code == 2
        assert is_a_sentence_about(why, readonly / "out"), why
        assert "Read-only file system" in why


def of_study(name):
    return name.removeprefix("measure/").split("/")[0] in STORE  # of measure, or in a profile
