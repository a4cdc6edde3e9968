"""The leaderboard: models beside every baseline on the same rows, and what it says of them."""

import json

import numpy as np
import pandas as pd
import pytest

from cellaxes import perturbation as p
from cellaxes._core.errors import InputError
from cellaxes.perturbation._leaderboard._text import verdict_of

METRICS = ["mrrmse", "cosine", "pds_cosine", "gene_pearson"]


@pytest.fixture(scope="module")
def data():
    """60 compounds in four contexts, mechanisms, a few rows of huge values, gaps, replicates."""
    rng = np.random.default_rng(0)
    rows = pd.MultiIndex.from_product([list("ABCD"), [f"s{i:02}" for i in range(60)]])
    rows = rows.to_frame(index=False, name=["context", "compound"])
    number = rows["compound"].str[1:].astype(int).to_numpy()
    rows["moa"] = [None if i % 7 == 0 else f"m{i % 6}; m{(i + 1) % 6}" for i in number]
    truth = rng.normal(size=(60, 40))[number] + rng.normal(size=(240, 40))
    truth += np.repeat(rng.normal(size=(4, 40)), 60, axis=0)
    truth[number < 3] *= 12
    Y, again = (truth + 0.5 * rng.normal(size=truth.shape) for _ in range(2))
    Y[rng.random(Y.shape) < 0.05] = np.nan
    return rows, Y, again, truth


@pytest.fixture(scope="module")
def splits(data):
    return [p.few_shot_context(data[0], "D", 12, random_state=seed) for seed in range(2)]


def good(Y, train, wanted):
    """Know the compound better than its mean does, and how well."""
    found = p.predict_baseline(Y, train, wanted, name="compound_mean").values
    return found, np.full(found.shape, 0.8)


@pytest.fixture(scope="module")
def board(data, splits):
    rows, Y, again, truth = data
    rng = np.random.default_rng(1)
    return p.evaluate(
        Y, rows, splits, metrics=METRICS, replicates=again, suspect=np.arange(len(Y)) % 10 == 0,
        models={"mean": good, "oracle": truth, "noise": rng.normal(size=Y.shape) * 5},
    )  # fmt: skip


def test_every_baseline_and_control_is_on_the_board(board):
    allowed = p.show_baselines().query("needs != 'fingerprints'")["name"]
    names = {*allowed, "replicate", "mean", "oracle", "noise"}
    for scale in ("raw", "clipped"):
        for rows in ("all", "trusted"):
            assert set(board.ranked(scale=scale, rows=rows).index) == names
    kinds = board.ranked()["kind"]
    assert kinds["replicate"] == "positive control"
    assert set(kinds[kinds == "negative control"].index) == {"random_row", "permuted_labels"}
    assert board.metrics == METRICS


def test_values_are_those_of_score_averaged_over_splits(board, data, splits):
    rows, Y, _, truth = data
    suspect = np.arange(len(Y)) % 10 == 0
    for scale, cut in (("raw", np.inf), ("clipped", 4)):
        for subset, mask in (("all", None), ("trusted", ~suspect)):
            scores = [
                p.metrics.score(
                    Y[split.test].clip(-cut, cut), truth[split.test].clip(-cut, cut), METRICS,
                    context=rows["context"][split.test].to_numpy(),
                    mask=None if mask is None else mask[split.test],
                )["value"]
                for split in splits
            ]  # fmt: skip
            for metric in METRICS:
                line = board.ranked(metric=metric, scale=scale, rows=subset).loc["oracle"]
                two = [values[metric] for values in scores]
                assert line["value"] == pytest.approx(np.mean(two), rel=1e-12)
                assert line["sd"] == pytest.approx(np.std(two, ddof=1), rel=1e-9)


def test_a_baseline_learns_from_clipped_profiles_where_these_are_scored(board, data, splits):
    rows, Y, *_ = data
    y = Y.clip(-4, 4)
    errors = [
        p.metrics.mrrmse(
            y[s.test],
            p.predict_baseline(y[s.train], rows[s.train], rows[s.test], name="additive").values,
        )
        for s in splits
    ]
    line = board.ranked(scale="clipped").loc["additive"]
    assert line["value"] == pytest.approx(np.mean(errors), rel=1e-12)


def test_scaled_scores_begin_at_the_best_average_and_end_at_the_replicate(board):
    for metric in METRICS:
        lines = board.ranked(metric=metric)
        averages = lines[lines["kind"] == "average"]
        assert averages["scaled"].max() == pytest.approx(0)
        assert lines.loc["replicate", "scaled"] == pytest.approx(1)
        assert lines.loc["oracle", "scaled"] >= 1
    assert board.ranked().loc["noise", "scaled"] < 0


def test_rows_without_a_replicate_do_not_move_the_ceiling(data, splits):
    rows, Y, again, _ = data
    some = again.copy()
    some[rows["compound"].isin(["s00", "s01", "s02"])] = np.nan  # the rows of huge values
    few = p.evaluate(Y, rows, splits[0], replicates=some, metrics=METRICS[:2], clip=None)
    without = splits[0].test & rows["compound"].isin(["s00", "s01", "s02"]).to_numpy()
    assert without.any()
    scores = few.row_scores[~few.row_scores["compound"].isin(["s00", "s01", "s02"])]
    means = scores.groupby("model")["mrrmse"].mean()
    u, r = means["additive"], means["replicate"]
    b = means[few.ranked().query("kind == 'average'").index].min()
    assert few.ranked().loc["additive", "scaled"] == pytest.approx((u - b) / (r - b))


def test_comparison_is_the_paired_bootstrap_over_compounds(board):
    other = board.best
    assert board.ranked()["kind"][other] in ("average", "baseline")
    scores = board.row_scores.query("scale == 'raw'").pivot(
        index=["split", "row", "compound"], columns="model", values="mrrmse"
    )
    told = p.metrics.paired_bootstrap(
        scores["oracle"], scores[other], scores.index.get_level_values("compound")
    )
    line = board.ranked().loc["oracle"]
    assert tuple(line[["difference", "low", "high", "p_value"]]) == pytest.approx(
        (told.difference, told.low, told.high, told.p_value)
    )
    assert board.ranked().loc[other, ["difference", "low"]].isna().all()
    against = board.against("oracle")
    assert against.loc[other, "difference"] == pytest.approx(-told.difference)
    assert "oracle" not in against.index
    assert board.ranked(metric="gene_pearson")["difference"].isna().all()  # rows have none


def test_trusted_rows_are_compared_without_the_suspect_ones(board):
    lines = board.ranked(rows="trusted")
    other = lines["against"].iloc[0]
    held = board.row_scores.query("scale == 'raw' and not suspect").pivot(
        index=["split", "row", "compound"], columns="model", values="mrrmse"
    )
    told = p.metrics.paired_bootstrap(
        held["noise"], held[other], held.index.get_level_values("compound")
    )
    found = lines.loc["noise", ["difference", "low", "high"]]
    assert tuple(found) == pytest.approx((told.difference, told.low, told.high))
    assert found["difference"] != board.ranked().loc["noise", "difference"]


def test_a_lead_within_chance_is_no_win():
    lines = pd.DataFrame(
        {"kind": ["model", "average"], "value": [1.0, 1.1], "best": 0.0, "against": "zero",
         "low": [-0.3, np.nan], "high": [0.1, np.nan]}, index=["m", "zero"],
    )  # fmt: skip
    assert verdict_of(lines) == "no model beats zero beyond chance"
    assert verdict_of(lines.assign(high=-0.05)) == "m beats zero"


def test_groups_are_means_of_their_rows(board):
    held = board.row_scores.query("scale == 'raw' and model == 'oracle'")
    moa = board.by("moa", metric="cosine")
    assert moa.index.tolist() == [f"m{i}" for i in range(6)]
    own = held[held["moa"].str.contains("m3", na=False)]
    assert moa.loc["m3", "oracle"] == pytest.approx(own["cosine"].mean())
    assert moa.loc["m3", "n_rows"] == len(own)
    context = board.by("context")
    assert context.loc["D", "oracle"] == pytest.approx(held["mrrmse"].mean())
    assert list(context.columns[1:]) == list(board.ranked().index)
    assert board.by("split").index.tolist() == [0, 1]


def test_it_says_who_beats_the_best_baseline(board, data, splits):
    assert "oracle beats" in board.verdicts["raw"]
    text = repr(board)
    assert "pair 0%" in text
    assert "oracle" in text.splitlines()[3]
    assert text.index("oracle") < text.index("noise")
    rows, Y, *_ = data
    weak = p.evaluate(Y, rows, splits[0], models={"bad": 3 + 0 * np.nan_to_num(Y)}, clip=None)
    assert weak.verdicts == {"raw": f"no model beats {weak.best}"}
    assert f"no model beats {weak.best}" in repr(weak)
    plain = p.evaluate(Y, rows, splits[0], metrics=["mrrmse"], clip=None)
    assert plain.verdicts["raw"].startswith("no model was given")


def test_it_doubts_a_split_where_compounds_do_not_matter(board, data, splits):
    assert board.doubts == ()
    rows, Y, *_ = data
    blind = p.evaluate(
        np.random.default_rng(0).normal(size=Y.shape), rows, splits, metrics=["mrrmse"], clip=None
    )
    assert "permuted_labels is no worse" in blind.doubts[0]


def test_intervals_are_checked_where_a_model_gives_them(board):
    assert set(board.calibrations) == {"mean"}
    assert len(board.calibrations["mean"]) == 2
    assert {entry.context for entry in board.calibrations["mean"][0].coverages} == {"all", "D"}


def test_a_callable_never_sees_the_test_rows(data, splits):
    rows, Y, *_ = data
    seen = []

    def spy(values, train, wanted):
        seen.append((values.copy(), train, wanted))
        values[:] = 0  # its own copy
        return np.zeros((len(wanted), values.shape[1]))

    before = Y.copy()
    board = p.evaluate(Y, rows, splits[0], models={"spy": spy}, metrics=["mrrmse"])
    np.testing.assert_array_equal(Y, before)
    np.testing.assert_array_equal(seen[0][0], Y[splits[0].train])
    assert np.nanmax(np.abs(seen[1][0])) == 4
    assert len(seen[0][1]) == splits[0].train.sum()
    assert len(seen[0][2]) == splits[0].test.sum()
    raw = board.ranked()["value"]
    assert raw["spy"] == raw["zero"]


def test_it_is_json_and_a_table(board):
    told = json.loads(json.dumps(board.to_dict()))
    assert len(told["table"]) == len(board.to_frame())
    assert told["verdicts"] == board.verdicts
    assert told["splits"][0]["name"] == "few-shot context"
    rests = board.rests.set_index(["model", "basis"])["n_rows"]
    assert rests["moa_mean", "compound_mean"] + rests["moa_mean", "itself"] == 96


def test_the_same_seed_gives_the_same_board_and_weights_reach_the_baselines(data, splits):
    rows, Y, *_ = data
    a, b = (p.evaluate(Y, rows, splits[0], metrics=["mrrmse"], clip=None) for _ in range(2))
    pd.testing.assert_frame_equal(a.table, b.table)
    heavy = np.where(rows["context"] == "A", 50.0, 1.0)
    c = p.evaluate(Y, rows, splits[0], metrics=["mrrmse"], clip=None, weights=heavy)
    guess = p.predict_baseline(
        Y[splits[0].train], rows[splits[0].train], rows[splits[0].test],
        name="compound_mean", weights=heavy[splits[0].train],
    )  # fmt: skip
    error = p.metrics.mrrmse(Y[splits[0].test], guess.values)
    assert c.ranked().loc["compound_mean", "value"] == pytest.approx(error)
    assert c.ranked().loc["compound_mean", "value"] != a.ranked().loc["compound_mean", "value"]


def test_test_rows_without_a_value_are_left_out(data, splits):
    rows, Y, again, _ = data
    gone = Y.copy()
    gone[np.flatnonzero(splits[0].test)[:3]] = np.nan
    board = p.evaluate(
        gone, rows, splits[0], replicates=again, models={"own": good}, metrics=METRICS
    )
    assert (board.ranked()["n_rows"] == splits[0].test.sum() - 3).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": {"compound_mean": good}}, "cannot be called 'compound_mean'"),
        ({"models": {"m": lambda *_: np.zeros((2, 2))}}, "'m' gives shape"),
        ({"models": {"m": np.full((240, 40), np.nan)}}, "'m' predicts NaN"),
        ({"splits": []}, "no split"),
        ({"metrics": ["slope"]}, "first metric ranks"),
        ({"metrics": ["mrrmse", "mrrrmse"]}, "mrrmse"),
        ({"suspect": [1, 2]}, "suspect must be"),
        ({"replicates": [[1.0]]}, "replicates have shape"),
        ({"clip": -1.0}, "clip must be"),
        ({"weights": [1.0]}, "weights have shape"),
        ({"fingerprints": [[1, 0]]}, "fingerprints have"),
    ],
)
def test_bad_input_is_one_clear_sentence(data, splits, change, message):
    rows, Y, *_ = data
    call = {"splits": splits[0], **change}
    with pytest.raises(InputError, match=message):
        p.evaluate(Y, rows, call.pop("splits"), **call)


def test_a_split_of_other_rows_is_refused(data, splits):
    rows, Y, *_ = data
    with pytest.raises(InputError, match="make it from these rows"):
        p.evaluate(Y[:200], rows[:200], splits[0])
    board = p.evaluate(Y, rows, splits[0], metrics=["mrrmse"], clip=None)
    for call in (lambda: board.against("x"), lambda: board.by("donor"),
                 lambda: board.ranked(scale="clipped")):  # fmt: skip
        with pytest.raises(InputError):
            call()
