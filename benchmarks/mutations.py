"""Whether the tests notice: one line of the source is broken at a time, and its tests must fail.

    python benchmarks/mutations.py [--only WORD] [--list]

Signs, off-by-ones, seeds that are dropped, masks that are dropped, folds that leak. Each is made
in a copy of the repository, where the tests that speak of the room run until the first failure.
Prints a line each, and how many were caught; ends with 1 where fewer than 14 in 15 were.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

HOUSE = Path(__file__).resolve().parents[1]
WANTED = 14 / 15
LONGEST = 600
"""Seconds after which tests that hang count as failed."""


class Mutation(NamedTuple):
    """A line of a file below ``src/cellaxes``, what it becomes, and the tests that must see it."""

    what: str
    path: str
    line: str
    becomes: str
    tests: str


MUTATIONS = (
    Mutation(
        "binomial table: one too many in the denominator", "noise/_kernel.py",
        "probability *= odds * (c - k) / (k + 1)", "probability *= odds * (c - k) / (k + 2)",
        "test_thin",
    ),
    Mutation(
        "large counts: chunks of fifteen drawn as sixteen", "noise/_kernel.py",
        "count -= _TABLE", "count -= _TABLE - 1", "test_thin",
    ),
    Mutation(
        "target depth: the capture probability upside down", "noise/_thin.py",
        "self.depth / np.maximum(row_sums(block), 1.0)",
        "np.maximum(row_sums(block), 1.0) / max(self.depth, 1.0)", "test_thin",
    ),
    Mutation(
        "all fractions share their draws", "noise/_thin.py",
        "key = (*self.key, *self.level.key)", "key = self.key", "test_thin",
    ),
    Mutation(
        "inverse of the law: a sign", "scaling/_laws.py",
        "np.expm1(scale * (self.I_max - bits))", "np.expm1(scale * (self.I_max + bits))",
        "test_scaling",
    ),
    Mutation(
        "classifier learns from its test fold", "information/_classifier.py",
        "train, test = folds != fold, folds == fold", "train, test = folds >= 0, folds == fold",
        "test_information test_information_properties",
    ),
    Mutation(
        "penalty chosen on the fold it is judged on", "information/_classifier.py",
        "log2[:, folds != fold].sum(axis=1)", "log2[:, folds == fold].sum(axis=1)",
        "test_information test_information_properties",
    ),
    Mutation(
        "the null is not permuted", "information/_estimate.py",
        "null.append(chosen.bits(prepared.permuted(rng), k, rng))",
        "null.append(chosen.bits(prepared, k, rng))",
        "test_information test_information_properties",
    ),
    Mutation(
        "every permutation is the same one", "information/_estimate.py",
        'rng = stream(random_state, "permutation", index)',
        'rng = stream(random_state, "permutation")',
        "test_information test_information_properties",
    ),
    Mutation(
        "Gaussian bias added instead of taken away", "information/_gaussian.py",
        ".sum() - excess_nats(dx, dy, pairs.n)", ".sum() + excess_nats(dx, dy, pairs.n)",
        "test_information test_information_properties",
    ),
    Mutation(
        "sisters: cells without a barcode are a clone", "signal/_clone.py",
        "order = order[clone[order] >= 0]", "order = order[clone[order] >= -1]",
        "test_relations test_signal",
    ),
    Mutation(
        "sisters: the later one is x", "signal/_clone.py",
        "late = mark[left] > mark[right]", "late = mark[left] < mark[right]",
        "test_relations test_signal",
    ),
    Mutation(
        "a cell stands in two pairs of a draw", "signal/_space.py",
        "free[[cell, other]] = False", "free[[cell, cell]] = False",
        "test_relations test_signal",
    ),
    Mutation(
        "the model is fitted to the test cells", "study/_execute.py",
        "train, _ = split(counts.shape[0], run.n_train, run.n_test, run.seed)",
        "_, train = split(counts.shape[0], run.n_train, run.n_test, run.seed)",
        "test_study",
    ),
    Mutation(
        "the fit forgets its seed", "study/_execute.py",
        "model.fit(train_counts, random_state=run.seed, **asked)",
        "model.fit(train_counts, random_state=0, **asked)", "test_study",
    ),
    Mutation(
        "a failure replaces a success", "study/_store.py",
        'if record["status"] == "failed" and', 'if record["status"] == "lost" and', "test_study",
    ),
    Mutation(
        "slopes of features: a sign", "features/_active.py",
        "factor = np.float32(-2 * weight)", "factor = np.float32(2 * weight)", "test_features",
    ),
    Mutation(
        "the k-th largest is the one after it", "features/_active.py",
        "best = np.empty(m, np.float32), np.empty(m, np.float32), np.empty(k, np.float32)",
        "best = np.empty(m, np.float32), np.empty(m, np.float32), np.empty(k + 1, np.float32)",
        "test_features",
    ),
    Mutation(
        "thresholds of labels chosen on the test cells", "features/_meaning/_labels.py",
        "choose, test = np.flatnonzero(labelled & validation)",
        "choose, test = np.flatnonzero(labelled)",
        "test_feature_meaning",
    ),
    Mutation(
        "stable in all other seeds but one", "features/_stability.py",
        "np.asarray(self.found == self.n_others)", "np.asarray(self.found >= self.n_others - 1)",
        "test_features test_feature_metrics",
    ),
    Mutation(
        "leave-one-out: a cell votes for itself", "hierarchy/_evaluation/_measure.py",
        "exclude=[(rows, rows)] if leave_one_out else ()", "exclude=()",
        "test_hierarchy_evaluation",
    ),
    Mutation(
        "calls ignore the levels above", "hierarchy/_neighbours/_vote.py",
        "agree = there & above.all(axis=2)", "agree = there", "test_hierarchy_annotate",
    ),
    Mutation(
        "conformal quantile: one rank too low", "hierarchy/_annotation/_calibrate.py",
        "rank = int(np.ceil(share * (len(values) + 1)))",
        "rank = int(np.ceil(share * (len(values) - 1)))", "test_hierarchy_annotate",
    ),
    Mutation(
        "one parent kept: the least specific", "hierarchy/_cut.py",
        "key=lambda up: (-depth[up], -below[up], up)", "key=lambda up: (depth[up], -below[up], up)",
        "test_hierarchy_tree",
    ),
    Mutation(
        "nearest context may be the context itself", "perturbation/_baselines/_neighbours.py",
        "able[c] = False\n", "able[c] &= True\n", "test_perturbation_baselines",
    ),
    Mutation(
        "encodings out of fold know their fold", "perturbation/_features/_encoding.py",
        "kept = fold != each if (fold != each).any() else np.ones(len(fold), dtype=bool)",
        "kept = np.ones(len(fold), dtype=bool)", "test_perturbation_features",
    ),
    Mutation(
        "models out of fold are fitted to all rows", "perturbation/_out_of_fold.py",
        "return read_fold(model.fit(data.take(split.train)), data, split)",
        "return read_fold(model.fit(data), data, split)",
        "test_perturbation_folds test_perturbation_cross_fit test_perturbation_models",
    ),
    Mutation(
        "missing values count in the error of a row", "perturbation/metrics/_errors.py",
        "values.sum(axis=1) / np.where(n, n, np.nan)",
        "values.sum(axis=1) / np.where(n, values.shape[1], np.nan)", "test_perturbation_metrics",
    ),
    Mutation(
        "intervals: no row more than there are", "perturbation/_intervals.py",
        "level * (1 + (weights**2).sum() / weights.sum() ** 2)", "level",
        "test_perturbation_intervals",
    ),
    Mutation(
        "voom: the weight is the variance", "perturbation/_voom.py",
        "return Voom(E, 1 / curve**4, sizes", "return Voom(E, curve**4, sizes",
        "test_perturbation_voom",
    ),
)  # fmt: skip


def main() -> None:
    """Break every line in turn and say which tests noticed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", default="", help="Those whose words or path hold this.")
    parser.add_argument("--list", action="store_true", help="Only name them.")
    asked = parser.parse_args()
    chosen = [m for m in MUTATIONS if asked.only in f"{m.what} {m.path}"]
    if asked.list:
        print("\n".join(f"{m.path}: {m.what}" for m in chosen))
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "house"
        left = shutil.ignore_patterns(".*", "__pycache__", "_build", "demo")
        shutil.copytree(HOUSE, copy, ignore=left)
        whole = sorted({name for m in chosen for name in m.tests.split()})
        if not _pass(copy, whole):
            raise SystemExit("the tests fail as they are: mend that first.")
        caught = sum([_judge(m, copy) for m in chosen])
    print(f"{caught} of {len(chosen)} caught")
    sys.exit(caught < WANTED * len(chosen))


def broken(mutation: Mutation, source: str) -> str:
    """Return the source with the line broken; it must stand there once."""
    if source.count(mutation.line) != 1:
        raise SystemExit(
            f"{mutation.path} does not hold {mutation.line!r} once: name another line."
        )
    return source.replace(mutation.line, mutation.becomes)


def _judge(mutation: Mutation, copy: Path) -> bool:
    path = copy / "src" / "cellaxes" / mutation.path
    whole, start = path.read_text(), time.perf_counter()
    path.write_text(broken(mutation, whole))
    try:
        failed = not _pass(copy, mutation.tests.split())
    finally:
        path.write_text(whole)
    word, took = "caught" if failed else "MISSED", time.perf_counter() - start
    print(f"{word}  {mutation.what} ({mutation.path}, {took:.0f} s)", flush=True)
    return failed


def _pass(copy: Path, tests: Sequence[str]) -> bool:
    """Return whether the tests of the copy pass, saying which does not."""
    try:
        said = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
            + [f"tests/{name}.py" for name in tests],
            cwd=copy, env={**os.environ, "PYTHONPATH": str(copy / "src"), "OMP_NUM_THREADS": "1"},
            capture_output=True, text=True, timeout=LONGEST * len(tests), check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    if said.returncode > 1:
        raise SystemExit(f"pytest could not run:\n{said.stdout}{said.stderr}")
    failed = [x for x in said.stdout.splitlines() if x.startswith(("FAILED", "ERROR"))]
    print("".join(f"  {x[:150]}\n" for x in failed), end="")
    return said.returncode == 0


if __name__ == "__main__":
    main()
