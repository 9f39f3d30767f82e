// Everything is wired up here.
function addLayers() {
  for (const [name, label, on, picture] of LAYERS) {
    const box = make("input", { type: "checkbox", id: `layer-${name}` });
    box.checked = on;
    box.addEventListener("change", () => {
      shown[name] = box.checked;
      paintMap();
    });
    byId("layers").append(make("label", { for: box.id }, box, ...(picture ? [picture()] : []), label));
  }
}

function nearestMark(x, y, within) {
  let [best, least] = [null, within];
  for (let i = 0; i < count; i++) {
    const place = spot(i) && toScreen(spot(i));
    const away = place ? Math.hypot(place[0] - x, place[1] - y) : Infinity;
    if (away < least) [best, least] = [i, away];
  }
  return best;
}

function listenToMap() {
  const tip = byId("tip");
  let from = null;
  canvas.addEventListener("pointerdown", (event) => {
    from = { x: event.clientX, y: event.clientY, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (from) {
      const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
      if (!from.moved && Math.hypot(dx, dy) < 4) return;
      Object.assign(from, { x: event.clientX, y: event.clientY, moved: true });
      canvas.classList.add("dragged");
      moveBy(-dx, -dy);
      return;
    }
    const index = nearestMark(event.offsetX, event.offsetY, 16);
    tip.hidden = index === null;
    if (index === null) return;
    tip.textContent = tipText(index);
    place(tip, event, canvas.parentElement);
  });
  canvas.addEventListener("pointerup", (event) => {
    const index = from && !from.moved ? nearestMark(event.offsetX, event.offsetY, 22) : null;
    if (index !== null) goTo(index);
    from = null;
    canvas.classList.remove("dragged");
  });
  canvas.addEventListener("pointercancel", () => (from = null));
  canvas.addEventListener("pointerleave", () => (tip.hidden = true));
  canvas.addEventListener("wheel", (event) => {
    if (document.activeElement !== canvas && !event.ctrlKey) return;
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const act = {
      "+": () => zoomBy(1.3), "=": () => zoomBy(1.3), "-": () => zoomBy(1 / 1.3), 0: fitFlight,
      ArrowLeft: () => moveBy(-60, 0), ArrowRight: () => moveBy(60, 0), ArrowUp: () => moveBy(0, -60), ArrowDown: () => moveBy(0, 60),
    }[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  });
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
  byId("zoom-in").addEventListener("click", () => zoomBy(1.4));
  byId("zoom-out").addEventListener("click", () => zoomBy(1 / 1.4));
  byId("zoom-fit").addEventListener("click", fitFlight);
  byId("follow").addEventListener("click", (event) => {
    view.follow = !view.follow;
    event.currentTarget.setAttribute("aria-pressed", String(view.follow));
    goTo(state.at);
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
