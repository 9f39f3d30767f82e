// The map: a canvas with layers, moved by drag, keys and buttons.
const canvas = byId("map");
let pen = null;
const fitPicture = new Image();
const view = { scale: 1, x: 0, y: 0, follow: false, fitted: true };
const LINE = { fix: "#35e0a1", reckoned: "#ffb000", truth: "#ffffff", ellipse: "#ffe98a", halo: "rgba(10,12,14,0.85)" };
const PAINT = {
  "--o-fix": "#35e0a1", "--o-gated": "#ff7a3d", "--o-ambiguous": "#f0a3d1", "--o-score": "#ffc53d", "--o-texture": "#85cdfa",
  "--o-outside": "#6ea8ff", "--o-lost": "#d5dade", "--o-input": "#f2e94e",
};
const LAYERS = [
  ["map", "Map", true],
  ["truth", "Truth", true, () => sample("var(--ink)", "3 3")],
  ["track", "Estimate", true, () => sample("var(--o-fix)", "none", 3)],
  ["marks", "Outcomes", true, () => symbol("FIX")],
  ["ellipses", "95 % ellipses", true, () => draw("svg", { width: 24, height: 12, viewBox: "0 0 24 12", "aria-hidden": "true" }, draw("ellipse", { cx: 12, cy: 6, rx: 10, ry: 4.5, fill: "none", stroke: "var(--o-score)", "stroke-width": 1.6 }))],
  ["protection", "Radius it vouches for", true, () => sample("var(--ink)", "6 4")],
  ["fit", "How well places fit", false],
].filter(([name]) => data.layers.includes(name));
const overlays = [];
const shown = Object.fromEntries(LAYERS.map(([name, , on]) => [name, on]));

function toScreen([x, y]) {
  return [(x - view.x) * view.scale, (y - view.y) * view.scale];
}

function flightBox() {
  const places = [...frames.at, ...frames.trueAt].filter((place) => place && place.every(known));
  if (!places.length) return [0, 0, data.map.width, data.map.height];
  const xs = places.map((place) => place[0]), ys = places.map((place) => place[1]);
  const [left, right] = [xs.reduce((a, b) => Math.min(a, b)), xs.reduce((a, b) => Math.max(a, b))];
  const [top, bottom] = [ys.reduce((a, b) => Math.min(a, b)), ys.reduce((a, b) => Math.max(a, b))];
  const margin = 0.1 * Math.max(right - left, bottom - top) + 40;
  return [left - margin, top - margin, right + margin, bottom + margin];
}

function fitFlight() {
  const [left, top, right, bottom] = flightBox();
  view.scale = Math.min(canvas.clientWidth / (right - left), canvas.clientHeight / (bottom - top));
  centreOn([(left + right) / 2, (top + bottom) / 2]);
  view.fitted = true;
}

function centreOn([x, y]) {
  view.fitted = false;
  view.x = x - canvas.clientWidth / 2 / view.scale;
  view.y = y - canvas.clientHeight / 2 / view.scale;
  paintMap();
}

function zoomBy(factor, sx = canvas.clientWidth / 2, sy = canvas.clientHeight / 2) {
  const before = view.scale;
  view.fitted = false;
  view.scale = Math.max(Math.min(0.05, canvas.clientWidth / data.map.width / 2), Math.min(40, before * factor));
  view.x += sx / before - sx / view.scale;
  view.y += sy / before - sy / view.scale;
  paintMap();
}

function moveBy(dx, dy) {
  if (view.follow) setFollow(false);
  view.fitted = false;
  view.x += dx / view.scale;
  view.y += dy / view.scale;
  paintMap();
}

// What stays the same from frame to frame is painted once: what lies below the search, and what lies above it.
const below = document.createElement("canvas");
const above = document.createElement("canvas");
let [pending, changed] = [0, true];

function paintMap() {
  changed = true;
  paintHereSoon();
}

function paintHereSoon() {
  if (!pending) pending = requestAnimationFrame(() => ((pending = 0), paintNow()));
}

function paintNow() {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (changed) {
    begin(below, width, height, ratio);
    pen.fillStyle = "#14171a";
    pen.fillRect(0, 0, width, height);
    if (shown.map) paintGround(width, height);
    begin(above, width, height, ratio);
    if (shown.ellipses) paintEllipses();
    if (shown.truth) stroke(runs(frames.trueAt), LINE.truth, 2, [5, 5]);
    if (shown.track) paintTrack();
    if (shown.marks) paintMarks(width, height);
    changed = false;
  }
  begin(canvas, width, height, ratio);
  pen.drawImage(below, 0, 0, width, height);
  if (shown.fit) paintFit();
  pen.drawImage(above, 0, 0, width, height);
  paintHere();
  for (const paint of overlays) paint();
  paintScale(height);
}

function begin(target, width, height, ratio) {
  target.width = Math.max(1, Math.round(width * ratio));
  target.height = Math.max(1, Math.round(height * ratio));
  pen = target.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
}

function paintFit() {
  const fit = (data.pictures[state.at] || {}).fit;
  if (!fit || !fitPicture.complete || !fitPicture.naturalWidth) return;
  const [[left, top], [right, bottom]] = [toScreen(fit.box.slice(0, 2)), toScreen(fit.box.slice(2))];
  pen.globalAlpha = 0.72;
  pen.drawImage(fitPicture, left, top, right - left, bottom - top);
  pen.globalAlpha = 1;
}

function runs(places) {
  const found = [[]];
  for (const place of places) {
    if (place) found[found.length - 1].push(place);
    else if (found[found.length - 1].length) found.push([]);
  }
  return found;
}

function stroke(lines, style, width, dash = []) {
  const path = new Path2D();
  for (const line of lines) line.forEach((place, i) => path[i ? "lineTo" : "moveTo"](...toScreen(place)));
  pen.lineJoin = pen.lineCap = "round";
  for (const [ink, wide, pattern] of [[LINE.halo, width + 2.5, []], [style, width, dash]]) {
    pen.strokeStyle = ink;
    pen.lineWidth = wide;
    pen.setLineDash(pattern);
    pen.stroke(path);
  }
  pen.setLineDash([]);
}

function paintTrack() {
  const steps = { fix: [], reckoned: [] };
  for (let i = 1; i < count; i++) {
    if (frames.at[i] && frames.at[i - 1]) steps[frames.fix[i] ? "fix" : "reckoned"].push([frames.at[i - 1], frames.at[i]]);
  }
  stroke(steps.reckoned, LINE.reckoned, 2.5, [7, 5]);
  stroke(steps.fix, LINE.fix, 2.5);
}

function ellipse(place, shape, ink, width) {
  if (!place || !shape || !shape.every(known)) return;
  const [x, y] = toScreen(place);
  const k = data.map.pxPerM * view.scale;
  pen.strokeStyle = ink;
  pen.lineWidth = width;
  pen.beginPath();
  pen.ellipse(x, y, shape[0] * k, shape[1] * k, ((shape[2] - 90) * Math.PI) / 180, 0, 2 * Math.PI);
  pen.stroke();
}

function paintEllipses() {
  const step = Math.max(1, Math.ceil(count / 120));
  for (let i = 0; i < count; i += step) {
    ellipse(frames.at[i], frames.ellipse[i], LINE.halo, 2.4);
    ellipse(frames.at[i], frames.ellipse[i], LINE.ellipse, 1);
  }
}

const spot = (index) => frames.at[index] || frames.trueAt[index];

function paintMarks(width, height) {
  const size = Math.max(3.2, Math.min(6, 3.6 * Math.sqrt(view.scale)));
  for (const outcome of Object.keys(data.outcomes)) {
    for (let i = 0; i < count; i++) {
      if (frames.outcome[i] !== outcome || !spot(i)) continue;
      const [x, y] = toScreen(spot(i));
      if (x > -20 && y > -20 && x < width + 20 && y < height + 20) paintMark(outcome, x, y, size);
    }
  }
}

function paintMark(outcome, x, y, size) {
  const [name, , hollow] = shapeOf(outcome);
  const path = new Path2D();
  shapeOf(outcome)[1].forEach(([dx, dy], i) => path[i ? "lineTo" : "moveTo"](x + dx * size, y + dy * size));
  path.closePath();
  pen.strokeStyle = LINE.halo;
  pen.lineWidth = hollow ? 4 : 2.2;
  pen.stroke(path);
  if (!hollow) {
    pen.fillStyle = PAINT[name];
    pen.fill(path);
  } else {
    pen.strokeStyle = PAINT[name];
    pen.lineWidth = 1.8;
    pen.stroke(path);
  }
}

function ring(place, radiusM, ink, width, dash) {
  const [x, y] = toScreen(place);
  for (const [colour, wide, pattern] of [[LINE.halo, width + 2.5, []], [ink, width, dash]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = wide;
    pen.setLineDash(pattern);
    pen.beginPath();
    pen.arc(x, y, radiusM * data.map.pxPerM * view.scale, 0, 2 * Math.PI);
    pen.stroke();
  }
  pen.setLineDash([]);
}

function frameHere() {
  const at = state.at;
  return { place: spot(at), ellipse: frames.at[at] && frames.ellipse[at], heading: frames.at[at] ? frames.heading[at] : null, protection: frames.at[at] ? frames.protection[at] : null, outcome: frames.outcome[at], ink: "#ffffff" };
}

function paintHere() {
  const box = ((data.pictures[state.at] || {}).ground || {}).box;
  if (box) {
    const [[left, top], [right, bottom]] = [toScreen(box.slice(0, 2)), toScreen(box.slice(2))];
    pen.strokeStyle = "rgba(255,255,255,0.75)";
    pen.lineWidth = 1.2;
    pen.strokeRect(left, top, right - left, bottom - top);
  }
  const here = whereNow();
  if (!here.place) return;
  if (shown.ellipses) ellipse(here.place, here.ellipse, LINE.ellipse, 2.2);
  if (shown.protection && known(here.protection)) ring(here.place, here.protection, here.ink, 1.4, [6, 4]);
  const [x, y] = toScreen(here.place);
  for (const [ink, width] of [[LINE.halo, 6], [here.ink, 2.6]]) {
    pen.strokeStyle = ink;
    pen.lineWidth = width;
    pen.beginPath();
    pen.arc(x, y, 11, 0, 2 * Math.PI);
    if (known(here.heading)) {
      const turn = (here.heading * Math.PI) / 180;
      pen.moveTo(x + 11 * Math.sin(turn), y - 11 * Math.cos(turn));
      pen.lineTo(x + 22 * Math.sin(turn), y - 22 * Math.cos(turn));
    }
    pen.stroke();
  }
  paintMark(here.outcome, x, y, 5);
}

function paintScale(height) {
  if (!data.map.pxPerM) return;
  const longest = 160 / (data.map.pxPerM * view.scale);
  const power = 10 ** Math.floor(Math.log10(longest));
  const length = [5, 2, 1].map((f) => f * power).find((m) => m <= longest);
  const right = 16 + length * data.map.pxPerM * view.scale;
  for (const [ink, width] of [[LINE.halo, 6], ["#ffffff", 2]]) {
    pen.strokeStyle = ink;
    pen.lineWidth = width;
    pen.beginPath();
    pen.moveTo(16, height - 24);
    pen.lineTo(16, height - 16);
    pen.lineTo(right, height - 16);
    pen.lineTo(right, height - 24);
    pen.stroke();
  }
  pen.font = "600 12px system-ui, sans-serif";
  pen.lineWidth = 4;
  const label = length >= 1000 ? `${length / 1000} km` : `${length} m`;
  pen.strokeStyle = LINE.halo;
  pen.strokeText(label, 24, height - 24);
  pen.fillStyle = "#ffffff";
  pen.fillText(label, 24, height - 24);
}
