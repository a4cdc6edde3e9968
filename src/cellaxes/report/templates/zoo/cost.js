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
  const fits = `Solid inside the measured range, where the joint law of ${gridName(grid)} has an R² of ${num(grid.r2)} on the measured means; dashed outside`;
  why.textContent = grid.ok ? `${fits}.` : `${fits}, where it says little, since it is not identified: ${grid.why}.`;
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
    svg("path", { class: "law unsure", stroke: color, d: path(line.map(([u, v]) => [x(u), y(v)])) }),
    svg("path", { class: "law", stroke: color, d: path(line.filter(([u]) => u >= from && u <= to).map(([u, v]) => [x(u), y(v)])) }),
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
