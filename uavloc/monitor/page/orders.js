// What an operator may ask: a hint, pause, resume. Each is answered in words.
const hint = { picking: false, place: null };
let [paused, armed] = [false, 0];
const PATIENCE_MS = 8000;

async function order(what) {
  byId("said").textContent = "…";
  try {
    const answered = await fetch("/orders", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(what), signal: AbortSignal.timeout(PATIENCE_MS) });
    const text = await answered.text();
    byId("said").textContent = answered.headers.get("content-type").startsWith("application/json") ? JSON.parse(text).said : text;
    return answered.ok;
  } catch (error) {
    byId("said").textContent = `${what.command}: no answer, so it may be taken or not: ${error.message}`;
    return false;
  }
}

function setPicking(on) {
  hint.picking = on;
  byId("pick").setAttribute("aria-pressed", String(on));
  byId("pick").textContent = on ? "Click the place" : "Hint on the map";
  canvas.classList.toggle("picking", on);
}

function hintAt(x, y) {
  const [lat, lon] = geoFromPixel([view.x + x / view.scale, view.y + y / view.scale]);
  byId("hint-lat").value = lat.toFixed(6);
  byId("hint-lon").value = lon.toFixed(6);
  setPicking(false);
  takeHint();
}

function takeHint() {
  const [lat, lon] = [byId("hint-lat").valueAsNumber, byId("hint-lon").valueAsNumber];
  hint.place = Number.isFinite(lat) && Number.isFinite(lon) && Math.abs(lat) < 85 ? pixelFromGeo(lat, lon) : null;
  paintHereSoon();
}

function paintHint() {
  const radius = byId("hint-radius").valueAsNumber;
  if (!hint.place || !(radius > 0)) return;
  ring(hint.place, radius, "#7cd0ff", 2, [2, 5]);
  const [x, y] = toScreen(hint.place);
  for (const [ink, width] of [[LINE.halo, 5], ["#7cd0ff", 2]]) {
    pen.strokeStyle = ink;
    pen.lineWidth = width;
    pen.beginPath();
    for (const [dx, dy] of [[9, 0], [0, 9]]) {
      pen.moveTo(x - dx, y - dy);
      pen.lineTo(x + dx, y + dy);
    }
    pen.stroke();
  }
}

async function sendHint(event) {
  event.preventDefault();
  const taken = await order({ command: "hint", lat_deg: byId("hint-lat").valueAsNumber, lon_deg: byId("hint-lon").valueAsNumber, radius_m: byId("hint-radius").valueAsNumber });
  if (!taken) return;
  hint.place = null;
  paintHereSoon();
}

// Positions are taken from the autopilot by the second press only.
function pressPause() {
  if (paused) order({ command: "resume" });
  else if (armed) order({ command: "pause" });
  const wasArmed = Boolean(armed);
  clearTimeout(armed);
  armed = paused || wasArmed ? 0 : setTimeout(() => ((armed = 0), showPause()), 4000);
  showPause();
}

function showPause() {
  const button = byId("pause");
  button.textContent = paused ? "Resume positions" : armed ? "Press again to pause" : "Pause positions";
  button.className = paused ? "main" : armed ? "grave armed" : "grave";
}

function setPaused(now) {
  paused = now;
  showPause();
}

function listenToOrders() {
  byId("orders").hidden = !data.actions;
  byId("pause").hidden = !data.actions;
  byId("pick").addEventListener("click", () => setPicking(!hint.picking));
  byId("orders").addEventListener("submit", sendHint);
  byId("pause").addEventListener("click", pressPause);
  for (const name of ["hint-lat", "hint-lon", "hint-radius"]) byId(name).addEventListener("input", takeHint);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") setPicking(false);
  });
  overlays.push(paintHint);
}
