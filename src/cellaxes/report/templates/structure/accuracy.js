/* ---- accuracy of each embedding, a panel per level -------------------------------------- */

function drawAccuracy() {
  const dims = DATA.accuracy[DATA.method][LEVELS[0]].map((row) => row[0]);
  choices($("prefixes"), dims.map((m, i) => [i, i === LAST ? `whole (${m})` : `prefix ${i + 1} (${m})`]), state.prefix,
    (value) => { state.prefix = value; drawAccuracy(); });
  $("hollow").hidden = state.prefix === LAST;
  const boxes = DATA.levels.map(() => el("div", {}));
  $("accuracy").replaceChildren(...boxes);
  DATA.levels.forEach(([level, title], i) => drawPanel(boxes[i], level, title));
}

function drawPanel(box, level, title) {
  const width = Math.max(box.clientWidth, 260);
  const [names, end, top, high] = [92, 54, 30, 23];
  const bottom = top + NAMES.length * high;
  const shown = NAMES.map((name) => [name, ...entry(name, level)]);
  const all = shown.flatMap(([, now, whole]) => [...now.slice(1), whole[1]]).filter((v) => v !== null);
  const room = Math.max(0.01, 0.06 * (Math.max(...all) - Math.min(...all)));
  const ends = [Math.max(0, Math.min(...all) - room), Math.min(1, Math.max(...all) + room)];
  const x = linScale(ends, [names + 10, width - end]);
  const root = svg("svg", { width, height: bottom + 38, viewBox: `0 0 ${width} ${bottom + 38}`, role: "img",
    "aria-label": `Accuracy at ${title}: ${shown.map(([name, now]) => `${called(name)} ${percent(now[1])}`).join(", ")}` });
  root.append(svg("text", { class: "title strong", x: 2, y: 17 }, `${title[0].toUpperCase()}${title.slice(1)}`));
  for (const v of linTicks(ends, Math.max(3, (width - names) / 90))) root.append(
    svg("line", { class: "rule", x1: px(x(v)), x2: px(x(v)), y1: top, y2: bottom }),
    svg("text", { x: px(x(v)), y: bottom + 16, "text-anchor": "middle" }, num(100 * v, 4)));
  const start = entry(UNTOUCHED, level)[1][1];
  root.append(svg("line", { class: "start", x1: px(x(start)), x2: px(x(start)), y1: top, y2: bottom }));
  shown.forEach(([name, now, whole], i) => {
    const y = top + i * high + high / 2;
    const [prefix, value, low, up] = now;
    const tell = (event) => showTip([called(name), SAID[name], `${title}, ${prefix} dimensions: ${percent(value)} (${percent(low)} to ${percent(up)})`,
      ...(prefix === whole[0] ? [] : [`full vector: ${percent(whole[1])}`])], event.clientX, event.clientY);
    root.append(svg("g", { class: kind(name), "data-row": name, onpointermove: tell, onpointerleave: hideTip },
      svg("rect", { x: 0, width, y: y - high / 2, height: high, fill: "transparent" }),
      svg("text", { class: kind(name) === "other" ? "name" : "name strong", x: names, y: px(y + 4), "text-anchor": "end" }, called(name)),
      svg("line", { class: "range", x1: px(x(low)), x2: px(x(up)), y1: y, y2: y }),
      prefix === whole[0] ? null : svg("circle", { class: "whole", cx: px(x(whole[1])), cy: y, r: 4 }),
      svg("circle", { class: "spot", cx: px(x(value)), cy: y, r: 5.5 }),
      svg("text", { class: kind(name) === "other" ? "" : "strong", x: width - 2, y: px(y + 4), "text-anchor": "end" }, (100 * value).toFixed(1))));
  });
  root.append(svg("path", { class: "axis", d: `M${names + 10} ${bottom}H${width - end}` }),
    svg("text", { x: px((names + 10 + width - end) / 2), y: bottom + 33, "text-anchor": "middle" }, "cells called right, %"));
  box.replaceChildren(root);
}
