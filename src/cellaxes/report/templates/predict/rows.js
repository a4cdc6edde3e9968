/* ---- scores of single rows --------------------------------------------------------------------- */

function drawSpread() {
  const metric = rowMetric();
  const held = DATA.spread[state.scale][metric];
  const lines = DATA.board[state.scale].all[metric].map(([name]) => [name, held[name]]).filter(([, q]) => q && q[2] !== null);
  const box = $("spread");
  if (!lines.length) return box.replaceChildren(nothing());
  const width = Math.max(box.clientWidth, 280);
  const top = 26;
  const fit = rowsOf(width, lines.map(([name]) => clip(name, 34)), 20, 12);
  const { high } = fit;
  const bottom = top + lines.length * high;
  const able = lines.filter(([name]) => !isControl(name)).flatMap(([, q]) => q);
  const [low, up] = [Math.min(...able), Math.max(...able)];
  const axis = low === up ? [low - 0.5, up + 0.5] : [low - 0.03 * (up - low), up + 0.03 * (up - low)];
  const x = linScale(axis, [fit.left, fit.end]);
  const inside = (v) => px(x(Math.max(axis[0], Math.min(axis[1], v))));
  const root = svg("svg", { width, height: bottom + 22, viewBox: `0 0 ${width} ${bottom + 22}`, role: "img",
    "aria-label": `${metric} of test rows, median and quartiles: ${lines.map(([name, q]) => `${name} ${fixed(q[2])} (${fixed(q[1])} to ${fixed(q[3])})`).join(", ")}` });
  root.append(svg("text", { class: "title strong", x: 2, y: 15 }, `${metric} of test rows`));
  for (const v of linTicks(axis, Math.max(2, (fit.end - fit.left) / 90))) root.append(
    svg("line", { class: "rule", x1: px(x(v)), x2: px(x(v)), y1: top, y2: bottom }),
    svg("text", { x: px(x(v)), y: bottom + 16, "text-anchor": "middle" }, num(v, 4)));
  lines.forEach(([name, q], i) => {
    const row = top + i * high + high / 2;
    const y = fit.middle(row);
    root.append(svg("g", { class: kind(name), onpointerleave: hideTip, onpointermove: (event) =>
      showTip([name, `median ${fixed(q[2])}`, `half of the rows: ${fixed(q[1])} to ${fixed(q[3])}`, `nine in ten: ${fixed(q[0])} to ${fixed(q[4])}`], event.clientX, event.clientY) },
      svg("rect", { x: 0, width, y: row - high / 2, height: high, fill: "transparent" }),
      fit.name(clip(name, 34), row, false),
      svg("line", { class: "whisker", x1: inside(q[0]), x2: inside(q[4]), y1: y, y2: y }),
      svg("rect", { class: "box", x: inside(q[1]), width: Math.max(1, inside(q[3]) - inside(q[1])), y: y - 5, height: 10, rx: 2 }),
      svg("line", { class: "middle", x1: inside(q[2]), x2: inside(q[2]), y1: y - 6, y2: y + 6 })));
  });
  root.append(svg("path", { class: "axis", d: `M${fit.left} ${bottom}H${fit.end}` }));
  box.replaceChildren(root);
}

function drawScatter() {
  const part = DATA.scatter.find((one) => one.scale === state.scale) ?? DATA.scatter[0];
  const box = $("scatter");
  if (!state.other || !part.scores[state.other]) return;
  const [xs, ys] = [part.scores[DATA.best], part.scores[state.other]];
  const both = xs.map((v, i) => [v, ys[i], i]).filter(([a, b]) => a !== null && b !== null && !(part.scale !== "raw" && (a <= 0 || b <= 0)));
  const metric = METRICS[0];
  const logged = DATA.metrics[metric].best === 0 && both.every(([a, b]) => a > 0 && b > 0);
  const to = logged ? Math.log10 : (v) => v;
  const all = both.flatMap(([a, b]) => [to(a), to(b)]);
  const width = Math.min(Math.max(box.clientWidth, 260), 460);
  const [left, top, right, foot] = [52, 26, 12, 44];
  const height = width - left - right + top + foot;
  const [low, up] = [Math.min(...all), Math.max(...all)];
  const axis = [low - 0.04 * (up - low || 1), up + 0.04 * (up - low || 1)];
  const x = linScale(axis, [left, width - right]);
  const y = linScale(axis, [height - foot, top]);
  const wins = both.filter(([a, b]) => Math.abs(b - DATA.metrics[metric].best) < Math.abs(a - DATA.metrics[metric].best)).length;
  const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `${metric} of each test row: ${state.other} against ${DATA.best}; nearer to the truth in ${wins} of ${both.length} rows` });
  root.append(svg("text", { class: "title strong", x: 2, y: 15 }, `${clip(state.other, 28)}: nearer in ${wins} of ${both.length} rows`));
  const ticks = logged ? [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500].filter((v) => to(v) >= axis[0] && to(v) <= axis[1]) : linTicks(axis, 5);
  for (const v of ticks) root.append(
    svg("line", { class: "rule", x1: px(x(to(v))), x2: px(x(to(v))), y1: top, y2: height - foot }),
    svg("line", { class: "rule", x1: left, x2: width - right, y1: px(y(to(v))), y2: px(y(to(v))) }),
    svg("text", { x: px(x(to(v))), y: height - foot + 16, "text-anchor": "middle" }, num(v)),
    svg("text", { x: left - 6, y: px(y(to(v)) + 4), "text-anchor": "end" }, num(v)));
  root.append(svg("line", { class: "start", x1: x(axis[0]), y1: y(axis[0]), x2: x(axis[1]), y2: y(axis[1]) }));
  for (const [a, b, i] of both) root.append(svg("circle", { class: part.suspect[i] ? "point suspect" : "point", cx: px(x(to(a))), cy: px(y(to(b))), r: 3, onpointerleave: hideTip,
    onpointermove: (event) => showTip([`row ${part.row[i]}${part.suspect[i] ? ", suspect" : ""}`, `${DATA.best} ${fixed(a)}`, `${state.other} ${fixed(b)}`], event.clientX, event.clientY) }));
  root.append(svg("path", { class: "axis", d: `M${left} ${top}V${height - foot}H${width - right}` }),
    svg("text", { x: px((left + width - right) / 2), y: height - 8, "text-anchor": "middle" }, `${clip(DATA.best, 28)}, ${metric}`),
    svg("text", { transform: `translate(13 ${(top + height - foot) / 2}) rotate(-90)`, "text-anchor": "middle" }, clip(state.other, 28)));
  box.replaceChildren(root);
}

/* ---- intervals that were promised, and what they hold --------------------------------------------- */

function drawCalibration() {
  const box = $("calibration");
  if (!box) return;
  const lines = DATA.calibration.filter((line) => line.context === "all");
  const width = Math.min(Math.max(box.clientWidth, 260), 420);
  const [left, top, right, foot] = [46, 12, 12, 44];
  const height = width - left - right + top + foot;
  const x = linScale([0, 1], [left, width - right]);
  const y = linScale([0, 1], [height - foot, top]);
  const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `Coverage: ${lines.map((l) => `${l.model} ${Math.round(100 * l.coverage)} % in ${Math.round(100 * l.level)} %`).join(", ")}` });
  for (const v of [0, 0.25, 0.5, 0.75, 1]) root.append(
    svg("line", { class: "rule", x1: px(x(v)), x2: px(x(v)), y1: top, y2: height - foot }),
    svg("line", { class: "rule", x1: left, x2: width - right, y1: px(y(v)), y2: px(y(v)) }),
    svg("text", { x: px(x(v)), y: height - foot + 16, "text-anchor": v === 1 ? "end" : "middle" }, `${100 * v} %`),
    svg("text", { x: left - 5, y: px(y(v) + 4), "text-anchor": "end" }, `${100 * v}`));
  root.append(svg("line", { class: "start", x1: x(0), y1: y(0), x2: x(1), y2: y(1) }));
  for (const { model, level, coverage, split } of lines) root.append(svg("circle", { class: `spot m${MODELS.indexOf(model) % 4}`, cx: px(x(level)), cy: px(y(coverage)), r: 5, onpointerleave: hideTip,
    onpointermove: (event) => showTip([model, `promised ${Math.round(100 * level)} %, holds ${(100 * coverage).toFixed(1)} %${DATA.nDraws > 1 ? ` (draw ${split})` : ""}`], event.clientX, event.clientY) }));
  root.append(svg("path", { class: "axis", d: `M${left} ${top}V${height - foot}H${width - right}` }),
    svg("text", { x: px((left + width - right) / 2), y: height - 8, "text-anchor": "middle" }, "interval promises to hold"),
    svg("text", { transform: `translate(11 ${(top + height - foot) / 2}) rotate(-90)`, "text-anchor": "middle" }, "holds, %"));
  box.replaceChildren(root);
}
