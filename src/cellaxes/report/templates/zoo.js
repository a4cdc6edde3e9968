"use strict";
(() => {
const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
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

function num(value, digits = 3) {
  if (value === null || Number.isNaN(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e7 || size < 1e-4) {
    const [mantissa, power] = value.toExponential(1).split("e");
    return `${mantissa} × 10${superscript(+power)}`.replace("-", "−");
  }
  return value.toLocaleString("en-US", { maximumSignificantDigits: digits }).replace("-", "−");
}
const superscript = (n) => String(n).replace(/./g, (d) => (d === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[+d]));
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

/* ---- elements ------------------------------------------------------------------------- */

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined));
  return node;
}
const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

const px = (v) => +v.toFixed(1);
const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${px(x)} ${px(y)}`).join("");

/* ---- axes ----------------------------------------------------------------------------- */

const logScale = ([low, high], [from, to]) => {
  const scale = (v) => from + (to - from) * Math.log(v / low) / Math.log(high / low);
  scale.invert = (p) => low * (high / low) ** ((p - from) / (to - from));
  return scale;
};
const linScale = ([low, high], [from, to]) => (v) => from + (to - from) * (v - low) / (high - low);

/* Ticks of a logarithmic axis, as many as leave room for their labels. */
function logTicks([low, high], length) {
  const powers = [];
  for (let p = Math.floor(Math.log10(low)); p <= Math.log10(high); p++) powers.push(p);
  const choices = [[[1, 2, 5], 1], [[1, 3], 1], ...[1, 2, 3, 5, 10, 25].map((every) => [[1], every])];
  for (const [steps, every] of choices) {
    const ticks = powers.filter((p) => p % every === 0)
      .flatMap((p) => steps.map((step) => +`${step}e${p}`))
      .filter((v) => v >= low * 0.999 && v <= high * 1.001);
    if (ticks.length * 54 <= length) return ticks;
  }
  return [];
}
function linTicks([low, high], n) {
  const raw = (high - low) / n;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++)
    ticks.push(+(i * step).toPrecision(12));
  return ticks;
}

/* An empty plot with axes; returns its svg, the scales and a layer for what is drawn in it. */
function frame(box, { xDomain, yDomain, xTitle, yTitle, height, label, top = 10 }) {
  const width = Math.max(box.clientWidth, 240);
  const [left, right, bottom] = [58, width - 24, height - 46];
  const x = logScale(xDomain, [left, right]);
  const y = linScale(yDomain, [bottom, top]);
  const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label });
  for (const v of linTicks(yDomain, Math.max(3, (bottom - top) / 60))) root.append(
    svg("line", { class: "rule", x1: left, x2: right, y1: px(y(v)), y2: px(y(v)) }),
    svg("text", { x: left - 7, y: px(y(v) + 4), "text-anchor": "end" }, String(v).replace("-", "−")));
  for (const v of logTicks(xDomain, right - left)) root.append(
    svg("line", { class: "axis", x1: px(x(v)), x2: px(x(v)), y1: bottom, y2: bottom + 5 }),
    svg("text", { x: px(x(v)), y: bottom + 18, "text-anchor": "middle" }, tickLabel(v)));
  const clipId = `clip-${box.id}`;
  const layer = svg("g", { "clip-path": `url(#${clipId})` });
  root.append(
    svg("clipPath", { id: clipId }, svg("rect", { x: left, y: top - 4, width: right - left, height: bottom - top + 8 })),
    layer,
    svg("path", { class: "axis", d: `M${left} ${top}V${bottom}H${right}` }),
    svg("text", { class: "title", x: (left + right) / 2, y: height - 6, "text-anchor": "middle" }, xTitle),
    svg("text", { class: "title", transform: `translate(14 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, ...[yTitle].flat()));
  box.replaceChildren(root);
  return { root, layer, x, y, left, right, top, bottom };
}

/* ---- colours -------------------------------------------------------------------------- */

const RAMP = [[13, 8, 135], [126, 3, 168], [204, 71, 120], [240, 140, 60]];
function colorOf(roleName, index) {
  const role = NAMING.find((r) => r.role === roleName);
  if (!role) return DATA.colors[0];
  if (roleName === "size" && role.values.length > 1) {
    const t = index / (role.values.length - 1) * (RAMP.length - 1);
    const i = Math.min(Math.floor(t), RAMP.length - 2);
    const mix = RAMP[i].map((v, j) => Math.round(v + (RAMP[i + 1][j] - v) * (t - i)));
    return `rgb(${mix.join()})`;
  }
  return DATA.colors[index] ?? `hsl(${Math.round(index * 137.5) % 360} 65% 38%)`;
}
const curveColor = (curve) => {
  const i = place(state.color);
  return i < 0 ? DATA.colors[0] : colorOf(state.color, curve.key[i]);
};

/* ---- tip and highlight ---------------------------------------------------------------- */

function lawLines(curve) {
  if (!curve.law) return [`cannot be fitted: ${curve.why}`];
  return [
    `capacity ${bits(curve.law[1])} bits (${interval(curve.iMax, bits)})`,
    `sensitivity ${num(curve.law[0])} ${DATA.unit} (${interval(curve.uBar, num)})`,
    ...(curve.ok ? [] : [`not identified: ${curve.why}`]),
  ];
}
function showTip(lines, clientX, clientY) {
  const tip = $("tip");
  tip.replaceChildren(...lines.map((line, i) => el(i ? "div" : "b", {}, line)));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const wide = document.documentElement.clientWidth;
  const x = clientX + 14 + width > wide ? clientX - 14 - width : clientX + 14;
  tip.style.left = `${Math.max(4, Math.min(x, wide - width - 4))}px`;
  tip.style.top = `${Math.max(4, clientY - height - 12 < 4 ? clientY + 16 : clientY - height - 12)}px`;
}
const hideTip = () => { $("tip").hidden = true; };

function highlight() {
  const id = hover >= 0 ? hover : state.pin;
  for (const node of document.querySelectorAll("[data-c]")) {
    node.classList.toggle("hi", +node.dataset.c === id);
    if (node.hasAttribute("aria-pressed")) node.setAttribute("aria-pressed", String(+node.dataset.c === state.pin));
  }
  for (const root of document.querySelectorAll(".plot svg")) root.classList.toggle("lit", id >= 0);
}
function setHover(id) {
  if (hover !== id) { hover = id; highlight(); }
}
function pin(id) {
  state.pin = state.pin === id ? -1 : id;
  highlight();
  drawPinned();
  saveHash();
}
function drawPinned() {
  const curve = CURVES[state.pin];
  $("pinned").replaceChildren(...(curve
    ? [el("b", {}, `Pinned: ${fullName(curve)}.`), el("span", {}, `${lawLines(curve).join("; ")}.`),
      el("button", { type: "button", onclick: () => pin(state.pin) }, "unpin")]
    : [el("span", { class: "soft" }, "Hover, tap or tab to a curve; arrow keys go from one to the next, Enter pins it.")]));
}

/* Curves of one plot as buttons: one stop for Tab, arrow keys between them. */
function reachable(groups, at) {
  groups.forEach((g, i) => {
    const id = +g.dataset.c;
    g.setAttribute("tabindex", i ? -1 : 0);
    g.addEventListener("focus", () => {
      groups.forEach((other) => other.setAttribute("tabindex", other === g ? 0 : -1));
      setHover(id);
      const box = g.ownerSVGElement.getBoundingClientRect();
      const [x, y] = at(CURVES[id]);
      showTip([fullName(CURVES[id]), ...lawLines(CURVES[id])], box.left + x, box.top + y);
    });
    g.addEventListener("blur", () => { setHover(-1); hideTip(); });
    g.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const to = step ? (i + step + groups.length) % groups.length
        : { Home: 0, End: groups.length - 1 }[event.key];
      if (to !== undefined) groups[to].focus();
      else if (event.key === "Enter" || event.key === " ") pin(id);
      else if (event.key === "Escape" && state.pin >= 0) pin(state.pin);
      else return;
      event.preventDefault();
    });
  });
}

/* What lies under the pointer: the nearest point, else the nearest curve. */
function pointing(root, spots, lines) {
  const scale = () => root.viewBox.baseVal.width / root.getBoundingClientRect().width;
  const find = (event) => {
    const box = root.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) * scale(), (event.clientY - box.top) * scale()];
    let best = null;
    let least = 10 ** 2;
    for (const spot of spots) {
      const d = (spot.x - x) ** 2 + (spot.y - y) ** 2;
      if (d < least) { least = d; best = spot; }
    }
    return best ?? lines(x, y);
  };
  root.addEventListener("pointermove", (event) => {
    const found = find(event);
    setHover(found ? found.id : -1);
    if (found) showTip(found.lines(), event.clientX, event.clientY); else hideTip();
  });
  root.addEventListener("pointerleave", () => { setHover(-1); hideTip(); });
  root.addEventListener("click", (event) => {
    const found = find(event);
    if (found) pin(found.id);
  });
}

/* ---- plots ---------------------------------------------------------------------------- */

const plotHeight = (box) => Math.round(Math.min(460, Math.max(300, box.clientWidth * 0.52)));
const drawnRange = (curve) => [curve.range[0] / 2, curve.range[1] * 4];
const seedShown = (curve, i) => !SEEDS || state.filters[ROLES.indexOf(SEEDS)].has(curve.s[i]);
const dotPath = (spots) => spots.map((p) => `M${px(p.x)} ${px(p.y)}h0`).join("");

function empty(box, text) {
  box.replaceChildren(el("p", { class: "soft" }, text));
}
const NOTHING = "Nothing is selected: choose at least one value of every filter.";

function pointLines(curve, i) {
  const seed = SEEDS ? `seed ${SEEDS.values[curve.s[i]]}: ` : "";
  return () => [fullName(curve), `${seed}${curve.y[i].toFixed(3).replace("-", "−")} bits at ${num(curve.u[i], 4)} ${DATA.unit}`, ...lawLines(curve)];
}

function drawCurves() {
  const box = $("plot-curves");
  const curves = shown.filter((c) => c.range);
  if (!curves.length) return empty(box, shown.length ? "No point here has a positive depth." : NOTHING);
  const ranges = curves.map(drawnRange);
  const xDomain = [Math.min(...ranges.map((r) => r[0])), Math.max(...ranges.map((r) => r[1]))];
  const heights = curves.flatMap((c) => [...c.y, ...(c.law ? [noiseLaw(drawnRange(c)[1], ...c.law)] : [])]);
  const [low, high] = [Math.min(0, ...heights), Math.max(0.1, ...heights)];
  const plot = frame(box, {
    xDomain, yDomain: [low < 0 ? low * 1.1 : 0, high * 1.06], height: plotHeight(box),
    xTitle: `depth (${DATA.unit})`, yTitle: "information (bits)", label: "Information against depth, one curve each",
  });
  const { x, y } = plot;
  const spots = [];
  const groups = curves.map((curve) => {
    const color = curveColor(curve);
    const own = curve.u.map((u, i) => ({ x: x(u), y: y(curve.y[i]), i, id: curve.id, lines: pointLines(curve, i) }))
      .filter((spot) => seedShown(curve, spot.i));
    spots.push(...own);
    const group = svg("g", { class: "curve", "data-c": curve.id, role: "button", "aria-pressed": "false",
      "aria-label": `${fullName(curve)}: ${lawLines(curve).join("; ")}` });
    if (curve.law) {
      const [from, to] = drawnRange(curve);
      const line = (a, b) => path(spaced(a, b, 60).map((u) => [x(u), y(noiseLaw(u, ...curve.law))]));
      const unsure = curve.ok ? "" : " unsure";
      const at = spaced(from, to, DATA.nBand);
      if (state.bands) group.append(svg("path", { class: "band", fill: color,
        d: `${path(at.map((u, i) => [x(u), y(curve.band[1][i])]))}${path(at.map((u, i) => [x(u), y(curve.band[0][i])]).reverse()).replace("M", "L")}Z` }));
      group.append(svg("path", { class: "halo", d: line(...curve.range) }),
        svg("path", { class: `law beyond${unsure}`, stroke: color, d: line(from, curve.range[0]) + line(curve.range[1], to) }),
        svg("path", { class: `law${unsure}`, stroke: color, d: line(...curve.range) }));
    } else group.append(svg("path", { class: "halo", d: dotPath(own) }));
    group.append(svg("path", { class: "dots", stroke: color, d: dotPath(own) }));
    return group;
  });
  plot.root.classList.toggle("crowded", curves.length > CROWD);
  plot.layer.append(...groups);
  reachable(groups, (c) => [x(c.range[1]), y(c.law ? noiseLaw(c.range[1], ...c.law) : c.y[c.u.indexOf(c.range[1])])]);
  pointing(plot.root, spots, (mx, my) => {
    let best = null;
    let least = 10;
    for (const curve of curves) {
      const u = x.invert(mx);
      const [from, to] = drawnRange(curve);
      if (!curve.law || u < from || u > to) continue;
      const d = Math.abs(y(noiseLaw(u, ...curve.law)) - my);
      if (d < least) {
        least = d;
        best = { id: curve.id, lines: () => [fullName(curve), `law: ${bits(noiseLaw(u, ...curve.law))} bits at ${num(u)} ${DATA.unit}`, ...lawLines(curve)] };
      }
    }
    return best;
  });
}

function drawCollapse() {
  const box = $("plot-collapse");
  /* a law that is not identified has no scale to move its points by */
  const curves = shown.filter((c) => c.ok && c.range && c.law[1] > 1e-6);
  const left = shown.length - curves.length;
  $("note-collapse").textContent = left ? `${left} curve${left > 1 ? "s" : ""} without an identified law ${left > 1 ? "are" : "is"} left out here.` : "";
  if (!curves.length) return empty(box, shown.length ? "No curve shown has an identified law." : NOTHING);
  const spots = curves.flatMap((curve) => curve.u.map((u, i) => (
    { id: curve.id, i, z: collapsed(u, ...curve.law), v: curve.y[i] - curve.law[1], lines: pointLines(curve, i) }))
    .filter((spot) => seedShown(curve, spot.i)));
  const zs = curves.flatMap((c) => c.range.map((u) => collapsed(u, ...c.law)));
  const xDomain = [Math.min(...zs) / 1.5, Math.max(...zs) * 1.5];
  const vs = [...spots.map((s) => s.v), universal(xDomain[0]), universal(xDomain[1])];
  const plot = frame(box, {
    xDomain, yDomain: [Math.min(...vs) * 1.05, Math.max(0, ...vs) + 0.1], height: plotHeight(box),
    xTitle: "z (scaled depth, no unit)", yTitle: ["I − I", svg("tspan", { dy: 3, "font-size": "0.75em" }, "max"), svg("tspan", { dy: -3 }, " (bits)")], label: "All points scaled by their own fits, with the law",
  });
  for (const spot of spots) { spot.x = plot.x(spot.z); spot.y = plot.y(spot.v); }
  plot.root.classList.toggle("crowded", curves.length > CROWD);
  plot.layer.append(...curves.map((curve) => svg("g", { class: "curve", "data-c": curve.id },
    svg("path", { class: "dots", stroke: curveColor(curve), d: dotPath(spots.filter((s) => s.id === curve.id)) }))),
    svg("path", { class: "universal", d: path(spaced(...xDomain, 160).map((z) => [plot.x(z), plot.y(universal(z))])) }));
  pointing(plot.root, spots, () => null);
}

/* One row per curve: fit and interval of a parameter. */
function drawIntervals(id, which, log, ordered) {
  const box = $(id);
  if (!ordered.length) return empty(box, NOTHING);
  const fitted = ordered.filter((c) => c.law);
  if (!fitted.length) return empty(box, "No curve shown could be fitted.");
  const [ends, at] = which === "uBar" ? ["uBar", 0] : ["iMax", 1];
  const values = fitted.map((c) => c.law[at]);
  /* open and very wide intervals end in an arrow, so that the others stay readable */
  const sure = fitted.filter((c) => c.ok).map((c) => c.law[at]);
  const [least, most] = rangeOf(sure.length ? sure : values);
  const near = (v) => v !== null && (log ? v > least / 30 && v < most * 30 : v < most * 2 + 1);
  const all = [least, most, ...[...values, ...fitted.flatMap((c) => c[ends])].filter(near)];
  const domain = log ? [Math.min(...all) / 1.3, Math.max(...all) * 1.3] : [0, Math.max(...all, 0.1) * 1.05];
  const name = shortNames(ordered);
  const width = Math.max(box.clientWidth, 240);
  const longest = Math.max(...ordered.map((c) => name(c).length)) * 7.7 + 16;
  const above = longest > width * 0.5;
  const row = above ? 38 : 24;
  const left = above ? 8 : longest;
  const right = width - 18;
  const height = ordered.length * row + 8;
  const scale = (log ? logScale : linScale)(domain, [left, right]);
  const x = (v) => scale(Math.min(Math.max(v, domain[0]), domain[1]));
  const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group",
    "aria-label": which === "uBar" ? "Sensitivity of each curve with its interval" : "Capacity of each curve with its interval" });
  /* the axis is a picture of its own, so that it stays while a long list scrolls */
  const axis = svg("svg", { class: "head", width, height: 28, viewBox: `0 0 ${width} 28`, "aria-hidden": "true" },
    svg("path", { class: "axis", d: `M${left} 27H${right}` }));
  for (const v of log ? logTicks(domain, right - left) : linTicks(domain, Math.max(3, (right - left) / 60))) {
    root.append(svg("line", { class: "rule", x1: px(x(v)), x2: px(x(v)), y1: 0, y2: height }));
    axis.append(svg("line", { class: "axis", x1: px(x(v)), x2: px(x(v)), y1: 22, y2: 27 }),
      svg("text", { x: px(x(v)), y: 15, "text-anchor": "middle" }, log ? tickLabel(v) : String(v)));
  }
  const spots = [];
  ordered.forEach((curve, i) => {
    const y = i * row + (above ? 27 : 13);
    const color = curveColor(curve);
    const group = svg("g", { class: "curve", "data-c": curve.id },
      svg("text", { class: "name", x: above ? left : left - 12, y: above ? y - 11 : y + 4, "text-anchor": above ? "start" : "end" }, name(curve)));
    if (curve.law) {
      const [low, high] = curve[ends];
      const far = high ?? Infinity;
      const arrow = (px0, way) => svg("path", { d: `M${px(px0)} ${y - 5}l${5 * way} 5l${-5 * way} 5`, fill: "none", stroke: color, "stroke-width": 2 });
      group.append(svg("line", { x1: px(x(low)), x2: px(x(far)), y1: y, y2: y, stroke: color, "stroke-width": 2 }));
      if (low < domain[0]) group.append(arrow(left + 3, -1));
      if (far > domain[1] || curve.law[at] > domain[1]) group.append(arrow(right - 3, 1));
      /* a fit beyond the axis is written, for a dot has no true place there */
      if (x(curve.law[at]) !== scale(curve.law[at])) {
        const end = curve.law[at] > domain[1];
        group.append(svg("text", { class: "far", x: end ? right - 10 : left + 12, y: y + 4, "text-anchor": end ? "end" : "start" },
          log ? num(curve.law[at]) : bits(curve.law[at])));
      } else group.append(svg("circle", { cx: px(x(curve.law[at])), cy: y, r: 5, stroke: color, "stroke-width": 2, fill: curve.ok ? color : "#fff" }));
      spots.push({ x: x(curve.law[at]), y, id: curve.id, lines: () => [fullName(curve), ...lawLines(curve)] });
    } else group.append(svg("text", { x: left + 4, y: y + 4 }, "cannot be fitted"));
    root.append(group);
  });
  box.replaceChildren(axis, root);
  pointing(root, spots, (mx, my) => {
    const curve = ordered[Math.floor(my / row)];
    return curve ? { id: curve.id, lines: () => [fullName(curve), ...lawLines(curve)] } : null;
  });
}

/* ---- crossings ------------------------------------------------------------------------ */

function crossings() {
  const model = place("model");
  const rows = [];
  if (model < 0) return rows;
  shown.forEach((a, i) => shown.slice(i + 1).forEach((b) => {
    if (a.key[model] === b.key[model] || !a.key.every((v, j) => j === model || v === b.key[j])) return;
    const names = [a, b].map((c) => part(c, model));
    const row = { a, b, names, notes: [] };
    rows.push(row);
    if (!a.law || !b.law || !a.range || !b.range) {
      row.notes.push(`${[a, b].filter((c) => !c.law || !c.range).map((c) => part(c, model)).join(" and ")} cannot be fitted`);
      return;
    }
    const ranges = [drawnRange(a), drawnRange(b)];
    const [low, high] = [Math.max(ranges[0][0], ranges[1][0]), Math.min(ranges[0][1], ranges[1][1])];
    for (const c of [a, b]) if (!c.ok) row.notes.push(`${part(c, model)} not identified`);
    if (low >= high) {
      row.notes.push("no depth in common");
      return;
    }
    const found = crossing(a.law, b.law, low, high);
    if (found.same) row.says = "the curves are the same";
    else if (found.u === undefined) row.says = `no crossing from ${num(low)} to ${num(high)}: ${names[found.above]} is above everywhere`;
    else {
      row.u = found.u;
      row.says = `${names[found.below]} is above before it, ${names[1 - found.below]} beyond it`;
      if (found.u < Math.max(a.range[0], b.range[0]) || found.u > Math.min(a.range[1], b.range[1])) row.notes.push("extrapolated");
    }
  }));
  return rows;
}

function drawCrossings() {
  const rows = crossings();
  if (!rows.length) return empty($("crossings"), "Show two models of the same dataset, signal and number of training cells.");
  const others = NAMING.map((_, i) => i).filter((i) => NAMING[i].role !== "model" && new Set(rows.map((row) => row.a.key[i])).size > 1);
  const same = NAMING.map((_, i) => i).filter((i) => NAMING[i].role !== "model" && !others.includes(i));
  $("crossings").replaceChildren(same.length ? el("p", {}, `All: ${same.map((i) => part(rows[0].a, i)).join(", ")}.`) : "", el("table", { class: "stack" },
    el("thead", {}, el("tr", {}, el("th", { class: "left", scope: "col" }, "models"),
      others.length ? el("th", { class: "left", scope: "col" }, "where") : null,
      el("th", { scope: "col" }, "crossing depth,", el("br"), DATA.unit), el("th", { scope: "col" }, "information", el("br"), "there, bits"), el("th", { class: "left", scope: "col" }, "what it means"))),
    el("tbody", {}, rows.map((row) => el("tr", {},
      el("td", { class: "left pairs" }, row.names.join(" and ")),
      others.length ? el("td", { class: "left pairs" }, others.map((i) => part(row.a, i)).join(", ")) : null,
      el("td", row.u === undefined ? { class: "none" } : { "data-label": `crossing depth, ${DATA.unit}` }, row.u === undefined ? "–" : num(row.u)),
      el("td", row.u === undefined ? { class: "none" } : { "data-label": "information there, bits" }, row.u === undefined ? "–" : bits(noiseLaw(row.u, ...row.a.law))),
      el("td", { class: "words" }, row.says ?? "", row.notes.length ? el("span", { class: "warn" }, `${row.says ? " — " : ""}${row.notes.join("; ")}`) : null))))));
}

/* ---- cost ----------------------------------------------------------------------------- */

const gridRoles = NAMING.filter((r) => r.role !== "size");
const gridName = (grid) => (gridRoles.length ? grid.key.map((v, i) => gridRoles[i].values[v]).join(", ") : "all measurements");

function currentGrid() {
  if (state.grid >= 0) return state.grid;
  const here = GRIDS.map((_, i) => i).filter((i) => shown.some((c) =>
    gridRoles.every((r, j) => c.key[NAMING.indexOf(r)] === GRIDS[i].key[j])));
  return here.find((i) => GRIDS[i].law) ?? here[0] ?? GRIDS.findIndex((g) => g.law);
}

/* The best way to spend a budget, depths from half the shallowest to four times the deepest. */
function optimum(grid, [budget, cell, umi]) {
  const cells = (u) => budget / (cell + umi * u);
  const value = (u) => (cells(u) >= 1 ? jointLaw(u, cells(u), grid.law) : -Infinity);
  const us = spaced(grid.u[0] / 2, grid.u[1] * 4, 300);
  const values = us.map(value);
  const i = values.indexOf(Math.max(...values));
  if (values[i] === -Infinity) return null;
  let [left, right] = [us[Math.max(i - 1, 0)], us[Math.min(i + 1, us.length - 1)]].map(Math.log);
  for (let step = 0; step < 60; step++) {
    const [a, b] = [left + (right - left) * 0.382, left + (right - left) * 0.618];
    if (value(Math.exp(a)) < value(Math.exp(b))) left = a; else right = b;
  }
  const refined = Math.exp((left + right) / 2);
  const u = value(refined) >= values[i] ? refined : us[i];
  const near = us.filter((_, j) => values[j] >= value(u) - 0.05);
  return { u, n: cells(u), bits: value(u), edge: i === 0 || i === us.length - 1,
    near: [near[0], near[near.length - 1]],
    inside: u >= grid.u[0] && u <= grid.u[1] && cells(u) >= grid.n[0] && cells(u) <= grid.n[1] };
}

/* Costs at which the best lies well inside what was measured, if there are any. */
const defaultCosts = new Map();
function defaultCost(index) {
  if (defaultCosts.has(index)) return defaultCosts.get(index);
  const grid = GRIDS[index];
  let best = [4, -1, -5];
  let most = 0;
  if (grid?.law) for (const umi of [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 5e-6, 2e-6, 1e-6, 1e-7]) {
    for (let b = 2; b <= 20; b++) {
      const budget = [1, 2, 5][b % 3] * 10 ** Math.floor(b / 3);
      const at = optimum(grid, [budget, 0.1, umi]);
      if (!at || !at.inside) continue;
      const margin = Math.min(...[[at.u, grid.u], [at.n, grid.n]].map(([v, [low, high]]) => Math.min(v / low, high / v)));
      if (margin > most) { most = margin; best = [Math.log10(budget), -1, Math.log10(umi)]; }
    }
    if (most > 1.5) break;
  }
  defaultCosts.set(index, best);
  return best;
}
const SLIDERS = ["budget", "cell", "umi"];
const money = (v) => num(v, 3);

function drawCost() {
  if (!GRIDS.length) {
    $("cost").hidden = true;
    $("no-grid").hidden = false;
    return;
  }
  const index = currentGrid();
  const grid = GRIDS[index];
  $("grid").value = String(index);
  const logs = state.cost ?? defaultCost(index);
  SLIDERS.forEach((id, i) => {
    $(id).value = logs[i];
    $(`${id}-out`).textContent = money(10 ** logs[i]);
    $(id).setAttribute("aria-valuetext", money(10 ** logs[i]));
  });
  const box = $("plot-cost");
  const why = $("grid-why");
  if (!grid?.law) {
    $("optimum").textContent = "";
    why.textContent = grid ? `No joint law of depth and cells for ${gridName(grid)}: ${grid.why}` : "No grid has a joint law of depth and cells.";
    box.replaceChildren();
    return;
  }
  why.textContent = grid.ok ? "" : `The joint law of ${gridName(grid)} is not identified: ${grid.why}. Its curve is drawn dashed. Inside the measured range it is as good as its R² on the measured means, ${num(grid.r2)}; outside it says little.`;
  const [budget, cell, umi] = logs.map((v) => 10 ** v);
  const best = optimum(grid, [budget, cell, umi]);
  if (!best) {
    $("optimum").textContent = "This budget pays for no cell.";
    box.replaceChildren();
    return;
  }
  const beyond = best.inside ? "" : best.edge ? " (extrapolated: at the edge of the depths drawn)" : " (extrapolated: outside the measured range)";
  $("optimum").textContent = `Optimum: ${num(best.n)} cells at ${num(best.u)} ${DATA.unit} → ${bits(best.bits)} bits${beyond}. Depths from ${num(best.near[0])} to ${num(best.near[1])} come within 0.05 bits of it.`;
  const cells = (u) => budget / (cell + umi * u);
  const xDomain = [grid.u[0] / 2, grid.u[1] * 4];
  const us = spaced(...xDomain, 160).filter((u) => cells(u) >= 1);
  const line = us.map((u) => [u, jointLaw(u, cells(u), grid.law)]);
  const plot = frame(box, { xDomain, yDomain: [0, Math.max(0.1, best.bits) * 1.12], height: plotHeight(box) + 40, top: 50,
    xTitle: `depth (${DATA.unit})`, yTitle: "information (bits)", label: "Information along the budget line" });
  const { x, y } = plot;
  /* more cells than measured at the shallow end, fewer at the deep end */
  const atCells = (n) => (budget / n - cell) / umi;
  const from = Math.max(grid.u[0], atCells(grid.n[1]));
  const to = Math.min(grid.u[1], atCells(grid.n[0]));
  const zones = from < to ? [[xDomain[0], Math.max(from, xDomain[0])], [Math.min(to, xDomain[1]), xDomain[1]]] : [xDomain];
  const words = [];
  for (const [a, b] of zones) {
    const [left, right] = [x(a), x(b)];
    if (right - left < 1) continue;
    plot.layer.append(svg("rect", { class: "beyond-zone", x: px(left), y: plot.top, width: px(right - left), height: plot.bottom - plot.top }));
    const text = svg("text", { class: "zone", "text-anchor": "middle" }, "extrapolated");
    /* the curve runs low at the shallow end and high at the deep one */
    const shallow = a === xDomain[0];
    if (right - left > 84) fill(text, { x: px((left + right) / 2), y: shallow ? plot.top + 20 : plot.bottom - 10 }, []);
    else fill(text, { transform: `translate(${px((left + right) / 2 + 4)} ${shallow ? plot.top + 50 : plot.bottom - 50}) rotate(-90)` }, []);
    if (right - left > 16) words.push(text);
  }
  const color = DATA.colors[0];
  plot.layer.append(
    svg("path", { class: `law${grid.ok ? "" : " unsure"}`, stroke: color, d: path(line.map(([u, v]) => [x(u), y(v)])) }),
    svg("line", { class: "drop", x1: px(x(best.u)), x2: px(x(best.u)), y1: px(y(best.bits)), y2: plot.bottom }),
    svg("circle", { class: "mark", cx: px(x(best.u)), cy: px(y(best.bits)), r: 6 }), ...words);
  let last = "";
  for (const v of logTicks(xDomain, plot.right - plot.left)) {
    const label = num(cells(v), 2);
    if (cells(v) < 1 || label === last) continue;
    last = label;
    plot.root.append(svg("text", { x: px(x(v)), y: plot.top - 9, "text-anchor": "middle" }, label));
  }
  plot.root.append(svg("path", { class: "axis", d: `M${plot.left} ${plot.top}H${plot.right}` }),
    svg("text", { class: "title", x: (plot.left + plot.right) / 2, y: 15, "text-anchor": "middle" }, "training cells that the rest of the budget buys"));
}

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
})();
