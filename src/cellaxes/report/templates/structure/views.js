/* ---- cells in two dimensions -------------------------------------------------------------- */

const CODES = shorts(DATA.codes);

function drawViews() {
  const canvases = DATA.views.map((view) => el("canvas", { role: "img", "aria-label": `Cells in the plane of ${view.name}` }));
  $("views").replaceChildren(...DATA.views.map((view, i) => el("div", {},
    el("h3", {}, `${view.name[0].toUpperCase()}${view.name.slice(1)}`), canvases[i],
    el("p", { class: "soft" }, `Two principal components hold ${percent(view.held, 0)} of the variance.`))));
  canvases.forEach((canvas, i) => drawView(canvas, DATA.views[i]));
  const named = DATA.groups.slice(0, COLORS.length);
  const rest = DATA.groups.length - named.length;
  $("view-legend").replaceChildren(
    ...named.map((name, i) => el("span", {}, el("span", { class: "key", style: `background:${color(i)}` }), name)),
    rest ? el("span", {}, el("span", { class: "key", style: `background:${color(COLORS.length)}` }), `${rest} others`) : "");
  const drawn = DATA.nDrawn.toLocaleString("en-US");
  $("view-note").textContent = `Coloured by level 1; ${DATA.nDrawn < DATA.nCells ? `${drawn} of ${DATA.nCells.toLocaleString("en-US")} cells, drawn by chance` : `${drawn} cells`}. The adapter was fitted to these cells: how they look is no evidence, the accuracies above are of cells that were held out.`;
}

function drawView(canvas, view) {
  const width = Math.max(canvas.clientWidth, 200);
  const [w, h] = view.size.map((v) => Math.max(v, 0.05));
  const pad = 10;
  const scale = Math.min((width - 2 * pad) / w, (0.8 * width - 2 * pad) / h);
  const height = Math.round(0.8 * width);
  const ratio = Math.min(devicePixelRatio || 1, 2);
  canvas.style.height = `${height}px`;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const [left, base] = [(width - scale * w) / 2, (height + scale * h) / 2];
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const [xs, ys] = [shorts(view.x), shorts(view.y)];
  const size = xs.length > 3000 ? 2.2 : xs.length > 800 ? 3 : 4;
  pen.globalAlpha = 0.75;
  /* in the order of the file, so that no group covers the others; strides mix sorted files */
  const stride = 7919;
  for (let k = 0; k < xs.length; k++) {
    const i = xs.length % stride ? (k * stride) % xs.length : k;
    pen.fillStyle = color(CODES[i]);
    pen.fillRect(left + scale * xs[i] / 65535 - size / 2, base - scale * ys[i] / 65535 - size / 2, size, size);
  }
}

/* ---- information against depth ------------------------------------------------------------- */

function drawCurves() {
  if (!DATA.curves.length) return;
  const panels = [...new Set(DATA.curves.map((c) => `${c.model}, ${c.n_train.toLocaleString("en-US")} training cells`))];
  const boxes = panels.map(() => el("div", {}));
  $("curves").replaceChildren(...boxes);
  panels.forEach((title, i) => drawDepth(boxes[i], title, DATA.curves.filter((c) => `${c.model}, ${c.n_train.toLocaleString("en-US")} training cells` === title)));
  const levels = [...new Set(DATA.curves.map((c) => c.level))];
  $("curve-legend").replaceChildren(...levels.map((level) => el("span", {},
    el("span", { class: "key", style: `background:${color(LEVELS.indexOf(level))}` }), level.replace("level", "level "))));
}

function drawDepth(box, title, curves) {
  const width = Math.max(box.clientWidth, 260);
  const [height, left, right, top] = [290, 44, 14, 30];
  const bottom = height - 42;
  const depths = curves.flatMap((c) => c.points.map((p) => p[0]));
  const most = Math.max(...curves.flatMap((c) => c.points.map((p) => p[1])), 0.1);
  const least = Math.min(0, ...curves.flatMap((c) => c.points.map((p) => p[1])));
  const ends = [Math.log10(Math.min(...depths)), Math.log10(Math.max(...depths))];
  const at = linScale(ends[0] === ends[1] ? [ends[0] - 0.5, ends[1] + 0.5] : ends, [left + 8, width - right - 6]);
  const x = (u) => at(Math.log10(u));
  const y = linScale([least, most * 1.05], [bottom, top]);
  const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `Information about each level against depth, ${title}` });
  root.append(svg("text", { class: "title strong", x: 2, y: 17 }, title));
  for (const v of linTicks([least, most * 1.05], 5)) root.append(
    svg("line", { class: "rule", x1: left, x2: width - right, y1: px(y(v)), y2: px(y(v)) }),
    svg("text", { x: left - 6, y: px(y(v) + 4), "text-anchor": "end" }, num(v)));
  for (let power = Math.ceil(ends[0]); power <= ends[1]; power++)
    root.append(svg("text", { x: px(x(10 ** power)), y: bottom + 16, "text-anchor": "middle" }, (10 ** power).toLocaleString("en-US")));
  for (const curve of curves) {
    const ink = color(LEVELS.indexOf(curve.level));
    root.append(svg("g", {}, curve.law.length ? svg("path", { class: "law", d: path(curve.law.map(([u, v]) => [x(u), y(v)])), stroke: ink }) : null,
      ...curve.points.map(([u, v]) => svg("circle", { cx: px(x(u)), cy: px(y(v)), r: 3.2, fill: ink, "fill-opacity": 0.75, onpointerleave: hideTip,
        onpointermove: (event) => showTip([curve.level.replace("level", "level "), `${num(v)} bits at ${num(u)} UMIs per cell`], event.clientX, event.clientY) }))));
  }
  root.append(svg("path", { class: "axis", d: `M${left} ${bottom}H${width - right}` }),
    svg("text", { x: px((left + width - right) / 2), y: height - 6, "text-anchor": "middle" }, "UMIs per cell (median)"),
    svg("text", { transform: `translate(11 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, "information, bits"));
  box.replaceChildren(root);
}
