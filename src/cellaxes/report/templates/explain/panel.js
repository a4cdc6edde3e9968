/* ---- panel of one feature ---------------------------------------------------------------- */

const WHERE = ["highest", "middle", "lowest"];

/* left: which columns hold words; a stacked table is one of rows under each other on a phone. */
function table(head, rows, { left = (i) => i === 0, stack = false } = {}) {
  return el("div", { class: "wide tall", role: "region", tabindex: 0, "aria-label": head.filter(Boolean).join(", ") },
    el("table", { class: stack ? "stack" : null },
      el("thead", {}, el("tr", {}, head.map((h, i) => el("th", { scope: "col", class: left(i) ? "left" : null }, h)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell, i) => (cell instanceof HTMLElement ? cell
        : el("td", { class: left(i) ? "left" : null, "data-label": stack && i ? head[i] : null }, cell))))))));
}
const none = (text) => el("p", { class: "soft" }, text);

function seedWords(f) {
  if (!f.seeds) return "One seed was trained: whether this feature would come back is not known.";
  const [mean, worst, stable] = f.seeds;
  const others = DATA.nOthers === 1 ? "the other seed" : `the ${DATA.nOthers} other seeds`;
  const match = DATA.nOthers === 1 ? `Its best match in ${others} has r ${fixed(worst)}`
    : `Its best matches in ${others} have r ${fixed(mean)} on average, ${fixed(worst)} in the worst`;
  return `${match}; found means above 0.8.${stable ? "" : " It may be an accident of the start: do not build on it alone."}`;
}
function batchWords(f) {
  if (!f.batch) return null;
  const [eta, excess, leaks] = f.batch;
  return `Batch explains ${share(eta)} of its variance within ${DATA.label ? "labels" : "all cells"} (chance ${share(DATA.chance)}; ${leaks ? "beyond a tenth of the rest, it leaks" : "no leak"}).`;
}
function geneTable(list, what) {
  const lfc = list.some((row) => row.length > 2);
  return list.length
    ? el("div", { class: "genes" }, table(["gene", "r", ...(lfc ? ["effect"] : []), ""],
      list.map(([i, r, effect]) => [gene(i), fixed(r), ...(lfc ? [fixed(effect)] : []),
        el("td", { class: "bar" }, el("span", { class: r < 0 ? "against" : "", style: `width:${Math.round(100 * Math.abs(r))}%` }))])))
    : none(`No gene has a ${what} correlation.`);
}
function nearList(list, write) {
  return list.length
    ? el("ul", { class: "near" }, list.map(([j, score]) => el("li", {}, el("a", { href: linkTo(j), "data-near": j, onclick: (event) => { event.preventDefault(); open(j); } }, `${j} · ${FEATURES[j].name}`), el("b", {}, write(score, FEATURES[j])))))
    : none("None.");
}
/* Buttons of the neighbours in the order of the index. */
function steps(f) {
  const at = shown.findIndex((s) => s.id === f.id);
  const go = (by, text, key) => el("button", { type: "button", disabled: !shown[at + by] || at < 0, onclick: () => open(shown[at + by].id), title: `key ${key}` }, text);
  return el("nav", { class: "steps", "aria-label": "Features" },
    el("button", { type: "button", id: "back", onclick: () => open(-1), title: "key Esc" }, "← index"),
    go(-1, "previous", "k"), go(1, "next", "j"),
    el("span", { class: "soft" }, at < 0 ? "not among the features of this search" : `${at + 1} of ${shown.length} in the index`));
}

function drawPanel(f) {
  const columns = DATA.columns;
  const states = Object.entries(f.states).filter(([, r]) => r !== null);
  const canvas = el("canvas", { role: "img", "aria-label": `Map of cells: ${share(f.frequency)} of them activate the feature` });
  const plot = () => el("div", { class: "plot" });
  const [hist, boxes] = [plot(), plot()];
  const moves = plot();
  const bars = DATA.categories.map(plot);
  const shownCells = DATA.nMapped < DATA.nCells ? ` ${DATA.nMapped.toLocaleString("en-US")} of ${DATA.nCells.toLocaleString("en-US")} cells, drawn by chance.` : "";
  const nested = HAS.level;
  $("panel").replaceChildren(
    steps(f),
    el("p", { class: "soft" }, `Feature ${f.id}${nested ? `, level ${f.level} of nested features (0 is the coarsest)` : ""}`),
    el("h2", { id: "panel-name", tabindex: -1 }, f.name),
    el("div", { class: "badges" }, seedBadge(f), leakBadge(f),
      el("span", { class: "badge plain" }, `active in ${share(f.frequency)} of cells`),
      f.umis !== undefined ? el("span", { class: "badge plain" }, f.umis === null ? "UMIs needed: not known" : `needs ${num(f.umis)} UMIs per cell`) : null),
    el("p", { id: "evidence" }, f.why.length ? `The name rests on: ${f.why.join("; ")}.` : "Nothing passed that could give it a name."),
    el("p", { class: "soft" }, [seedWords(f), batchWords(f)].filter(Boolean).join(" "),
      states.length ? ` Correlation with ${states.map(([name, r]) => `${name.replaceAll("_", " ")} ${fixed(r)}`).join(", ")}.` : ""),
    el("div", { class: "pair" },
      el("section", {}, el("h3", {}, "Cells that activate it"), canvas,
        el("p", { class: "legend" }, el("span", {}, el("span", { class: "key", style: "background:#d9dee3" }), "silent"), el("span", { class: "scale" }, "0", el("span", { class: "ramp", style: gradient(heat) }), num(f.max))),
        none(`${DATA.mapName[0].toUpperCase()}${DATA.mapName.slice(1)}.${shownCells}${f.boxes?.length ? ` Named: the labels of highest mean activation that have room.` : ""}`)),
      el("section", {}, el("h3", {}, "Activations"), hist,
        none(`Mean ${num(f.mean)} over active cells. The bar of silent cells is cut where it is higher than all others.`),
        f.boxes ? el("h3", {}, `By ${DATA.label}`) : "", f.boxes?.length ? boxes : "",
        f.boxes ? none(f.boxes.length ? "Labels of highest mean over all their cells. Number: share of cells that are active; box: quartiles and median of those; line: 5 % to 95 %." : "No labelled cell activates it.") : "")),
    f.labels ? el("section", {}, el("h3", {}, `Labels, on ${HELD}`),
      f.labels.length ? table([DATA.label ?? "label", "F1", "AUROC", "precision", "recall", "threshold"],
        f.labels.map(([i, ...v]) => [DATA.names[i], ...v.map((n) => fixed(n))]), { stack: true }) : none("None."),
      none(`All scores are of ${HELD}; the threshold, a share of the largest activation, was chosen on the others.`)) : "",
    el("section", {}, el("h3", {}, "Genes"),
      el("div", { class: "pair" },
        el("div", {}, el("h4", {}, "go with it"), geneTable(f.up, "positive")),
        el("div", {}, el("h4", {}, "go against it"), geneTable(f.down, "negative"))),
      none(`r: correlation of activation with log expression over all cells, not a test and no cause.${f.moves ? " Effect: log fold change when the feature is switched on, as below." : ""}`),
      f.moves?.length ? el("h4", {}, "if it were switched on") : "", f.moves?.length ? moves : "",
      f.moves ? none(f.moves.length ? `Mean change of log expression when a typical activation (its 95th percentile) is added to cells, read through ${DATA.decoder ?? "a decoder"}.` : "The decoder moves no gene.") : ""),
    f.terms ? el("section", {}, el("h3", {}, "Gene sets"),
      f.terms.length ? table(["gene set", "overlap", "q", "q permuted", "shared genes"],
        f.terms.map(([i, hits, size, q, permuted, shared]) => [
          el("td", { class: "words term" }, termName(i)), `${hits} of ${size}`, rate(q), rate(permuted), el("td", { class: "words soft" }, shared.replaceAll("/", " "))]), { left: (i) => i === 0 || i === 4, stack: true }) : none("No set shares a top gene."),
      none(f.passed ? "The first passes both rates (below 0.05)." : "None passes both rates (below 0.05): what is listed may be chance.")) : "",
    el("section", {}, el("h3", {}, "Single cells"),
      table(["among active cells", "cell", "activation", ...columns],
        f.examples.flatMap((cells, k) => cells.map((c) => [WHERE[k], c[0], num(c[1], 4), ...c.slice(2)])), { left: (i) => i !== 2, stack: true })),
    el("section", {}, el("h3", {}, "Features near it"),
      el("div", { class: "pair" },
        el("div", {}, el("h4", {}, "by direction"), none("cosine of decoder directions"), nearList(f.near, (v) => fixed(v))),
        el("div", {}, el("h4", {}, "by co-activation"), none("pointwise mutual information in bits: 1 means twice as often together as chance"), nearList(f.together, (v) => fixed(v)))),
      nested ? el("div", { class: "pair" },
        el("div", {}, el("h4", {}, "parents (coarser levels)"), none("P(parent active | this active), and how often the parent is active"), nearList(f.parents, (v, p) => `${fixed(v)} (${share(p.frequency)})`)),
        el("div", {}, el("h4", {}, "children (finer levels)"), none("P(this active | child active), and how often the child is active"), nearList(f.children, (v, p) => `${fixed(v)} (${share(p.frequency)})`))) : ""),
    DATA.categories.length ? el("section", {}, el("h3", {}, "By batch and other columns"),
      none("Mean activation of all cells, and the share of active ones. Groups differ in composition too: the badge compares batches within labels."),
      el("div", { class: "pair" }, DATA.categories.map((c, k) => el("div", {}, el("h4", {}, c.name), bars[k], c.leftOut ? none(`${c.leftOut} smaller ones are left out.`) : "")))) : "");
  drawCells(canvas, f);
  drawHistogram(hist, f);
  if (f.boxes?.length) drawBoxes(boxes, f);
  if (f.moves?.length) drawMoves(moves, f);
  bars.forEach((box, k) => drawBars(box, f, k));
}
