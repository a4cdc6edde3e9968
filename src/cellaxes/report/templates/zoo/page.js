/* ---- table of fits -------------------------------------------------------------------- */

const COLUMNS = [
  ...NAMING.map((r, i) => ({ id: r.role, head: [WORD[r.role]], left: r.role !== "size", of: (c) => c.key[i], show: (c) => labelOf(r, c.key[i]), csv: (c) => r.values[c.key[i]] })),
  { id: "n", head: ["points"], of: (c) => c.n },
  { id: "levels", head: ["depths"], of: (c) => c.levels },
  { id: "u_bar", head: ["sensitivity ū,", DATA.unit], of: (c) => c.law?.[0], show: (c) => (c.law ? [num(c.law[0]), el("span", { class: "soft" }, ` (${interval(c.uBar, num)})`)] : "–") },
  { id: "I_max", head: ["capacity I_max,", "bits"], of: (c) => c.law?.[1], show: (c) => (c.law ? [bits(c.law[1]), el("span", { class: "soft" }, ` (${interval(c.iMax, bits)})`)] : "–") },
  { id: "r_squared", head: ["R²"], of: (c) => c.r2, show: (c) => (c.r2 === null ? "–" : c.r2.toFixed(3).replace("-", "−")) },
  { id: "identified", head: ["law"], left: true, words: true, of: (c) => (c.law ? 1 + c.ok : 0), show: (c) => (c.ok ? "identified" : el("span", { class: "warn" }, `${c.law ? "not identified" : "cannot be fitted"}: ${c.why}`)) },
];

function sorted() {
  if (!state.sort) return shown;
  const [id, way] = state.sort;
  const { of } = COLUMNS.find((c) => c.id === id);
  /* what has no number comes last whichever way the order goes */
  return [...shown].sort((a, b) => {
    const [x, y] = [of(a) ?? null, of(b) ?? null];
    return x === null || y === null ? (x === null) - (y === null) || a.id - b.id : way * (x - y) || a.id - b.id;
  });
}

function drawFits(ordered) {
  if (!ordered.length) return empty($("fits"), NOTHING);
  const focus = document.activeElement?.dataset?.sort;
  /* what is the same in every row is said once */
  const same = NAMING.map((_, i) => i).filter((i) => ordered.length > 1 && new Set(ordered.map((c) => c.key[i])).size === 1);
  const columns = COLUMNS.filter((_, i) => !same.includes(i));
  $("fits").replaceChildren(same.length ? el("p", {}, `All: ${same.map((i) => part(ordered[0], i)).join(", ")}.`) : "", el("table", { class: "stack sortable" },
    el("thead", {}, el("tr", {}, columns.map((column) => {
      const on = state.sort?.[0] === column.id;
      return el("th", { class: column.left ? "left" : "", scope: "col", "aria-sort": on ? (state.sort[1] > 0 ? "ascending" : "descending") : null },
        el("button", { type: "button", "data-sort": column.id, onclick: () => sortBy(column.id) },
          column.head.flatMap((line, i) => (i ? [el("br"), ` ${line}`] : [line])), on ? (state.sort[1] > 0 ? " ↑" : " ↓") : ""));
    }))),
    el("tbody", {}, ordered.map((curve) => el("tr", { "data-c": curve.id },
      columns.map((column) => {
        const content = column.show ? column.show(curve) : column.of(curve) ?? "–";
        return el("td", { class: column.words && !curve.ok ? "words" : column.left ? "left" : "", "data-label": column.head.join(" ") }, ...[content].flat());
      }))))));
  if (focus) $("fits").querySelector(`[data-sort="${focus}"]`)?.focus();
}
function sortBy(id) {
  state.sort = state.sort?.[0] === id ? [id, -state.sort[1]] : [id, 1];
  drawOrdered();
  highlight();
  saveHash();
}

function csv() {
  const quote = (v) => (/[",\n\r]/.test(String(v)) ? `"${String(v).replaceAll('"', '""')}"` : String(v));
  const ends = (pair) => (pair ? [pair[0], pair[1] ?? "inf"] : ["", ""]);
  const head = [...NAMING.map((r) => r.column), "n", "n_levels", "u_bar", "u_bar_low", "u_bar_high",
    "I_max", "I_max_low", "I_max_high", "r_squared", "residual_sd", "identified", "reason"];
  const rows = sorted().map((c) => [...c.key.map((v, i) => NAMING[i].values[v]), c.n, c.levels ?? "",
    c.law?.[0] ?? "", ...ends(c.uBar), c.law?.[1] ?? "", ...ends(c.iMax), c.r2 ?? "", c.sd ?? "",
    c.ok ? "True" : "False", c.why]);
  return [head, ...rows].map((row) => row.map(quote).join(",")).join("\r\n") + "\r\n";
}

/* ---- filters and the whole ------------------------------------------------------------- */

function buildFilters() {
  ROLES.forEach((role, i) => {
    if (role.values.length < 2) return;
    const set = (values) => { state.filters[i] = new Set(values); changed(); };
    const word = WORD[role.role];
    $("groups").append(el("fieldset", { "data-role": role.role },
      el("legend", {}, el("span", {}, word[0].toUpperCase() + word.slice(1)),
        el("button", { type: "button", "aria-label": `all: ${word}`, onclick: () => set(role.values.keys()) }, "all"),
        el("button", { type: "button", "aria-label": `none: ${word}`, onclick: () => set([]) }, "none")),
      el("div", { class: "chips" }, role.values.map((_, v) => el("label", { class: "chip" },
        el("input", { type: "checkbox", value: v, onchange: (event) => {
          if (event.target.checked) state.filters[i].add(v); else state.filters[i].delete(v);
          changed();
        } }), labelOf(role, v))))));
  });
  if (!$("groups").children.length) $("groups").append(el("p", { class: "soft" }, "One curve: nothing to choose from."));
  $("color").append(...NAMING.map((r) => el("option", { value: r.role }, WORD[r.role])));
  $("color").closest("label").hidden = NAMING.length < 2;
  $("grid").append(...GRIDS.map((g, i) => el("option", { value: i }, gridName(g) + (g.law ? "" : " (no joint law)"))));
  $("grid").closest("label").hidden = GRIDS.length < 2;
}

function select() {
  shown = CURVES.filter((c) => NAMING.every((r, i) => state.filters[ROLES.indexOf(r)].has(c.key[i])));
  if (state.pin >= 0 && !shown.includes(CURVES[state.pin])) state.pin = -1;
  hover = -1;
}

function drawControls() {
  for (const field of $("groups").querySelectorAll("fieldset")) {
    const i = ROLES.findIndex((r) => r.role === field.dataset.role);
    for (const input of field.querySelectorAll("input")) input.checked = state.filters[i].has(+input.value);
  }
  $("color").value = state.color;
  $("bands").checked = state.bands;
  const count = `${shown.length} of ${CURVES.length} curves`;
  const points = shown.reduce((sum, c) => sum + c.u.filter((_, i) => seedShown(c, i)).length, 0);
  $("filters-title").textContent = `Filters: ${shown.length} of ${CURVES.length}`;
  $("shown").textContent = `${count} shown, ${points.toLocaleString("en-US")} points.`
    + (state.unknown.length ? ` The link names ${state.unknown.join(", ")}, which this table does not hold.` : "");
  const role = NAMING[place(state.color)];
  const used = role ? role.values.map((_, v) => v).filter((v) => shown.some((c) => c.key[place(state.color)] === v)) : [];
  $("legend").replaceChildren(...used.map((v) => el("span", {},
    el("span", { class: "key", style: `background:${colorOf(state.color, v)}` }), labelOf(role, v) + (role.role === "size" ? " cells" : ""))));
  const crowd = shown.length > CROWD && state.bands ? ` With more than ${CROWD} curves, only the highlighted one shows its band.` : "";
  const seeds = SEEDS && SEEDS.values.length > 1 ? " The seed filter hides points only: every fit uses all seeds." : "";
  $("note-curves").textContent = `Points: single measurements. Line: noise law, thin outside the measured depths, dashed where not identified. Band: 95 %.${seeds}${crowd}`;
}

function drawOrdered() {
  const ordered = sorted();
  drawIntervals("plot-sensitivity", "uBar", true, ordered);
  drawIntervals("plot-capacity", "iMax", false, ordered);
  drawFits(ordered);
}

function drawAll() {
  hideTip();
  select();
  drawControls();
  drawCurves();
  drawCollapse();
  drawOrdered();
  drawCrossings();
  drawCost();
  drawPinned();
  highlight();
}
function changed() {
  state.unknown = [];
  drawAll();
  saveHash();
}

$("color").addEventListener("change", (event) => { state.color = event.target.value; changed(); });
$("bands").addEventListener("change", (event) => { state.bands = event.target.checked; changed(); });
$("grid").addEventListener("change", (event) => { state.grid = +event.target.value; drawCost(); saveHash(); });
for (const id of SLIDERS) $(id).addEventListener("input", () => {
  state.cost = SLIDERS.map((name) => +$(name).value);
  drawCost();
  saveHashSoon();
});
$("reset").addEventListener("click", () => { state = defaults(); changed(); });
$("download").addEventListener("click", () => {
  const url = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  el("a", { href: url, download: "zoo_fits.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
});
/* The clipboard may be closed to files, or wait for leave: the link is there to copy by hand. */
$("copy").addEventListener("click", () => {
  saveHash();
  $("link-label").hidden = false;
  $("link").value = location.href;
  $("link").select();
  $("copied").textContent = "Copy the link below.";
  navigator.clipboard?.writeText(location.href)
    .then(() => { $("copied").textContent = "Link copied."; }, () => {});
});
addEventListener("hashchange", () => {
  if (location.hash.replace(/^#/, "") === toHash()) return;
  state = fromHash(location.hash);
  drawAll();
});
let drawnWidth = 0;
new ResizeObserver(() => {
  if (Math.abs($("main").clientWidth - drawnWidth) < 2) return;
  if (drawnWidth) drawAll();
  drawnWidth = $("main").clientWidth;
}).observe($("main"));

$("filters").open = matchMedia("(min-width: 60rem)").matches;
buildFilters();
state = fromHash(location.hash);
drawAll();
/* for tests, and for anyone at the console */
window.zoo = { noiseLaw, jointLaw, optimum, crossings, csv, toHash, grids: GRIDS, curves: CURVES,
  shown: () => shown, drawn: performance.now() };
