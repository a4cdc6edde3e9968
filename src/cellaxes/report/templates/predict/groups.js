/* ---- by context and by mechanism ------------------------------------------------------------- */

/* Groups differ more than models do, so scores are shown less that of the best baseline. */
function drawGroups() {
  const by = DATA.by[state.group];
  if (!by?.groups.length) return;
  const metric = rowMetric();
  const against = DATA.against[state.scale].all[metric];
  const at = by.models.indexOf(against);
  const own = by.values[state.scale][metric] ?? by.groups.map(() => by.models.map(() => null));
  const start = own.map((row) => row[at]);
  const values = own.map((row) => row.map((v) => (v === null || row[at] === null ? null : v - row[at])));
  const good = DATA.metrics[metric].best === 0 ? "left of the dashed line is better" : "right of the dashed line is better";
  $("group-said").textContent = `${metric}, ${scaleName(state.scale)}, less that of ${against}, the best baseline over all rows: ${good}. Its own score stands on the right.`;
  const box = $("groups");
  if (values.every((row) => row.every((v) => v === null))) return box.replaceChildren(nothing());
  const width = Math.max(box.clientWidth, 280);
  const top = 24;
  const fit = rowsOf(width, by.groups.map((g) => clip(g, 40)), 25, 170);
  const { high } = fit;
  const bottom = top + by.groups.length * high;
  const axis = ends(values.flatMap((row) => row.filter((v, j) => v !== null && !isControl(by.models[j]))), []);
  const x = linScale(axis, [fit.left, fit.end]);
  const root = svg("svg", { width, height: bottom + 38, viewBox: `0 0 ${width} ${bottom + 38}`, role: "img",
    "aria-label": `${metric} of ${against} by ${state.group}: ${by.groups.map((g, i) => `${g} ${fixed(start[i])}`).join(", ")}` });
  root.append(svg("text", { x: width - 2, y: 14, "text-anchor": "end" }, "score (compounds, rows)"));
  for (const v of linTicks(axis, Math.max(2, (fit.end - fit.left) / 90))) root.append(
    svg("line", { class: "rule", x1: px(x(v)), x2: px(x(v)), y1: top, y2: bottom }),
    svg("text", { x: px(x(v)), y: bottom + 16, "text-anchor": "middle" }, num(v, 4)));
  root.append(svg("line", { class: "start", x1: px(x(0)), x2: px(x(0)), y1: top, y2: bottom }));
  by.groups.forEach((group, i) => {
    const row = top + i * high + high / 2;
    const y = fit.middle(row);
    const shown = by.models.map((name, j) => [name, values[i][j]]).filter(([, v]) => v !== null && v >= axis[0] && v <= axis[1]);
    const goal = DATA.metrics[metric].best;
    const ranked = shown.filter(([name]) => !isControl(name)).sort((a, b) => Math.abs(a[1] + start[i] - goal) - Math.abs(b[1] + start[i] - goal));
    const tell = (event) => showTip([group, `${by.n_compounds[i]} compounds, ${by.n_rows[i]} rows`, `${against} ${fixed(start[i])}`,
      ...MODELS.map((name) => [name, values[i][by.models.indexOf(name)]]).filter(([, v]) => v !== null && v !== undefined).map(([name, v]) => `${name} ${fixed(v + start[i])} (${signed(v)})`),
      ...(ranked.length ? [`best here: ${ranked[0][0]} ${fixed(ranked[0][1] + start[i])}`] : [])], event.clientX, event.clientY);
    const [few, given] = [shown.filter(([name]) => name !== against && kind(name) !== "own"), shown.filter(([name]) => kind(name) === "own")];
    root.append(svg("g", { "data-group": group, onpointermove: tell, onpointerleave: hideTip },
      svg("rect", { x: 0, width, y: row - high / 2, height: high, fill: "transparent" }),
      fit.name(clip(group, 40), row, false),
      ...few.map(([name, v]) => mark(name, x(v), y, 3.5)),
      start[i] === null ? null : svg("circle", { class: "spot lead", cx: px(x(0)), cy: y, r: 4.5 }),
      ...given.map(([name, v]) => svg("circle", { class: `spot m${MODELS.indexOf(name) % 4}`, cx: px(x(v)), cy: y, r: 6 })),
      fit.value(`${fixed(start[i])} (${by.n_compounds[i]}, ${by.n_rows[i]})`, row, false)));
  });
  root.append(svg("path", { class: "axis", d: `M${fit.left} ${bottom}H${fit.end}` }),
    svg("text", { x: px((fit.left + fit.end) / 2), y: bottom + 33, "text-anchor": "middle" }, `${metric}, less the best baseline`));
  box.replaceChildren(root);
  $("group-legend").replaceChildren(
    el("span", {}, el("span", { class: "key lead" }), `${against}, the best baseline`),
    ...MODELS.map((name, i) => el("span", {}, el("span", { class: `key m${i % 4}` }), name)),
    el("span", {}, el("span", { class: "key other" }), "other baselines"), el("span", {}, el("span", { class: "key control" }), "controls"));
}
