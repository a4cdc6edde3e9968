/* ---- the whole ------------------------------------------------------------------------- */

function draw() {
  hideTip();
  drawAccuracy();
  drawConfusion();
  drawViews();
  drawCurves();
}
const fold = (open) => { for (const part of $("tree").querySelectorAll("details")) part.open = open; };
$("open-all").addEventListener("click", () => fold(true));
$("close-all").addEventListener("click", () => fold(false));
for (const name of ["hashchange", "popstate"]) addEventListener(name, () => {
  if (location.hash.replace(/^#/, "") === toHash()) return;
  state = fromHash(location.hash);
  draw();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
let drawnWidth = 0;
new ResizeObserver(() => {
  const width = $("main").clientWidth;
  if (Math.abs(width - drawnWidth) < 2) return;
  if (drawnWidth) draw();
  drawnWidth = width;
}).observe($("main"));

state = fromHash(location.hash);
draw();
/* for tests, and for anyone at the console */
window.structure = { data: DATA, state: () => state, toHash, codes: CODES };
