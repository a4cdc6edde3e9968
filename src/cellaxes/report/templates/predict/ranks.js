/* ---- raw against clipped ------------------------------------------------------------------- */

function drawRanks() {
  if (!DATA.ranks.length || DATA.ranks[0].clipped === undefined) return;
  const box = $("ranks");
  const width = Math.min(Math.max(box.clientWidth, 280), 760);
  const narrow = width < 520;
  const [high, top] = [21, 26];
  const most = narrow ? 26 : 34;
  const side = widest(DATA.ranks.map((r) => `${clip(r.model, most)} 00`)) + 6;
  const bottom = top + DATA.ranks.length * high;
  const y = (rank) => top + (rank - 0.5) * high;
  const [left, right] = [side, width - (narrow ? 34 : side)]; /* on a phone names stand on the left alone */
  const root = svg("svg", { width, height: bottom + 6, viewBox: `0 0 ${width} ${bottom + 6}`, role: "img",
    "aria-label": `Places as measured and clipped: ${DATA.ranks.map((r) => `${r.model} ${r.raw} and ${r.clipped}`).join(", ")}` });
  root.append(svg("text", { class: "title strong", x: left, y: 15, "text-anchor": "end" }, "as measured"),
    svg("text", { class: "title strong", x: narrow ? width - 2 : right, y: 15, "text-anchor": narrow ? "end" : "start" }, narrow ? "clipped" : scaleName("clipped")));
  for (const { model, raw, clipped } of DATA.ranks) {
    const strong = kind(model) === "own" || raw === 1 || clipped === 1;
    const text = strong ? "name strong" : "name";
    root.append(svg("g", { class: kind(model) === "own" || !strong ? kind(model) : "lead", "data-rank": model, onpointerleave: hideTip,
      onpointermove: (event) => showTip([model, DATA.entries[model].said, `place ${raw} as measured, ${clipped} clipped`], event.clientX, event.clientY) },
      svg("line", { class: "slope", x1: left + 8, x2: right - 8, y1: px(y(raw)), y2: px(y(clipped)) }),
      mark(model, left + 8, y(raw), 4), mark(model, right - 8, y(clipped), 4),
      svg("text", { class: text, x: left, y: px(y(raw) + 4), "text-anchor": "end" }, `${clip(model, most)} ${raw}`),
      svg("text", { class: text, x: right, y: px(y(clipped) + 4) }, narrow ? clipped : `${clipped} ${clip(model, most)}`)));
  }
  box.replaceChildren(root);
}
