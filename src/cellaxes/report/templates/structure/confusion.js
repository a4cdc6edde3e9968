/* ---- confusions at the level of lineages ------------------------------------------------- */

function drawConfusion() {
  const { names, cells } = DATA.confusion;
  const options = Object.keys(cells).map((name) => [name, called(name)]);
  choices($("confused"), options, state.shown, (value) => { state.shown = value; drawConfusion(); });
  const table = cells[state.shown];
  const n = names.length;
  const box = $("confusion");
  const width = Math.max(box.clientWidth, 280);
  const fits = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
  const letters = width < 500 ? 15 : 26;
  const longest = Math.max(...names.map((name) => fits(name, letters).length));
  const [left, right] = [Math.ceil(longest * 6.9) + 12, 62];
  const top = Math.ceil(longest * 5.2) + 14;
  const size = Math.max(21, Math.min(40, Math.floor((width - left - right) / n)));
  const [w, h] = [left + n * size + right, top + n * size + 6];
  const root = svg("svg", { width: w, height: h, viewBox: `0 0 ${w} ${h}`, role: "img",
    "aria-label": `Confusions of ${called(state.shown)}: ${names.map((name, i) => `${name} ${percent(table[i][i] / sum(table[i]), 0)} right`).join(", ")}` });
  names.forEach((name, i) => {
    const at = left + i * size + size / 2;
    const y = top + i * size + size / 2 + 4;
    root.append(
      svg("text", { class: "name", x: left - 6, y: px(y), "text-anchor": "end" }, fits(name, letters), svg("title", {}, name)),
      svg("text", { class: "name", transform: `translate(${px(at + 4)} ${top - 6}) rotate(-50)` }, fits(name, letters), svg("title", {}, name)),
      svg("text", { x: w - right + 8, y: px(y) }, sum(table[i]).toLocaleString("en-US")));
  });
  table.forEach((row, i) => row.forEach((count, j) => {
    const of = count / Math.max(sum(row), 1);
    const [x, y] = [left + j * size, top + i * size];
    root.append(svg("rect", { x: x + 0.5, y: y + 0.5, width: size - 1, height: size - 1, "data-cell": `${i},${j}`,
      fill: count ? `rgba(${css("--cell")}, ${(0.06 + 0.94 * of).toFixed(3)})` : css("--tint"), onpointerleave: hideTip,
      onpointermove: (event) => showTip([`${names[i]} called ${names[j]}`, `${count.toLocaleString("en-US")} of ${sum(row).toLocaleString("en-US")} calls, ${percent(of)}`], event.clientX, event.clientY) }));
    if (of >= 0.005) root.append(svg("text", { x: px(x + size / 2), y: px(y + size / 2 + 4), "text-anchor": "middle", "pointer-events": "none",
      style: `fill:${of > 0.55 ? css("--paper") : css("--ink")};font-size:${size < 28 ? 10 : 12}px` }, Math.round(100 * of)));
  }));
  root.append(svg("text", { x: w - right + 8, y: top - 6 }, "calls"));
  box.replaceChildren(root);
}
const sum = (values) => values.reduce((a, b) => a + b, 0);
