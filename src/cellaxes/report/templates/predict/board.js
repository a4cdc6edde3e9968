/* ---- the leaderboard -------------------------------------------------------------------- */

function drawBoard() {
  const { metric, scale, rows } = state;
  const lines = DATA.board[scale][rows]?.[metric] ?? DATA.board[scale].all[metric];
  const against = DATA.against[scale][rows]?.[metric] ?? DATA.against[scale].all[metric];
  const said = DATA.metrics[metric];
  $("metric-said").textContent = `${metric}: ${said.description}. ${better(metric)}. ${said.limits ? `Beware: ${said.limits}.` : ""}`;
  const known = lines.filter((line) => line[1] !== null);
  const start = known.find((line) => line[0] === against)?.[1] ?? null;
  const span = ([, value, gap, low, up]) => (gap === null || low === null ? [value, value] : [value + low - gap, value + up - gap]);
  const box = $("board");
  drawTable(lines, against);
  if (!known.length) return box.replaceChildren(nothing());
  const width = Math.max(box.clientWidth, 280);
  const top = 8;
  const fit = rowsOf(width, known.map(([name]) => clip(name, 40)), 24, 62);
  const { high } = fit;
  const bottom = top + known.length * high;
  const able = known.filter(([name]) => !isControl(name));
  const axis = ends((able.length ? able : known).flatMap(span), known.filter(([name]) => isControl(name)).flatMap(span));
  const x = linScale(axis, [fit.left, fit.end]);
  const inside = (v) => Math.max(axis[0], Math.min(axis[1], v));
  const root = svg("svg", { width, height: bottom + 38, viewBox: `0 0 ${width} ${bottom + 38}`, role: "img",
    "aria-label": `${metric}, ${scaleName(scale)}, ${subsetName(rows)}: ${known.map(([name, v]) => `${name} ${fixed(v)}`).join(", ")}` });
  for (const v of linTicks(axis, Math.max(2, (fit.end - fit.left) / 90))) root.append(
    svg("line", { class: "rule", x1: px(x(v)), x2: px(x(v)), y1: top, y2: bottom }),
    svg("text", { x: px(x(v)), y: bottom + 16, "text-anchor": "middle" }, num(v, 4)));
  if (start !== null) root.append(svg("line", { class: "start", x1: px(x(start)), x2: px(x(start)), y1: top, y2: bottom }));
  known.forEach((line, i) => {
    const [name, value, gap, low, up, sd] = line;
    const row = top + i * high + high / 2;
    const y = fit.middle(row);
    const strong = kind(name) === "own" || name === against;
    const far = value < axis[0] ? -1 : value > axis[1] ? 1 : 0;
    const [from, to] = span(line).map(inside);
    const tell = (event) => showTip([name, DATA.entries[name].said, `${DATA.entries[name].kind}: ${fixed(value)}${sd === null || DATA.nDraws < 2 ? "" : `, sd between draws ${num(sd, 2)}`}`,
      gap === null ? (name === against ? "the best baseline" : "") : `less ${against}: ${signed(gap)} [${signed(low)}, ${signed(up)}]`].filter(Boolean), event.clientX, event.clientY);
    root.append(svg("g", { class: kind(name), "data-row": name, onpointermove: tell, onpointerleave: hideTip },
      svg("rect", { x: 0, width, y: row - high / 2, height: high, fill: "transparent" }),
      fit.name(clip(name, 40), row, strong),
      far ? svg("path", { class: "away", d: `M${px(x(inside(value)) - far * 5)} ${y - 5}L${px(x(inside(value)) + far * 3)} ${y}L${px(x(inside(value)) - far * 5)} ${y + 5}Z` }) : null,
      far ? null : svg("line", { class: "range", x1: px(x(from)), x2: px(x(to)), y1: y, y2: y }),
      far ? null : mark(name, x(value), y),
      fit.value(fixed(value), row, strong)));
  });
  root.append(svg("path", { class: "axis", d: `M${fit.left} ${bottom}H${fit.end}` }),
    svg("text", { x: px((fit.left + fit.end) / 2), y: bottom + 33, "text-anchor": "middle" }, `${metric}${better(metric) ? ` (${better(metric)})` : ""}`));
  box.replaceChildren(root);
}

function drawTable(lines, against) {
  const scaled = lines.some((line) => line[6] !== null);
  const head = ["", "model", "kind", state.metric, ...(DATA.nDraws > 1 ? ["sd between draws"] : []), `less ${against}`, ...(scaled ? ["scaled"] : [])];
  $("board-table").replaceChildren(
    el("thead", {}, el("tr", {}, ...head.map((text, i) => el("th", { scope: "col", class: i === 1 || i === 2 ? "left" : null }, text)))),
    el("tbody", {}, ...lines.map(([name, value, gap, low, up, sd, part], i) => el("tr", { class: kind(name) === "own" ? "own" : null },
      el("td", {}, i + 1), el("td", { class: "left" }, name), el("td", { class: "left soft" }, DATA.entries[name].kind),
      el("td", {}, fixed(value)), ...(DATA.nDraws > 1 ? [el("td", { class: "soft" }, sd === null ? "–" : num(sd, 2))] : []),
      el("td", {}, gap === null ? (name === against ? "best baseline" : "–") : [signed(gap), " ", el("span", { class: "soft" }, `[${signed(low)}, ${signed(up)}]`)]),
      ...(scaled ? [el("td", {}, part === null ? "–" : num(part, 2))] : [])))));
}
