/* ---- what the data are ---------------------------------------------------------------- */

function bytes(text) {
  const raw = atob(text);
  return Uint8Array.from(raw, (c) => c.charCodeAt(0));
}
function shorts(text) {
  const view = new DataView(bytes(text).buffer);
  return Uint16Array.from({ length: view.byteLength / 2 }, (_, i) => view.getUint16(2 * i, true));
}

const FEATURES = DATA.features.map((f, id) => ({ ...f, id }));
const SEEDS = DATA.nOthers + 1;
const LEVELS = new Set(FEATURES.map((f) => f.level)).size;
const HAS = {
  seeds: FEATURES.some((f) => f.seeds), batch: FEATURES.some((f) => f.batch),
  labels: FEATURES.some((f) => f.labels), terms: FEATURES.some((f) => f.terms),
  umis: FEATURES.some((f) => f.umis !== undefined), level: LEVELS > 1,
};
const HELD = `held-out ${DATA.heldOut}`;
const gene = (i) => DATA.genes[i];

/* "Some Term (GO:0000001)" and "HALLMARK_SOME_TERM" for people. */
const termName = (i) => DATA.terms[i].replace(/^(HALLMARK|REACTOME)_/, "").replaceAll("_", " ");
const fixed = (v, places = 2) => (v === null || v === undefined ? "–" : v.toFixed(places).replace("-", "−"));
const share = (v) => (v === null || v === undefined ? "–" : v > 0 && v < 0.001 ? "< 0.1 %" : `${(100 * v).toFixed(v < 0.1 ? 1 : 0)} %`);
const rate = (v) => (v === null ? "–" : v < 0.001 ? num(v, 1) : v.toFixed(3));

/* What seeds and batches say of a feature, as words that cannot be overlooked. */
function seedBadge(f) {
  if (!f.seeds) return null;
  const [, worst, stable, found] = f.seeds;
  const where = stable ? `in all ${SEEDS} seeds` : `in ${found} of ${SEEDS} seeds`;
  return el("span", { class: `badge ${stable ? "good" : "doubt"}`, title: `worst match r ${fixed(worst)}` }, where);
}
const leakBadge = (f) => (f.batch?.[2] ? el("span", { class: "badge leak", title: "leaks the batch within cell types" }, "batch") : null);

/* ---- state ---------------------------------------------------------------------------- */

const first = () => ({ feature: -1, q: "", stable: false, clean: false, sort: ["id", 1] });
let state = first();
let shown = FEATURES;

function toHash() {
  const out = [];
  if (state.feature >= 0) out.push(`feature=${state.feature}`);
  if (state.q) out.push(`q=${encodeURIComponent(state.q)}`);
  if (state.stable) out.push("stable=1");
  if (state.clean) out.push("leaks=0");
  if (state.sort.join() !== first().sort.join()) out.push(`sort=${state.sort[0]}${state.sort[1] < 0 ? "-" : ""}`);
  return out.join("&");
}
function fromHash(text) {
  const next = first();
  for (const [name, value] of new URLSearchParams(text.replace(/^#/, ""))) {
    if (name === "feature" && FEATURES[value]) next.feature = +value;
    else if (name === "q") next.q = value;
    else if (name === "stable") next.stable = HAS.seeds && value !== "0";
    else if (name === "leaks") next.clean = HAS.batch && value === "0";
    else if (name === "sort") {
      const id = value.replace(/-$/, "");
      if (COLUMNS.some((c) => c.id === id)) next.sort = [id, value.endsWith("-") ? -1 : 1];
    }
  }
  return next;
}
/* An opened feature is a step that Back undoes; a search is not. */
function saveHash(step = false) {
  const hash = toHash();
  if (location.hash.replace(/^#/, "") === hash) return;
  if (step) history.pushState(null, "", `#${hash}`);
  else history.replaceState(null, "", `#${hash}`);
}
const linkTo = (id) => {
  const before = state.feature;
  state.feature = id;
  const hash = toHash();
  state.feature = before;
  return `#${hash}`;
};

/* ---- search --------------------------------------------------------------------------- */

/* Labels from this F1 and gene sets below this q are searched: every feature has a rate for every label. */
const SEARCHED = { f1: 0.2, q: 0.05 };
const KNOWN = new Set(DATA.genes.map((name) => name.toLowerCase()));
const parted = (text) => text.toLowerCase().split(/[^\p{L}\p{N}.-]+/u);

/* Where a word occurs in a feature: in its name, or in what the row may not show. The whole name
   of a gene finds that gene alone, so that CD4 does not find CD40. */
function found(f, word) {
  const whole = KNOWN.has(word);
  const has = (text) => (whole ? parted(text).includes(word) : text.toLowerCase().includes(word));
  if (has(f.name) || String(f.id) === word) return "";
  const g = f.up.find(([i]) => (whole ? gene(i).toLowerCase() === word : has(gene(i))));
  if (g) return `gene ${gene(g[0])}, r ${fixed(g[1])}`;
  const label = f.labels?.find(([i, f1]) => f1 >= SEARCHED.f1 && has(DATA.names[i]));
  if (label) return `label ${DATA.names[label[0]]}, F1 ${fixed(label[1])}`;
  const term = f.terms?.find(([i, , , q]) => q < SEARCHED.q && (has(DATA.terms[i]) || has(termName(i))));
  if (term) return `term ${termName(term[0])}, q permuted ${rate(term[4])}`;
  return null;
}
/* All parts must occur; returns what the row should say, or null. */
function matches(f, query) {
  const reasons = query.map((part) => found(f, part));
  return reasons.includes(null) ? null : [...new Set(reasons.filter(Boolean))];
}
/* The text as it stands where some feature has it, else its words. */
function parts() {
  const text = state.q.toLowerCase().trim();
  if (!text) return [];
  return FEATURES.some((f) => found(f, text) !== null) ? [text] : text.split(/\s+/);
}
function select() {
  const { of } = COLUMNS.find((c) => c.id === state.sort[0]);
  const way = state.sort[1];
  const text = new Intl.Collator("en", { numeric: true }).compare;
  const query = parts();
  shown = FEATURES
    .filter((f) => !(state.stable && !f.seeds?.[2]) && !(state.clean && f.batch?.[2]))
    .map((f) => ({ ...f, reasons: matches(f, query) })).filter((f) => f.reasons)
    /* what has no value comes last whichever way the order goes */
    .sort((a, b) => {
      const [x, y] = [of(a) ?? null, of(b) ?? null];
      if (x === null || y === null) return (x === null) - (y === null) || a.id - b.id;
      return way * (typeof x === "string" ? text(x, y) : x - y) || a.id - b.id;
    });
}
