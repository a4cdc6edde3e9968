"""What holds for any data: thinning, the study store, trees, adapters, tables of responses."""

import json
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from cellaxes import hierarchy, noise
from cellaxes import perturbation as p
from cellaxes._core.files import canonical_json, identity
from cellaxes.study import Facts, ModelSpec, RunSpec, Store, StudySpec

TOGETHER = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)

# ---- thinning ----------------------------------------------------------------------------------

CONTAINERS = [np.asarray, np.asfortranarray, sp.csr_matrix, sp.csc_matrix, sp.csr_array]
TYPES = [np.float32, np.float64, np.int32, np.int64, np.uint16, np.uint8]


@st.composite
def counts(draw):
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    made = draw(arrays(np.int64, shape, elements=st.integers(0, 200)))
    made[0, 0] = max(made[0, 0], 1)
    return draw(st.sampled_from(CONTAINERS))(made.astype(draw(st.sampled_from(TYPES))))


def dense(values):
    return (values.toarray() if sp.issparse(values) else np.asarray(values)).astype(np.int64)


@TOGETHER
@given(counts(), st.floats(0.05, 1), st.floats(0.01, 0.99), st.integers(0, 50))
def test_any_counts_are_thinned_within_their_bounds_in_their_own_kind(X, fraction, next_, seed):
    """Zero stays zero, no count grows, levels are nested, the container and its dtype stay."""
    levels = noise.thin_series(X, [fraction, fraction * next_], random_state=seed)
    chain = [dense(X), *(dense(level.counts) for level in levels)]
    for more, less in pairwise(chain):
        assert ((less >= 0) & (less <= more)).all()
    for level, values in zip(levels, chain[1:], strict=True):
        assert type(level.counts) is type(X)
        assert level.counts.dtype == X.dtype
        assert level.depth == np.median(values.sum(axis=1))
        assert level.n_empty == (values.sum(axis=1) == 0).sum()
    if fraction == 1:
        np.testing.assert_array_equal(chain[1], chain[0])


@TOGETHER
@given(counts(), st.floats(0, 1), st.integers(0, 50))
def test_the_draw_does_not_belong_to_the_container(X, fraction, seed):
    expected = dense(
        noise.thin(sp.csr_matrix(dense(X)), fraction=fraction, random_state=seed).counts
    )
    np.testing.assert_array_equal(
        dense(noise.thin(X, fraction=fraction, random_state=seed).counts), expected
    )


@settings(max_examples=12)
@given(st.integers(1, 400), st.floats(0.1, 0.9), st.floats(0.1, 0.9), st.integers(0, 9))
def test_two_steps_of_thinning_have_the_law_of_one(count, first, second, seed):
    X = np.full((400, 8), count)
    twice = noise.thin_series(X, [first, first * second], random_state=seed)[-1].counts
    law = stats.binom(count, first * second)
    se = law.std() / np.sqrt(twice.size)
    assert abs(twice.mean() - law.mean()) < 5 * se
    assert law.ppf(1e-9) <= twice.min() <= twice.max() <= law.isf(1e-9)
    spread = law.var() * np.sqrt((2 + law.stats("k")) / twice.size)
    assert abs(twice.var() - law.var()) < 6 * spread


# ---- the study store ---------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
PARAMS = st.dictionaries(WORDS, st.booleans() | st.integers() | FLOATS | WORDS, max_size=3)
MODELS = st.builds(ModelSpec, name=WORDS.filter(lambda name: name != "precomputed"), params=PARAMS)


@st.composite
def specs(draw):
    fractions = draw(st.lists(st.floats(0.01, 1), min_size=1, max_size=4, unique=True))
    return StudySpec(
        path=draw(WORDS),
        data=draw(WORDS),
        layer=draw(st.none() | WORDS),
        signals=tuple(draw(st.lists(WORDS, min_size=1, max_size=3, unique=True))),
        models=tuple(draw(st.lists(MODELS, min_size=1, max_size=2))),
        fractions=tuple(sorted(fractions, reverse=True)),
        sizes=tuple(draw(st.lists(st.integers(1, 999), min_size=1, max_size=2, unique=True))),
        n_test=draw(st.integers(1, 99)),
        seeds=tuple(draw(st.lists(st.integers(0, 9), min_size=1, max_size=2, unique=True))),
        thin=draw(st.sampled_from([("both",), ("both", "train", "query"), ("train",)])),
    )


@TOGETHER
@given(specs())
def test_any_study_is_read_back_and_its_runs_keep_their_names(tmp_path, spec):
    store = Store(tmp_path)
    store.write_spec(spec)
    again = store.read_spec()
    assert again == spec
    runs = spec.runs()
    assert [run.id for run in again.runs()] == [run.id for run in runs]
    assert len({run.id for run in runs}) == len(set(map(canonical_json, map(told, runs))))


def told(run):
    return run.model_dump(mode="json")


@TOGETHER
@given(specs(), st.randoms())
def test_the_name_of_a_run_does_not_depend_on_the_order_of_keys(spec, random):
    run = spec.runs()[0]

    def turned(value):
        if not isinstance(value, dict):
            return value
        items = [(key, turned(entry)) for key, entry in value.items()]
        random.shuffle(items)
        return dict(items)

    again = RunSpec.model_validate_json(json.dumps(turned(told(run))))
    assert again.id == run.id == identity(turned(told(run)))
    assert replace_seed(run).id != run.id


def replace_seed(run):
    return run.model_copy(update={"seed": run.seed + 1})


@TOGETHER
@given(specs(), st.dictionaries(WORDS, JSON, max_size=4), WORDS)
def test_any_record_that_can_be_written_is_read_back(tmp_path, spec, extra, why):
    store, run = Store(tmp_path), spec.runs()[0]
    store.record_path(run.id).unlink(missing_ok=True)
    known = {"status", "seconds", "run"}
    extra = {key: value for key, value in extra.items() if key not in known}
    failed = {"status": "failed", "error": why, "seconds": 0.5} | extra
    store.write(run, failed)
    assert store.read(run.id) == {"run": told(run)} | failed
    store.write(run, {"status": "done", "seconds": 1.0} | extra)
    store.write(run, failed)  # a failure never replaces a success
    assert store.read(run.id)["status"] == "done"
    assert run.id in store.finished()


@TOGETHER
@given(
    st.integers(0, 10**9), st.none() | st.floats(0, 1e9),
    st.dictionaries(WORDS, st.floats(0, 99) | st.just(float("inf")), max_size=3),
    st.dictionaries(WORDS, WORDS, max_size=2), st.lists(WORDS, max_size=2),
)  # fmt: skip
def test_any_facts_are_read_back(tmp_path, n, depth, entropies, notes, remarks):
    facts = Facts(n, n, depth, entropies, notes, "28 × 28 pixels", tuple(remarks))
    Store(tmp_path).write_facts(facts)
    assert Store(tmp_path).read_facts() == facts


# ---- trees --------------------------------------------------------------------------------------


@st.composite
def worlds(draw):
    """Centroids of types whose names may be any text."""
    names = draw(st.lists(WORDS.map(str.strip).filter(bool), min_size=3, max_size=9, unique=True))
    points = arrays(float, (len(names), 3), elements=st.integers(-50, 50).map(float), unique=True)
    return names, draw(points)


@settings(TOGETHER, max_examples=25)
@given(worlds(), st.integers(2, 5), st.randoms())
def test_any_tree_of_data_is_nested_and_knows_no_order_of_cells(tmp_path, world, depth, random):
    names, points = world
    cells = list(range(len(names))) * 2
    random.shuffle(cells)
    grown = hierarchy.tree_from_embedding(points, names, depth)
    other = hierarchy.tree_from_embedding(points[cells], [names[i] for i in cells], depth)
    assert grown.strict
    for upper, lower in pairwise(grown.levels.columns):
        assert (grown.levels.groupby(lower)[upper].nunique() == 1).all()
        assert grown.levels[lower].nunique() >= grown.levels[upper].nunique()
    assert list(grown.levels.iloc[:, -1]) == list(grown.labels)
    pd.testing.assert_frame_equal(grown.levels.sort_index(), other.levels.sort_index())
    path = tmp_path / "tree.json"
    path.write_text(json.dumps(grown.to_dict()), encoding="utf-8")
    again = hierarchy.load_tree(path)
    assert again.to_dict() == grown.to_dict()
    np.testing.assert_array_equal(again.distance_matrix(), grown.distance_matrix())
    assert (grown.distance_matrix() == grown.distance_matrix().T).all()


# ---- adapters -----------------------------------------------------------------------------------

EXACT = ("identity", "pca", "lda")


@cache
def adapter(method, d, seed):
    rng = np.random.default_rng(seed)
    fine = np.arange(36) % 4
    z = rng.normal(size=(36, d)) + 2 * rng.normal(size=(4, d))[fine]
    levels = pd.DataFrame({"coarse": fine // 2, "fine": fine})
    return hierarchy.fit_adapter(z, levels, method=method)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(EXACT), st.integers(2, 7), st.integers(0, 3), st.integers(1, 9), st.data())
def test_an_adapter_reads_a_row_by_itself_and_survives_the_disk(
    tmp_path_factory, method, d, seed, n, data
):
    made = adapter(method, d, seed)
    z = data.draw(arrays(float, (n, d), elements=st.floats(-9, 9)))
    out = made.transform(z)
    assert out.shape == (n, made.dims[-1])
    row = data.draw(st.integers(0, n - 1))
    np.testing.assert_allclose(made.transform(z[row : row + 1])[0], out[row], atol=1e-5)
    order = np.random.default_rng(seed).permutation(n)
    np.testing.assert_allclose(made.transform(z[order]), out[order], atol=1e-5)
    for k in made.dims:
        prefix = made.transform(z, truncate_dim=k)
        length = np.linalg.norm(out[:, :k], axis=1, keepdims=True)
        clear = length[:, 0] > 1e-3
        np.testing.assert_allclose(prefix[clear], (out[:, :k] / np.maximum(length, 1e-9))[clear],
                                   atol=1e-3)  # fmt: skip
    folder = tmp_path_factory.mktemp("adapter") / "a"
    made.save(folder)
    again = hierarchy.load_adapter(folder)
    np.testing.assert_array_equal(again.transform(z), out)
    assert (again.method, again.dims, again.levels) == (made.method, made.dims, made.levels)


@settings(max_examples=15)
@given(st.integers(3, 7), st.integers(0, 3), st.integers(2, 9), st.data())
def test_a_rotation_keeps_all_cosines(d, seed, n, data):
    z = data.draw(arrays(float, (n, d), elements=st.floats(0.125, 9)))
    out = adapter("pca", d, seed).transform(z)
    x = z / np.linalg.norm(z, axis=1, keepdims=True)
    if out.shape[1] == d:
        np.testing.assert_allclose(out @ out.T, x @ x.T, atol=1e-4)


# ---- tables of responses -----------------------------------------------------------------------

MISSING = ("nan", "na", "none", "null", "<na>", "n/a")
NAMES = st.lists(
    WORDS.map(str.strip).filter(lambda w: w and "\0" not in w and w.lower() not in MISSING),
    min_size=1,
    max_size=4,
    unique=True,
)
VALUES = st.floats(-300, 300, width=32) | st.just(float("nan"))


@st.composite
def tables(draw):
    contexts, compounds, genes = draw(NAMES), draw(NAMES), draw(NAMES)
    pairs = [(a, b) for a in contexts for b in compounds]
    rows = pd.DataFrame(draw(st.permutations(pairs)), columns=["context", "compound"])
    shape = (len(rows), len(genes))
    t = draw(arrays(np.float64, shape, elements=VALUES))
    t[np.isnan(t).all(axis=1), 0] = 0.5
    return p.PerturbationTable(rows, genes, t=t)


def assert_alike(one, other):
    pd.testing.assert_frame_equal(one.rows, other.rows)
    assert list(one.genes) == list(other.genes)
    np.testing.assert_array_equal(one.t, other.t)


@settings(TOGETHER, max_examples=25)
@given(tables(), st.data())
def test_any_table_is_cut_and_put_in_order_without_loss(table, data):
    order = np.array(data.draw(st.permutations(range(table.n_rows))))
    turned = table.take(order)
    np.testing.assert_array_equal(turned.t, table.t[order])
    assert_alike(turned.take(np.argsort(order)), table)
    genes = data.draw(st.permutations(list(table.genes)))
    assert_alike(table.take_genes(genes).take_genes(table.genes), table)
    chosen = np.sort(order[: data.draw(st.integers(1, table.n_rows))])
    assert_alike(table.take(chosen), table.take(np.isin(np.arange(table.n_rows), chosen)))


@settings(TOGETHER, max_examples=15)
@given(tables())
def test_any_table_is_read_back_from_every_kind_of_file(tmp_path, table):
    p.write_table(table, (path := tmp_path / "t.h5ad"))
    assert_alike(p.read_table(path), table)
    path.unlink()
    wide = pd.concat([table.rows, pd.DataFrame(table.t, columns=table.genes)], axis=1)
    if set(table.genes) & {"context", "compound"}:
        return
    wide.to_parquet(tmp_path / "t.parquet")
    assert_alike(p.read_wide({"t": tmp_path / "t.parquet"}, facts=[]), table)


@TOGETHER
@given(arrays(float, (2, 3), elements=st.floats(-60, 60)), st.floats(2, 500))
def test_t_and_its_signed_exponent_are_each_others_inverse(t, df):
    exponent = p.signed_log10_p(t, df)
    assert (np.sign(exponent) == np.sign(np.where(np.abs(t) < 1e-12, exponent, t))).all()
    np.testing.assert_allclose(p.t_statistic(exponent, df), t, rtol=1e-6, atol=1e-10)
    order = np.argsort(t.ravel())
    assert (np.diff(exponent.ravel()[order]) >= 0).all()
