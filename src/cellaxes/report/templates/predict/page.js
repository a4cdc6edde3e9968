/* ---- the whole ------------------------------------------------------------------------- */

function draw() {
  hideTip();
  $("metric").value = state.metric;
  choices("scales", "scale", SCALES, scaleName);
  choices("subsets", "rows", SUBSETS, subsetName);
  choices("group-by", "group", ABLE.group, (name) => (name === "moa" ? "mechanism" : name));
  choices("others", "other", ABLE.other, (name) => name);
  drawBoard();
  drawRanks();
  drawGroups();
  drawSpread();
  drawScatter();
  drawCalibration();
}
$("metric").replaceChildren(...METRICS.map((name) => el("option", { value: name }, name)));
$("metric").addEventListener("change", () => { state.metric = $("metric").value; saveHash(); draw(); });
for (const name of ["hashchange", "popstate"]) addEventListener(name, () => {
  if (location.hash.replace(/^#/, "") === toHash()) return;
  state = fromHash(location.hash);
  draw();
});
let drawnWidth = 0;
new ResizeObserver(() => {
  const width = $("main").clientWidth;
  if (Math.abs(width - drawnWidth) < 2) return;
  if (drawnWidth) draw();
  drawnWidth = width;
}).observe($("main"));

state = fromHash(location.hash);
for (const node of document.querySelectorAll(".scripted")) node.hidden = false;
draw();
/* for tests, and for anyone at the console */
window.predict = { data: DATA, state: () => state, toHash };
