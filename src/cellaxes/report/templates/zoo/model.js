const LN2 = Math.LN2;

/* ---- laws ---------------------------------------------------------------------------- */

/* Information (bits) at depth u; log1p keeps the digits of small differences. */
const noiseLaw = (u, uBar, iMax) =>
  (Math.log1p(4 ** iMax * (u / uBar)) - Math.log1p(u / uBar)) / (2 * LN2);

const clip = (x) => Math.min(600, Math.max(-600, x));
const log1pExp = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/* Information (bits) at depth u and n training cells; law: u_bar, n_bar, I_max, gamma, s, k. */
function jointLaw(u, n, [uBar, nBar, iMax, gamma, s, k]) {
  const reach = 2 * LN2 * iMax / k;
  const noise = 1 + Math.exp(clip(gamma * Math.log(uBar / u)))
    + Math.exp(clip(s * (Math.log(nBar) - Math.log(n))));
  const signal = reach + Math.log(-Math.expm1(-Math.max(reach, 1e-12)));
  return k * log1pExp(signal - Math.log(noise)) / (2 * LN2);
}

/* Place of a point on the axis on which all curves are one, and the curve they fall on. */
function collapsed(u, uBar, iMax) {
  const q = 4 ** -iMax;
  return (u / uBar + q) / (1 - q);
}
const universal = (z) => -0.5 * Math.log1p(1 / z) / LN2;

const spaced = (low, high, n) =>
  Array.from({ length: n }, (_, i) => low * (high / low) ** (i / (n - 1)));

/* Depth at which two laws meet between low and high, by bisection on the logarithm.
   Two noise laws meet at most once above zero, so the ends tell all. */
function crossing(a, b, low, high) {
  const gap = (u) => noiseLaw(u, ...a) - noiseLaw(u, ...b);
  const [start, end] = [gap(low), gap(high)];
  if (Math.max(Math.abs(start), Math.abs(end)) < 1e-9) return { same: true };
  if (start * end > 0) return { above: start > 0 ? 0 : 1 };
  let [left, right] = [Math.log(low), Math.log(high)];
  for (let i = 0; i < 60; i++) {
    const middle = (left + right) / 2;
    if (gap(Math.exp(middle)) * start > 0) left = middle; else right = middle;
  }
  return { u: Math.exp((left + right) / 2), below: start > 0 ? 0 : 1 };
}

/* ---- what the data are ---------------------------------------------------------------- */

const ROLES = DATA.roles;
const NAMING = ROLES.filter((r) => r.role !== "seed");
const SEEDS = ROLES.find((r) => r.role === "seed");
const WORD = { dataset: "dataset", signal: "signal", model: "model", size: "training cells", seed: "seed" };
const CURVES = DATA.curves.map((c, id) => ({ ...c, id, range: rangeOf(c.u) }));
const GRIDS = DATA.grids;
const CROWD = 12;

function rangeOf(values) {
  return values.length ? [Math.min(...values), Math.max(...values)] : null;
}
const place = (role) => NAMING.findIndex((r) => r.role === role);
const labelOf = (role, index) =>
  role.role === "size" && Number.isFinite(+role.values[index])
    ? (+role.values[index]).toLocaleString("en-US") : role.values[index];

function part(curve, i) {
  const text = labelOf(NAMING[i], curve.key[i]);
  return NAMING[i].role === "size" ? `${text} cells` : text;
}
const fullName = (curve) =>
  NAMING.length ? NAMING.map((_, i) => part(curve, i)).join(", ") : "all measurements";

/* The parts of the name that tell the curves shown apart. */
function shortNames(curves) {
  const vary = NAMING.map((_, i) => i).filter((i) => new Set(curves.map((c) => c.key[i])).size > 1);
  const used = vary.length ? vary : [Math.max(place("model"), 0)];
  return (curve) =>
    NAMING.length ? used.map((i) => part(curve, i)).join(" · ") : "all measurements";
}

/* ---- numbers in words ----------------------------------------------------------------- */

const bits = (value) => value.toFixed(2).replace("-", "−");
const interval = ([low, high], write) =>
  high === null ? `above ${write(low)}` : `${write(low)} to ${write(high)}`;
function tickLabel(v) {
  if (v >= 1e-3 && v < 1e6) return v.toLocaleString("en-US", { maximumFractionDigits: 3 });
  const [mantissa, power] = v.toExponential(0).split("e");
  return `${mantissa === "1" ? "" : `${mantissa}·`}10${superscript(+power)}`;
}

/* ---- state ---------------------------------------------------------------------------- */

/* A table of many curves opens on its first dataset and signal at the largest size. */
function defaults() {
  const filters = ROLES.map((r) => new Set(r.values.keys()));
  if (CURVES.length > CROWD) {
    ROLES.forEach((r, i) => {
      if (r.role === "dataset" || r.role === "signal") filters[i] = new Set([CURVES[0].key[i]]);
    });
    const size = place("size");
    if (size >= 0) {
      const fits = (c) => NAMING.every((r, i) => r.role === "size" || filters[i].has(c.key[i]));
      filters[size] = new Set([Math.max(...CURVES.filter(fits).map((c) => c.key[size]))]);
    }
  }
  const telling = ["model", "size", "signal", "dataset"]
    .filter((role) => place(role) >= 0 && NAMING[place(role)].values.length > 1);
  return { filters, color: telling[0] ?? NAMING[0]?.role ?? "", bands: true, grid: -1, cost: null,
    pin: -1, sort: null, unknown: [] };
}
let state = defaults();
let hover = -1;
let shown = [];

const write = (text) => encodeURIComponent(text);
const nameOf = (roles, key) => key.map((v, i) => write(roles[i].values[v])).join(",");

/* A view in the address: what differs from the first view, by name, so that a link lives
   on when rows are added to the table. */
function toHash() {
  const first = defaults();
  const out = [];
  ROLES.forEach((r, i) => {
    const now = [...state.filters[i]].sort((a, b) => a - b);
    if (now.join() === [...first.filters[i]].sort((a, b) => a - b).join()) return;
    const all = now.length === r.values.length;
    out.push(`${r.role}=${all ? "+all" : now.map((v) => write(r.values[v])).join(",")}`);
  });
  if (state.color !== first.color) out.push(`color=${state.color}`);
  if (!state.bands) out.push("bands=0");
  if (state.grid >= 0) out.push(`grid=${nameOf(gridRoles, GRIDS[state.grid].key)}`);
  if (state.cost) out.push(`cost=${state.cost.map((v) => +v.toFixed(3)).join(",")}`);
  if (state.pin >= 0) out.push(`pin=${nameOf(NAMING, CURVES[state.pin].key)}`);
  if (state.sort) out.push(`sort=${state.sort[0]}${state.sort[1] < 0 ? "-" : ""}`);
  return out.join("&");
}

function fromHash(text) {
  const next = defaults();
  const read = (entry) => {
    try { return decodeURIComponent(entry); } catch { return entry; }
  };
  for (const pair of text.replace(/^#/, "").split("&").filter(Boolean)) {
    const cut = pair.indexOf("=");
    const [name, value] = [pair.slice(0, cut), pair.slice(cut + 1)];
    const entries = value.split(",").map(read);
    const role = ROLES.findIndex((r) => r.role === name);
    if (role >= 0) {
      const values = ROLES[role].values;
      const wanted = value === "" ? [] : entries;
      const known = value === "+all" ? [...values.keys()] : wanted.map((v) => values.indexOf(v)).filter((v) => v >= 0);
      if (value !== "+all") next.unknown.push(...wanted.filter((v) => !values.includes(v)));
      if (known.length || !wanted.length) next.filters[role] = new Set(known);
    } else if (name === "color" && place(value) >= 0) next.color = value;
    else if (name === "bands") next.bands = value !== "0";
    else if (name === "grid") next.grid = GRIDS.findIndex((g) => nameOf(gridRoles, g.key) === value);
    else if (name === "pin") next.pin = CURVES.findIndex((c) => nameOf(NAMING, c.key) === value);
    else if (name === "sort") {
      const column = value.replace(/-$/, "");
      if (COLUMNS.some((c) => c.id === column)) next.sort = [column, value.endsWith("-") ? -1 : 1];
    } else if (name === "cost") {
      const numbers = entries.map(Number);
      if (numbers.length === 3 && numbers.every(Number.isFinite))
        next.cost = numbers.map((v, i) => Math.min(+$(SLIDERS[i]).max, Math.max(+$(SLIDERS[i]).min, v)));
    }
  }
  return next;
}

let pending = 0;
function saveHash() {
  clearTimeout(pending);
  pending = 0;
  const hash = toHash();
  if (location.hash.replace(/^#/, "") !== hash) history.replaceState(null, "", `#${hash}`);
}
/* Browsers limit how often an address may change; a slider changes faster. */
function saveHashSoon() {
  clearTimeout(pending);
  pending = setTimeout(saveHash, 150);
}
