// The frame that is looked at: its pictures, its numbers; and what lists and tables are made of.
function showPicture(id, src, alt) {
  const picture = byId(id);
  picture.parentElement.classList.toggle("has", Boolean(src));
  picture.alt = src ? alt : "";
  if (src) picture.src = src;
  else picture.removeAttribute("src");
}

function showPictures(index) {
  const found = data.pictures[index] || {};
  const name = frames.name[index];
  showPicture("pic-frame", found.frame, `Frame ${name} as the camera saw it`);
  showPicture("pic-laid", found.laid, `Frame ${name} laid on the ground, north up`);
  showPicture("pic-ground", found.ground && found.ground.src, `The map where frame ${name} was taken, north up`);
  showPicture("pic-fit", found.fit && found.fit.src, `How well frame ${name} fits at each place searched, north up`);
  byId("cap-ground").textContent = found.ground && !found.ground.found ? "The map where it was looked for" : "The map there";
  byId("cap-fit").textContent = `How well each place fits${found.fit ? `: ${searchWidth(found.fit.box)} m wide, bright is better` : ""}`;
  if (found.fit) fitPicture.src = found.fit.src;
  markFit(index, found.fit);
}

const searchWidth = (box) => (data.map.pxPerM ? Math.round((box[2] - box[0]) / data.map.pxPerM) : "?");

function markFit(index, fit) {
  const marks = byId("fit-marks");
  marks.replaceChildren();
  if (!fit) return;
  const inside = ([x, y]) => [(100 * (x - fit.box[0])) / (fit.box[2] - fit.box[0]), (100 * (y - fit.box[1])) / (fit.box[3] - fit.box[1])];
  const ring = (place, dash) => {
    const [cx, cy] = inside(place);
    for (const [ink, width] of [["#111", 3], ["#fff", 1.2]]) marks.append(draw("circle", { cx, cy, r: 5, fill: "none", stroke: ink, "stroke-width": width, "stroke-dasharray": dash }));
  };
  if (frames.trueAt[index]) ring(frames.trueAt[index], "2 2");
  if (frames.at[index]) ring(frames.at[index], "none");
}

function showReadout(index) {
  const error = errorOf(index), std = frames.std[index], off = frames.errNe[index];
  const rows = [
    ["Time", seconds(frames.t[index])],
    ["Position", known(frames.lat[index]) ? `${frames.lat[index].toFixed(6)}, ${frames.lon[index].toFixed(6)}` : "not known"],
    ["Uncertainty north / east, 1 σ", std ? std.map((s) => metres(s)).join(" / ") : "–"],
    ["Radius it vouches for", metres(frames.protection[index])],
    ["Heading", known(frames.heading[index]) ? `${frames.heading[index].toFixed(0)}°` : "–"],
    ["Time taken", known(frames.ms[index]) ? `${frames.ms[index].toFixed(0)} ms` : "–"],
  ];
  if (frames.trueAt.some(Boolean)) rows.splice(2, 0, ["Error (north, east)", off ? `${metres(error)} (${off.map((v) => (v > 0 ? "+" : "") + v.toFixed(1)).join(", ")})` : "–"]);
  byId("readout").replaceChildren(...rows.flatMap(([label, value]) => {
    const cell = make("dd", {}, value);
    if (label.startsWith("Error") && error > data.falseErrorM) cell.className = "bad";
    return [make("dt", {}, label), cell];
  }));
  byId("frame-title").textContent = `Frame ${frames.name[index]}`;
  const outcome = frames.outcome[index];
  byId("badge").replaceChildren(symbol(outcome), `${outcome}: ${data.outcomes[outcome]}`);
}

function showKey() {
  byId("key").replaceChildren(...Object.entries(data.outcomes).map(([outcome, meaning]) => {
    const many = frames.outcome.filter((o) => o === outcome).length;
    return make("div", { role: "listitem", title: meaning }, symbol(outcome), make("b", {}, outcome), `${many}`);
  }));
}

function rowsOf(rows) {
  return rows.map(([label, value]) => make("tr", {}, make("th", { scope: "row" }, label), make("td", {}, value)));
}

function tilesOf(rows) {
  return rows.map(([label, value]) => make("div", {}, make("dt", {}, label), make("dd", {}, value)));
}
