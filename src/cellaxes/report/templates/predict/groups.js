/* ---- by context and by mechanism ------------------------------------------------------------- */

function drawGroups() {
  const by = DATA.by[state.group];
  if (!by?.groups.length) return;
  const metric = rowMetric();
  const values = by.values[state.scale][metric];
  const against = DATA.against[state.scale].all[metric];
  const seen = new Set([against, ...MODELS, ...(MODELS.length ? [] : [DATA.best])]);
  $("group-said").textContent = `${metric}, ${scaleName(state.scale)}; ${better(metric)}. Grey dots: every other baseline; rings: controls.`;
  const box = $("groups");
  const width = Math.max(box.clientWidth, 280);
  const narrow = width < 560;
  const most = narrow ? 18 : 44;
  const names = Math.ceil(Math.max(...by.groups.map((g) => clip(g, most).length), 6) * (narrow ? 6.4 : 7)) + 8;
  const [right, high, top] = [narrow ? 34 : 110, 25, 22];
  const bottom = top + by.groups.length * high;
  const at = (name) => by.models.indexOf(name);
  const must = values.flatMap((row) => row.filter((v, j) => v !== null && !isControl(by.models[j])));
  const axis = ends(must, []);
  const x = linScale(axis, [names + 10, width - right]);
  const root = svg("svg", { width, height: bottom + 38, viewBox: `0 0 ${width} ${bottom + 38}`, role: "img",
    "aria-label": `${metric} by ${state.group}: ${by.groups.map((g, i) => `${g} ${against} ${fixed(values[i][at(against)])}`).join(", ")}` });
  root.append(svg("text", { x: width - 2, y: 14, "text-anchor": "end" }, narrow ? "n" : "compounds, rows"));
  for (const v of linTicks(axis, Math.max(2, (width - names - right) / 90))) root.append(
    svg("line", { class: "rule", x1: px(x(v)), x2: px(x(v)), y1: top, y2: bottom }),
    svg("text", { x: px(x(v)), y: bottom + 16, "text-anchor": "middle" }, num(v, 4)));
  by.groups.forEach((group, i) => {
    const y = top + i * high + high / 2;
    const row = values[i];
    const shown = by.models.map((name, j) => [name, row[j]]).filter(([, v]) => v !== null && v >= axis[0] && v <= axis[1]);
    const ranked = shown.filter(([name]) => !isControl(name)).sort((a, b) => Math.abs(a[1] - DATA.metrics[metric].best) - Math.abs(b[1] - DATA.metrics[metric].best));
    const tell = (event) => showTip([group, `${by.n_compounds[i]} compounds, ${by.n_rows[i]} rows`,
      ...[...seen].filter((name) => at(name) >= 0).map((name) => `${name} ${fixed(row[at(name)])}`),
      ...(ranked.length ? [`best here: ${ranked[0][0]} ${fixed(ranked[0][1])}`] : [])], event.clientX, event.clientY);
    root.append(svg("g", { "data-group": group, onpointermove: tell, onpointerleave: hideTip },
      svg("rect", { x: 0, width, y: y - high / 2, height: high, fill: "transparent" }),
      svg("text", { class: "name", x: names, y: px(y + 4), "text-anchor": "end" }, clip(group, most), svg("title", {}, group)),
      ...shown.filter(([name]) => !seen.has(name)).map(([name, v]) => mark(name, x(v), y, 3)),
      ...shown.filter(([name]) => seen.has(name)).map(([name, v]) => svg("circle", { class: `spot ${name === against ? "lead" : kind(name) === "own" ? `m${MODELS.indexOf(name) % 4}` : "other"}`, cx: px(x(v)), cy: px(y), r: 6 })),
      svg("text", { x: width - 2, y: px(y + 4), "text-anchor": "end" }, narrow ? by.n_rows[i] : `${by.n_compounds[i]}, ${by.n_rows[i]}`)));
  });
  root.append(svg("path", { class: "axis", d: `M${names + 10} ${bottom}H${width - right}` }),
    svg("text", { x: px((names + 10 + width - right) / 2), y: bottom + 33, "text-anchor": "middle" }, metric));
  box.replaceChildren(root);
  $("group-legend").replaceChildren(
    el("span", {}, el("span", { class: "key lead" }), `${against}, the best baseline`),
    ...MODELS.map((name, i) => el("span", {}, el("span", { class: `key m${i % 4}` }), name)));
}
