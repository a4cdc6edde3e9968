"""SIGKILL at random moments: what is found afterwards, and whether the same command ends the same.

python benchmarks/kill.py [--kills 50] [--seed 0] [--cold] [TARGET …]

Each target runs in a process of its own that is killed, with all its children, at a moment drawn
from the whole length of an undisturbed run. After every kill whatever stands under a final name
must be whole, and of one result; in the end the same command must give the same, to the last bit,
and leave nothing else behind. Processes are forked from one that has imported everything, so that
kills fall into the work; with --cold each starts from nothing.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata
import matplotlib as mpl
import numpy as np
import pandas as pd
import tqdm
from safetensors.numpy import load_file

import cellaxes as cx
from cellaxes import perturbation as p
from cellaxes._core.folders import HEADS, settle
from cellaxes.cli._app import main

STORE = {"study.json", "facts.json", "runs", "stages", ".lock"}
"""What a study keeps in its folder besides the result."""
VARIES = ("results.json", "report.html", "artefact.json")
"""Files that say when and how long: they must be whole, but differ from run to run."""


@dataclass(frozen=True)
class Target:
    """Work that is killed.

    Attributes
    ----------
    run
        Does it: the folder that receives, and a seed.
    resumes
        Whether it goes on in the folder; else an earlier result stands there before.
    """

    run: Callable[[Path, int], None]
    resumes: bool = False


def targets(data: Path, *, write: bool = True) -> dict[str, Target]:
    """Write small inputs, and return what is killed."""
    cells, table, curve = data / "cells.h5ad", data / "table.h5ad", data / "mi.csv"
    if write:
        _write_inputs(cells, table, curve)

    def command(*words: object) -> Callable[[Path, int], None]:
        def run(out: Path, seed: int) -> None:
            _command([*map(str, words), "--random-state", str(seed), "--out", str(out)])

        return run

    def study(jobs: int) -> Callable[[Path, int], None]:
        said = "--signal protein:protein --model pca:n_components=4 --levels 5 --seeds 3"
        said += f" --estimator gaussian --permutations 2 --jobs {jobs}"
        return command("measure", cells, *said.split())

    def features(out: Path, seed: int) -> None:
        z = anndata.read_h5ad(cells).obsm["X_z"]
        config = cx.features.Config(n_features=24, k=3, batch_size=128, steps=1500)
        made = cx.features.fit(
            z,
            config=config,
            checkpoint=out / ".training",
            checkpoint_every=0.02,
            random_state=seed,
        )
        shutil.rmtree(out / ".training")
        made.save(out / "features")

    def fit(out: Path, seed: int) -> None:
        members: dict[str, p.Predictor] = {
            "kernel_gp": p.KernelGP(n_steps=5),
            "recommender": p.Recommender(),
        }
        wanted = pd.DataFrame({"context": "C", "compound": [f"drug {k}" for k in range(12, 16)]})
        cx.verbs.fit_predictor(
            table, wanted, out=out, members=members, n_jobs=1, random_state=seed, progress=False
        )

    def laws(out: Path, seed: int) -> None:
        at = f"--at {1000 + seed}" if seed else ""
        words = f"fit {curve} --depth depth --information bits --by model {at}".split()
        _command([*words, "--out", str(out)])

    explained = "--rep X_z --labels cell_type --gene-sets none --features 24 --k 3 --seeds 2"
    structured = "--rep X_z --labels cell_type --group donor --tree data --method lda --seeds 1"
    return {
        "study": Target(study(1), resumes=True),
        "study-processes": Target(study(2), resumes=True),
        "features": Target(features, resumes=True),
        "explain": Target(command("explain", cells, *explained.split())),
        "structure": Target(command("structure", cells, *structured.split(), "--baseline", "pca")),
        "predict-fit": Target(fit),
        "fit": Target(laws),
    }


def _write_inputs(cells: Path, table: Path, curve: Path) -> None:
    adata = cx.datasets.simulated_counts(n_cells=300, n_genes=120, random_state=1)
    adata.obsm["X_z"] = cx.embed.make("pca", n_components=8).fit(adata.X).transform(adata.X)
    adata.obs["donor"] = [f"d{i % 4}" for i in range(adata.n_obs)]
    adata.write_h5ad(cells)
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        [(c, f"drug {k}") for c in "ABC" for k in range(16) if c != "C" or k < 12],
        columns=["context", "compound"],
    )
    effect = rng.normal(size=(16, 3)) @ rng.normal(size=(3, 12)) * 2
    which = rows["compound"].str.removeprefix("drug ").astype(int)
    t = effect[which] + rng.normal(size=(len(rows), 12))
    p.write_table(p.PerturbationTable(rows, np.array([f"g{i}" for i in range(12)]), t=t), table)
    depth = np.geomspace(10, 3000, 8)
    bits = [2 * np.log2(1 + depth / u) / (1 + np.log2(1 + depth / u)) for u in (30, 300)]
    pd.DataFrame(
        {
            "depth": np.tile(depth, 2),
            "bits": np.concatenate(bits),
            "model": np.repeat(["a", "b"], 8),
        }
    ).to_csv(curve, index=False)


def _command(words: list[str]) -> None:
    sys.argv = ["cellaxes", *words]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise


# ---- what stands in a folder --------------------------------------------------------------------


def result(out: Path) -> dict[str, Any]:
    """Return the files of a result, each read; fails at one that is not whole."""
    found = {}
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out)
        if path.is_file() and not {part for part in name.parts if part in STORE or part[0] == "."}:
            found[str(name)] = _read(path)
    return found


def _read(path: Path) -> Any:
    """Read a file; what it holds, or for those that vary that it is whole."""
    if path.suffix == ".json":
        read = json.loads(path.read_text())
    elif path.suffix == ".html":
        read = _must(path.read_text().rstrip().endswith("</html>"), f"{path} is cut")
    elif path.suffix == ".parquet":
        read = pd.read_parquet(path).to_csv()
    elif path.suffix == ".safetensors":
        read = {name: array.tobytes() for name, array in load_file(path).items()}
    elif path.suffix == ".h5ad":
        read = anndata.read_h5ad(path).shape
    else:
        read = path.read_bytes()
    return True if path.name in VARIES else read


def records(out: Path) -> dict[str, tuple[bytes, int]]:
    """Return the records of a study and when they were written; fails at one that is cut."""
    found = {}
    for path in (out / "runs").rglob("*.json"):
        content = path.read_bytes()
        json.loads(content)
        found[path.name] = content, path.stat().st_mtime_ns
    for name in ("study.json", "facts.json"):
        if (out / name).exists():
            json.loads((out / name).read_text())
    return found


def left_over(out: Path) -> list[str]:
    """Return what is hidden in a folder and is no part of a study."""
    return [str(f) for f in out.rglob(".*") if f.name not in STORE]


def _must(holds: object, why: str) -> bool:
    """Stop with a sentence unless something holds."""
    if not holds:
        raise SystemExit(f"kill.py: {why}")
    return True


# ---- killing ------------------------------------------------------------------------------------


def start(target: Target, name: str, out: Path, seed: int, *, cold: bool, data: Path) -> int:
    """Start the work in a process group of its own; return its number."""
    child = os.fork()
    if child:
        with contextlib.suppress(OSError):
            os.setpgid(child, child)
        return child
    code = 1
    try:
        os.setpgid(0, 0)
        log = os.open(data / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        if cold:
            words = [__file__, "--one", name, "--data", data, "--into", out, "--seed", seed]
            os.execv(sys.executable, [sys.executable, *map(str, words)])  # noqa: S606
        target.run(out, seed)
        code = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def said_last(data: Path) -> str:
    """Return the end of what the processes said."""
    return (data / "log").read_text()[-2000:]


def ended(child: int) -> int:
    """Wait for a process; return its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_often(
    target: Target, name: str, data: Path, *, kills: int, seed: int, cold: bool
) -> dict[str, Any]:
    """Kill a target at random moments, and return what was found."""
    rng, root = np.random.default_rng([seed, len(name)]), data / name
    truth = []
    for variant in (0, 1):
        child = start(target, name, root / f"truth{variant}", variant, cold=cold, data=data)
        began = time.monotonic()
        _must(ended(child) == 0, said_last(data))
        length = time.monotonic() - began
        truth.append(result(root / f"truth{variant}"))
    _must(truth[0] != truth[1], "the two results are equal: a mixture would not be seen")
    landed = late = rounds = between = 0
    before: dict[str, Any] = {}
    out = _fresh(target, root, 0)
    while landed < kills:
        child = start(target, name, out, 1, cold=cold, data=data)
        time.sleep(rng.uniform(0, length))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        code = ended(child)
        _must(code in (0, -signal.SIGKILL), said_last(data))
        landed, late = landed + (code != 0), late + (code == 0)
        between += _check(target, out, truth, code)
        if target.resumes:
            now = records(out)
            kept = all(now.get(key) == entry for key, entry in before.items())
            _must(kept, "a finished run was lost or redone")
            before = now
        if code == 0 or not target.resumes or landed == kills:
            if code:
                again = start(target, name, out, 1, cold=cold, data=data)
                _must(ended(again) == 0, said_last(data))
                _check(target, out, truth, 0)
            _must(not left_over(out), f"{left_over(out)} were left")
            rounds, before = rounds + 1, {}
            shutil.rmtree(out)
            out = _fresh(target, root, rounds)
    return {
        "target": name,
        "seconds undisturbed": round(length, 2),
        "kills": landed,
        "ended before": late,
        "in the middle of a move": between,
        "taken up and ended": rounds,
        "equal": "yes",
    }


def _fresh(target: Target, root: Path, rounds: int) -> Path:
    """Return a folder to work in: empty, or with the earlier result."""
    out = root / f"out{rounds}"
    if target.resumes:
        out.mkdir(parents=True)
    else:
        shutil.copytree(root / "truth0", out)
    return out


def _check(target: Target, out: Path, truth: list[dict[str, Any]], code: int) -> bool:
    """Fail unless the folder holds one whole result, or none; return whether a move was cut."""
    cut = any(out.glob(".*.ready"))
    if cut:
        heads = all((out / head).exists() for head in HEADS)
        _must(not heads, "a result that is moving in looks complete")
        settle(out)
    found = result(out)
    allowed = [truth[1]] if code == 0 else [*([{}] if target.resumes else [truth[0]]), truth[1]]
    _must(found in allowed, f"{out} holds a mixture: {sorted(found)}")
    return cut


def both(target: Target, name: str, data: Path, *, pairs: int, length: float, cold: bool) -> None:
    """Two processes on one folder, one of them killed on the way if so wished."""
    rng, root = np.random.default_rng(7), data / name
    truth = [result(root / f"truth{seed}") for seed in (0, 1)]
    for pair in range(pairs):
        out, kill = root / f"both{pair}", pair % 2 == 1
        out.mkdir()
        seeds = (1, 1) if target.resumes else (0, 1)
        children = [start(target, name, out, s, cold=cold, data=data) for s in seeds]
        with _watching(out) if name.startswith("study") else contextlib.nullcontext():
            if kill:
                time.sleep(rng.uniform(0, length))
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(children[0], signal.SIGKILL)
            codes = [ended(child) for child in children]
        _must(codes[1] == 0, said_last(data))
        _must(codes[0] == 0 or (kill and codes[0] == -signal.SIGKILL), said_last(data))
        _must(result(out) in truth[int(target.resumes) :], "two at once give another result")
        if left_over(out):  # killed after the other had ended: the next one removes it
            _must(ended(start(target, name, out, 1, cold=cold, data=data)) == 0, said_last(data))
        _must(not left_over(out), f"{left_over(out)} were left")
        shutil.rmtree(out)


@contextlib.contextmanager
def _watching(out: Path) -> Iterator[None]:
    """Ask for the state of a study again and again while others work on it."""
    watcher = os.fork()
    if not watcher:
        code = 1
        try:
            while not (out / "facts.json").exists():
                time.sleep(0.01)
            while os.getppid() != 1:
                cx.study.status(out)
                cx.study.collect(out)
                code = 0
                if (out / ".watched").exists():
                    break
                time.sleep(0.02)
        finally:
            os._exit(code)
    yield
    (out / ".watched").touch()
    _must(ended(watcher) == 0, "the state of a running study could not be read")
    (out / ".watched").unlink()


def run() -> None:
    """Parse the words, kill, and print a line of JSON per target."""
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    words.add_argument("target", nargs="*")
    words.add_argument("--kills", type=int, default=50)
    words.add_argument("--pairs", type=int, default=10, help="times two processes share a folder")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--cold", action="store_true", help="start every process from nothing")
    words.add_argument("--one", help=argparse.SUPPRESS)
    words.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    words.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    said = words.parse_args()
    mpl.use("Agg")
    tqdm.tqdm.monitor_interval = 0  # no thread in a process that is forked
    if said.one:
        targets(said.data, write=False)[said.one].run(said.into, said.seed)
        return
    with tempfile.TemporaryDirectory(prefix="cellaxes-kill-") as name:
        data = Path(name)
        known = targets(data)
        for name in said.target or known:
            target = known[name]
            with contextlib.redirect_stdout((data / "warm").open("w")):
                target.run(data / f"warm-{name}", 0)  # compiles what is compiled, before forks
            made = kill_often(target, name, data, kills=said.kills, seed=said.seed, cold=said.cold)
            length = made["seconds undisturbed"]
            if name != "features":  # of which two at once are two
                both(target, name, data, pairs=said.pairs, length=length, cold=said.cold)
                made["two at once"] = said.pairs
            print(json.dumps(made), flush=True)


if __name__ == "__main__":
    run()
