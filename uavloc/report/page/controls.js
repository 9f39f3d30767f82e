// The map under pointer and keys, its layers and its buttons.
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
    if (from && !from.moved) mapPressed(event.offsetX, event.offsetY);
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

function goToMark(x, y) {
  const index = nearestMark(x, y, 22);
  if (index !== null) lookAt(index);
}

function listenToView() {
  byId("zoom-in").addEventListener("click", () => zoomBy(1.4));
  byId("zoom-out").addEventListener("click", () => zoomBy(1 / 1.4));
  byId("zoom-fit").addEventListener("click", () => {
    setFollow(false);
    fitFlight();
  });
  byId("follow").addEventListener("click", () => setFollow(!view.follow));
}

function setFollow(on) {
  view.follow = on;
  byId("follow").setAttribute("aria-pressed", String(on));
  goTo(state.at);
}
