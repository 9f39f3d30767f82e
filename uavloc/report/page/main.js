// The report: everything is wired up here.
const whereNow = frameHere;
const mapPressed = goToMark;
const lookAt = goTo;

function showTables() {
  byId("title").textContent = data.title;
  byId("headline").append(...tilesOf(data.headline));
  for (const name of ["figures", "facts"]) byId(name).tBodies[0].append(...rowsOf(data[name]));
  byId("figures-card").hidden = !data.figures.length;
  byId("config").textContent = data.config;
  byId("advice").hidden = !data.advice.length;
  byId("advice").append(...data.advice.map((line) => make("li", {}, line)));
  showKey();
}

let playing = null;
function setPlaying(on) {
  clearInterval(playing);
  playing = on ? setInterval(() => (state.at < count - 1 ? goTo(state.at + 1) : setPlaying(false)), 125) : null;
  const button = byId("play");
  const bars = "M4,3h3v10h-3zM9,3h3v10h-3z", arrow = "M4.5,2.5L13,8L4.5,13.5z";
  button.replaceChildren(draw("svg", { width: 18, height: 18, viewBox: "0 0 16 16", "aria-hidden": "true" }, draw("path", { d: on ? bars : arrow, fill: "currentColor" })));
  button.setAttribute("aria-label", on ? "Pause" : "Play");
}

function listenToControls() {
  const scrub = byId("scrub");
  scrub.max = count - 1;
  scrub.addEventListener("input", () => goTo(Number(scrub.value)));
  byId("back").addEventListener("click", () => goTo(state.at - 1));
  byId("forth").addEventListener("click", () => goTo(state.at + 1));
  byId("play").addEventListener("click", () => {
    if (playing === null && state.at === count - 1) goTo(0);
    setPlaying(playing === null);
  });
  setPlaying(false);
}

function showFrame(index) {
  showPictures(index);
  showReadout(index);
  moveCursors(index);
  byId("scrub").value = index;
  byId("scrub").setAttribute("aria-valuetext", summaryOf(index));
  byId("clock").textContent = `${index + 1} / ${count} · ${seconds(frames.t[index])} · ${frames.outcome[index]}`;
  canvas.setAttribute("aria-label", `Map of the flight. ${summaryOf(index)}`);
  if (view.follow && spot(index)) centreOn(spot(index));
  else paintHereSoon();
}

showTables();
addLayers();
listenToMap();
listenToView();
listenToControls();
if (count) {
  addPlots();
  onFrame(showFrame);
  ground.addEventListener("load", paintMap);
  fitPicture.addEventListener("load", paintHereSoon);
  ground.src = data.map.src;
  fitFlight();
  goTo(0);
  new ResizeObserver(() => {
    paintPlots();
    if (view.fitted) fitFlight();
    else paintMap();
  }).observe(document.querySelector("main"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paintMap);
  paintPlots();
}
document.documentElement.dataset.ready = "yes";
