/* ---- what the data are ---------------------------------------------------------------- */

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
function shorts(text) {
  const view = new DataView(bytes(text).buffer);
  return Uint16Array.from({ length: view.byteLength / 2 }, (_, i) => view.getUint16(2 * i, true));
}

const UNTOUCHED = "identity";
const NAMES = DATA.embeddings.map(([name]) => name);
const SAID = Object.fromEntries(DATA.embeddings);
const LEVELS = DATA.levels.map(([level]) => level);
const percent = (v, places = 1) => (v === null ? "–" : `${(100 * v).toFixed(places).replace("-", "−")} %`);
const called = (name) => (name === UNTOUCHED ? "untouched" : name);
const kind = (name) => (name === DATA.method ? "own" : name === UNTOUCHED ? "plain" : "other");
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/* Colours that stay apart for colour-blind readers, on light and on dark. */
const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bd6", "#a6761d", "#b3b300", "#e7298a", "#5f7d8c", "#7a9a01"];
const color = (i) => COLORS[i] ?? "#8b949e";

/* Which prefix of each embedding is shown: the n-th; the last is the full vector. */
const LAST = Math.max(...NAMES.map((name) => DATA.accuracy[name][LEVELS[0]].length)) - 1;
const first = () => ({ prefix: LAST, shown: DATA.method });
let state = first();

function toHash() {
  const out = [];
  if (state.prefix !== LAST) out.push(`prefix=${state.prefix + 1}`);
  if (state.shown !== DATA.method) out.push(`confusion=${state.shown}`);
  return out.join("&");
}
function fromHash(text) {
  const next = first();
  for (const [name, value] of new URLSearchParams(text.replace(/^#/, ""))) {
    if (name === "prefix" && value >= 1 && value <= LAST + 1) next.prefix = Math.floor(value) - 1;
    if (name === "confusion" && Object.hasOwn(DATA.confusion.cells, value)) next.shown = value;
  }
  return next;
}
const saveHash = () => history.replaceState(null, "", `#${toHash()}`);
const entry = (name, level) => {
  const rows = DATA.accuracy[name][level];
  return [rows[Math.min(state.prefix, rows.length - 1)], rows[rows.length - 1]];
};

/* A row of buttons of which one is pressed. */
function choices(box, options, chosen, choose) {
  box.replaceChildren(...options.map(([value, text]) => el("button", { type: "button", "aria-pressed": String(value === chosen), "data-value": value, onclick: () => {
    choose(value);
    saveHash();
    box.querySelector(`[data-value="${value}"]`)?.focus();
  } }, text)));
}
