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
