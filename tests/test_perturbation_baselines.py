"""Baselines of perturbation profiles: each against a slow loop, what they rest on, no leaks."""

import numpy as np
import pandas as pd
import pytest

from cellaxes import perturbation as p
from cellaxes._core.errors import InputError
from cellaxes.perturbation._baselines import _chemistry, _means, _recommender, _ridge
from cellaxes.perturbation._baselines._predict import predict
from cellaxes.perturbation._baselines._task import make_task

NAMES = list(p.show_baselines()["name"])
CHAIN = ["compound_mean", "context_mean", "gene_mean", "zero"]


@pytest.fixture(scope="module")
def table():
    """Ragged responses: 4 contexts, 12 compounds, some twice, some values missing, weights."""
    rng = np.random.default_rng(0)
    pairs = [(c, s) for c in range(4) for s in range(12) if rng.random() < 0.7 or c < 2]
    pairs += [(0, 1), (0, 1), (2, 3)]
    rows = pd.DataFrame(pairs, columns=["context", "compound"])
    effect = rng.normal(size=(12, 9))
    own = rng.normal(size=(4, 9))
    loud = np.array([1.0, 2.0, 0.5, 1.5])
    c, s = rows["context"].to_numpy(), rows["compound"].to_numpy()
    Y = own[c] + loud[c, None] * effect[s] + 0.3 * rng.normal(size=(len(rows), 9))
    Y[rng.random(Y.shape) < 0.15] = np.nan
    Y[(c == 1)[:, None] & (np.arange(9) == 4)] = np.nan  # a gene left out of a context
    rows = rows.assign(moa=[f"m{i % 4}; m{(i + 1) % 5}" if i % 3 else None for i in s])
    rows["context"] = [f"C{i}" for i in c]
    rows["compound"] = [f"s{i:02}" for i in s]
    bits = (rng.random((12, 40)) < 0.3).astype(np.uint8)
    return rows, Y, rng.gamma(2, 1, len(rows)), bits[s]


@pytest.fixture(scope="module")
def task(table):
    return few(table)


def few(table, **changes):
    """Hold out the compounds s05 and later of C3, two rows known elsewhere, and a replicate."""
    rows, Y, weights, bits = table
    test = ((rows["context"] == "C3") & (rows["compound"] >= "s05")).to_numpy()
    test[[4, 20, -2]] = True
    options = {"weights": weights[~test], "fingerprints": np.vstack([bits[~test], bits[test]])}
    return make_task(Y[~test], rows[~test], rows[test], **{**options, **changes})


# ---- slow loops: the same definitions, one value at a time -------------------------------------


def mean_of(task, rows, gene):
    up = down = 0.0
    for i in rows:
        if not np.isnan(task.Y[i, gene]):
            up += task.weights[i] * task.Y[i, gene]
            down += task.weights[i]
    return up / down if down else np.nan


def rows_of(task, context=None, compound=None, but=None):
    return [
        i
        for i in range(len(task.Y))
        if (context is None or task.train["context"].iloc[i] == context)
        and (compound is None or task.train["compound"].iloc[i] == compound)
        and (but is None or task.train["context"].iloc[i] != but)
    ]


def each(task, value):
    wanted = task.wanted[["context", "compound"]].to_numpy().tolist()
    genes = range(task.Y.shape[1])
    return np.array([[value(c, s, g) for g in genes] for c, s in wanted])


def slow_zero(task):
    return each(task, lambda c, s, g: 0.0)


def slow_gene_mean(task):
    return each(task, lambda c, s, g: mean_of(task, rows_of(task), g))


def slow_context_mean(task):
    return each(task, lambda c, s, g: mean_of(task, rows_of(task, c), g))


def slow_compound_mean(task):
    return each(task, lambda c, s, g: mean_of(task, rows_of(task, None, s), g))


def slow_additive(task):
    return slow_context_mean(task) + slow_compound_mean(task) - slow_gene_mean(task)


def slow_kappa(task, column):
    labels = task.train[column].to_numpy()
    within = free = between = apart = reach = 0.0
    for g in range(task.Y.shape[1]):
        known = [i for i in range(len(task.Y)) if not np.isnan(task.Y[i, g])]
        total, squares = sum(task.weights[i] for i in known), 0.0
        for name in set(labels[known]):
            own = [i for i in known if labels[i] == name]
            mean, size = mean_of(task, own, g), sum(task.weights[i] for i in own)
            within += sum(task.weights[i] * (task.Y[i, g] - mean) ** 2 for i in own)
            between += size * (mean - mean_of(task, known, g)) ** 2
            squares += size**2
        groups = len(set(labels[known]))
        free, apart = free + len(known) - groups, apart + groups - 1
        reach += total - squares / total
    sigma = within / free
    return sigma / ((between - sigma * apart) / reach)


def slow_shrunk(task, column):
    kappa = slow_kappa(task, column)

    def value(c, s, g):
        rows = rows_of(task, c) if column == "context" else rows_of(task, None, s)
        size = sum(task.weights[i] for i in rows if not np.isnan(task.Y[i, g]))
        all_rows = mean_of(task, rows_of(task), g)
        return all_rows + size / (size + kappa) * (mean_of(task, rows, g) - all_rows)

    return each(task, value)


def slow_ridge(task, penalties=(3.0, 3.0), leave=None):
    """Solve the normal equations of one gene after another; with leave, the error of a row."""
    contexts = sorted(set(task.train["context"]) | set(task.wanted["context"]))
    compounds = sorted(set(task.train["compound"]) | set(task.wanted["compound"]))
    n = len(contexts)

    def design(rows):
        X = np.zeros((len(rows), n + len(compounds)))
        for i, (c, s) in enumerate(rows[["context", "compound"]].to_numpy()):
            X[i, contexts.index(c)] = X[i, n + compounds.index(s)] = 1
        return X

    train, wanted = design(task.train), design(task.wanted)
    out, error = np.zeros((len(wanted), task.Y.shape[1])), 0.0
    lam = np.diag([penalties[0]] * n + [penalties[1]] * len(compounds))
    for g in range(task.Y.shape[1]):
        known = ~np.isnan(task.Y[:, g])
        mean = mean_of(task, rows_of(task), g)
        if leave is not None:
            known[leave] = False
        X, w = train[known], task.weights[known]
        y = task.Y[known, g] - mean
        beta = np.linalg.solve(X.T @ (w[:, None] * X) + lam, X.T @ (w * y))
        out[:, g] = mean + wanted @ beta
        if leave is not None and not np.isnan(task.Y[leave, g]):
            error += task.weights[leave] * (task.Y[leave, g] - mean - train[leave] @ beta) ** 2
    return out if leave is None else error


def slow_ridge_loo(task):
    grid = [(a, b) for a in _ridge.PENALTIES for b in _ridge.PENALTIES]
    near = [pair for pair in grid if pair[0] <= 3 and pair[1] <= 3]  # the rest is far off
    errors = [sum(slow_ridge(task, pair, i) for i in range(len(task.Y))) for pair in near]
    return slow_ridge(task, near[int(np.argmin(errors))])


def slow_slope(task):
    genes = range(task.Y.shape[1])
    train = task.train[["context", "compound"]].to_numpy().tolist()

    def slope(c):
        up = down = 0.0
        for i, (context, s) in enumerate(train):
            for g in genes if context == c else ():
                x = mean_of(task, rows_of(task, None, s, but=c), g)
                if not np.isnan(x) and not np.isnan(task.Y[i, g]):
                    up += task.weights[i] * task.Y[i, g] * x
                    down += task.weights[i] * x * x
        return up / down if down else 1.0

    slopes = {c: slope(c) for c in set(task.wanted["context"])}
    return each(task, lambda c, s, g: slopes[c] * mean_of(task, rows_of(task, None, s, but=c), g))


def pair_profiles(task):
    genes = range(task.Y.shape[1])
    pairs = set(map(tuple, task.train[["context", "compound"]].to_numpy().tolist()))
    return {
        pair: np.array([mean_of(task, rows_of(task, *pair), g) for g in genes]) for pair in pairs
    }


def gaps_of(task):
    genes = range(task.Y.shape[1])
    centre = {
        c: np.array([mean_of(task, rows_of(task, c), g) for g in genes])
        for c in set(task.train["context"])
    }
    return {pair: np.nan_to_num(v - centre[pair[0]]) for pair, v in pair_profiles(task).items()}


def nan_mean(profiles, weights):
    out = np.full(len(profiles[0]), np.nan)
    for g in range(len(out)):
        known = [i for i, v in enumerate(profiles) if not np.isnan(v[g]) and weights[i] > 0]
        if known:
            total = sum(weights[i] for i in known)
            out[g] = sum(weights[i] * profiles[i][g] for i in known) / total
    return out


def slow_neighbours(task, alike):
    pairs, out = pair_profiles(task), []
    for c, s in task.wanted[["context", "compound"]].to_numpy().tolist():
        there = sorted(compound for context, compound in pairs if context == c)
        likeness = {other: alike(c, s, other) for other in there}
        best = sorted(there, key=lambda other: -likeness[other])[:5]
        weights = [max(likeness[other], 0) for other in best]
        out.append(nan_mean([pairs[c, other] for other in best], weights))
    return np.array(out)


def slow_knn(task):
    gaps = gaps_of(task)

    def alike(c, s, other):
        shared = [k for k in {k for k, _ in gaps} - {c} if (k, s) in gaps and (k, other) in gaps]
        if s == other or not shared:
            return 0.0
        a, b = (np.concatenate([gaps[k, name] for k in shared]) for name in (s, other))
        return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    return slow_neighbours(task, alike)


def bits_of(task):
    names = [*task.train["compound"], *task.wanted["compound"]]
    return dict(zip(names, task.fingerprints.astype(bool), strict=True))


def slow_tanimoto(a, b):
    return sum(a & b) / sum(a | b) if sum(a | b) else 0.0


def slow_fingerprint_knn(task):
    bits = bits_of(task)
    return slow_neighbours(task, lambda _, s, other: slow_tanimoto(bits[s], bits[other]))


def slow_fingerprint_ridge(task):
    bits, genes = bits_of(task), range(task.Y.shape[1])
    known = sorted(set(task.train["compound"]))
    K = np.array([[slow_tanimoto(bits[a], bits[b]) for b in known] for a in known])
    r, w = np.zeros((len(known), len(genes))), np.zeros(len(known))
    for k, s in enumerate(known):
        rows = rows_of(task, None, s)
        w[k] = sum(task.weights[i] for i in rows)
        for g in genes:
            centre = [mean_of(task, rows_of(task, task.train["context"].iloc[i]), g) for i in rows]
            held = [
                (i, m) for i, m in zip(rows, centre, strict=True) if task.Y[i, g] == task.Y[i, g]
            ]
            total = sum(task.weights[i] for i, _ in held)
            up = sum(task.weights[i] * (task.Y[i, g] - m) for i, m in held)
            r[k, g] = up / total if total else 0.0

    def error(penalty):
        total = 0.0
        for k in range(len(known)):
            rest = np.arange(len(known)) != k
            A = K[np.ix_(rest, rest)] + np.diag(penalty / w[rest])
            total += w[k] * ((r[k] - K[k, rest] @ np.linalg.solve(A, r[rest])) ** 2).sum()
        return total

    penalty = min(_chemistry.PENALTIES, key=error)
    dual = np.linalg.solve(K + np.diag(penalty / w), r)
    base = slow_context_mean(task)
    base = np.where(np.isnan(base), slow_gene_mean(task), base)
    like = [[slow_tanimoto(bits[s], bits[b]) for b in known] for s in task.wanted["compound"]]
    return base + np.array(like) @ dual


def slow_moa(task):
    def terms(text):
        return {t.strip() for t in text.split(";")} if isinstance(text, str) else set()

    out = []
    for c, text in task.wanted[["context", "moa"]].to_numpy().tolist():
        share = [i for i, t in enumerate(task.train["moa"]) if terms(t) & terms(text)]
        here = [i for i in share if task.train["context"].iloc[i] == c]
        genes = range(task.Y.shape[1])
        near, far = ([mean_of(task, rows, g) for g in genes] for rows in (here, share))
        out.append(np.where(np.isnan(near), far, near))
    return np.array(out)


def slow_nearest(task):
    pairs, out = pair_profiles(task), []

    def alike(a, b):
        shared = sorted(s for c, s in pairs if c == a and (b, s) in pairs)
        x, y = (np.nan_to_num(np.concatenate([pairs[k, s] for s in shared])) for k in (a, b))
        return x @ y / np.linalg.norm(x) / np.linalg.norm(y)

    for c, s in task.wanted[["context", "compound"]].to_numpy().tolist():
        able = sorted(k for k, name in pairs if name == s and k != c)
        empty = np.full(task.Y.shape[1], np.nan)
        out.append(pairs[max(able, key=lambda k: alike(c, k)), s] if able else empty)
    return np.array(out)


def slow_recommender(task):
    pairs, gaps = pair_profiles(task), gaps_of(task)
    n_genes, contexts = task.Y.shape[1], sorted({c for c, _ in pairs})
    number = {c: sum(k == c for k, _ in pairs) for c in contexts}

    def weight(c, s):
        return sum(task.weights[i] for i in rows_of(task, c, s))

    def components(within):
        names = sorted({s for c, s in pairs if c in within})
        K = np.zeros((len(names), len(names)))
        for i, a in enumerate(names):
            for j, b in enumerate(names):
                shared = [c for c in within if (c, a) in pairs and (c, b) in pairs]
                if shared:
                    K[i, j] = np.mean([gaps[c, a] @ gaps[c, b] for c in shared])
        values, vectors = np.linalg.eigh(K)
        kept = np.flatnonzero(values > 1e-9 * values.max())[::-1]
        z = vectors[:, kept] * np.sqrt(values[kept])
        return dict(zip(names, z / np.sqrt((z**2).sum(axis=1).mean()), strict=True))

    def fit(c, z, kept, asked, k, alpha):
        w = np.array([weight(c, s) for s in kept])
        own = nan_mean([pairs[c, s] for s in kept], w)
        y = [np.where(np.isnan(pairs[c, s]), np.nan_to_num(own), pairs[c, s]) for s in kept]
        x = np.array([z[s][:k] for s in kept])
        # ridge by stacked rows: the intercept is free, the slopes pay alpha
        X = np.hstack([np.ones((len(x), 1)), x])
        penalty = alpha * np.diag([0.0] + [1.0] * x.shape[1])
        beta = np.linalg.solve(X.T @ (w[:, None] * X) + penalty, X.T @ (w[:, None] * np.array(y)))
        return np.array([np.concatenate([[1], z[s][:k]]) @ beta for s in asked])

    def error(c, z, kept, asked, k, alpha):
        guess = fit(c, z, kept, asked, k, alpha)
        return sum(
            np.sqrt(np.nanmean((pairs[c, s] - v) ** 2)) for s, v in zip(asked, guess, strict=True)
        )

    out = np.full((len(task.wanted), n_genes), np.nan)
    for c in sorted(set(task.wanted["context"])):
        most = max(number[k] for k in contexts if k != c)
        rich = [k for k in contexts if k != c and 2 * number[k] >= most]
        z = components(rich)
        bridge = sorted(s for s in z if (c, s) in pairs)
        trials = []
        for fold in range(3):
            parts = (
                [s for i, s in enumerate(bridge) if (i % 3 == fold) == out_] for out_ in (0, 1)
            )
            trials.append((c, z, *parts))
        for r in rich:
            other = components([k for k in rich if k != r])
            able = sorted(s for s in other if (r, s) in pairs)
            kept = [s for s in bridge if s in able]
            asked = [s for s in able if s not in bridge]
            if len(kept) >= 3 and asked:
                trials.append((r, other, kept, asked))
        grid = [(k, a) for k in _recommender.COMPONENTS for a in _recommender.ALPHAS]
        k, alpha = min(grid, key=lambda pair: round(sum(error(*t, *pair) for t in trials), 9))
        for row, (context, s) in enumerate(task.wanted[["context", "compound"]].to_numpy()):
            if context == c and s in z:
                never = np.isnan([pairs[c, name] for name in bridge]).all(axis=0)
                out[row] = np.where(never, np.nan, fit(c, z, bridge, [s], k, alpha)[0])
    return out


SLOW = {
    "zero": slow_zero,
    "gene_mean": slow_gene_mean,
    "context_mean": slow_context_mean,
    "context_mean_shrunk": lambda task: slow_shrunk(task, "context"),
    "compound_mean": slow_compound_mean,
    "compound_mean_shrunk": lambda task: slow_shrunk(task, "compound"),
    "additive": slow_additive,
    "additive_ridge": slow_ridge,
    "additive_ridge_loo": slow_ridge_loo,
    "compound_mean_x_context_slope": slow_slope,
    "ridge_recommender": slow_recommender,
    "knn_response": slow_knn,
    "nearest_context": slow_nearest,
    "moa_mean": slow_moa,
    "fingerprint_knn": slow_fingerprint_knn,
    "fingerprint_ridge": slow_fingerprint_ridge,
}


def slow_filled(task, name):
    values = SLOW[name](task)
    flat = name in ("gene_mean", "context_mean", "context_mean_shrunk")
    for link in CHAIN[2:] if flat else CHAIN:
        values = np.where(np.isnan(values), SLOW[link](task), values)
    return values


@pytest.mark.parametrize("name", SLOW)
def test_every_baseline_equals_a_slow_loop(task, name):
    np.testing.assert_allclose(predict(name, task).values, slow_filled(task, name), atol=1e-9)


@pytest.mark.parametrize("name", SLOW)
def test_also_where_nothing_is_missing_and_rows_weigh_the_same(table, name):
    rows, Y, _, bits = table
    complete = np.where(np.isnan(Y), 0.4, Y)
    whole = few((rows, complete, np.ones(len(rows)), bits))
    np.testing.assert_allclose(predict(name, whole).values, slow_filled(whole, name), atol=1e-9)


def test_every_baseline_is_tested_here():
    assert set(NAMES) == set(SLOW) | {"random_row", "permuted_labels"}


# ---- what holds for all of them ----------------------------------------------------------------


def public(table, test, **changes):
    rows, Y, weights, bits = table
    options = {"weights": weights[~test], "fingerprints": np.vstack([bits[~test], bits[test]])}
    return p.baselines(Y[~test], rows[~test], rows[test], **{**options, **changes})


@pytest.fixture(scope="module")
def held(table):
    rows = table[0]
    return ((rows["context"] == "C3") & (rows["compound"] >= "s05")).to_numpy()


@pytest.fixture(scope="module")
def found(table, held):
    return public(table, held)


def test_what_the_wanted_rows_are_changes_nothing(table, held, found):
    rows, Y, weights, bits = table
    other = Y.copy()
    other[held] = 1e6
    again = public((rows, other, weights, bits), held)
    for name in NAMES:
        np.testing.assert_array_equal(found[name].values, again[name].values)


def test_a_row_is_predicted_alike_alone_and_among_others(table, held, found):
    rows, Y, weights, bits = table
    at = np.flatnonzero(held)[[2]]
    alone = p.baselines(
        Y[~held], rows[~held], rows.iloc[at], weights=weights[~held],
        fingerprints=np.vstack([bits[~held], bits[at]]),
    )  # fmt: skip
    for name in NAMES:
        np.testing.assert_allclose(alone[name].values[0], found[name].values[2], atol=1e-12)


def test_the_order_of_training_rows_changes_nothing(table, held, found):
    rows, Y, weights, bits = table
    order = np.concatenate([np.random.default_rng(1).permutation(np.flatnonzero(~held)),
                            np.flatnonzero(held)])  # fmt: skip
    mixed = (rows.iloc[order].reset_index(drop=True), Y[order], weights[order], bits[order])
    again = public(mixed, held[order])
    for name in NAMES:
        if name != "random_row":  # replicates of one pair are not told apart
            np.testing.assert_allclose(again[name].values, found[name].values, atol=1e-9)


def test_a_weight_of_zero_leaves_a_row_out(table, held):
    rows, Y, weights, bits = table
    out = (rows["compound"] == "s02").to_numpy() & ~held
    light = weights.copy()
    light[out] = 0
    ignored = public((rows, Y, light, bits), held)
    kept = ~out
    without = public((rows[kept], Y[kept], weights[kept], bits[kept]), held[kept])
    for name in set(NAMES) - {"permuted_labels"}:
        np.testing.assert_allclose(ignored[name].values, without[name].values, atol=1e-9)


@pytest.mark.parametrize("name", ["zero", "gene_mean", "context_mean", "context_mean_shrunk"])
def test_what_tells_no_compounds_apart_discriminates_by_half_exactly(table, held, name):
    rows, Y, *_ = table
    found = p.predict_baseline(Y[~held], rows[~held], rows[held], name=name)
    for distance in ("l1", "l2", "cosine"):
        context = rows["context"][held].to_numpy()
        assert p.metrics.pds(Y[held], found.values, context, distance=distance) == 0.5


@pytest.mark.parametrize("name", NAMES)
def test_unknown_compounds_and_contexts_rest_on_what_is_stated(table, name):
    rows, Y, weights, bits = table
    rows = rows.assign(moa=None)
    wanted = pd.DataFrame(
        {"context": ["C0", "new", "new", "C0"], "compound": ["new", "s01", "new", "s01"],
         "moa": None},
    )  # fmt: skip
    blank = np.zeros((4, bits.shape[1]), np.uint8)
    found = p.predict_baseline(
        Y, rows, wanted, name=name, weights=weights, fingerprints=np.vstack([0 * bits, blank])
    )
    assert np.isfinite(found.values).all()
    means = {
        key: p.predict_baseline(Y, rows, wanted, name=key, weights=weights).values for key in CHAIN
    }
    flat = name in ("gene_mean", "context_mean", "context_mean_shrunk", "zero", "random_row")
    expected = ["context_mean", "compound_mean", "gene_mean", "compound_mean"]
    for row, link in enumerate(expected):
        basis = found.basis[row]
        if flat:
            assert basis in ("itself", "gene_mean")
        elif basis != "itself":
            assert basis == link
            assert found.filled[row] == 1
            np.testing.assert_allclose(found.values[row], means[link][row])
    borrowed = {"moa_mean", "fingerprint_knn", "fingerprint_ridge", "knn_response",
                "ridge_recommender", "nearest_context", "additive", "compound_mean"}  # fmt: skip
    if name in borrowed:
        assert list(found.basis[:3] if name != "compound_mean" else found.basis[[0, 2]]) == (
            expected[:3] if name != "compound_mean" else [expected[0], expected[2]]
        )
        assert "rest on" in repr(found)


def test_a_gene_that_was_never_measured_is_zero(table, held):
    rows, Y, *_ = table
    Y = Y.copy()
    Y[:, 3] = np.nan
    for found in p.baselines(Y[~held], rows[~held], rows[held]).values():
        assert (found.values[:, 3] == 0).all()
        assert (found.filled[0] > 0) == (found.name != "zero")


# ---- shrinkage, ridge, controls, expression ----------------------------------------------------


def test_kappa_is_the_ratio_of_the_variances_that_were_simulated():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"context": "A", "compound": rng.integers(0, 60, 300).astype(str)})
    Y = 2 * rng.normal(size=(60, 200))[rows["compound"].astype(int)] + 3 * rng.normal(
        size=(300, 200)
    )
    for gaps in (0, 0.3):
        task = make_task(np.where(rng.random(Y.shape) < gaps, np.nan, Y), rows, rows[:1])
        assert _means.kappa(task, task.by_compound) == pytest.approx(9 / 4, rel=0.05)
    noise = make_task(rng.normal(size=(300, 200)), rows, rows[:1])
    flat = [_means.kappa(noise, noise.by_compound) > 20, _means.kappa(noise, noise.by_context)]
    assert flat[0]
    assert flat[1] == np.inf  # one context only: nothing is between


def test_the_smaller_factor_may_be_either(table):
    rows, Y, weights, _ = table
    turned = rows.rename(columns={"context": "compound", "compound": "context"})
    for name in ("additive_ridge", "additive_ridge_loo", "additive"):
        a, b = (
            p.predict_baseline(Y, t, t[:9], name=name, weights=weights).values
            for t in (rows, turned)
        )
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_penalties_belong_to_their_factor_whichever_is_solved_first(table):
    rows, Y, weights, _ = table
    turned = rows.rename(columns={"context": "compound", "compound": "context"})
    genes = np.arange(Y.shape[1])
    found = []
    for t, penalties in ((rows, (0.3, 30.0)), (turned, (30.0, 0.3))):
        task = make_task(Y, t, t, weights=weights)
        found.append(_ridge._solved(task, *_ridge._gaps(task, genes), penalties, spread=True))
    np.testing.assert_allclose(found[0].a, found[1].b, atol=1e-9)
    np.testing.assert_allclose(found[0].spread, found[1].spread.swapaxes(0, 1), atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_the_penalty_of_the_kernel_is_that_of_leaving_compounds_out(seed):
    rng = np.random.default_rng(seed)
    bits = (rng.random((15, 30)) < 0.3).astype(float)
    K, w = _chemistry.tanimoto(bits), rng.gamma(1, 1, 15) + 0.1
    r = K @ rng.normal(size=(15, 4)) + 0.5 * seed * rng.normal(size=(15, 4))

    def error(penalty):
        total = 0.0
        for k in range(15):
            rest = np.arange(15) != k
            A = K[np.ix_(rest, rest)] + np.diag(penalty / w[rest])
            total += w[k] * ((r[k] - K[k, rest] @ np.linalg.solve(A, r[rest])) ** 2).sum()
        return total

    assert _chemistry.loo_penalty(K, r @ r.T, w) == min(_chemistry.PENALTIES, key=error)


def test_a_random_row_is_a_training_row_and_a_permuted_label_is_another(table, held):
    rows, Y, *_ = table
    whole = np.where(np.isnan(Y), 0.0, Y)
    one, two = (
        p.predict_baseline(whole[~held], rows[~held], rows[held], name="random_row", random_state=s)
        for s in (0, 1)
    )
    train = {tuple(v) for v in whole[~held]}
    assert all(tuple(v) in train for v in one.values)
    assert (one.values != two.values).any()
    strong = np.eye(12)[[int(s[1:]) for s in rows["compound"]]] * 10
    own, other = (
        p.predict_baseline(strong, rows, rows, name=name).values
        for name in ("additive_ridge", "permuted_labels")
    )
    labels = np.array([int(s[1:]) for s in rows["compound"]])
    assert (own.argmax(axis=1) == labels).all()
    assert (other.argmax(axis=1) != labels).all()


def test_untreated_expression_finds_the_nearest_context_where_no_compound_is_shared():
    rows = pd.DataFrame({"context": ["a", "b"], "compound": ["x", "x"]})
    wanted = pd.DataFrame({"context": ["new"], "compound": ["x"]})
    expression = pd.DataFrame([[1, 2, 9], [9, 2, 1], [8, 3, 1]], index=["a", "b", "new"])
    options = {"name": "nearest_context"}
    plain = p.predict_baseline([[1.0], [5.0]], rows, wanted, **options)
    assert plain.basis[0] == "compound_mean"
    told = p.predict_baseline([[1.0], [5.0]], rows, wanted, expression=expression, **options)
    assert told.values[0, 0] == 5.0
    two = [[1.0, 0.0], [5.0, 3.0]]
    known = p.predict_baseline(two, rows, rows[:1], expression=expression, **options)
    assert known.values[0, 0] == 5.0  # a context is not its own neighbour


def test_a_recommender_learns_a_context_that_answers_in_its_own_way():
    rng = np.random.default_rng(0)
    latent, loads = rng.normal(size=(60, 3)), rng.normal(size=(4, 3, 50))
    rows = pd.MultiIndex.from_product([list("ABCD"), [f"s{i:02}" for i in range(60)]])
    rows = rows.to_frame(index=False, name=["context", "compound"])
    Y = np.vstack([latent @ loads[c] for c in range(4)]) + 0.1 * rng.normal(size=(240, 50))
    split = p.few_shot_context(rows, "D", 15)
    guess = {
        name: p.predict_baseline(Y[split.train], rows[split.train], rows[split.test], name=name)
        for name in ("ridge_recommender", "compound_mean")
    }
    error = {k: p.metrics.mrrmse(Y[split.test], v.values) for k, v in guess.items()}
    assert error["ridge_recommender"] < 0.4 * error["compound_mean"]


# ---- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "compund_mean"}, "compound_mean"),
        ({"weights": [1.0]}, "weights must hold"),
        ({"weights": [0.0, 0.0, 0.0]}, "all zero"),
        ({"name": "fingerprint_knn"}, "needs fingerprints"),
        ({"name": "moa_mean"}, "needs moa"),
        ({"fingerprints": np.full((4, 8), 2)}, "0 or 1"),
        ({"Y": [[1.0], [np.inf], [2.0]]}, "infinite in row 1"),
        ({"Y": [[1.0], [2.0]]}, "3 training rows"),
        ({"Y": [[np.nan]] * 3}, "no value"),
        ({"expression": [[1.0]]}, "expression must be a table"),
    ],
)
def test_bad_input_is_one_clear_sentence(change, message):
    rows = pd.DataFrame({"context": list("AAB"), "compound": list("xyx")})
    call = {"name": "compound_mean", "Y": [[1.0], [2.0], [3.0]], **change}
    with pytest.raises(InputError, match=message):
        p.predict_baseline(call.pop("Y"), rows, rows[:1], **call)


def test_rows_of_a_compound_must_have_one_fingerprint():
    rows = pd.DataFrame({"context": list("AAB"), "compound": list("xyx")})
    bits = np.array([[1, 0], [0, 1], [0, 1], [0, 0]], np.uint8)
    with pytest.raises(InputError, match="'x' have different fingerprints"):
        p.predict_baseline([[1.0]] * 3, rows, rows[:1], name="fingerprint_knn", fingerprints=bits)


# ---- real responses ----------------------------------------------------------------------------


def test_few_shot_on_real_responses_gives_the_published_values(shared):
    folder = shared / "perturbation" / "tggates_human_hepatocyte"
    table = pd.read_parquet(folder / "de_signed_log10_p.parquet").query("duration_h != 2")
    rows, raw = table[["context", "compound"]], table.iloc[:, 4:].to_numpy(float)
    names = sorted(set(rows["compound"]))
    asked = [
        ("zero", raw, 4.704), ("gene_mean", raw, 4.685), ("compound_mean", raw, 4.398),
        ("additive_ridge", raw.clip(-4, 4), 1.247),
    ]  # fmt: skip
    for name, y, told in asked:
        errors = []
        for seed in range(3):
            bridge = np.random.default_rng(seed).choice(names, 17, replace=False)
            split = p.few_shot_context(rows, ["High@24h", "Middle@24h"], map(str, bridge))
            guess = p.predict_baseline(
                y[split.train], rows[split.train], rows[split.test], name=name
            )
            errors.append(p.metrics.mrrmse(y[split.test], guess.values))
        assert np.mean(errors) == pytest.approx(told, rel=0.01)
