/* ---- colours -------------------------------------------------------------------------- */

const mixer = (stops) => (t) => {
  const place = Math.max(0, Math.min(1, t ?? 0)) * (stops.length - 1);
  const i = Math.min(Math.floor(place), stops.length - 2);
  return `rgb(${stops[i].map((v, j) => Math.round(v + (stops[i + 1][j] - v) * (place - i))).join()})`;
};
const gradient = (color) => `background:linear-gradient(to right,${[0, 0.25, 0.5, 0.75, 1].map(color).join()})`;
const heat = mixer([[250, 216, 150], [238, 134, 60], [190, 50, 90], [95, 20, 105], [25, 5, 60]]);
const trust = mixer([[200, 80, 0], [222, 130, 60], [205, 190, 175], [95, 160, 205], [0, 88, 150]]);
const BAR = "#6e7781";

/* ---- map of features -------------------------------------------------------------------- */

function drawMap() {
  const box = $("feature-map");
  const width = Math.max(box.clientWidth, 240);
  const height = Math.round(Math.min(440, Math.max(300, width * 0.5)));
  const pad = 22;
  const xs = DATA.featureMap.map((p) => p[0]);
  const ys = DATA.featureMap.map((p) => p[1]);
  const span = (v) => [Math.min(...v), Math.max(Math.max(...v), Math.min(...v) + 1e-9)];
  /* one scale for both axes, so that distances compare */
  const [[left, right], [low, high]] = [span(xs), span(ys)];
  const unit = Math.min((width - 2 * pad) / (right - left), (height - 2 * pad) / (high - low));
  const x = (v) => width / 2 + unit * (v - (left + right) / 2);
  const y = (v) => height / 2 - unit * (v - (low + high) / 2);
  const most = Math.max(...FEATURES.map((f) => f.frequency), 1e-9);
  const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `Map of ${FEATURES.length} features; each is also a row of the index` });
  const order = [...FEATURES].sort((a, b) => b.frequency - a.frequency);
  root.append(...order.map((f) => svg("circle", { class: "dot", "data-dot": f.id,
    cx: px(x(xs[f.id])), cy: px(y(ys[f.id])), r: px(3 + 11 * Math.sqrt(f.frequency / most)),
    fill: f.seeds ? trust(f.seeds[1]) : BAR, "fill-opacity": 0.85,
    onclick: () => open(f.id), onpointerleave: hideTip,
    onpointermove: (event) => showTip([f.name, `active in ${share(f.frequency)} of cells`,
      ...(f.seeds ? [`worst match in other seeds: r ${fixed(f.seeds[1])}`] : [])], event.clientX, event.clientY) })));
  box.replaceChildren(root);
  $("map-legend").replaceChildren(HAS.seeds
    ? el("span", { class: "scale" }, "match in the worst seed: r 0", el("span", { class: "ramp", style: gradient(trust) }), "1")
    : el("span", {}, "stability is not known"), el("span", {}, "area: share of cells"));
  $("map-note").textContent = `First two principal components of the unit decoder directions; they hold ${share(DATA.featureMapShare)} of their spread, so that features far apart here differ, and features close by may not be alike: a panel lists the true neighbours. Click a dot to open it.`;
}
function markMap() {
  const there = new Set(shown.map((f) => f.id));
  for (const dot of document.querySelectorAll("[data-dot]")) dot.classList.toggle("away", !there.has(+dot.dataset.dot));
}

/* ---- map of cells ----------------------------------------------------------------------- */

let places = null;
function drawCells(canvas, f) {
  places ??= [shorts(DATA.x), shorts(DATA.y)];
  const [xs, ys] = places;
  const width = Math.max(canvas.clientWidth, 200);
  const [w, h] = DATA.mapSize.map((v) => Math.max(v, 0.05));
  const pad = 12;
  const scale = Math.min((width - 2 * pad) / w, (0.9 * width - 2 * pad) / h);
  const height = Math.round(scale * h + 2 * pad);
  const ratio = Math.min(devicePixelRatio || 1, 2);
  canvas.style.height = `${height}px`;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const left = (width - scale * w) / 2;
  const at = (x, y) => [left + x * scale, height - pad - y * scale];
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const size = DATA.nMapped > 20000 ? 1.4 : DATA.nMapped > 4000 ? 2 : DATA.nMapped > 1000 ? 2.4 : 3.2;
  const cells = shorts(f.cells);
  const values = bytes(f.values);
  const on = new Set(cells);
  const dot = (i, side) => {
    const [x, y] = at(xs[i] / 65535, ys[i] / 65535);
    pen.fillRect(x - side / 2, y - side / 2, side, side);
  };
  pen.fillStyle = "#d9dee3";
  for (let i = 0; i < xs.length; i++) if (!on.has(i)) dot(i, size);
  const order = [...cells.keys()].sort((a, b) => values[a] - values[b]);
  for (const k of order) {
    pen.fillStyle = heat(values[k] / 255);
    dot(cells[k], size * 1.25);
  }
  /* names of the labels that the feature is highest in, those that fit beside each other */
  const top = (f.boxes ?? []).slice(0, 4).map(([name]) => DATA.spots.find((s) => s[0] === name)).filter(Boolean);
  const taken = [];
  pen.font = "600 12.5px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.lineJoin = "round";
  for (const [name, sx, sy] of top) {
    const [x, y] = at(sx, sy);
    const text = name.length > 24 ? `${name.slice(0, 23)}…` : name;
    const half = pen.measureText(text).width / 2;
    const cx = Math.max(half + 4, Math.min(width - half - 4, x));
    if (taken.some(([tx, ty, other]) => Math.abs(tx - cx) < half + other + 4 && Math.abs(ty - y) < 16)) continue;
    taken.push([cx, y, half]);
    pen.strokeStyle = "#fff";
    pen.lineWidth = 4;
    pen.strokeText(text, cx, y);
    pen.fillStyle = "#1b1f24";
    pen.fillText(text, cx, y);
  }
}

/* ---- histogram, boxes, bars ---------------------------------------------------------------- */

/* Silent cells have a bar and a number of their own; the scale is of the active ones. */
function drawHistogram(box, f) {
  const width = Math.max(box.clientWidth, 240);
  const [height, left, bottom, top] = [210, 46, 172, 24];
  const [silent, ...counts] = f.hist;
  const most = Math.max(...counts, 1);
  const zero = left + 34;
  const x = linScale([0, f.max || 1], [zero + 14, width - 14]);
  const y = linScale([0, most], [bottom, top]);
  const root = svg("svg", { class: "bars", width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `${silent} of ${DATA.nCells} cells are silent; the others from 0 to ${num(f.max)}` });
  for (const v of linTicks([0, most], 3)) root.append(
    svg("line", { class: "rule", x1: left, x2: width - 14, y1: px(y(v)), y2: px(y(v)) }),
    svg("text", { x: left - 6, y: px(y(v) + 4), "text-anchor": "end" }, num(v)));
  const step = (f.max || 1) / counts.length;
  const over = silent > most;
  root.append(svg("rect", { class: "silent", x: left + 4, width: 26, y: px(over ? top - 8 : y(silent)), height: px(bottom - (over ? top - 8 : y(silent))) }));
  if (over) root.append(svg("path", { d: `M${left + 1} ${top + 5}l32 -8v7l-32 8z`, fill: "#fff" }));
  root.append(
    svg("text", { class: "value", x: left + 36, y: top - 4 }, `${silent.toLocaleString("en-US")} silent (${share(silent / DATA.nCells)})`),
    ...counts.map((n, i) => svg("rect", { x: px(x(i * step) + 0.5), width: px(Math.max(1, x(step) - x(0) - 1)), y: px(y(n)), height: px(bottom - y(n)) })),
    svg("text", { x: left + 17, y: bottom + 16, "text-anchor": "middle" }, "0"),
    ...linTicks([0, f.max || 1], Math.max(3, width / 110)).slice(1).map((v) => svg("text", { x: px(x(v)), y: bottom + 16, "text-anchor": "middle" }, num(v))),
    svg("path", { class: "axis", d: `M${left} ${bottom}H${width - 14}` }),
    svg("text", { class: "title", transform: `translate(11 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, "cells"),
    svg("text", { class: "title", x: (zero + width) / 2, y: height - 4, "text-anchor": "middle" }, "activation"));
  box.replaceChildren(root);
}

/* Rows of a name, something drawn, and words at the end. */
function rows(box, entries, { label, min = 0, max, title, draw, words }) {
  const width = Math.max(box.clientWidth, 240);
  const names = Math.min(150, width * 0.32);
  const end = words ? 64 : 10;
  const high = 22;
  const height = entries.length * high + (title ? 40 : 8);
  const ends = [min, max || 1];
  const x = linScale(ends, [names + 8, width - end]);
  const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  const fits = Math.floor(names / 7.6);
  entries.forEach((entry, i) => {
    const middle = i * high + high / 2;
    const name = String(entry[0]);
    root.append(svg("text", { class: "name", x: names, y: px(middle + 4), "text-anchor": "end" },
      name.length > fits ? `${name.slice(0, fits - 1)}…` : name, svg("title", {}, name)),
    ...draw(entry, x, middle));
    if (words) root.append(svg("text", { x: width - end + 6, y: px(middle + 4) }, words(entry)));
  });
  if (title) {
    const bottom = entries.length * high;
    root.append(svg("path", { class: "axis", d: `M${px(x(min))} ${bottom}H${px(x(ends[1]))}` }),
      ...linTicks(ends, Math.max(3, (width - names) / 110)).map((v) => svg("text", { x: px(x(v)), y: bottom + 15, "text-anchor": "middle" }, num(v))),
      svg("text", { class: "title", x: px((x(min) + x(ends[1])) / 2), y: bottom + 34, "text-anchor": "middle" }, title));
  }
  box.replaceChildren(root);
}
function drawBoxes(box, f) {
  rows(box, f.boxes, { label: `Activation by ${DATA.label}`, max: Math.max(...f.boxes.map((b) => b[7]), 1e-9),
    title: "activation", words: (b) => share(b[2]),
    draw: (b, x, y) => [
      svg("line", { x1: px(x(b[3])), x2: px(x(b[7])), y1: y, y2: y, stroke: BAR }),
      svg("rect", { x: px(x(b[4])), width: px(Math.max(1, x(b[6]) - x(b[4]))), y: y - 6, height: 12, fill: "#dbe9f3", stroke: "#0072b2" }),
      svg("line", { x1: px(x(b[5])), x2: px(x(b[5])), y1: y - 6, y2: y + 6, stroke: "#00406a", "stroke-width": 2.5 })] });
}
function drawBars(box, f, k) {
  const { name, values, n } = DATA.categories[k];
  const [mean, active] = f.bars[k];
  const entries = values.map((v, i) => [v, mean[i], active[i], n[i]]);
  rows(box, entries, { label: `Mean activation by ${name}`, max: Math.max(...mean, 1e-9), title: "mean activation",
    words: (e) => share(e[2]),
    draw: (e, x, y) => [svg("rect", { x: px(x(0)), width: px(x(e[1]) - x(0)), y: y - 7, height: 14, fill: "#0072b2", "fill-opacity": 0.75 },
      svg("title", {}, `${e[0]}: ${e[3].toLocaleString("en-US")} cells`))] });
}
/* Genes that go up to the right of zero, those that go down to the left. */
function drawMoves(box, f) {
  const entries = f.moves.map(([i, lfc]) => [DATA.genes[i], lfc]);
  const all = entries.map((e) => e[1]);
  rows(box, entries, { label: "Change of genes when the feature is switched on",
    min: Math.min(...all, 0), max: Math.max(...all, 0) || 1e-9, title: "log fold change", words: (e) => fixed(e[1]),
    draw: (e, x, y) => [svg("rect", { x: px(Math.min(x(0), x(e[1]))), width: px(Math.max(1, Math.abs(x(e[1]) - x(0)))), y: y - 7, height: 14,
      fill: e[1] < 0 ? "#b45f06" : "#0072b2", "fill-opacity": 0.75 })] });
}
