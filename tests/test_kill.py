"""Killed at any moment: what is finished stays, nothing half-written is seen, and work goes on."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import cellaxes as cx
from cellaxes import InputError
from cellaxes._core.folders import folder_filled
from cellaxes._core.locks import alone
from cellaxes._core.parts import part_of, sweep
from cellaxes.features import Config, fit_many
from cellaxes.features._checkpoint import Checkpoint

KILLS = Path(__file__).parents[1] / "benchmarks" / "kill.py"

AT_EVERY_STEP = """
import os, signal, sys
from pathlib import Path
from cellaxes._core.folders import folder_filled, out_dir, settle

ALWAYS = ("report.html", "results.json", "a.csv", "model/x")
OLD = dict.fromkeys([*ALWAYS, "b.csv", "d/x"], "old")
NEW = dict.fromkeys([*ALWAYS, "c.csv"], "new")
STEPS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree", "os.scandir"}

def write(folder, result):
    with folder_filled(folder, instead_of=["b.csv", "c.csv", "d"]) as new:
        for name, text in result.items():
            (new / name).parent.mkdir(exist_ok=True)
            (new / name).write_text(text)

def found(folder):
    return {str(f.relative_to(folder)): f.read_text() for f in folder.rglob("*")
            if f.is_file() and not any(part[0] == "." for part in f.relative_to(folder).parts)}

seen = {"old": 0, "moving": 0, "new": 0}
for n in range(1, 1000):
    folder = out_dir(Path(sys.argv[1]) / str(n))
    write(folder, OLD)
    child = os.fork()
    if not child:
        left = [n]
        def hook(event, _):
            if event in STEPS:
                left[0] -= 1
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(hook)
        write(out_dir(folder), NEW)
        os._exit(0)
    killed = os.waitpid(child, 0)[1] != 0
    now = found(folder)
    state = "old" if now == OLD else "new" if now == NEW else "moving"
    if state == "moving":
        assert "results.json" not in now or "report.html" not in now, now
        assert found(out_dir(folder)) == NEW  # the next one ends the move
    seen[state] += 1
    write(out_dir(folder), NEW)
    assert found(folder) == NEW
    assert not list(folder.rglob(".*")), list(folder.rglob(".*"))
    if not killed:
        break
print(seen)
assert all(seen.values()) and not killed
"""


def test_a_result_is_the_old_or_the_new_at_whichever_step_it_is_killed(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", AT_EVERY_STEP, str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_killed_at_random_moments_the_same_command_ends_the_same():
    """The full check is benchmarks/kill.py with 50 kills of every target."""
    words = [sys.executable, str(KILLS), "--kills", "4", "--pairs", "2", "features", "study"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["kills"] for one in found] == [4, 4]
    assert all(one["equal"] == "yes" for one in found)


def test_a_folder_takes_the_place_of_a_file_and_a_file_that_of_a_folder(tmp_path):
    (tmp_path / "model").write_text("a file")
    (tmp_path / "table.csv").mkdir()
    (tmp_path / "table.csv" / "inside").write_text("old")
    with folder_filled(tmp_path) as new:
        (new / "model").mkdir()
        (new / "model" / "x").write_text("new")
        (new / "table.csv").write_text("new")
    found = {str(p.relative_to(tmp_path)): p.is_dir() for p in tmp_path.rglob("*")}
    assert found == {"model": True, "model/x": False, "table.csv": False}


# ---- what killed processes leave -----------------------------------------------------------------


def test_what_a_dead_process_left_goes_and_what_a_living_one_writes_stays(tmp_path):
    child = subprocess.run(
        [sys.executable, "-c", "import sys; from pathlib import Path\n"
         "from cellaxes._core.parts import part_of; print(part_of(Path(sys.argv[1])))",
         str(tmp_path / "ours.json")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    dead = Path(child.stdout.strip())
    alive, users = part_of(tmp_path / "ours.json"), tmp_path / ".notes.part"
    elsewhere = tmp_path / ".x.json.00000000-1-0123456789ab.part"
    for path in (dead, alive, users, elsewhere):
        path.write_text("half")
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {alive.name, users.name, elsewhere.name}
    os.utime(elsewhere, (0, 0))
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {alive.name, users.name}


def test_a_folder_that_goes_while_it_is_swept_is_passed_over(tmp_path, monkeypatch):
    """Others may be at work in it."""
    (tmp_path / "a" / "theirs").mkdir(parents=True)
    listed = os.scandir

    def list_what_has_gone(path):
        if Path(path).name == "theirs":
            Path(path).rmdir()
        return listed(path)

    monkeypatch.setattr(os, "scandir", list_what_has_gone)
    sweep(tmp_path)
    assert not (tmp_path / "a" / "theirs").exists()


def test_a_lock_file_goes_also_when_the_work_fails(tmp_path):
    lock = tmp_path / "x.lock"
    there = []

    def fail():
        with alone(lock):
            there.append(lock.exists())
            raise OSError("no route")

    with pytest.raises(OSError, match="no route"):
        fail()
    assert there == [True]
    assert not lock.exists()


# ---- training ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def embedding():
    rng = np.random.default_rng(0)
    codes = rng.exponential(size=(1500, 12)) * (rng.random((1500, 12)) < 0.2)
    return (codes @ rng.normal(size=(12, 8))).astype(np.float32)


class KilledError(Exception):
    pass


@pytest.mark.parametrize("arch", ["batchtopk", "gated"])
@pytest.mark.parametrize("rows_held", [1024, 1 << 22])
def test_training_that_goes_on_ends_as_if_never_stopped(
    embedding, arch, rows_held, tmp_path, monkeypatch
):
    monkeypatch.setattr("cellaxes.features._rows.BUFFER", rows_held * 8)
    config = Config(n_features=24, k=2, arch=arch, steps=60, batch_size=128)
    undisturbed = fit_many(embedding, seeds=(0, 1), config=config)
    save, stops = Checkpoint.save, []

    def save_and_stop(self, step, arrays):
        save(self, step, arrays)
        if step in (7, 8, 31, 60):
            stops.append(step)
            raise KilledError

    monkeypatch.setattr(Checkpoint, "save", save_and_stop)
    made = None
    while made is None:
        try:
            made = fit_many(
                embedding, seeds=(0, 1), config=config, checkpoint=tmp_path, checkpoint_every=0
            )
        except KilledError:
            continue
    assert stops == [7, 8, 31, 60]
    assert [entry.name for entry in tmp_path.iterdir()] == ["step_000000060"]
    for one, other in zip(undisturbed, made, strict=True):
        for name in ("encoder", "decoder", "decoder_bias", "threshold", "history"):
            assert np.array_equal(getattr(one, name), getattr(other, name)), name


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seeds": (0, 2)}, r"seeds \[0, 1\], here \[0, 2\]"),
        ({"steps": 6}, "steps 5, here 6"),
        ({"z": 1.0}, "embedding [0-9a-f]{8}, here [0-9a-f]{8}"),
        ({"rows": np.arange(1400)}, "training cells"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused_by_name(embedding, change, named, tmp_path):
    config = Config(n_features=24, k=2, steps=5, batch_size=128)
    fit_many(embedding, seeds=(0, 1), config=config, checkpoint=tmp_path)
    config = config.but(steps=change.pop("steps", 5))
    z = embedding + change.pop("z", 0.0)
    with pytest.raises(InputError, match=named) as refusal:
        fit_many(z, config=config, checkpoint=tmp_path, **({"seeds": (0, 1)} | change))
    assert "\n" not in str(refusal.value)


def test_a_damaged_checkpoint_says_what_to_remove(embedding, tmp_path):
    config = Config(n_features=24, k=2, steps=5, batch_size=128)
    fit_many(embedding, config=config, checkpoint=tmp_path)
    (tmp_path / "step_000000005" / "arrays.safetensors").write_bytes(b"half")
    with pytest.raises(InputError, match="remove the folder, and it begins anew") as refusal:
        fit_many(embedding, config=config, checkpoint=tmp_path)
    assert str(tmp_path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


# ---- told to stop --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """The words of a study of a minute."""
    folder = tmp_path_factory.mktemp("stopped")
    cells = cx.datasets.simulated_counts(n_cells=300, n_genes=60, random_state=1)
    cells.write_h5ad(folder / "cells.h5ad")
    said = "--signal protein:protein --estimator gaussian --model pca:n_components=4 --seeds 20"
    return [sys.executable, "-m", "cellaxes", "measure", str(folder / "cells.h5ad"), *said.split()]


def started(words, out, jobs):
    """Start a command, and wait for its first record."""
    process = subprocess.Popen(
        [*words, "--jobs", str(jobs), "--out", str(out)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not any(out.glob("runs/*/*.json")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    return process


@pytest.mark.parametrize(
    ("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "told to stop")]
)
def test_a_command_that_is_told_to_stop_says_so_and_keeps_what_is_finished(
    command, number, word, tmp_path
):
    process = started(command, tmp_path, 1)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 128 + number
    assert f"cellaxes: {word}; what is finished is kept" in said
    assert "Traceback" not in said
    assert cx.study.status(tmp_path).done > 0


def test_a_worker_that_is_killed_for_memory_costs_a_sentence(command, tmp_path):
    process = started(command, tmp_path, 2)
    os.kill(worker_of(process.pid), signal.SIGKILL)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 2
    assert "a worker process was killed, most often for want of memory; what is finished is" in said
    assert "Traceback" not in said
    assert cx.study.status(tmp_path).done > 0


def worker_of(parent):
    """Return the process of a worker among the children of another."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words, stat = (entry / "cmdline").read_text(), (entry / "stat").read_text()
        except OSError:
            continue
        if f") S {parent} " in re.sub(r"\) [A-Z] ", ") S ", stat) and "popen_loky" in words:
            return int(entry.name)
    raise AssertionError("no worker found")
