/* What the pages with a script of their own share. */

const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);

/* ---- elements ------------------------------------------------------------------------- */

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined));
  return node;
}
const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

const px = (v) => +v.toFixed(1);
const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${px(x)} ${px(y)}`).join("");

/* ---- linear axes ----------------------------------------------------------------------- */

const linScale = ([low, high], [from, to]) => (v) => from + (to - from) * (v - low) / (high - low);

function linTicks([low, high], n) {
  const raw = (high - low) / n;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++)
    ticks.push(+(i * step).toPrecision(12));
  return ticks;
}

/* ---- numbers in words ------------------------------------------------------------------- */

function num(value, digits = 3) {
  if (value === null || Number.isNaN(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e7 || size < 1e-4) {
    const [mantissa, power] = value.toExponential(1).split("e");
    return `${mantissa} × 10${superscript(+power)}`.replace("-", "−");
  }
  return value.toLocaleString("en-US", { maximumSignificantDigits: digits }).replace("-", "−");
}
const superscript = (n) => String(n).replace(/./g, (d) => (d === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[+d]));

/* ---- tip -------------------------------------------------------------------------------- */

function showTip(lines, clientX, clientY) {
  const tip = $("tip");
  tip.replaceChildren(...lines.map((line, i) => el(i ? "div" : "b", {}, line)));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const wide = document.documentElement.clientWidth;
  const x = clientX + 14 + width > wide ? clientX - 14 - width : clientX + 14;
  tip.style.left = `${Math.max(4, Math.min(x, wide - width - 4))}px`;
  tip.style.top = `${Math.max(4, clientY - height - 12 < 4 ? clientY + 16 : clientY - height - 12)}px`;
}
const hideTip = () => { $("tip").hidden = true; };
