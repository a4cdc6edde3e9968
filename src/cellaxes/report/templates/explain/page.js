/* ---- the whole ------------------------------------------------------------------------- */

let scrolled = 0;
let cameFrom = -1;

function draw() {
  hideTip();
  select();
  const f = FEATURES[state.feature];
  const before = $("overview").hidden;
  if (f && !before) scrolled = scrollY;
  $("overview").hidden = Boolean(f);
  $("panel").hidden = !f;
  if (f) {
    cameFrom = f.id;
    drawPanel(f);
    scrollTo(0, 0);
    $("panel-name").focus({ preventScroll: true });
    return;
  }
  $("panel").replaceChildren();
  if ($("feature-map").clientWidth) drawMap();
  drawIndex();
  markMap();
  if (before) {
    scrollTo(0, scrolled);
    document.querySelector(`[data-open="${cameFrom}"]`)?.focus();
  }
}
function open(id) {
  state.feature = id;
  saveHash(true);
  draw();
}

$("stable-label").hidden = !HAS.seeds;
$("clean-label").hidden = !HAS.batch;
$("search").addEventListener("input", (event) => { state.q = event.target.value.trim() ? event.target.value : ""; searchSoon(); });
$("stable").addEventListener("change", (event) => { state.stable = event.target.checked; refresh(); });
$("clean").addEventListener("change", (event) => { state.clean = event.target.checked; refresh(); });
$("reset").addEventListener("click", () => { state = first(); refresh(); });
let waiting = 0;
function searchSoon() {
  clearTimeout(waiting);
  waiting = setTimeout(refresh, FEATURES.length > 600 ? 120 : 30);
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.matches?.("input[type=search], textarea, select");
  const { key } = event;
  if (typing) {
    if (key === "Escape") { event.target.blur(); } else if (key === "ArrowDown" || key === "Enter") { clearTimeout(waiting); refresh(); event.target.blur(); step(0); } else return;
  } else if (state.feature >= 0) {
    const at = shown.findIndex((f) => f.id === state.feature);
    const by = { j: 1, ArrowRight: 1, k: -1, ArrowLeft: -1 }[key];
    if (key === "Escape") open(-1);
    else if (by && at >= 0 && shown[at + by]) open(shown[at + by].id);
    else return;
  } else if (key === "/") $("search").focus();
  else if (key === "j" || key === "k") step(key === "j" ? 1 : -1);
  else if ((key === "ArrowDown" || key === "ArrowUp") && event.target.closest?.("#index tbody")) step(key === "ArrowDown" ? 1 : -1);
  else return;
  event.preventDefault();
});
for (const name of ["hashchange", "popstate"]) addEventListener(name, () => {
  if (location.hash.replace(/^#/, "") === toHash()) return;
  state = fromHash(location.hash);
  draw();
});
let drawnWidth = 0;
new ResizeObserver(() => {
  const width = $("main").clientWidth;
  if (Math.abs(width - drawnWidth) < 2) return;
  if (drawnWidth && state.feature >= 0) drawPanel(FEATURES[state.feature]);
  else if (drawnWidth) { drawMap(); markMap(); }
  drawnWidth = width;
}).observe($("main"));

state = fromHash(location.hash);
draw();
/* for tests, and for anyone at the console */
window.explain = { features: FEATURES, shown: () => shown, state: () => state, toHash, shorts, bytes, data: DATA, drawn: performance.now() };
