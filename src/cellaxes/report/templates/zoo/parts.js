/* ---- axes ----------------------------------------------------------------------------- */

const logScale = ([low, high], [from, to]) => {
  const scale = (v) => from + (to - from) * Math.log(v / low) / Math.log(high / low);
  scale.invert = (p) => low * (high / low) ** ((p - from) / (to - from));
  return scale;
};
/* Ticks of a logarithmic axis, as many as leave room for their labels. */
function logTicks([low, high], length) {
  const powers = [];
  for (let p = Math.floor(Math.log10(low)); p <= Math.log10(high); p++) powers.push(p);
  const choices = [[[1, 2, 5], 1], [[1, 3], 1], ...[1, 2, 3, 5, 10, 25].map((every) => [[1], every])];
  for (const [steps, every] of choices) {
    const ticks = powers.filter((p) => p % every === 0)
      .flatMap((p) => steps.map((step) => +`${step}e${p}`))
      .filter((v) => v >= low * 0.999 && v <= high * 1.001);
    if (ticks.length * 54 <= length) return ticks;
  }
  return [];
}

/* An empty plot with axes; returns its svg, the scales and a layer for what is drawn in it. */
function frame(box, { xDomain, yDomain, xTitle, yTitle, height, label, top = 10 }) {
  const width = Math.max(box.clientWidth, 240);
  const [left, right, bottom] = [58, width - 24, height - 46];
  const x = logScale(xDomain, [left, right]);
  const y = linScale(yDomain, [bottom, top]);
  const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label });
  for (const v of linTicks(yDomain, Math.max(3, (bottom - top) / 60))) root.append(
    svg("line", { class: "rule", x1: left, x2: right, y1: px(y(v)), y2: px(y(v)) }),
    svg("text", { x: left - 7, y: px(y(v) + 4), "text-anchor": "end" }, String(v).replace("-", "−")));
  for (const v of logTicks(xDomain, right - left)) root.append(
    svg("line", { class: "axis", x1: px(x(v)), x2: px(x(v)), y1: bottom, y2: bottom + 5 }),
    svg("text", { x: px(x(v)), y: bottom + 18, "text-anchor": "middle" }, tickLabel(v)));
  const clipId = `clip-${box.id}`;
  const layer = svg("g", { "clip-path": `url(#${clipId})` });
  root.append(
    svg("clipPath", { id: clipId }, svg("rect", { x: left, y: top - 4, width: right - left, height: bottom - top + 8 })),
    layer,
    svg("path", { class: "axis", d: `M${left} ${top}V${bottom}H${right}` }),
    svg("text", { class: "title", x: (left + right) / 2, y: height - 6, "text-anchor": "middle" }, xTitle),
    svg("text", { class: "title", transform: `translate(14 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, ...[yTitle].flat()));
  box.replaceChildren(root);
  return { root, layer, x, y, left, right, top, bottom };
}

/* ---- colours -------------------------------------------------------------------------- */

const RAMP = [[13, 8, 135], [126, 3, 168], [204, 71, 120], [240, 140, 60]];
function colorOf(roleName, index) {
  const role = NAMING.find((r) => r.role === roleName);
  if (!role) return DATA.colors[0];
  if (roleName === "size" && role.values.length > 1) {
    const t = index / (role.values.length - 1) * (RAMP.length - 1);
    const i = Math.min(Math.floor(t), RAMP.length - 2);
    const mix = RAMP[i].map((v, j) => Math.round(v + (RAMP[i + 1][j] - v) * (t - i)));
    return `rgb(${mix.join()})`;
  }
  return DATA.colors[index] ?? `hsl(${Math.round(index * 137.5) % 360} 65% 38%)`;
}
const curveColor = (curve) => {
  const i = place(state.color);
  return i < 0 ? DATA.colors[0] : colorOf(state.color, curve.key[i]);
};

/* ---- tip and highlight ---------------------------------------------------------------- */

function lawLines(curve) {
  if (!curve.law) return [`cannot be fitted: ${curve.why}`];
  return [
    `capacity ${bits(curve.law[1])} bits (${interval(curve.iMax, bits)})`,
    `sensitivity ${num(curve.law[0])} ${DATA.unit} (${interval(curve.uBar, num)})`,
    ...(curve.ok ? [] : [`not identified: ${curve.why}`]),
  ];
}

function highlight() {
  const id = hover >= 0 ? hover : state.pin;
  for (const node of document.querySelectorAll("[data-c]")) {
    node.classList.toggle("hi", +node.dataset.c === id);
    if (node.hasAttribute("aria-pressed")) node.setAttribute("aria-pressed", String(+node.dataset.c === state.pin));
  }
  for (const root of document.querySelectorAll(".plot svg")) root.classList.toggle("lit", id >= 0);
}
function setHover(id) {
  if (hover !== id) { hover = id; highlight(); }
}
function pin(id) {
  state.pin = state.pin === id ? -1 : id;
  highlight();
  drawPinned();
  saveHash();
}
function drawPinned() {
  const curve = CURVES[state.pin];
  $("pinned").replaceChildren(...(curve
    ? [el("b", {}, `Pinned: ${fullName(curve)}.`), el("span", {}, `${lawLines(curve).join("; ")}.`),
      el("button", { type: "button", onclick: () => pin(state.pin) }, "unpin")]
    : [el("span", { class: "soft" }, "Hover, tap or tab to a curve; arrow keys go from one to the next, Enter pins it.")]));
}

/* Curves of one plot as buttons: one stop for Tab, arrow keys between them. */
function reachable(groups, at) {
  groups.forEach((g, i) => {
    const id = +g.dataset.c;
    g.setAttribute("tabindex", i ? -1 : 0);
    g.addEventListener("focus", () => {
      groups.forEach((other) => other.setAttribute("tabindex", other === g ? 0 : -1));
      setHover(id);
      const box = g.ownerSVGElement.getBoundingClientRect();
      const [x, y] = at(CURVES[id]);
      showTip([fullName(CURVES[id]), ...lawLines(CURVES[id])], box.left + x, box.top + y);
    });
    g.addEventListener("blur", () => { setHover(-1); hideTip(); });
    g.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const to = step ? (i + step + groups.length) % groups.length
        : { Home: 0, End: groups.length - 1 }[event.key];
      if (to !== undefined) groups[to].focus();
      else if (event.key === "Enter" || event.key === " ") pin(id);
      else if (event.key === "Escape" && state.pin >= 0) pin(state.pin);
      else return;
      event.preventDefault();
    });
  });
}

/* What lies under the pointer: the nearest point, else the nearest curve. */
function pointing(root, spots, lines) {
  const scale = () => root.viewBox.baseVal.width / root.getBoundingClientRect().width;
  const find = (event) => {
    const box = root.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) * scale(), (event.clientY - box.top) * scale()];
    let best = null;
    let least = 10 ** 2;
    for (const spot of spots) {
      const d = (spot.x - x) ** 2 + (spot.y - y) ** 2;
      if (d < least) { least = d; best = spot; }
    }
    return best ?? lines(x, y);
  };
  root.addEventListener("pointermove", (event) => {
    const found = find(event);
    setHover(found ? found.id : -1);
    if (found) showTip(found.lines(), event.clientX, event.clientY); else hideTip();
  });
  root.addEventListener("pointerleave", () => { setHover(-1); hideTip(); });
  root.addEventListener("click", (event) => {
    const found = find(event);
    if (found) pin(found.id);
  });
}
