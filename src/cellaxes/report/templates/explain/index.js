/* ---- index of features ------------------------------------------------------------------ */

const ROWS = 500;
let allRows = false;

/* down: a first click sorts from the largest; small: what a phone shows for the heading. */
const COLUMNS = [
  { id: "id", head: "no.", cell: "tight id", of: (f) => f.id, show: (f) => f.id },
  { id: "name", head: "name", cell: "left name", of: (f) => f.name, show: (f) => [
    el("a", { href: linkTo(f.id), "data-open": f.id }, f.name),
    ...f.reasons.map((r) => el("span", { class: "why" }, `found: ${r}`))] },
  HAS.seeds && { id: "seeds", head: "seeds", cell: "left tight badgecell", down: true, of: (f) => f.seeds[1], show: seedBadge },
  HAS.batch && { id: "batch", head: "batch", cell: "left tight badgecell", down: true, of: (f) => f.batch[1], show: leakBadge },
  { id: "frequency", head: "cells", cell: "tight", down: true, of: (f) => f.frequency, show: (f) => share(f.frequency) },
  HAS.labels && { id: "f1", head: `best label, F1 on ${HELD}`, small: "best label (F1, held out)", cell: "left term", down: true, of: (f) => f.labels[0]?.[1],
    show: (f) => (f.labels.length ? `${DATA.names[f.labels[0][0]]} ${fixed(f.labels[0][1])}` : "–") },
  { id: "genes", head: "genes, by correlation", small: "genes", cell: "left genes", down: true, of: (f) => f.up[0]?.[1],
    show: (f) => f.up.slice(0, 5).map(([i]) => gene(i)).join(" ") || "–" },
  HAS.terms && { id: "term", head: "gene set, q permuted", cell: "left term", of: (f) => f.terms[0]?.[4],
    show: (f) => (f.terms.length ? el("span", { class: f.passed ? "" : "soft" }, `${termName(f.terms[0][0])} ${rate(f.terms[0][4])}${f.passed ? "" : " (not passed)"}`) : "–") },
  HAS.level && { id: "level", head: "level", cell: "tight", of: (f) => f.level, show: (f) => f.level },
  HAS.umis && { id: "umis", head: "UMIs needed", cell: "tight", of: (f) => f.umis, show: (f) => num(f.umis) },
].filter(Boolean);

function drawIndex() {
  const box = $("index");
  const focus = document.activeElement?.dataset?.sort;
  const rows = allRows ? shown : shown.slice(0, ROWS);
  $("search").value = state.q;
  $("stable").checked = state.stable;
  $("clean").checked = state.clean;
  $("shown").textContent = `${shown.length} of ${FEATURES.length} features.`;
  if (!shown.length) return box.replaceChildren(el("p", { class: "soft" }, "No feature fits: shorten the search or take a filter away. Searched are names, the 20 highest genes, labels of F1 from 0.2 and gene sets of q below 0.05."));
  const hidden = shown.length - rows.length;
  box.replaceChildren(el("div", { class: "wide tall" }, el("table", { class: "stack sortable" },
    el("thead", {}, el("tr", {}, COLUMNS.map((c) => {
      const on = state.sort[0] === c.id;
      return el("th", { scope: "col", class: c.cell.split(" ")[0] === "left" ? "left" : "", "aria-sort": on ? (state.sort[1] > 0 ? "ascending" : "descending") : null },
        el("button", { type: "button", "data-sort": c.id, onclick: () => sortBy(c) }, c.head, on ? (state.sort[1] > 0 ? "\u00a0↑" : "\u00a0↓") : ""));
    }))),
    el("tbody", {}, rows.map((f) => el("tr", { "data-f": f.id, onclick: (event) => choose(event, f.id) }, COLUMNS.map((c) => {
      const content = [c.show(f)].flat();
      return el("td", { class: c.cell + (content[0] === null ? " none" : ""), "data-label": c.id === "name" ? null : c.small ?? c.head }, content);
    })))))),
  hidden > 0 ? el("p", {}, el("button", { type: "button", onclick: () => { allRows = true; drawIndex(); } }, `show ${hidden} more`)) : "");
  if (focus) box.querySelector(`[data-sort="${focus}"]`)?.focus();
}
/* A click on a row opens it; one that asks for a new tab is left to the browser. */
function choose(event, id) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(id);
}
function sortBy(column) {
  const usual = column.down ? -1 : 1;
  state.sort = [column.id, state.sort[0] === column.id ? -state.sort[1] : usual];
  refresh();
}
function refresh() {
  select();
  drawIndex();
  markMap();
  saveHash();
}

/* Moves the focus between rows; from elsewhere it starts at the first. */
function step(by) {
  const links = [...$("index").querySelectorAll("[data-open]")];
  const at = links.indexOf(document.activeElement);
  links[Math.max(0, Math.min(links.length - 1, at < 0 ? 0 : at + by))]?.focus();
}
