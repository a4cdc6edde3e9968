/* ---- what the data are ---------------------------------------------------------------- */

const METRICS = Object.keys(DATA.metrics);
const BY_ROW = METRICS.filter((name) => DATA.spread.raw[name]);
const SCALES = Object.keys(DATA.board);
const SUBSETS = Object.keys(DATA.board.raw);
const MODELS = Object.keys(DATA.entries).filter((name) => DATA.entries[name].kind === "model");
const isControl = (name) => DATA.entries[name].kind.includes("control");
const kind = (name) => (isControl(name) ? "control" : DATA.entries[name].kind === "model" ? "own" : "other");
const scaleName = (scale) => (scale === "raw" ? "as measured" : `clipped at ±${DATA.clip}`);
const subsetName = (rows) => (rows === "all" ? "all test rows" : "without suspect rows");
const better = (metric) => { const { best } = DATA.metrics[metric]; return best === 0 ? "0 is perfect" : best === 1 ? "1 is perfect" : ""; };
const fixed = (v) => (v === null ? "–" : num(v, Math.abs(v) >= 1 ? 4 : 3));
const signed = (v) => (v === null ? "–" : `${v > 0 ? "+" : ""}${num(v, 2)}`);

const first = () => ({ metric: METRICS[0], scale: "raw", rows: "all", group: "context", other: DATA.scatter[0].others[0] });
let state = null;

for (const part of DATA.scatter) part.others = Object.keys(part.scores).filter((name) => name !== DATA.best);
const DEFAULTS = first();
const ABLE = {
  metric: METRICS, scale: SCALES, rows: SUBSETS, group: ["context", "moa"].filter((name) => DATA.by[name].groups.length),
  other: DATA.scatter[0].others,
};
function toHash() {
  return Object.keys(DEFAULTS).filter((key) => state[key] !== DEFAULTS[key]).map((key) => `${key}=${encodeURIComponent(state[key])}`).join("&");
}
function fromHash(text) {
  const next = first();
  for (const [key, value] of new URLSearchParams(text.replace(/^#/, "")))
    if (Object.hasOwn(ABLE, key) && ABLE[key].includes(value)) next[key] = value;
  return next;
}
const saveHash = () => history.replaceState(null, "", `#${toHash()}`);

/* A row of buttons of which one is pressed. */
function choices(id, key, values, name) {
  $(id).replaceChildren(...(values.length > 1 ? values : []).map((value) => el("button", { type: "button", "aria-pressed": String(value === state[key]), "data-value": value, onclick: () => {
    state[key] = value;
    saveHash();
    draw();
    [...$(id).children].find((b) => b.dataset.value === value)?.focus();
  } }, name(value))));
}
/* The metric that is drawn where rows must have scores of their own. */
const rowMetric = () => (BY_ROW.includes(state.metric) ? state.metric : BY_ROW[0]);

/* Ends of an axis from what must be seen; far controls stand at its end. */
function ends(must, rest) {
  const [low, high] = [Math.min(...must), Math.max(...must)];
  const room = Math.max(high - low, 1e-9 + Math.abs(high) * 0.02);
  const near = rest.filter((v) => v > low - 0.6 * room && v < high + 0.6 * room);
  const [a, b] = [Math.min(low, ...near), Math.max(high, ...near)];
  return [a - 0.06 * room, b + 0.06 * room];
}
/* What stands where no number is known. */
const nothing = () => el("p", { class: "soft" }, "Not known for these rows.");
/* A mark: filled circle, ring of a control. */
const mark = (name, cx, cy, r = 5.5) => svg("circle", { class: `spot ${kind(name)}`, cx: px(cx), cy: px(cy), r });
const PEN = document.createElement("canvas").getContext("2d");
/* How wide the longest of some names is drawn, in pixels; names in bold are a little wider. */
function widest(names) {
  PEN.font = '600 13px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
  return Math.ceil(Math.max(...names.map((name) => PEN.measureText(name).width)));
}
/* Where names stand: left of their marks, or on a line above them where the screen is narrow. */
function rowsOf(width, names, tall, right) {
  const narrow = width < 520;
  const left = narrow ? 6 : widest(names) + 14;
  const high = narrow ? tall + 15 : tall;
  return { narrow, left, high, end: narrow ? width - 8 : width - right, middle: (y) => (narrow ? y + 7.5 : y),
    name: (text, y, strong) => svg("text", { class: strong ? "name strong" : "name", x: narrow ? 2 : left - 10, y: px(narrow ? y - high / 2 + 14 : y + 4), "text-anchor": narrow ? "start" : "end" }, text, svg("title", {}, text)),
    value: (text, y, strong) => svg("text", { class: strong ? "strong" : "", x: width - 2, y: px(narrow ? y - high / 2 + 14 : y + 4), "text-anchor": "end" }, text) };
}
const clip = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
