"""The page of predictions: what it holds, and what it does in a browser."""

import html
import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import cellaxes as cx
from cellaxes import perturbation as p
from cellaxes.report import Likeness, PredictReport
from cellaxes.report import _predict_numbers as numbers
from cellaxes.report import _predict_results as limits
from cellaxes.report._words import number

EVIL = "</script><script>window.hacked=1</script>&<b>"
METRICS = ["mrrmse", "cosine", "gene_pearson", "norm_ratio"]

TOOLS = """
const rows = () => all("#board [data-row]")
  .map((g) => [g.dataset.row, g.lastElementChild.textContent]);
const pressed = (id) => all(`#${id} button[aria-pressed=true]`).map((b) => b.textContent);
const press_ = (id, text) => all(`#${id} button`).find((b) => b.textContent.includes(text)).click();
const pick = (name) => {
  $("#metric").value = name;
  $("#metric").dispatchEvent(new Event("change"));
};
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The report of responses with mechanisms, suspects, a replicate and three models."""
    rng = np.random.default_rng(0)
    rows = pd.MultiIndex.from_product([["A", "B", EVIL], [f"c{i:02}" for i in range(26)]])
    rows = rows.to_frame(index=False, name=["context", "compound"])
    number = rows["compound"].str[1:].astype(int).to_numpy()
    rows["moa"] = [None if i % 7 == 0 else f"m{i % 5}; m{(i + 1) % 5}" for i in number]
    rows["median_cells"] = np.where(number % 9 == 4, 5.0, 80.0)
    truth = 2 * rng.normal(size=(26, 30))[number] + rng.normal(size=(78, 30))
    truth[number < 2] *= 9
    y, again = (truth + 0.4 * rng.normal(size=truth.shape) for _ in range(2))
    table = p.PerturbationTable(
        rows=rows, genes=np.array([f"G{i}" for i in range(30)]), signed_log10_p=y,
        notes=("two names are one molecule",),
    )  # fmt: skip
    out = tmp_path_factory.mktemp("predict") / "out"
    report = cx.verbs.evaluate_predictions(
        table, "few-shot", [EVIL], bridge=6, out=out, n_seeds=2, metrics=METRICS, n_boot=100,
        predictions={EVIL: replace(table, signed_log10_p=truth)},
        models={
            "spread": lambda y, train, wanted: (
                p.predict_baseline(y, train, wanted, name="compound_mean").values,
                np.full((len(wanted), 30), 2.0),
            ),
            "noise": lambda y, train, wanted: rng.normal(size=(len(wanted), 30)) * 30,
        },
        replicates=replace(table, signed_log10_p=again), name=f"plate {EVIL}", progress=False,
    )  # fmt: skip
    return report, out


@pytest.fixture(scope="module")
def report(made) -> PredictReport:
    return made[0]


@pytest.fixture(scope="module")
def page(made) -> str:
    return (made[1] / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def results(made) -> dict:
    return json.loads((made[1] / "results.json").read_text())


@pytest.fixture(scope="module")
def browser(new_browser):
    return new_browser(TOOLS)


def text_of(part: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", part))).strip()


def section(page: str, name: str) -> str:
    return re.search(rf'<section aria-labelledby="{name}">(.*?)</section>', page, re.S)[1]


def board(results, metric="mrrmse", scale="raw", rows="all"):
    """The lines of one ranking that have a value, as the page writes them."""
    return [
        line
        for line in results["leaderboard"]
        if (line["metric"], line["scale"], line["rows"]) == (metric, scale, rows)
        and line["value"] is not None
    ]


def test_the_page_says_first_what_is_found_and_last_what_to_doubt(page, results):
    heads = re.findall(r'<h2 id="h-(\w+)">', page)
    assert heads == [
        "found", "board", "ranks", "groups", "rows", "controls", "calibration", "suspects",
        "doubts", "made",
    ]  # fmt: skip
    for name, part in (("conclusions", "h-found"), ("doubts", "h-doubts")):
        found = [text_of(li) for li in re.findall(r"<li>(.*?)</li>", section(page, part), re.S)]
        assert found == [re.sub(r"\s+", " ", said) for said in results[name]]
    assert any("Two names are one molecule." in said for said in results["doubts"])
    assert any("one prediction of each row for 2 draws" in said for said in results["doubts"])


def test_numbers_in_sentences_are_those_of_the_results(results):
    for said, scale in zip(results["conclusions"][:2], ("raw", "clipped"), strict=True):
        lines = {line["model"]: line for line in board(results, scale=scale)}
        best = lines[next(iter(lines.values()))["against"]]
        assert f"baselines is {best['model']} (mrrmse {number(best['value'], 4)};" in said
        line = lines[EVIL]
        assert f"{EVIL} beats it by {number(-line['difference'])} " in said
        assert f"noise is worse by {number(lines['noise']['difference'])} " in said
    claim = results["conclusions"][2]
    assert "a context where 6 compounds were measured" in claim
    assert "context and compound together 0%" in claim
    suspects = results["suspects"]
    assert f"{suspects['n_rows']} of 78 rows are suspect" in results["conclusions"][3]


def test_who_is_not_told_apart_is_said_where_no_model_was_given(report):
    bare = replace(report.board, table=report.board.table.query("kind != 'model'"))
    said = replace(report, board=bare).to_dict()["conclusions"][0]
    assert said.endswith("No model was given: this is what one has to beat.")
    ranked = bare.ranked()
    for name, line in ranked[ranked["kind"].isin(["average", "baseline"])].iterrows():
        if line["low"] <= 0 <= line["high"]:
            assert str(name) in said


def test_the_tables_of_the_page_are_the_results(page, results):
    static = re.findall(r"<tr><td>\d+</td>(.*?)</tr>", section(page, "h-board"), re.S)
    for line, row in zip(board(results), static, strict=True):
        cells = [text_of(cell) for cell in re.findall(r"<td.*?>(.*?)</td>", row, re.S)]
        assert cells[0] == re.sub(r"\s+", " ", line["model"])
        assert float(cells[2].replace(",", "")) == pytest.approx(line["value"], rel=1e-3)
    shown = section(page, "h-controls")
    for line in results["controls"]:
        assert f"<td>{number(line['value'], 4)}</td>" in shown
    assert {line["model"] for line in results["controls"]} == {
        "random_row", "permuted_labels", "replicate",
    }  # fmt: skip
    assert "itself" not in {line["basis"] for line in results["rests"]}
    rests = [line for line in results["rests"] if line["model"] == "moa_mean"]
    assert rests
    assert f"<td>{rests[0]['n_rows']}</td>" in shown
    coverage = results["calibration"]
    assert {line["model"] for line in coverage} == {"spread"}
    for line in coverage:
        assert f"{100 * line['coverage']:.1f} %" in section(page, "h-calibration")


def test_suspect_rows_are_listed_with_their_reasons_tested_first(report, page, results):
    part = section(page, "h-suspects")
    listed = results["suspects"]["rows"]
    assert part.count("fewer than 10 cells in the median sample") == len(listed) == 9
    tested = [row["tested"] for row in listed]
    assert tested == sorted(tested, reverse=True)
    assert 0 < sum(tested) < len(tested)
    for line in results["suspects"]["scores"]:
        trusted = report.board.ranked(scale=line["scale"], rows="trusted")
        assert line["trusted"] == pytest.approx(trusted.loc[line["model"], "value"])


def test_groups_and_spread_are_those_of_rows(report, results):
    scores = report.board.row_scores
    raw = scores[(scores["scale"] == "raw") & (scores["model"] == "zero")]
    found = results["by_moa"]
    place = found["models"].index("zero")
    for i, name in enumerate(found["groups"]):
        own = raw[[name in str(moa).split("; ") for moa in raw["moa"]]]
        assert found["n_compounds"][i] == own["compound"].nunique()
        assert found["values"]["raw"]["mrrmse"][i][place] == pytest.approx(
            own["mrrmse"].mean(), rel=1e-4
        )
    assert results["spread"]["raw"]["mrrmse"]["zero"][2] == pytest.approx(
        raw["mrrmse"].median(), rel=1e-4
    )
    ranks = {line["model"]: line["raw"] for line in results["ranks"]}
    assert sorted(ranks.values()) == list(range(1, len(ranks) + 1))
    assert not {"random_row", "replicate"} & set(ranks)


def test_few_mechanisms_are_shown_of_many(report, monkeypatch):
    monkeypatch.setattr(limits, "GROUPS", 2)
    monkeypatch.setattr(limits, "SUSPECTS", 3)
    short = report.to_dict()
    assert len(short["by_moa"]["groups"]) == 2
    assert short["n_moa"] == 5
    assert "The first 3 of 9; all are in" in text_of(section(report.to_html(), "h-suspects"))


def test_a_context_much_like_one_in_training_is_doubted(report):
    near = Likeness("T2", "T1", 0.91, 30)
    facts = replace(report.facts, likeness=(near,), origin="from t as if normal", missing=0.02)
    said = " ".join(replace(report, facts=facts).to_dict()["doubts"])
    assert "T2 is much like T1, which is in training (mean cosine 0.91 over 30 compounds)" in said
    assert "signed_log10_p is not stored: it follows from t as if normal." in said
    assert "2.0% of the values are not known" in said


def test_reasons_are_told_in_words():
    said = numbers.reasons_of(["tied", "one_donor"])
    assert said == "many genes share one value: genes without counts look like this; one donor only"


def test_the_page_needs_nothing_from_elsewhere_and_knows_the_dark(page):
    assert "://" not in page.replace('"http://www.w3.org/2000/svg"', "")
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page
    assert EVIL not in page


def test_the_board_shows_the_metric_scale_and_rows_that_are_chosen(browser, page, results):
    said = browser.run(
        page,
        """
        const found = { first: rows(), table: all("#board-table tbody tr").length };
        pick("cosine"); press_("scales", "clipped"); press_("subsets", "without");
        found.second = rows();
        found.hash = location.hash;
        pick("norm_ratio");
        found.third = rows();
        found.groups = all("#groups [data-group]").map((g) => g.dataset.group);
        press_("group-by", "mechanism");
        found.moa = all("#groups [data-group]").map((g) => g.dataset.group);
        found.hacked = window.hacked === undefined;
        found.unnamed = all("main svg").filter((n) => !n.getAttribute("aria-label")).length;
        return found;
        """,
    )
    for name, wanted in (
        ("first", board(results)),
        ("second", board(results, "cosine", "clipped", "trusted")),
        ("third", board(results, "norm_ratio", "clipped", "trusted")),
    ):
        assert [row[0] for row in said[name]] == [line["model"] for line in wanted]
        for (_, text), line in zip(said[name], wanted, strict=True):
            value = float(text.replace("−", "-").replace(",", ""))
            assert value == pytest.approx(line["value"], rel=1e-2, abs=1e-4)
    assert said["table"] == len(board(results))
    assert said["hash"] == "#metric=cosine&scale=clipped&rows=trusted"
    assert said["groups"] == [EVIL], "rows of held-out contexts are tested"
    assert said["moa"] == results["by_moa"]["groups"]
    assert (said["hacked"], said["unnamed"]) == (True, 0)


def test_a_link_opens_the_same_view(browser, page):
    script = """return { view: [$("#metric").value, pressed("scales"), pressed("others")] };"""
    said = browser.run(page, script, hash_="#metric=cosine&scale=clipped&other=noise")
    assert said["view"] == ["cosine", ["clipped at ±4"], ["noise"]]
    strange = browser.run(page, script, hash_="#metric=__proto__&scale=x&y=%E0%A4%A")
    assert strange["view"][:2] == ["mrrmse", ["as measured"]]


def test_rows_are_compared_one_by_one(browser, page, results):
    said = browser.run(
        page,
        """
        press_("others", "noise");
        const dot = $("#scatter .suspect");
        dot.dispatchEvent(new PointerEvent("pointermove", { clientX: 60, clientY: 60 }));
        return { title: $("#scatter .title").textContent, tip: $("#tip").textContent,
          dots: all("#scatter .point").length, odd: all("#scatter .suspect").length,
          ranks: all("#ranks [data-rank]").length, spots: all("#calibration .spot").length };
        """,
    )
    raw = results["rows"][0]
    pairs = list(zip(raw["scores"][results["best"]], raw["scores"]["noise"], strict=True))
    assert said["title"] == f"noise: nearer in {sum(b < a for a, b in pairs)} of {len(pairs)} rows"
    assert said["dots"] == len(pairs)
    assert said["odd"] == sum(raw["suspect"])
    assert ", suspect" in said["tip"]
    assert said["ranks"] == len(results["ranks"])
    assert said["spots"] == 3 * 2, "levels, draws"


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_nothing_runs_off_the_screen(browser, page, phone):
    said = browser.run(
        page,
        """
        for (const part of all("details")) part.open = true;
        return { over: overflow(), tall: all("main section").every((s) => s.clientHeight > 40) };
        """,
        phone=phone,
    )
    assert said["over"] <= 0
    assert said["tall"]


def test_a_page_without_models_mechanisms_or_suspects_draws_too(browser, tmp_path):
    rng = np.random.default_rng(1)
    rows = pd.MultiIndex.from_product([list("AB"), [f"c{i:02}" for i in range(8)]])
    rows = rows.to_frame(index=False, name=["context", "compound"])
    table = p.PerturbationTable(
        rows=rows, genes=np.array(list("xyz")), signed_log10_p=rng.uniform(-1, 1, (16, 3))
    )
    report = cx.verbs.evaluate_predictions(
        table, "few-shot", out=tmp_path, clip=None, n_boot=100, n_seeds=1, progress=False
    )
    said = browser.run(
        report.to_html(),
        """
        const found = [];
        for (const name of all("#metric option").map((option) => option.value)) {
          pick(name);
          found.push(rows().length || $("#board").textContent);
        }
        return { found, ranks: $("#ranks") === null, scales: all("#scales button").length };
        """,
    )
    assert said["found"][0] > 10
    assert "Not known for these rows." in said["found"], "no gene moved, so none has a direction"
    assert said["ranks"], "there is one scale only"
    assert said["scales"] == 0
    assert "few test rows" in " ".join(report.to_dict()["doubts"])
