"""The page of an embedding from coarse to fine: what it holds, and what it does in a browser."""

import html
import json
import re
from dataclasses import replace

import anndata
import numpy as np
import pandas as pd
import pytest

import cellaxes as cx
from cellaxes.report import DepthCurve, StructureReport
from cellaxes.report import _structure_numbers as numbers

EVIL = "</script><script>window.hacked=1</script>&<b>"
TYPES = [
    "naive B cell", "memory B cell", "classical monocyte", "fibroblast", "type II pneumocyte", EVIL,
]  # fmt: skip
N = 420

TOOLS = """
const rows = (level) => [...document.querySelectorAll("#accuracy > div")[level]
  .querySelectorAll("[data-row]")].map((g) => [g.dataset.row, g.lastElementChild.textContent]);
const pressed = (id) => all(`#${id} button[aria-pressed=true]`).map((b) => b.textContent);
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The report of cells of seven donors, and its folder."""
    draw = np.random.default_rng(0)
    kind = np.arange(N) % len(TYPES)
    z = draw.normal(size=(len(TYPES), 12))[kind] + draw.normal(size=(N, 12))
    obs = pd.DataFrame(
        {"type": np.array(TYPES, dtype=object)[kind], "donor": [f"d{i % 7}" for i in range(N)]},
        index=[f"cell{i}" for i in range(N)],
    )
    out = tmp_path_factory.mktemp("structure") / "out"
    report = cx.verbs.structure(
        anndata.AnnData(X=np.zeros((N, 1), np.float32), obs=obs, obsm={"X_z": z}),
        "X_z",
        "type",
        out=out,
        group="donor",
        allow_unknown=True,
        method="lda",
        baselines=["pca", "hce"],
        n_seeds=1,
        name=f"lung {EVIL}",
        progress=False,
    )
    return report, out


@pytest.fixture(scope="module")
def report(made) -> StructureReport:
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


def test_the_page_says_first_what_is_found_and_last_what_to_doubt(page, results):
    heads = re.findall(r'<h2 id="h-(\w+)">', page)
    assert heads == ["found", "tree", "accuracy", "confusion", "views", "depth", "doubts", "made"]
    for name in ("conclusions", "doubts"):
        part = section(page, {"conclusions": "h-found"}.get(name, "h-doubts"))
        assert [text_of(li) for li in re.findall(r"<li>(.*?)</li>", part, re.S)] == [
            re.sub(r"\s+", " ", said) for said in results[name]
        ]


def test_numbers_in_sentences_are_those_of_the_results(results):
    method = results["data"]["method"]
    first = results["first_prefix"][[r["embedding"] for r in results["first_prefix"]].index(method)]
    said = results["conclusions"][1]
    assert f"{100 * first['accuracy']:.1f} % against {100 * first['full']:.1f} %" in said
    full = {r["embedding"]: r for r in results["accuracy"] if r["full"] and r["level"] == "level4"}
    best = max(set(full) - {method, "identity"}, key=lambda name: full[name]["accuracy"])
    assert f"calls {100 * full[method]['accuracy']:.1f} % right" in results["conclusions"][2]
    assert f"is {best} with {100 * full[best]['accuracy']:.1f} %" in results["conclusions"][2]
    for row in results["differences"]:
        if row["embedding"] == method:
            number = f"{abs(100 * row['difference']):.1f} points"
            assert number in results["conclusions"][0]


def test_the_tables_of_the_page_are_the_results(page, results):
    tables = re.findall(r"<tbody>(.*?)</tbody>", section(page, "h-accuracy"), re.S)
    gains = {}
    for row in re.findall(r"<tr.*?>(.*?)</tr>", tables[0], re.S):
        name, *cells = (text_of(cell) for cell in re.findall(r"<td.*?>(.*?)</td>", row, re.S))
        gains[name] = [float(cell.split()[0].replace("−", "-")) for cell in cells]
    for row in results["differences"]:
        place = results["adapter"]["levels"].index(row["level"])
        assert gains[row["embedding"]][place] == pytest.approx(100 * row["difference"], abs=0.051)
    assert len(re.findall("<tr", tables[1])) == 4 * 4, "embeddings, prefixes"
    assert "identity" not in tables[1], "it is called untouched"
    shown = re.findall(r"<tr.*?>(.*?)</tr>", tables[2], re.S)
    for row, line in zip(results["steerability"], shown, strict=True):
        assert f">{row['s']:.3f}<".replace("-", "−") in line
        assert f">{row['null_s']:.3f}<".replace("-", "−") in line


def test_a_tree_holds_every_cell_once_and_repeats_no_group(report, page, results):
    def walk(node):
        assert node["n_cells"] == sum(b["n_cells"] for b in node["below"]) or not node["below"]
        assert [b["name"] for b in node["below"]] != [node["name"]]
        return [node["name"]] * (not node["below"]) + [n for b in node["below"] for n in walk(b)]

    groups = results["tree"]["groups"]
    assert sum(node["n_cells"] for node in groups) == N
    assert sorted(leaf for node in groups for leaf in walk(node)) == sorted(TYPES)
    assert page.count('class="leaf"') == len(TYPES)


def test_the_confusion_of_many_groups_keeps_every_call(report, monkeypatch):
    whole = numbers.confusion(report.evaluation, "lda", "level4")
    monkeypatch.setattr(numbers, "GROUPS", 3)
    short = numbers.confusion(report.evaluation, "lda", "level4")
    assert list(short.index) == [*whole.index[:3], "all others"]
    assert short.to_numpy().sum() == whole.to_numpy().sum() == N
    assert short.iloc[3, 3] == whole.iloc[3:, 3:].to_numpy().sum()


def test_a_sample_is_drawn_where_there_are_many_cells():
    drawn = numbers.viewed(20_000)
    assert len(drawn) == len(set(drawn)) == 5_000
    assert (drawn == numbers.viewed(20_000)).all()
    assert len(numbers.viewed(300)) == 300


def test_a_plane_keeps_what_varies_most():
    z = np.random.default_rng(0).normal(size=(200, 5)) * [9, 3, 1, 1, 1]
    xy, held = numbers.plane(z.astype(np.float32))
    assert held == pytest.approx(90 / 93, abs=0.03)
    assert abs(np.corrcoef(xy[:, 0], z[:, 0])[0, 1]) > 0.99
    assert numbers.plane(np.zeros((4, 3), np.float32))[1] == 0


def test_the_page_needs_nothing_from_elsewhere_and_knows_the_dark(page):
    assert "://" not in page.replace('"http://www.w3.org/2000/svg"', "")
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page
    assert EVIL not in page


def test_dots_stand_for_the_prefix_that_is_chosen(browser, page, results):
    said = browser.run(
        page,
        """
        const whole = [rows(0), rows(3), pressed("prefixes"), $("#hollow").hidden];
        all("#prefixes button")[0].click();
        return { whole, short: [rows(0), rows(3), pressed("prefixes"), $("#hollow").hidden],
          hash: location.hash, hacked: window.hacked === undefined };
        """,
    )
    dims = results["adapter"]["dims"]
    for key, m, pressed in (("whole", dims[-1], "whole (12)"), ("short", dims[0], "prefix 1 (3)")):
        expected = {
            level: [
                [row["embedding"], f"{100 * row['accuracy']:.1f}"]
                for row in results["accuracy"]
                if row["level"] == level and row["prefix"] == m
            ]
            for level in ("level1", "level4")
        }
        assert said[key][:2] == [expected["level1"], expected["level4"]]
        assert said[key][2] == [pressed]
    assert (said["whole"][3], said["short"][3]) == (True, False)
    assert said["hash"] == "#prefix=1"
    assert said["hacked"]


def test_a_link_opens_the_same_view(browser, page):
    script = """return { prefix: pressed("prefixes"), shown: pressed("confused") };"""
    said = browser.run(page, script, hash_="#prefix=2&confusion=identity")
    assert (said["prefix"], said["shown"]) == (["prefix 2 (6)"], ["untouched"])
    strange = browser.run(page, script, hash_="#prefix=99&confusion=__proto__&x=%E0%A4%A")
    assert (strange["prefix"], strange["shown"]) == (["whole (12)"], ["lda"])


def test_confusions_views_and_tree_answer(browser, page, results):
    said = browser.run(
        page,
        """
        const cell = (i, j) => { const [a, b] = [$(`[data-cell="${i},${j}"]`), $("#tip")];
          a.dispatchEvent(new PointerEvent("pointermove", { clientX: 50, clientY: 50 }));
          return [b.hidden, b.textContent]; };
        const tip = cell(0, 0);
        const colours = all("#views canvas").map((canvas) => {
          const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          const found = new Set();
          for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 150)
            found.add([data[i] >> 5, data[i + 1] >> 5, data[i + 2] >> 5].join());
          return found.size; });
        $("#close-all").click();
        const shut = all("#tree details[open]").length;
        $("#open-all").click();
        const open = [all("#tree details:not([open])").length, all("#tree .leaf").length];
        return { tip, colours, shut, open, cells: all("[data-cell]").length,
          unnamed: all("canvas, main svg").filter((n) => !n.getAttribute("aria-label")).length };
        """,
    )
    names = results["confusion"]["names"]
    row = results["confusion"]["cells"]["lda"][0]
    assert said["tip"][0] is False
    assert said["tip"][1].startswith(f"{names[0]} called {names[0]}{row[0]} of {sum(row)} calls")
    assert said["cells"] == len(names) ** 2
    assert min(said["colours"]) >= len(results["tree"]["groups"])
    assert (said["shut"], said["open"], said["unnamed"]) == (0, [0, len(TYPES)], 0)


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


def test_curves_are_drawn_where_there_are_any_and_else_their_command(browser, report, page):
    assert "cellaxes measure cells.h5ad --signal label:type --out depth" in page, "no terms"
    facts = replace(report.facts, measure="cellaxes measure x --signal hierarchy:type")
    assert "--study depth" in replace(report, facts=facts).to_html()
    grid = np.geomspace(10, 1000, 20)
    curves = tuple(
        DepthCurve(
            level=f"level{k}",
            model="pca",
            n_train=200,
            entropy=2.0,
            depth=1000.0,
            information=1.5,
            low=1.4,
            high=1.6,
            sensitivity=(50.0 * k, 40.0, float("inf")) if k < 3 else None,
            points=((10.0, 0.5), (1000.0, 1.5)),
            law=tuple((float(u), float(np.log10(u))) for u in grid) if k < 3 else (),
        )
        for k in (1, 2, 3)
    )
    drawn = replace(report, curves=curves).to_html()
    part = text_of(section(drawn, "h-depth"))
    assert "level 2 pca 200 2.00 1.50 (1.40 to 1.60) 100 (above 40.0)" in part
    assert "not identified" in part
    said = browser.run(
        drawn,
        """return { dots: all("#curves circle").length, laws: all("#curves .law").length,
          legend: $("#curve-legend").textContent };""",
    )
    assert (said["dots"], said["laws"]) == (6, 2)
    assert said["legend"] == "level 1level 2level 3"


def test_what_does_not_belong_together_is_refused(report):
    with pytest.raises(cx.InputError, match="levels of 420 cells, 3 rows"):
        replace(report, embedding=report.embedding[:3])
    with pytest.raises(cx.InputError, match="has no 'supcon'"):
        replace(report, facts=replace(report.facts, method="supcon"))
