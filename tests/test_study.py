"""A study: killed, resumed, failing, starved of disk; its table stays what it is."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import anndata
import numpy as np
import pandas as pd
import pytest

import cellaxes as cx
from cellaxes.study._execute import split

WISHES = {
    "models": ["pca:n_components=4", "random_projection:n_components=4"],
    "n_levels": 3,
    "n_seeds": 2,
    "n_permutations": 1,
}


@pytest.fixture(scope="module")
def prepared(cells_file):
    return cx.study.prepare(cells_file, ["label:cell_type", "protein:protein"], **WISHES)


@pytest.fixture(scope="module")
def finished(prepared, tmp_path_factory):
    """The folder of the study, carried out: to read, and to copy before anything is changed."""
    pytest.importorskip("torch", reason="a critic reads the proteins")
    out = tmp_path_factory.mktemp("study") / "out"
    spec, material = prepared
    assert cx.study.run(spec, out, material=material, n_jobs=1, progress=False) == 0
    return out


@pytest.fixture(scope="module")
def table(finished):
    return cx.study.collect(finished)


def test_table_holds_every_run_in_order(prepared, table):
    spec, _ = prepared
    assert len(table) == len(spec.runs()) == 2 * 2 * 3 * 2
    assert (table["status"] == "done").all()
    assert table["fraction"].unique().tolist() == list(spec.fractions)
    depth = table.groupby("fraction")["umis_per_cell"].mean()
    assert depth.loc[1.0] == pytest.approx(2000, rel=0.1)
    assert depth.iloc[0] == pytest.approx(10, rel=0.15)
    top = table[(table["fraction"] == 1) & (table["signal"] == "label:cell_type")]
    assert top["information"].min() > 1.5
    assert table["information"][table["fraction"] < 0.01].max() < 1.5


def test_workers_and_stops_change_nothing(cells_file, tmp_path, tmp_path_factory):
    """Two workers, killed with SIGKILL again and again, end with exactly the same table."""
    quick = WISHES | {"n_levels": 6, "estimator": "gaussian"}
    spec, material = cx.study.prepare(cells_file, ["protein:protein"], **quick)
    undisturbed = tmp_path_factory.mktemp("undisturbed")
    cx.study.run(spec, undisturbed, material=material, n_jobs=1, progress=False)
    table = cx.study.collect(undisturbed)
    cx.study.Store(tmp_path).write_spec(spec)
    code = (
        "import cellaxes as cx, sys; s = cx.study.Store(sys.argv[1]);"
        "cx.study.run(s.read_spec(), sys.argv[1], n_jobs=2, progress=False)"
    )
    counts = []
    for wait in (3, 6):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], start_new_session=True
        )
        deadline = time.monotonic() + 120
        before = len(cx.study.Store(tmp_path).finished())
        while time.monotonic() < deadline and process.poll() is None:
            if len(cx.study.Store(tmp_path).finished()) >= before + wait:
                break
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        counts.append(len(cx.study.Store(tmp_path).finished()))
    assert counts == sorted(counts)
    assert 0 < counts[0] < len(table)
    assert cx.study.status(tmp_path).done == counts[-1]
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/??/*.json")}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    pd.testing.assert_frame_equal(cx.study.collect(tmp_path), table, check_exact=True)
    assert all(path.stat().st_mtime_ns == at for path, at in kept.items())
    assert not list(tmp_path.glob("stages/*"))


def test_what_killed_writers_left_is_neither_counted_nor_kept(prepared, finished, tmp_path):
    spec, material = prepared
    out = shutil.copytree(finished, tmp_path / "out")
    cx.study.Store(out).record_path(spec.runs()[0].id).unlink()
    done = cx.study.Store(out).finished()
    folder = out / "runs" / "ab"
    folder.mkdir(exist_ok=True)
    new, old = folder / f".x.json.{1:032x}.part", folder / f".y.json.{2:032x}.part"
    for part in (new, old):
        part.write_text("{")
    os.utime(old, (0, 0))
    assert cx.study.Store(out).finished() == done
    cx.study.run(spec, out, material=material, n_jobs=1, progress=False)
    assert new.exists()
    assert not old.exists()


def test_a_failing_run_is_a_record_and_the_study_goes_on(prepared, cells_file, tmp_path):
    spec, material = cx.study.prepare(
        cells_file,
        ["label:cell_type"],
        models=["pca:n_components=4", "pca:n_components=350"],
        n_levels=2,
        n_seeds=1,
        n_permutations=0,
    )
    assert cx.study.run(spec, tmp_path, material=material, n_jobs=1, progress=False) == 2
    table = cx.study.collect(tmp_path)
    failed = table[table["status"] == "failed"]
    found = cx.study.status(tmp_path)
    assert (found.total, found.done, found.failed, found.missing) == (4, 2, 2, 0)
    assert sum(found.errors.values()) == 2
    assert "lower n_components" in str(found)
    assert failed["model"].unique().tolist() == ["pca:n_components=350"]
    assert failed["error"].str.contains("lower n_components").all()
    record = json.loads(next(tmp_path.glob("runs/??/*.json")).read_text())
    assert {"run", "status", "seconds", "versions"} <= set(record)
    assert cx.study.run(spec, tmp_path, material=material, progress=False) == 0
    again = cx.study.run(
        spec, tmp_path, material=material, n_jobs=1, retry_failed=True, progress=False
    )
    assert again == 2
    report = cx.verbs.summarise(tmp_path)
    assert len(report.curves) == 1
    assert "2 of 4 runs failed" in report.to_html()


def test_a_model_that_raises_at_one_depth_spares_the_others(cells_file, tmp_path, monkeypatch):
    spec, material = cx.study.prepare(
        cells_file, ["label:cell_type"], models=["pca:n_components=4"], n_levels=4, n_seeds=1,
        n_permutations=0,
    )  # fmt: skip
    bad = spec.fractions[2]
    full = float(np.median(np.asarray(anndata.read_h5ad(cells_file).X.sum(axis=1))))
    fit = cx.embed.PCA.fit

    def raises(self, counts, *, random_state=0):
        if 0.8 < np.median(np.asarray(counts.sum(axis=1))) / (bad * full) < 1.2:
            raise RuntimeError("did not converge")
        return fit(self, counts, random_state=random_state)

    with monkeypatch.context() as patch:
        patch.setattr(cx.embed.PCA, "fit", raises)
        assert cx.study.run(spec, tmp_path, material=material, n_jobs=1, progress=False) == 1
    found = cx.study.status(tmp_path)
    assert (found.done, found.failed) == (3, 1)
    assert "1 failed: RuntimeError: did not converge" in str(found)
    table = cx.study.collect(tmp_path)
    assert table.loc[table["status"] == "failed", "fraction"].tolist() == [bad]
    report = cx.verbs.summarise(tmp_path)
    assert report.curves[0].fit is not None
    assert report.curves[0].fit.n_levels == 3
    assert "did not converge" in report.to_html()
    again = cx.study.run(
        spec, tmp_path, material=material, n_jobs=1, retry_failed=True, progress=False
    )
    assert (again, cx.study.status(tmp_path).done) == (0, 4)


def test_each_replicate_fits_with_its_own_seed(cells_file, tmp_path, monkeypatch):
    spec, material = cx.study.prepare(
        cells_file, ["label:cell_type"], models=["pca:n_components=4"], n_levels=2, n_seeds=3,
        n_permutations=0,
    )  # fmt: skip
    fit, seeds = cx.embed.PCA.fit, []

    def spy(self, counts, *, random_state=0):
        seeds.append(random_state)
        return fit(self, counts, random_state=random_state)

    monkeypatch.setattr(cx.embed.PCA, "fit", spy)
    cx.study.run(spec, tmp_path, material=material, n_jobs=1, progress=False)
    assert sorted(seeds) == sorted(task.seed for task in spec.runs()) == [0, 0, 1, 1, 2, 2]


def test_an_estimate_that_fails_spares_the_other_signals(cells_file, tmp_path, monkeypatch):
    from cellaxes.study import _execute

    estimate = _execute.estimate

    def fails_on_numbers(x, y, *args, discrete, **more):
        if not discrete:
            raise ArithmeticError("no numbers today")
        return estimate(x, y, *args, discrete=discrete, **more)

    monkeypatch.setattr(_execute, "estimate", fails_on_numbers)
    spec, material = cx.study.prepare(
        cells_file,
        ["protein:protein", "label:cell_type"],
        models=["pca:n_components=4"],
        n_levels=1,
        n_seeds=1,
    )
    assert cx.study.run(spec, tmp_path, material=material, n_jobs=1, progress=False) == 1
    table = cx.study.collect(tmp_path).set_index("signal")
    assert table.loc["protein:protein", "error"] == "ArithmeticError: no numbers today"
    assert table.loc["label:cell_type", "status"] == "done"


def bench_of(material, folder):
    """What `execute` needs, in an empty folder."""
    from cellaxes.study import _execute

    store, stages = cx.study.Store(folder), _execute.Stages(folder / "stages", "x")
    stages.put_full(material.counts)
    return store, stages, _execute.Bench(store, stages, material.signals, {}, material.annotations)


def test_models_see_the_training_cells_and_nothing_else(prepared, tmp_path, monkeypatch):
    from cellaxes.study import _execute

    spec, material = prepared
    seen = {}

    class Spy:
        def fit(self, counts, *, random_state=0):
            seen["train"] = counts
            return self

        def transform(self, counts):
            seen["test"] = counts
            return np.asarray(counts[:, :3].todense(), dtype=np.float32)

    monkeypatch.setattr(_execute, "make", lambda *_, **__: Spy())
    store, stages, bench = bench_of(material, tmp_path)
    task = next(task for task in spec.runs() if len(task.chain) == 2)
    assert _execute.execute([task], bench) == 0
    counts = stages.level(task.seed, task.chain)
    train, test = split(600, task.n_train, task.n_test, task.seed)
    assert (seen["train"] != counts[train]).nnz == 0
    assert (seen["test"] != counts[test]).nnz == 0
    facts = store.read(task.id)["facts"]
    assert facts["umis_per_cell"] == np.median(np.asarray(counts[test].sum(axis=1)))
    assert facts["umis_per_cell_train"] == np.median(np.asarray(counts[train].sum(axis=1)))
    nominal = np.median(np.asarray(material.counts.sum(axis=1))) * task.chain[-1]
    assert facts["umis_per_cell"] != nominal


def test_a_signal_of_many_classes_stays_discrete(cells, tmp_path):
    adata = cells.copy()
    adata.obs["clone"] = [f"clone{i % 120}" for i in range(600)]
    adata.write_h5ad(tmp_path / "cells.h5ad")
    spec, material = cx.study.prepare(
        tmp_path / "cells.h5ad",
        ["label:clone"],
        models=["pca:n_components=4"],
        n_levels=1,
        n_seeds=1,
        n_permutations=0,
    )
    cx.study.run(spec, tmp_path / "out", material=material, n_jobs=1, progress=False)
    assert cx.study.collect(tmp_path / "out")["estimator"].tolist() == ["classifier"]


def test_two_processes_on_one_study_do_each_other_no_harm(prepared, table, tmp_path):
    spec, _ = prepared
    cx.study.Store(tmp_path).write_spec(spec)
    code = (
        "import cellaxes as cx, sys; s = cx.study.Store(sys.argv[1]);"
        "sys.exit(cx.study.run(s.read_spec(), sys.argv[1], n_jobs=1, progress=False))"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    pd.testing.assert_frame_equal(cx.study.collect(tmp_path), table, check_exact=True)


def test_a_failure_never_replaces_a_success_and_the_last_to_leave_is_alone(prepared, tmp_path):
    spec, _ = prepared
    store = cx.study.Store(tmp_path)
    task = spec.runs()[0]
    store.write(task, {"status": "done"})
    store.write(task, {"status": "failed", "error": "x"})
    assert store.read(task.id)["status"] == "done"
    with store.in_use() as alone, store.in_use() as other:
        assert not alone()
        assert other(), "the first to leave has let go"
    with store.in_use() as alone:
        assert alone()


def test_growing_a_study_keeps_what_is_done(prepared, finished, cells_file, tmp_path):
    spec, _ = prepared
    out = shutil.copytree(finished, tmp_path / "out")
    done = cx.study.Store(out).finished()
    more, _ = cx.study.prepare(
        cells_file, ["label:cell_type", "protein:protein"], **(WISHES | {"n_seeds": 3})
    )
    cx.study.Store(out).write_spec(more)
    assert str(cx.study.status(out)) == "total 36, done 24, failed 0, missing 12"
    assert {task.id for task in spec.runs()} == done


def test_test_cells_are_never_training_cells():
    for seed in range(5):
        train, test = split(100, 40, 50, seed)
        small, same = split(100, 10, 50, seed)
        assert not set(train) & set(test)
        assert (len(train), len(test)) == (40, 50)
        assert set(small) <= set(train)
        assert (same == test).all()
    with pytest.raises(cx.InputError, match="cannot be split"):
        split(100, 60, 50, 0)


def test_levels_of_a_chain_are_thinned_from_one_another(prepared, tmp_path):
    from cellaxes.study._stages import Stages

    spec, material = prepared
    stages = Stages(tmp_path, "data")
    stages.put_full(material.counts)
    deep, low = stages.level(0, spec.fractions[:2]), stages.level(0, spec.fractions)
    assert ((deep - low).toarray() >= 0).all()
    assert (stages.level(1, spec.fractions) != low).nnz > 0
    stages.clear()
    stages.put_full(material.counts)
    assert (stages.level(0, spec.fractions) != low).nnz == 0


def test_levels_separate_replication_from_estimation():
    table = pd.DataFrame(
        {
            "signal": "s",
            "model": "m",
            "n_train": 10,
            "thin": "both",
            "fraction": 1.0,
            "seed": [0, 1, 2],
            "umis_per_cell": 100.0,
            "n_empty": 0,
            "information": [1.0, 1.2, 1.4],
            "low": [0.9, 1.1, 1.3],
            "high": [1.1, 1.3, 1.5],
            "null": 0.0,
            "null_high": 0.01,
            "reliable": True,
            "status": ["done"] * 3,
        }
    )
    level = cx.study.levels(table).iloc[0]
    assert level["total_sd"] == pytest.approx(0.2)
    assert level["estimator_se"] == pytest.approx(0.2 / 3.92)
    assert level["replicate_sd"] == pytest.approx(np.sqrt(0.04 - (0.2 / 3.92) ** 2))
    assert level["n_seeds"] == 3


def test_precomputed_embeddings_are_measured_at_full_depth_only(cells, tmp_path):
    adata = cells.copy()
    cx.embed.embed(adata, "pca", n_components=4)
    adata.write_h5ad(tmp_path / "cells.h5ad")
    spec, material = cx.study.prepare(
        tmp_path / "cells.h5ad", ["label:cell_type"], models=["precomputed:X_pca"], n_seeds=2
    )
    assert len(spec.runs()) == 2
    cx.study.run(spec, tmp_path / "out", material=material, n_jobs=1, progress=False)
    report = cx.verbs.summarise(tmp_path / "out")
    assert report.curves[0].fit is None
    assert report.curves[0].information > 1.5
    page = report.to_html()
    assert "fewer than three depths show no law" in page
    assert "may have seen these cells" in page


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="mounts a tiny tmpfs")
def test_a_full_disk_keeps_finished_runs(prepared, finished, tmp_path):
    spec, material = prepared
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", disk]).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        out = shutil.copytree(finished, disk / "out")
        for path in list(out.glob("runs/??/*.json"))[:10]:
            path.unlink()
        filler = (disk / "filler").open("wb", buffering=0)
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            filler.close()
        before = cx.study.Store(out).finished()
        with pytest.raises(cx.StoreError, match="disk is full") as caught:
            cx.study.run(spec, out, material=material, n_jobs=1, progress=False)
        assert "\n" not in str(caught.value)
        assert cx.study.Store(out).finished() >= before
        assert not [path for path in out.rglob("*.part") if path.is_file()]
        (disk / "filler").unlink()
        cx.study.run(spec, out, material=material, n_jobs=1, progress=False)
        assert cx.study.status(out).done == len(spec.runs())
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_a_changed_data_file_and_damaged_records_are_refused(prepared, cells, tmp_path):
    path = tmp_path / "cells.h5ad"
    cells.write_h5ad(path)
    spec, material = cx.study.prepare(
        path, ["label:cell_type"], n_levels=1, n_seeds=1, models=["pca:n_components=4"]
    )
    cx.study.run(spec, tmp_path / "out", material=material, n_jobs=1, progress=False)
    record = next((tmp_path / "out").glob("runs/??/*.json"))
    record.write_text(record.read_text()[:40])
    with pytest.raises(cx.InputError, match=r"cannot be read as the record of a run .* remove it"):
        cx.study.collect(tmp_path / "out")
    record.unlink()
    cells[:500].copy().write_h5ad(path)
    with pytest.raises(cx.InputError, match="has changed since"):
        cx.study.run(spec, tmp_path / "out", progress=False)
    (tmp_path / "out" / "study.json").write_text("{}")
    with pytest.raises(cx.InputError, match="is no study"):
        cx.study.status(tmp_path / "out")


def test_wishes_that_cannot_be_met_are_refused_before_work_starts(cells_file, tmp_path, cells):
    zero = cells.copy()
    zero.X = zero.X * 0
    zero.write_h5ad(tmp_path / "zero.h5ad")
    logs = cells.copy()
    logs.X = np.log1p(logs.X.toarray())
    logs.write_h5ad(tmp_path / "logs.h5ad")
    label = ["label:cell_type"]
    for path, signals, wishes, message in [
        (cells_file, [], {}, "at least one signal"),
        (cells_file, label * 2, {}, "named twice"),
        (cells_file, label, {"models": ["pcaa"]}, "did you mean 'pca'"),
        (cells_file, label, {"models": ["pca:n_components"]}, "key=value"),
        (cells_file, label, {"models": ["pca:nn=3"]}, "nn"),
        (cells_file, label, {"models": ["precomputed:X_a"]}, "obsm has no 'X_a'"),
        (cells_file, label, {"estimator": "lmi"}, "no estimator 'lmi'"),
        (
            cells_file,
            label,
            {"thin": ["test"]},
            "thin cannot be 'test': name one or more of 'both'",
        ),
        (cells_file, label, {"thin": []}, "thin cannot be empty"),
        (cells_file, label, {"sizes": [500]}, "too few for 500 training"),
        (cells_file, label, {"test_fraction": 0.01}, "too few"),
        (cells_file, label, {"test_fraction": 1.5}, "between 0 and 1"),
        (cells_file, label, {"min_depth": 1e6}, "min_depth"),
        (cells_file, label, {"layer": "count"}, "layers has no 'count'"),
        (tmp_path / "zero.h5ad", label, {}, "no UMI at all"),
        (tmp_path / "logs.h5ad", label, {}, "looks log-normalised"),
    ]:
        with pytest.raises(cx.InputError, match=message):
            cx.study.prepare(path, signals, **wishes)


def test_model_names_are_read_and_written_alike():
    for text in (
        "pca",
        "pca:n_components=32",
        "precomputed:X_scVI",
        "random_projection:log_normalise=True,n_components=3",
    ):
        assert str(cx.study.ModelSpec.parse(text)) == text
    parsed = cx.study.ModelSpec.parse("m:a=1,b=0.5,c=false,d=x")
    assert parsed.params == {"a": 1, "b": 0.5, "c": False, "d": "x"}


APART = ("both", "train", "query")


def a_spec(**more):
    return cx.study.StudySpec(
        path="cells.h5ad",
        data="0" * 64,
        layer=None,
        signals=("label:cell_type",),
        models=(cx.study.ModelSpec.parse("pca:n_components=4"),),
        fractions=(1.0, 0.25),
        sizes=(300,),
        n_test=300,
        seeds=(0,),
        **more,
    )


def test_runs_made_before_cells_were_thinned_apart_keep_their_names():
    before = [
        "31af4e4ca6035388d03621df09ae43a855ddc8c0897fd87acb0977c4872d9f06",
        "0e90189ef294159e22a7661a7bb866f02963d3d5677cb2cc1326a4c966de8f02",
    ]
    assert [task.id for task in a_spec().runs()] == before
    assert "thin" not in a_spec().model_dump(mode="json")
    more = a_spec(thin=APART)
    assert [task.id for task in more.runs()][:2] == before
    assert len({task.id for task in more.runs()}) == 4
    assert cx.study.StudySpec.read(more.model_dump_json(), "here") == more


def test_the_deepest_level_is_one_run_for_all_ways_of_thinning():
    def runs(*thin):
        return [(task.thin, len(task.chain)) for task in a_spec(thin=thin).runs()]

    assert runs(*APART) == [("both", 1), ("both", 2), ("train", 2), ("query", 2)]
    assert runs("query") == [("both", 1), ("query", 2)]
    given = (cx.study.ModelSpec.parse("precomputed:X_a"),)
    assert [
        task.thin for task in a_spec(thin=APART).model_copy(update={"models": given}).runs()
    ] == ["both"]


def test_training_cells_and_queries_are_thinned_apart_and_a_deep_model_fitted_once(
    cells_file, tmp_path, monkeypatch
):
    from cellaxes.study import _execute

    spec, material = cx.study.prepare(
        cells_file, ["label:cell_type"], **(WISHES | {"n_seeds": 1}), thin=["query", "train"]
    )
    assert spec.thin == ("train", "query")
    seen = []

    class Spy:
        def fit(self, counts, *, random_state=0):
            seen.append(("fit", median(counts)))
            return self

        def transform(self, counts):
            seen.append(("transform", median(counts)))
            return np.asarray(counts[:, :3].todense(), dtype=np.float32)

    def median(counts):
        return float(np.median(np.asarray(counts.sum(axis=1))))

    monkeypatch.setattr(_execute, "make", lambda *_, **__: Spy())
    store, stages, bench = bench_of(material, tmp_path)
    runs = [task for task in spec.runs() if task.model == spec.models[0]]
    train, test = split(600, runs[0].n_train, runs[0].n_test, 0)
    level = [stages.level(0, spec.fractions[:n]) for n in (1, 2, 3)]
    fitted = [("fit", median(counts[train])) for counts in level]
    embedded = [("transform", median(counts[test])) for counts in level]
    for group in _execute.together(runs, lambda task: task.fit):
        assert _execute.execute(group, bench) == 0
    assert seen == [
        *(fitted[0], *embedded),  # fitted deep: asked about queries of every depth
        *(fitted[1], embedded[0]),  # fitted shallow: asked about deep queries
        *(fitted[2], embedded[0]),
    ]
    for task in runs:
        facts = store.read(task.id)["facts"]
        test_depth, train_depth = facts["umis_per_cell"], facts["umis_per_cell_train"]
        assert (test_depth < 1000) == (task.thin == "query")
        assert (train_depth < 1000) == (task.thin == "train")


def test_a_model_that_cannot_be_fitted_fails_every_run_once(cells_file, tmp_path, monkeypatch):
    from cellaxes.study import _execute

    tried = []

    class Breaks:
        def fit(self, counts, *, random_state=0):
            tried.append(counts.shape)
            raise ArithmeticError("no fit today")

    spec, material = cx.study.prepare(
        cells_file,
        ["label:cell_type"],
        models=["pca"],
        n_levels=3,
        n_seeds=1,
        thin=["query"],
    )
    monkeypatch.setattr(_execute, "make", lambda *_, **__: Breaks())
    store, _, bench = bench_of(material, tmp_path)
    assert _execute.execute(spec.runs(), bench) == 3
    assert len(tried) == 1
    assert {store.read(task.id)["error"] for task in spec.runs()} == {
        "ArithmeticError: no fit today"
    }


def a_table(**information):
    """A study's table of two replicates, from the information of each way of thinning."""
    rows = [
        {
            "signal": "s",
            "model": "m",
            "n_train": 10,
            "thin": "both" if way == "full" else way,
            "fraction": 1.0 if way == "full" else 0.1,
            "seed": seed,
            "umis_per_cell": 1000.0 if way in ("full", "train") else 100.0 + seed,
            "umis_per_cell_train": 1000.0 if way in ("full", "query") else 90.0,
            "n_empty": 0,
            "information": bits,
            "low": bits - 0.1,
            "high": bits + 0.1,
            "null": 0.0,
            "null_high": 0.0,
            "reliable": True,
            "status": "done" if np.isfinite(bits) else "failed",
        }
        for way, values in information.items()
        for seed, bits in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_curves_borrow_the_deepest_level_and_know_whose_depth_counts():
    table = a_table(full=[2, 2], both=[1, 1], train=[1.8, 1.8], query=[1.3, 1.3])
    points = cx.study.curves(table)
    depths = points.groupby("thin")["depth"].unique().map(sorted)
    assert depths["both"] == depths["query"] == [100, 101, 1000]
    assert depths["train"] == [90, 1000]
    assert cx.study.levels(table).groupby("thin").size().to_dict() == dict.fromkeys(APART, 2)
    alone = cx.study.curves(a_table(full=[2, 2], train=[1.8, 1.8]))
    assert alone["thin"].tolist() == ["train"] * 4
    assert cx.study.curves(a_table(full=[2, 2]))["thin"].tolist() == ["both"] * 2


def test_shares_split_the_loss_into_both_own_losses_and_their_interaction():
    table = a_table(full=[2.0, 2.2], both=[1.0, 1.0], train=[1.75, 1.91], query=[1.3, 1.42])
    row = cx.study.shares(table).iloc[0]
    assert row["depth"] == 100.5
    assert row["loss"] == pytest.approx(1.1)
    assert row["train_loss"] == pytest.approx((0.25 + 0.29) / 2)
    assert row["query_loss"] == pytest.approx((0.7 + 0.78) / 2)
    assert row["interaction"] == pytest.approx(1.1 - 0.27 - 0.74)
    assert row["train_share"] == pytest.approx(0.27 / 1.1)
    assert row["train_share"] + row["query_share"] + row["interaction_share"] == pytest.approx(1)
    assert row["deeper_queries"] == pytest.approx(1.83 - 1.0) == row["loss"] - row["train_loss"]
    assert row["deeper_training"] == pytest.approx(1.36 - 1.0)
    half = 12.706 * np.std([1.0, 1.2], ddof=1) / np.sqrt(2)
    assert row["loss_high"] - row["loss"] == pytest.approx(half, rel=1e-3)
    assert (row["train_share_low"], row["train_share_high"]) == (-np.inf, np.inf)
    assert row["n_seeds"] == 2


def test_the_interval_of_a_share_holds_what_replicates_do_not_refute():
    """Fieller: the shares at which own loss − share × loss is not clear of zero."""
    from scipy.stats import ttest_1samp

    full = np.array([2.0, 2.1, 2.05, 2.15])
    train = full - [0.3, 0.35, 0.28, 0.41]
    both = full - [1.0, 1.1, 1.05, 1.2]
    row = cx.study.shares(a_table(full=full, both=both, train=train)).iloc[0]
    for edge in (row["train_share_low"], row["train_share_high"]):
        assert ttest_1samp((full - train) - edge * (full - both), 0).pvalue == pytest.approx(0.05)
    assert row["train_share_low"] < row["train_share"] < row["train_share_high"]
    assert np.isnan([row["query_share"], row["query_share_low"], row["interaction"]]).all()


def test_shares_pair_by_seed_and_need_both_and_another():
    full, both, nan = [2.0, 3.0], [1.0, 2.0], np.nan
    row = cx.study.shares(a_table(full=full, both=both, query=[1.5, nan])).iloc[0]
    assert (row["n_seeds"], row["full"], row["query_share"]) == (1, 2.0, 0.5)
    assert np.isnan([row["loss_low"], row["query_share_low"], row["train"]]).all()
    for table in (
        a_table(full=full, both=both),
        a_table(full=full, train=both, query=both),
        a_table(full=full, both=both, train=[nan, nan]),
        a_table(full=[nan, nan], both=both, train=both),
    ):
        assert cx.study.shares(table).empty
    none = cx.study.shares(a_table(full=both, both=full, train=full)).iloc[0]
    assert none["loss"] < 0
    assert np.isnan([none["train_share"], none["train_share_low"]]).all()


def test_a_study_grown_by_thinning_apart_keeps_its_runs_and_tells_whose_loss_it_is(
    prepared, cells_file, tmp_path
):
    wishes = WISHES | {"models": ["pca:n_components=4"]}
    spec, material = cx.study.prepare(cells_file, ["label:cell_type"], **wishes)
    cx.study.run(spec, tmp_path, material=material, n_jobs=1, progress=False)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/??/*.json")}
    more, _ = cx.study.prepare(cells_file, ["label:cell_type"], **wishes, thin=APART)
    assert cx.study.run(more, tmp_path, material=material, n_jobs=1, progress=False) == 0
    assert all(path.stat().st_mtime_ns == at for path, at in kept.items())
    table = cx.study.collect(tmp_path)
    assert len(table) == len(kept) + 2 * 2 * 2
    low = table["fraction"] < 1
    assert (table["umis_per_cell"][low & (table["thin"] == "train")] > 1500).all()
    assert (table["umis_per_cell_train"][low & (table["thin"] == "query")] > 1500).all()
    found = cx.study.shares(table)
    assert len(found) == 2
    noise = 0.2
    assert (found["query"] > found["both"] - noise).all()
    assert (found["train"] > found["both"] - noise).all()
    assert (found[["query", "train"]].max(axis=1) < found["full"] + noise).all()
    shallow = found.iloc[-1]
    assert shallow["loss"] > 1
    assert shallow["query_loss"] > shallow["train_loss"] + noise
