"""The page of sparse features: what it holds, and what it does in a real browser."""

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import cellaxes as cx
from cellaxes._core.errors import InputError
from cellaxes.features import Config, SparseFeatures
from cellaxes.features._standard import Standard
from cellaxes.report import ExplainReport, _explain_page
from cellaxes.report._explain_numbers import examples, feature_map

N = 900
EVIL = "</script><script>window.hacked=1</script>&<b>"
GENES = [f"G{i}" for i in range(260)]


@pytest.fixture(scope="module")
def report() -> ExplainReport:
    """Features of 900 cells: four types, programmes of 20 genes each, two batches."""
    draw = np.random.default_rng(0)
    types = draw.integers(0, 4, N)
    donor = draw.integers(0, 6, N)
    truth = np.zeros((N, 6))
    for t in range(4):
        truth[:, t] = (types == t) * draw.gamma(5, 0.2, N)
    truth[:, 4] = (draw.random(N) < 0.3) * draw.gamma(5, 0.2, N)
    truth[:, 5] = (donor % 2 == 1) * draw.gamma(5, 0.2, N)
    rate = draw.gamma(2, 1, len(GENES)) * np.ones((N, 1))
    for j in range(6):
        rate[:, 20 * j : 20 * j + 20] *= np.exp(1.2 * np.minimum(truth[:, [j]], 2))
    counts = sp.csr_matrix(draw.poisson(rate))
    z = (truth @ draw.normal(size=(6, 12)) + draw.normal(0, 0.05, (N, 12))).astype(np.float32)
    cells = pd.DataFrame(
        {
            "type": np.array(["B cell", "T cell", "NK", EVIL], dtype=object)[types],
            "batch": np.array(["b0", "b1"])[donor % 2],
            "donor": np.array([f"d{i}" for i in range(6)])[donor],
            "depth": np.asarray(counts.sum(axis=1)).ravel().astype(float),
        },
        index=[f"cell_{i}" for i in range(N)],
    )
    cells.loc["cell_0", "type"] = None
    config = Config(arch="matryoshka", n_features=12, k=2, steps=500, batch_size=128)
    model, *others = cx.features.fit_many(z, config=config, seeds=(0, 1, 2))
    F = model.encode(z)
    stability = cx.features.stability(model, others, z)
    annotation = cx.features.annotate(
        F,
        counts,
        GENES,
        labels=cells["type"],
        batch=cells["batch"],
        groups=cells["donor"],
        gene_sets={f"HALLMARK_SET_{j}": GENES[20 * j : 20 * j + 20] for j in range(6)},
        stability=stability.worst,
        lfc=cx.features.effects(model, cx.features.LinearDecoder.fit(z, counts, GENES), z),
        n_permutations=5,
    )
    return ExplainReport(
        name="simulated",
        rep="X_test",
        model=model,
        activations=F,
        annotation=annotation,
        stability=stability,
        card=cx.features.evaluate(
            model, z, labels=cells["type"], groups=cells["donor"], others=others
        ),
        preflight=cx.features.preflight(z, {"type": cells["type"].astype(str)}),
        coordinates=z[:, :2],
        coordinates_name="first two dimensions of X_test",
        cells=cells,
        label="type",
        batch="batch",
        decoder="a linear map",
    )


@pytest.fixture(scope="module")
def page(report) -> str:
    return report.to_html()


@pytest.fixture(scope="module")
def large() -> str:
    """The page of 256 features, 10,000 cells, 20 types; activations by chance, 8 of each cell."""
    draw = np.random.default_rng(1)
    n, m, d = 10_000, 256, 32
    rows = np.repeat(np.arange(n), 8)
    F = sp.csr_matrix(
        (draw.gamma(2, 1, len(rows)).astype(np.float32), (rows, draw.integers(0, m, len(rows)))),
        shape=(n, m),
    )
    weights = draw.normal(size=(m, d)).astype(np.float32)
    zero = np.zeros(m, np.float32)
    model = SparseFeatures(
        standard=Standard(np.zeros(d, np.float32), np.float32(1)),
        encoder=weights,
        decoder=weights / np.linalg.norm(weights, axis=1, keepdims=True),
        decoder_bias=np.zeros(d, np.float32),
        gate_bias=zero,
        magnitude_bias=zero,
        gain=zero + 1,
        threshold=zero,
        level=np.repeat([0, 1, 2, 3], m // 4),
        loadings=None,
        config=Config(arch="matryoshka", n_features=m, k=8),
        random_state=0,
        history=np.zeros((1, 4)),
        n_train=n,
        n_dropped=0,
    )
    cells = pd.DataFrame(
        {
            "type": [f"a cell type of some length {i}" for i in draw.integers(0, 20, n)],
            "batch": [f"batch {i}" for i in draw.integers(0, 4, n)],
            "donor": [f"donor {i}" for i in draw.integers(0, 30, n)],
        }
    )
    genes = [f"GENE{i}" for i in range(400)]
    annotation = cx.features.annotate(
        F,
        sp.csr_matrix(draw.poisson(0.3, (n, 400))),
        genes,
        labels=cells["type"],
        batch=cells["batch"],
        gene_sets={f"REACTOME_SET_{j}": genes[10 * j : 10 * j + 40] for j in range(30)},
        n_permutations=2,
    )
    table = pd.DataFrame({"dimensions": [256.0], "active": [8.0]}, index=["features"])
    return ExplainReport(
        name="large",
        rep="X",
        model=model,
        activations=F,
        annotation=annotation,
        stability=cx.features.Stability(
            draw.random(m), draw.random(m), draw.integers(4, size=m), 3
        ),
        card=cx.features.RunCard(table, n // 2, groups=False),
        preflight=cx.features.preflight(draw.normal(size=(300, d))),
        coordinates=draw.normal(size=(n, 2)),
        coordinates_name="X_umap",
        cells=cells,
        label="type",
        batch="batch",
        information=pd.DataFrame({"umis": draw.integers(100, 9999, m)}),
    ).to_html()


def embedded(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)<', page)[1])


def unpacked(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype)


# ---- what the page holds --------------------------------------------------------------------


def test_activations_of_every_cell_come_back_from_the_page(report, page):
    F = report.activations.tocsc()
    for i, one in enumerate(embedded(page)["features"]):
        cells, values = unpacked(one["cells"], "<u2"), unpacked(one["values"], "u1")
        column = F[:, i].toarray().ravel()
        np.testing.assert_array_equal(np.sort(cells), np.flatnonzero(column))
        np.testing.assert_allclose(values / 255 * one["max"], column[cells], atol=one["max"] / 250)


def test_numbers_of_a_panel_are_those_of_the_cells(report, page):
    said, F = embedded(page), report.activations.toarray().astype(float)
    labels = report.cells["type"]
    for i, one in enumerate(said["features"]):
        f = F[:, i]
        assert one["hist"][0] == (f == 0).sum()
        counts, _ = np.histogram(f[f > 0].astype(float), 24, (0, f.max()))
        assert np.abs(np.array(one["hist"][1:]) - counts).sum() <= 2, "but for ties with an edge"
        for name, n, active, *quantiles in one["boxes"]:
            own = f[(labels == name).to_numpy()]
            assert n == len(own)
            assert active == pytest.approx((own > 0).mean(), rel=1e-3)
            np.testing.assert_allclose(
                quantiles, np.quantile(own[own > 0], (0.05, 0.25, 0.5, 0.75, 0.95)), rtol=1e-3
            )
        mean, share = one["bars"][0]
        by_batch = pd.Series(f).groupby(report.cells["batch"].to_numpy())
        np.testing.assert_allclose(mean, by_batch.mean(), rtol=1e-3)
        np.testing.assert_allclose(share, by_batch.agg(lambda v: (v > 0).mean()), rtol=1e-3)
    assert [c["name"] for c in said["categories"]] == ["batch", "donor"]


def test_neighbours_are_cosines_mutual_information_and_shares(report, page):
    on = report.activations.toarray() > 0
    unit = report.model.decoder / np.linalg.norm(report.model.decoder, axis=1, keepdims=True)
    level, seen = report.model.level, 0
    for i, one in enumerate(embedded(page)["features"]):
        assert i not in [j for j, _ in one["near"] + one["together"]]
        for j, cosine in one["near"]:
            assert cosine == pytest.approx(unit[i] @ unit[j], rel=0.01)
        for j, pmi in one["together"]:
            both = (on[:, i] & on[:, j]).mean()
            expected = np.log2(both / on[:, i].mean() / on[:, j].mean())
            assert pmi == pytest.approx(expected, rel=0.01)
        for j, share in one["parents"]:
            seen += 1
            assert level[j] < level[i]
            assert share == pytest.approx((on[:, i] & on[:, j]).sum() / on[:, i].sum(), rel=0.01)
        for j, share in one["children"]:
            assert level[j] > level[i]
            assert share == pytest.approx((on[:, i] & on[:, j]).sum() / on[:, j].sum(), rel=0.01)
    assert seen, "the fixture has parents"


def test_examples_are_the_highest_middle_and_lowest_cells():
    values = np.random.default_rng(0).permutation(np.arange(1.0, 101))
    top, middle, low = (values[at].tolist() for at in examples(values))
    assert top == [100, 99, 98, 97, 96]
    assert low == [5, 4, 3, 2, 1]
    assert all(abs(value - 50) < 5 for value in middle)
    assert [len(at) for at in examples(values[:7])] == [5, 0, 2]
    assert [len(at) for at in examples(values[:0])] == [0, 0, 0]


def test_map_of_features_is_the_principal_plane_of_directions():
    plane = np.zeros((5, 7), np.float32)
    plane[:, :2] = [[1, 0], [0, 1], [-1, 0], [0, -1], [2, 2]]
    xy, share = feature_map(plane)
    assert share == pytest.approx(1)
    unit = plane / np.linalg.norm(plane, axis=1, keepdims=True)
    apart = np.linalg.norm(unit[:, None] - unit, axis=2)
    np.testing.assert_allclose(np.linalg.norm(xy[:, None] - xy, axis=2), apart, atol=1e-6)


def test_of_many_cells_a_sample_is_mapped_and_the_page_says_so(report, monkeypatch):
    monkeypatch.setattr(_explain_page, "MAPPED", 200)
    said = embedded(report.to_html())
    assert (said["nCells"], said["nMapped"]) == (N, 200)
    assert max(unpacked(one["cells"], "<u2").max(initial=0) for one in said["features"]) < 200
    assert sum(said["features"][0]["hist"]) == N, "numbers are still of all cells"


def test_the_same_report_gives_the_same_bytes(report, page):
    assert report.to_html() == page


def test_labels_stay_text_in_html_and_in_json(report, page):
    assert "<script>window.hacked" not in page
    assert page.count("</script>") == 2
    assert EVIL in embedded(page)["names"]
    assert "<script>window.hacked" not in replace(report, name=EVIL, rep=EVIL).to_html()


def test_nothing_is_fetched_from_elsewhere(page):
    assert not re.search(r"""(src|href)\s*=\s*["']?\s*(https?:)?//""", page)
    assert "@import" not in page
    assert "url(http" not in page
    assert "default-src 'none'" in page


def test_the_page_says_what_was_not_done(report):
    bare = replace(report, stability=None, card=replace(report.card, groups=False)).to_html()
    assert "nothing is known of which features would come back" in bare
    assert "cells of one donor stand on both sides" in bare


def test_writing_gives_the_page_the_numbers_and_the_model(report, page, tmp_path):
    path = report.write(tmp_path / "out")
    folder = path.parent
    assert path.read_text(encoding="utf-8") == page
    said = json.loads((folder / "results.json").read_text())
    assert said["schema"] == "cellaxes.explain/1"
    assert len(said["features"]) == report.model.n_features
    table = pd.read_csv(folder / "features.csv")
    assert {"name", "f1", "term", "leaks", "level", "seeds_worst", "stable"} <= set(table.columns)
    assert len(pd.read_csv(folder / "markers.csv").query("feature == 0")) == 50
    assert (sp.load_npz(folder / "activations.npz") != report.activations).nnz == 0
    np.testing.assert_array_equal(
        cx.features.load(folder / "features").decoder, report.model.decoder
    )

    fewer = report.model.n_features - 1
    without = replace(report.annotation, sets=None)
    with pytest.raises(InputError, match="pass what belongs together"):
        replace(report, activations=report.activations[:, :fewer])
    other = replace(report.model, random_state=7)
    replace(report, model=other, annotation=without).write(folder)
    assert cx.features.load(folder / "features").random_state == 7
    assert not (folder / "sets.csv").exists(), "nothing of the earlier report is left"
    assert sorted(p.name for p in folder.iterdir() if p.name.startswith(".")) == []


def test_a_folder_of_something_else_is_left_alone(report, tmp_path):
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds no saved model"):
        report.write(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["features"]
    assert (tmp_path / "features" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coordinates": np.full((N, 2), np.nan)}, "finite numbers"),
        ({"coordinates": np.zeros((N, 3))}, "finite numbers"),
        ({"cells": pd.DataFrame(index=range(3))}, "3 rows for 900 cells"),
        ({"label": "typ"}, "did you mean 'type'"),
        (
            {"stability": cx.features.Stability(np.ones(3), np.ones(3), np.ones(3, int), 1)},
            "3 entries for",
        ),
        ({"information": pd.DataFrame({"umis": [1.0]})}, "1 rows for"),
    ],
)
def test_parts_that_do_not_fit_are_refused(report, change, message):
    with pytest.raises(InputError, match=message):
        replace(report, **change)


# ---- what the page does, in a browser ---------------------------------------------------------

TOOLS = """
const names = () => all("#index [data-open]").map((a) => +a.dataset.open);
const type = async (text) => { $("#search").value = text;
  $("#search").dispatchEvent(new Event("input")); await sleep(200); };
"""


@pytest.fixture(scope="module")
def browser(new_browser):
    return new_browser(TOOLS)


def test_one_box_searches_genes_terms_labels_and_names(browser, report, page):
    said = browser.run(
        page,
        """
        const every = names();
        const look = async (text) => { await type(text);
          return [names(), all("#index .why").map((w) => w.textContent)]; };
        return { every, gene: await look("g45"), whole: await look("g4"),
          label: await look("t CELL"),
          term: await look("set 2"), both: await look("g45 set 2"), none: await look("zebra"),
          words: $("#index").textContent, hash: location.hash, hacked: window.hacked ?? 0,
          away: all(".dot.away").length };
        """,
    )
    annotation = report.annotation
    m = report.model.n_features
    assert said["every"] == list(range(m))
    in_top = [i for i in range(m) if "G45" in set(annotation.markers.top(i, 20)["gene"])]
    assert said["gene"][0] == in_top
    assert all(why.startswith("found: gene G45, r ") for why in said["gene"][1])
    assert all(why.startswith("found: gene G4, r ") for why in said["whole"][1])
    scores = annotation.labels
    well = scores.f1[:, scores.labels.index("T cell")] >= 0.2
    assert said["label"][0] == np.flatnonzero(well).tolist()
    assert any("label T cell, F1 " in why for why in said["label"][1])
    assert set(said["both"][0]) <= set(in_top) & set(said["term"][0])
    assert said["none"][0] == []
    assert "No feature fits" in said["words"]
    assert (said["hash"], said["hacked"], said["away"]) == ("#q=zebra", 0, m)


def test_the_index_sorts_and_filters(browser, report, page):
    said = browser.run(
        page,
        """
        const sort = (id) => { $(`[data-sort=${id}]`).focus(); $(`[data-sort=${id}]`).click();
          return [names(), $("[aria-sort]").getAttribute("aria-sort"),
            document.activeElement.dataset.sort]; };
        const f1 = sort("f1"), back = sort("f1"), seeds = sort("seeds");
        $("#stable").click(); const stable = names();
        $("#clean").click(); const clean = names(), hash = location.hash;
        $("#stable").click(); const tidy = names();
        $("#reset").click();
        return { f1, back, seeds, stable, clean, tidy, hash, reset: names(),
          badges: all("#index .badge").map((b) => b.textContent) };
        """,
    )
    table = report.to_frame()
    best = report.annotation.labels.best()["f1"].to_numpy()
    assert np.all(np.diff(best[said["f1"][0]]) <= 1e-4)
    assert said["f1"][1:] == ["descending", "f1"]
    assert said["back"][1] == "ascending"
    assert np.all(np.diff(best[said["back"][0]]) >= -1e-4)
    assert np.all(np.diff(table["seeds_worst"].to_numpy()[said["seeds"][0]]) <= 1e-4)
    assert sorted(said["stable"]) == np.flatnonzero(table["stable"]).tolist()
    kept = table["stable"] & ~table["leaks"].astype(bool)
    assert sorted(said["clean"]) == np.flatnonzero(kept).tolist()
    assert sorted(said["tidy"]) == np.flatnonzero(~table["leaks"].astype(bool)).tolist()
    assert said["hash"] == "#stable=1&leaks=0&sort=seeds-"
    assert said["reset"] == list(range(len(table)))
    assert said["badges"].count("in all 3 seeds") == table["stable"].sum()
    for found, n in table.loc[~table["stable"], "seeds_found"].value_counts().items():
        assert said["badges"].count(f"in {found + 1} of 3 seeds") == n
    assert said["badges"].count("batch") == table["leaks"].sum()


def test_the_keyboard_alone_reads_every_feature(browser, page):
    said = browser.run(
        page,
        """
        const at = () => +(document.activeElement.dataset.open ?? -1);
        const moves = [];
        for (const key of ["j", "j", "ArrowDown", "k", "ArrowUp"]) { press(key); moves.push(at()); }
        const tag = document.activeElement.tagName;
        document.activeElement.click();  // what Enter does on a link
        const opened = [location.hash, $("#overview").hidden, $("#panel").hidden,
          document.activeElement.id, $("#panel-name").textContent];
        press("j"); const next = location.hash;
        press("ArrowLeft"); const back = location.hash;
        press("Escape");
        const home = [location.hash, $("#overview").hidden, $("#panel").hidden, at()];
        press("/"); const search = document.activeElement.id;
        press("j"); const typed = document.activeElement.id;
        press("Escape"); const left = document.activeElement.id;
        $("[data-dot='4']").dispatchEvent(new MouseEvent("click")); const dot = location.hash;
        return { moves, tag, opened, next, back, home, search, typed, left, dot };
        """,
    )
    assert said["moves"] == [0, 1, 2, 1, 0]
    assert said["tag"] == "A"
    assert said["opened"][:4] == ["#feature=0", True, False, "panel-name"]
    assert (said["next"], said["back"]) == ("#feature=1", "#feature=0")
    assert said["home"] == ["", False, True, 0]
    assert (said["search"], said["typed"], said["left"]) == ("search", "search", "")
    assert said["dot"] == "#feature=4"


def test_a_link_opens_the_same_view_and_back_goes_back(browser, page):
    said = browser.run(
        page,
        """
        const first = [$("#panel-name").textContent, $(".steps .soft").textContent];
        press("Escape");
        const index = [names(), $("#search").value, $("#stable").checked];
        $("#index tbody tr").click(); await sleep(50);
        history.back(); await sleep(200);
        return { first, index, after: location.hash, hidden: $("#panel").hidden };
        """,
        hash_="#feature=2&q=set+1&sort=frequency-",
    )
    assert embedded(page)["features"][2]["name"] == said["first"][0]
    assert "in the index" in said["first"][1] or "not among" in said["first"][1]
    assert said["index"][1:] == ["set 1", False]
    assert "feature" not in said["after"]
    assert said["hidden"]
    strange = browser.run(
        page,
        "return { n: names().length, open: !$('#panel').hidden };",
        hash_="#feature=999&sort=x&leaks=%E0%A4%A&nothing",
    )
    assert (strange["n"], strange["open"]) == (len(embedded(page)["features"]), False)


def test_a_panel_shows_what_is_known_and_how_far_to_trust_it(browser, report, page):
    table = report.to_frame()
    stable = int(np.flatnonzero(table["stable"])[0])
    leaking = int(np.flatnonzero(table["leaks"])[0])
    script = """
        const canvas = $("#panel canvas"), pen = canvas.getContext("2d");
        const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
        let warm = 0;
        for (let i = 0; i < pixels.length; i += 4)
          warm += pixels[i + 3] && pixels[i] > pixels[i + 2] + 40;
        return { text: $("#panel").textContent, warm,
          sections: all("#panel h3").map((h) => h.textContent),
          badges: all("#panel .badge").map((b) => b.textContent),
          unnamed: all("#panel canvas, #panel svg").filter((n) => !n.getAttribute("aria-label"))
            .length,
          bars: all("#panel .bars rect").length,
          moves: all("#panel svg[aria-label^='Change of genes'] rect").length,
          near: all("#panel [data-near]").length,
          rows: all("#panel table").map((t) => t.querySelectorAll("tbody tr").length) };
        """
    said = browser.run(page, script, hash_=f"#feature={stable}")
    assert said["badges"][0] == "in all 3 seeds"
    assert "found means above 0.8" in said["text"]
    assert "F1" in said["text"]
    assert said["sections"] == [
        "Cells that activate it",
        "Activations",
        "By type",
        "Labels, on held-out groups",
        "Genes",
        "Gene sets",
        "Single cells",
        "Features near it",
        "By batch and other columns",
    ]
    assert "correlation of activation with log expression" in said["text"]
    assert said["warm"] > 100, "active cells are coloured"
    assert (said["unnamed"], said["bars"]) == (0, 25)
    assert said["moves"] == 16, "eight genes up, eight down"
    assert said["near"] > 0
    assert said["rows"][0] == 4
    other = browser.run(page, script, hash_=f"#feature={leaking}")
    assert "batch" in other["badges"]
    unstable = int(np.flatnonzero(~table["stable"])[0])
    doubted = browser.run(page, script, hash_=f"#feature={unstable}")
    assert re.fullmatch("in [12] of 3 seeds", doubted["badges"][0])
    assert "do not build on it alone" in doubted["text"]


def test_a_report_of_the_least_opens_too(browser, report):
    annotation = replace(
        report.annotation,
        labels=None,
        sets=None,
        features=report.annotation.features[["name", "evidence", "frequency", "mean_active"]],
    )
    bare = replace(
        report,
        annotation=annotation,
        stability=None,
        cells=report.cells[[]],
        label=None,
        batch=None,
    )
    said = browser.run(
        bare.to_html(),
        """
        const index = names().length, heads = all("#index th").length;
        press("j"); document.activeElement.click();
        return { index, heads, text: $("#panel").textContent,
          filters: [$("#stable-label").hidden, $("#clean-label").hidden] };
        """,
    )
    assert said["index"] == report.model.n_features
    assert said["heads"] == 5, "number, name, cells, genes, level"
    assert "One seed was trained" in said["text"]
    assert said["filters"] == [True, True]


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_nothing_runs_off_the_screen(browser, page, phone):
    said = browser.run(
        page,
        """
        for (const d of all("details")) d.open = true;
        const index = overflow();
        $("#index tbody tr").click(); await sleep(50);
        return { width: innerWidth, index, panel: overflow(),
          unnamed: all("input, select, button").filter((n) => !n.closest("[hidden]")
            && !(n.labels?.length || n.textContent.trim() || n.getAttribute("aria-label"))).length,
          small: all("svg text").filter((t) => parseFloat(getComputedStyle(t).fontSize) < 11
            ).length };
        """,
        phone=phone,
    )
    assert said["width"] == (390 if phone else 1280)
    assert (said["index"], said["panel"]) == (0, 0)
    assert (said["unnamed"], said["small"]) == (0, 0)


def test_256_features_of_10_000_cells_are_small_and_fast(browser, large):
    assert len(large.encode()) < 3_000_000
    script = """
        const rows = names().length, start = performance.now();
        $("#index tbody tr").click();
        const panel = performance.now() - start;
        return { ms: explain.drawn, rows, panel, overflow: overflow(),
          umis: $("#panel").textContent.includes("UMIs per cell") };
        """
    # without virtual time the clock is the wall's; a busy machine gets three tries
    for _ in range(3):
        said = browser.run(large, script, wait=0)
        assert (said["rows"], said["overflow"], said["umis"]) == (256, 0, True)
        if said["ms"] < 2000 and said["panel"] < 500:
            break
    assert said["ms"] < 2000
    assert said["panel"] < 500
