// The live page: hears of the flight over a websocket, and says so when it does not.
const SILENT_S = Math.max(2, 3 * data.periodS);
const DRIFT = 2e-4; // how much faster than the vehicle's the clock of this computer may run
const live = { now: null, status: null, heardS: 0, aheadS: Infinity, newest: true, tries: 0, dirty: false };

function whereNow() {
  if (!live.newest || !live.now) return frameHere();
  const now = live.now;
  return { place: now.at, ellipse: now.ellipse, heading: now.heading, protection: now.protection, outcome: now.outcome, ink: "#ffffff" };
}

// Who looks at a frame of the past does not want the next one to take it away.
function lookAt(index) {
  setNewest(false);
  goTo(index);
}

function mapPressed(x, y) {
  if (hint.picking) hintAt(x, y);
  else goToMark(x, y);
}

function connect() {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
  socket.addEventListener("message", (event) => {
    live.tries = 0;
    hear(JSON.parse(event.data));
  });
  socket.addEventListener("close", () => setTimeout(connect, Math.min(5000, 500 * 2 ** live.tries++)));
}

function hear(message) {
  const first = !live.now;
  if (message.reset) {
    clearFrames();
    setNewest(true);
    live.aheadS = Infinity;
  }
  if (message.map) data.map = message.map;
  const fresh = message.frames ? addFrames(message.frames) : false;
  if (message.pictures) addPictures(message.pictures);
  live.now = message.now;
  if (message.status) showStatus(message.status);
  if (fresh) addLivePlots();
  if (message.frames) showNewFrames();
  if (message.pictures && live.newest) goTo(data.pictures.findLastIndex(Boolean));
  if (first && !frames.at.some(Boolean)) fitFlight();
  if (first && live.now.at) startHere();
  if (message.map) paintMap();
  showNow();
  noteTime(message.now.t);
}

const clockS = () => performance.now() / 1000;

// How far this clock is ahead of the vehicle's is known from the message that came quickest: what comes later than that
// was held back, on its way or in the program, and tells where the vehicle was.
function noteTime(t) {
  live.aheadS = Math.min(live.aheadS + DRIFT * (clockS() - live.heardS), clockS() - t);
  live.heardS = clockS();
  watchSilence();
}

// A flight begins in view at about one pixel of the map for one of the screen.
function startHere() {
  view.scale = 1;
  centreOn(live.now.at);
}

function showNewFrames() {
  const scrub = byId("scrub");
  scrub.max = count - 1;
  showKey();
  live.dirty = true;
  if (live.newest && !data.pictures.some(Boolean)) goTo(count - 1);
  paintMap();
}

function say(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

function showNow() {
  const now = live.now;
  showHeadline();
  if (live.newest) canvas.setAttribute("aria-label", `Map of the flight. ${now.why ? `No position: ${now.why}` : `The vehicle is at ${now.lat.toFixed(6)}, ${now.lon.toFixed(6)}`}`);
  if (view.follow && now.at && live.newest) centreOn(now.at);
  else paintHereSoon();
}

const AUTOPILOT = { fused: "uses it", rejected: "rejects it", ignored: "ignores it", unknown: "not known" };

function headlineRows() {
  const { now, status } = live;
  const last = frames.at.findLastIndex(Boolean);
  const rows = [
    now.ellipse ? ["1 σ, worst", metres(now.ellipse[0] / Math.sqrt(5.991))] : ["last position", last < 0 ? "none yet" : `${age(now.t - frames.t[last])} ago`],
    ["vouched within", metres(now.protection)],
    ["heading", known(now.heading) ? `${now.heading.toFixed(0)}°` : "–"],
    ["newest frame", now.outcome],
  ];
  if (!status) return rows;
  return [
    ...rows,
    ["last picture", `${age(status.cameraAgeS)} ago`],
    ["latency, 95 %", known(status.latencyP95Ms) ? `${status.latencyP95Ms.toFixed(0)} ms` : "–"],
    ["autopilot", AUTOPILOT[status.fusion]],
    ["links", `${status.links.filter(Boolean).length} of ${status.links.length}`],
  ];
}

function showHeadline() {
  const rows = headlineRows(), tiles = byId("headline").children;
  if (tiles.length !== rows.length) byId("headline").replaceChildren(...tilesOf(rows));
  rows.forEach((row, i) => {
    [...tiles[i].children].forEach((cell, k) => {
      if (cell.textContent !== row[k]) cell.textContent = row[k];
    });
    tiles[i].lastChild.classList.toggle("bad", [AUTOPILOT.rejected, AUTOPILOT.ignored].includes(row[1]));
  });
}

function showStatus(status) {
  live.status = status;
  setPaused(status.paused);
  byId("health").tBodies[0].replaceChildren(...rowsOf(status.rows));
  byId("advice").hidden = !status.warnings.length;
  const told = [...byId("advice").children].map((line) => line.textContent);
  if (told.join("\n") !== status.warnings.join("\n")) byId("advice").replaceChildren(...status.warnings.map((line) => make("li", {}, line)));
  byId("journal").tBodies[0].replaceChildren(...status.recent.map((said) => {
    const row = rowsOf([[`${age(said.ageS)} ago`, `${said.topic}: ${said.text}`]])[0];
    row.className = said.bad ? "bad" : "";
    return row;
  }));
  if (live.dirty && count) paintPlots(true);
  live.dirty = false;
}

const age = (value) => (value < 100 ? `${value.toFixed(0)} s` : value < 6000 ? `${(value / 60).toFixed(0)} min` : `${(value / 3600).toFixed(1)} h`);

function addLivePlots() {
  byId("plots").replaceChildren();
  graphs.length = 0;
  const [title, unit, lines] = CLAIMED;
  numbersPlot(title, unit, lines, VOUCHED);
  numbersPlot(...TAKEN);
  outcomeLanes();
  paintPlots(true);
}

function showFrame(index) {
  if (!count) return;
  showPictures(index);
  showReadout(index);
  moveCursors(index);
  byId("scrub").value = index;
  byId("scrub").setAttribute("aria-valuetext", summaryOf(index));
  say("clock", clockText());
  paintHereSoon();
}

// Where what is shown is old, for whatever reason, it must not look as if it were now.
function watchSilence() {
  if (!live.heardS) return;
  const { why } = live.now;
  const silentS = clockS() - live.heardS, oldS = Math.max(silentS, clockS() - live.aheadS - live.now.t);
  const old = oldS >= SILENT_S;
  document.body.classList.toggle("stale", old);
  byId("lamp").className = `lamp ${old ? "dead" : why ? "without" : "good"}`;
  if (!old) say("state", why ? `No position: ${why}` : "Position published");
  else if (silentS < SILENT_S) say("state", `Not live: what is heard is ${age(oldS)} old`);
  else say("state", "Not live: nothing is heard");
  say("clock", old ? `${age(oldS)} old` : clockText());
  if (old) canvas.setAttribute("aria-label", `Map of the flight, ${age(oldS)} old`);
}

const clockText = () => (count ? `${seconds(frames.t[state.at])} · ${frames.outcome[state.at]}` : "");

function setNewest(on) {
  live.newest = on;
  byId("newest").setAttribute("aria-pressed", String(on));
  if (on) goTo(Math.max(0, data.pictures.findLastIndex(Boolean)) || count - 1);
}

function listenToBar() {
  byId("scrub").addEventListener("input", () => lookAt(Number(byId("scrub").value)));
  byId("back").addEventListener("click", () => lookAt(state.at - 1));
  byId("forth").addEventListener("click", () => lookAt(state.at + 1));
  byId("newest").addEventListener("click", () => setNewest(!live.newest));
}

addLayers();
listenToMap();
listenToView();
listenToOrders();
listenToBar();
setFollow(true);
onFrame(showFrame);
fitPicture.addEventListener("load", paintHereSoon);
fitFlight();
new ResizeObserver(() => {
  if (count) paintPlots();
  paintMap();
}).observe(document.querySelector("main"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paintMap);
setInterval(watchSilence, 500);
connect();
document.documentElement.dataset.ready = "yes";
