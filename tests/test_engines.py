"""Engines: whatever starts the work, and whatever dies, the table is the local one."""

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import cellaxes as cx
from cellaxes.cli import main
from cellaxes.study import _dask, _groups, _plan, _work

WISHES = {
    "models": ["pca:n_components=4", "random_projection:n_components=4"],
    "n_levels": 3,
    "n_seeds": 3,
    "n_permutations": 0,
}
RUNS = 2 * 3 * 3


@pytest.fixture(scope="module")
def prepared(cells_file):
    return cx.study.prepare(cells_file, ["label:cell_type"], **WISHES)


@pytest.fixture(scope="module")
def table(prepared, tmp_path_factory):
    spec, material = prepared
    out = tmp_path_factory.mktemp("local")
    assert cx.study.run(spec, out, material=material, n_jobs=1, progress=False) == 0
    return cx.study.collect(out)


def records(folder: Path) -> int:
    return len(list(folder.glob("runs/??/*.json")))


def wait_for(condition, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def equal(folder: Path, table: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(cx.study.collect(folder), table, check_exact=True)


# ---------------------------------------------------------------- shards and workers by hand


@pytest.mark.parametrize("of", [1, 2, 3, 5, 40])
def test_shards_hold_every_run_exactly_once_and_keep_fits_whole(prepared, of):
    runs = prepared[0].runs()
    shards = [_groups.shard(runs, index, of) for index in range(of)]
    dealt = [run.id for groups in shards for group in groups for run in group]
    assert sorted(dealt) == sorted(run.id for run in runs)
    fits = [{run.fit for run in group} for groups in shards for group in groups]
    assert all(len(fit) == 1 for fit in fits)
    assert len(set.union(*fits)) == len(fits)
    sizes = [len(groups) for groups in shards]
    assert max(sizes) - min(sizes) <= 1
    assert _groups.shard(runs[::-1], 0, of) == shards[0] or of == 1


def test_shards_do_not_give_one_worker_all_of_one_model(prepared):
    for index in range(2):
        models = [g[0].model.name for g in _groups.shard(prepared[0].runs(), index, 2)]
        assert abs(models.count("pca") - models.count("random_projection")) <= 1


def test_workers_by_hand_do_their_share_and_together_the_study(prepared, table, tmp_path, capsys):
    spec, _ = prepared
    cx.study.Store(tmp_path).write_spec(spec)
    first = cx.study.work(tmp_path, shard=0, of=2)
    assert first == cx.study.Work(done=RUNS // 2, failed=0, left=0)
    assert list(tmp_path.glob("stages/*")), "the other worker reads the stages"
    assert cx.study.work(tmp_path, shard=0, of=2) == cx.study.Work(0, 0, 0)
    run_cli("study", "work", tmp_path, "--shard", 1, "--of", 2)
    assert "done 9, failed 0, left 0" in capsys.readouterr().out
    equal(tmp_path, table)
    assert not list(tmp_path.glob("stages/*"))
    with pytest.raises(cx.InputError, match="no shard 2 of 2"):
        cx.study.work(tmp_path, shard=2, of=2)
    with pytest.raises(cx.InputError, match="1 of the runs to share out are not in the study"):
        cx.study.work(tmp_path, only=["0" * 64])


def test_sigterm_leaves_whole_records_and_running_again_completes(prepared, table, tmp_path):
    spec, _ = prepared
    cx.study.Store(tmp_path).write_spec(spec)
    command = [sys.executable, "-m", "cellaxes", "study", "work", str(tmp_path)]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    wait_for(lambda: records(tmp_path) >= 2 or worker.poll() is not None)
    worker.terminate()
    said, _ = worker.communicate(timeout=60)
    assert worker.returncode == 75, said
    status = cx.study.status(tmp_path)
    assert 2 <= status.done < RUNS
    assert f"done {status.done}, failed 0, left {status.missing}" in said
    assert not list(tmp_path.rglob("*.part"))
    assert cx.study.work(tmp_path).done == status.missing
    equal(tmp_path, table)


def test_a_run_that_outlasts_the_patience_is_broken_off_and_is_no_failure(
    prepared, tmp_path, monkeypatch
):
    spec, _ = prepared
    cx.study.Store(tmp_path).write_spec(spec)

    def sleeps(runs, bench):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)

    monkeypatch.setattr(_work, "execute", sleeps)
    monkeypatch.setattr(_work, "GRACE", 0.1)
    before = signal.getsignal(signal.SIGTERM)
    start = time.monotonic()
    assert cx.study.work(tmp_path) == cx.study.Work(done=0, failed=0, left=RUNS)
    assert time.monotonic() - start < 20
    assert signal.getsignal(signal.SIGTERM) is before
    assert records(tmp_path) == 0


def test_no_model_is_begun_that_would_not_end_in_time():
    clock = _work._Clock(seconds=100)
    clock.begin()
    clock.longest = 80
    clock.begin()
    clock.longest = 91
    with pytest.raises(_work._Stopped):
        clock.begin()
    assert not issubclass(_work._Stopped, Exception), "a run would take it for its own failure"


# ------------------------------------------------------------------------------------- dask


@contextlib.contextmanager
def processes():
    """Start processes that are gone afterwards, whatever happens."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: object) -> subprocess.Popen[bytes]:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        words = [sys.executable, "-m", "distributed.cli." + str(command[0]), *map(str, command[1:])]
        started.append(subprocess.Popen(words, **quiet))
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_dask_gives_the_local_table_though_a_worker_is_killed_half_way(
    prepared, table, tmp_path, monkeypatch
):
    """A scheduler and two workers on loopback; then the scheduler dies too."""
    spec, _ = prepared
    out = tmp_path / "out"
    place = tmp_path / "scheduler.json"
    with processes() as start:
        scheduler = start(
            *("dask_scheduler", "--host", "127.0.0.1", "--port", 0, "--no-dashboard"),
            *("--dashboard-address", ":0", "--no-jupyter", "--scheduler-file", place),
        )
        wait_for(place.exists)
        address = json.loads(place.read_text())["address"]
        workers = [
            start(
                *("dask_worker", address, "--nthreads", 1, "--no-nanny", "--no-dashboard"),
                *("--host", "127.0.0.1", "--local-directory", tmp_path / "scratch"),
            )
            for _ in range(2)
        ]
        killed = killing(workers[0], out, RUNS // 3)
        failed = cx.study.run(spec, out, engine="dask", scheduler_address=address, progress=False)
        assert failed == 0
        assert killed() < RUNS, "the worker was killed half way"
        assert workers[0].wait() == -signal.SIGKILL
        assert workers[1].poll() is None
        equal(out, table)
        assert not list(out.glob("stages/*"))

        lost = tmp_path / "lost"
        monkeypatch.setattr(_dask, "LOST", 1.0)
        killing(scheduler, lost, 1)
        with pytest.raises(cx.StoreError, match="scheduler was lost; what is finished is kept"):
            cx.study.run(spec, lost, engine="dask", scheduler_address=address, progress=False)
        assert 1 <= cx.study.status(lost).done < RUNS


def test_a_cluster_is_handed_in_and_what_its_workers_cannot_read_is_said(prepared, table, tmp_path):
    from distributed import Client, LocalCluster

    spec, _ = prepared
    quiet = {"processes": False, "dashboard_address": None, "n_workers": 1}
    with LocalCluster(threads_per_worker=2, **quiet) as cluster, Client(cluster) as client:
        with pytest.warns(UserWarning, match="one run at a time: start workers with --nthreads 1"):
            cx.study.run(spec, tmp_path / "out", engine="dask", cluster=cluster, progress=False)
        equal(tmp_path / "out", table)
        elsewhere = spec.model_copy(update={"path": "/no/where.h5ad"})
        with (
            pytest.warns(UserWarning, match="one run at a time"),
            pytest.raises(cx.InputError, match=r"/no/where\.h5ad"),
        ):
            cx.study.run(elsewhere, tmp_path / "new", engine="dask", cluster=client, progress=False)
        assert client.status == "running", "a client that was handed in is left open"


def killing(process, folder: Path, after: int):
    """Kill a process when a study has that many records; return how many there were."""
    import threading

    seen = []

    def watch() -> None:
        wait_for(lambda: records(folder) >= after)
        process.kill()
        seen.append(records(folder))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()

    def joined() -> int:
        thread.join(30)
        return seen[0]

    return joined


def test_runs_that_take_every_worker_down_are_failures_with_a_reason(prepared, tmp_path):
    from distributed.scheduler import KilledWorker

    spec, _ = prepared
    store = cx.study.Store(tmp_path)
    store.write_spec(spec)
    group = _groups.by_fit(spec.runs())[0]
    here = _dask._Here(store, spec, retry_failed=False)
    error = KilledWorker(task="t", last_worker=None, allowed_failures=3)
    _dask._record_broken(group, here, error)
    found = cx.study.collect(tmp_path).query("status == 'failed'")
    assert len(found) == len(group)
    assert found["error"].str.contains("every worker that tried died").all()
    with pytest.raises(cx.StoreError, match="the disk"):
        _dask._record_broken(group, here, cx.StoreError("the disk is full."))


def test_a_worker_does_not_repeat_what_one_before_it_finished(prepared, tmp_path, monkeypatch):
    spec, material = prepared
    store = cx.study.Store(tmp_path)
    group = _groups.by_fit(
        spec.runs() + [r.model_copy(update={"n_permutations": 1}) for r in spec.runs()]
    )[0]
    store.write(group[0], {"status": "done"})
    seen = []
    monkeypatch.setattr(_dask, "execute", lambda runs, bench: seen.append(runs))
    here = _dask._Here(store, spec, retry_failed=False)
    _dask._work(group, material, here, [])
    assert seen == [group[1:]]


# ------------------------------------------------------------------------------------ slurm


FAKE = """#!/bin/sh
if [ "$(basename "$0")" = scontrol ]; then echo "MaxArraySize            = 4"; exit; fi
for last; do :; done
grep -q broken "$last" && { echo "sbatch: error: invalid partition specified: broken" >&2; exit 1; }
echo "77;cluster"
"""


@pytest.fixture
def fake_slurm(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sbatch", "scontrol"):
        (folder / name).write_text(FAKE)
        (folder / name).chmod(0o755 | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def run_cli(*words: object) -> int:
    """Run a command in this process and return its exit code."""
    before, sys.argv = sys.argv, ["cellaxes", *map(str, words)]
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    finally:
        sys.argv = before
    return 0


def test_slurm_receives_one_array_of_static_shards(
    prepared, table, cells_file, tmp_path, fake_slurm, capsys, monkeypatch
):
    out = tmp_path / "my study"
    spec, material = prepared
    slurm = cx.study.Slurm(
        max_walltime="1-02:00:00",
        tasks=50,
        at_once=3,
        partition="long",
        memory="8G",
        account="lab",
        extra=("--gres=gpu:1",),
    )
    made = cx.study.submit(spec, out, slurm=slurm, material=material)
    assert (made.job, made.tasks, made.runs) == ("77", 4, RUNS), "MaxArraySize is 4"
    script = made.script.read_text()
    assert script.startswith("#!/bin/bash\n#SBATCH ")
    for line in (
        *("--job-name=cellaxes-my_study", "--array=0-3%3", "--time=1-02:00:00"),
        *("--signal=B:TERM@60", "--requeue", "--cpus-per-task=1", "--partition=long"),
        *("--account=lab", "--mem=8G", "--gres=gpu:1"),
    ):
        assert f"\n#SBATCH {line}\n" in script, line
    assert f'#SBATCH --output="{out}/slurm/001/task-%a.log"' in script
    last = script.strip().splitlines()[-1]
    assert last.startswith(f"exec {sys.executable} -m cellaxes study work '{out}' --of 4 ")
    assert last.endswith('--max-walltime 1-02:00:00 --shard "$SLURM_ARRAY_TASK_ID"')
    assert "OMP_NUM_THREADS=1" in script

    # what the tasks then do, the second one twice, because it was requeued
    names = made.script.with_name("runs.txt")
    for task in (0, 1, 1, 2):
        monkeypatch.setenv("SLURM_ARRAY_TASK_ID", str(task))
        assert run_cli("study", "work", out, "--of", 4, "--only", names) == 0
    left = cx.study.status(out).missing
    assert 0 < left < RUNS
    assert run_cli("study", "run", "--out", out, "--engine", "slurm", "--tasks", 9) == 0
    assert f"share {left} runs" in capsys.readouterr().out
    again = out / "slurm" / "002" / "runs.txt"
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID")
    for index in range(4):
        monkeypatch.setenv("JOB_COMPLETION_INDEX", str(index))
        assert run_cli("study", "work", out, "--of", 4, "--only", again) == 0
    equal(out, table)
    assert cx.study.run(spec, out, engine="slurm") == 0
    assert not (out / "slurm" / "003").exists(), "nothing is missing, nothing is submitted"


def test_slurm_says_what_is_wrong(prepared, tmp_path, fake_slurm):
    spec, _ = prepared
    with pytest.raises(cx.InputError, match=r"did not take .* invalid partition specified: broken"):
        cx.study.submit(spec, tmp_path / "out", slurm=cx.study.Slurm(partition="broken"))
    for wishes, message in [
        ({"max_walltime": "4 h"}, "walltime '4 h' cannot be read"),
        ({"max_walltime": "00:00:00"}, "cannot be read"),
        ({"tasks": 0}, "at least one task"),
        ({"partition": "a\nb"}, "cannot be a partition"),
        ({"extra": ("gres=gpu:1",)}, "no option of sbatch"),
    ]:
        with pytest.raises(cx.InputError, match=message):
            cx.study.Slurm(**wishes)


def test_engines_that_are_not_there_are_refused_in_a_sentence(
    prepared, cells_file, tmp_path, monkeypatch, capsys
):
    spec, _ = prepared
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(_dask, "CONNECT", 0.5)
    for wishes, message in [
        ({"engine": "slurm"}, "needs the command sbatch, which is not on this machine"),
        ({"engine": "ray"}, "there is no engine 'ray': there are local, dask, slurm"),
        ({"engine": "dask"}, "needs a scheduler_address"),
        ({"engine": "dask", "scheduler_address": "tcp://127.0.0.1:9"}, "no Dask scheduler answers"),
        ({"scheduler_address": "tcp://127.0.0.1:9"}, "choose engine 'dask'"),
        ({"slurm": cx.study.Slurm()}, "SLURM settings"),
    ]:
        with pytest.raises(cx.InputError, match=message) as caught:
            cx.study.run(spec, tmp_path, progress=False, **wishes)
        assert "\n" not in str(caught.value)
    wish = ("study", "run", cells_file, "--signal", "label:cell_type", "--out", tmp_path)
    assert run_cli(*wish, "--engine", "slurm") == 2
    assert run_cli(*wish, "--tasks", 3) == 2
    assert "--tasks belongs to --engine slurm" in capsys.readouterr().err


# ------------------------------------------------------------------------------------- plan


def test_plan_counts_times_a_sample_and_keeps_its_records(prepared, table, tmp_path, capsys):
    spec, material = prepared
    found = cx.study.plan(spec, tmp_path, material=material, progress=False)
    assert (found.runs, found.stages) == (RUNS, 9)
    assert found.done == found.sampled == records(tmp_path)
    assert 4 <= found.sampled <= 8, "two levels of two models, and a replicate where it was quick"
    assert found.groups == RUNS - found.done
    assert 0 < found.longest_hours <= found.cpu_hours < 0.1
    assert f"{RUNS} runs, {found.done} done" in str(found)
    again = cx.study.plan(spec, tmp_path, material=material, progress=False)
    assert (again.sampled, again.done) == (0, found.done)
    run_cli("study", "plan", "--out", tmp_path)
    assert f"{found.groups} models to fit, 9 shared stages" in capsys.readouterr().out
    assert cx.study.run(spec, tmp_path, material=material, n_jobs=1, progress=False) == 0
    equal(tmp_path, table)
    assert cx.study.plan(spec, tmp_path, progress=False).cpu_hours == 0


def test_plan_names_the_models_it_could_not_time(cells_file, tmp_path):
    models = ["pca:n_components=350", "random_projection:n_components=4"]
    spec, material = cx.study.prepare(
        cells_file, ["label:cell_type"], **(WISHES | {"models": models, "n_seeds": 1})
    )
    found = cx.study.plan(spec, tmp_path, material=material, progress=False)
    assert found.unknown == ("pca:n_components=350",)
    assert found.cpu_hours > 0
    assert "their sample failed: pca:n_components=350" in str(found)


def test_time_is_a_plane_over_cells_and_log_depth_and_spares_the_first_replicate():
    def seconds(n_train, level):
        return 1 + 0.01 * n_train + 0.5 * level

    points = {(n, level): [seconds(n, level)] for n, level in [(100, 0), (100, -2), (20, 0)]}
    points[20, 0].append(100.0)
    assert _plan._plane(points) == pytest.approx((1, 0.01, 0.5))
