// Graphs over time, each of some lines, and what became of the frames in lanes.
const LEFT = 46, RIGHT = 8, BOTTOM = 20;
const graphs = [];

function niceStep(span, steps) {
  const power = 10 ** Math.floor(Math.log10(span / steps || 1));
  return [1, 2, 5, 10].map((f) => f * power).find((step) => span / step <= steps) || 10 * power;
}

function timeAxis(width) {
  const newest = frames.t[count - 1];
  const first = Math.max(frames.t[0], newest - (data.windowS || Infinity)), last = Math.max(newest, first + 1e-3);
  return { first, last, x: (t) => LEFT + ((t - first) / (last - first)) * (width - LEFT - RIGHT) };
}

function nearestFrame(time) {
  let [low, high] = [0, count - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (frames.t[middle] <= time) low = middle;
    else high = middle;
  }
  return time - frames.t[low] <= frames.t[high] - time ? low : high;
}

function firstShown() {
  const { first } = timeAxis(0);
  return frames.t.findIndex((t) => t >= first);
}

function linePath(values, x, y) {
  let [path, up] = ["", false];
  for (let i = firstShown(); i < count; i++) {
    const value = values[i];
    if (known(value)) path += `${up ? "L" : "M"}${x(frames.t[i]).toFixed(1)},${y(value).toFixed(1)}`;
    if (known(value) && !(i + 1 < count && known(values[i + 1])) && !up) path += "h0.01";
    up = known(value);
  }
  return path;
}

function bandPath(values, x, y) {
  let path = "";
  for (let i = firstShown(); i < count; i++) {
    if (!known(values[i])) continue;
    const start = i;
    while (i + 1 < count && known(values[i + 1])) i++;
    const top = values.slice(start, i + 1).map((v, k) => `${x(frames.t[start + k]).toFixed(1)},${y(v).toFixed(1)}`);
    path += `M${x(frames.t[start]).toFixed(1)},${y(0).toFixed(1)}L${top.join("L")}L${x(frames.t[i]).toFixed(1)},${y(0).toFixed(1)}Z`;
  }
  return path;
}

// `keys` and `label` are asked anew whenever the graph is painted.
function addPlot(title, keys, height, paint, label, kind = "plot") {
  const heading = make("h3");
  const svg = draw("svg", { class: "drawn", height, role: "img" });
  const tip = make("div", { class: "tip", hidden: "" });
  const box = make("div", { class: kind }, heading, svg, tip);
  byId("plots").append(box);
  const tell = () => {
    heading.replaceChildren(title, ...keys().map(([mark, text]) => make("span", {}, mark, text)));
    svg.setAttribute("aria-label", label());
  };
  const graph = { svg, tip, height, paint, tell, width: 0 };
  graphs.push(graph);
  listen(graph, box);
}

function listen(graph, box) {
  const frameAt = (event) => {
    const axis = timeAxis(graph.width);
    const share = (event.clientX - graph.svg.getBoundingClientRect().left - LEFT) / (graph.width - LEFT - RIGHT);
    return nearestFrame(axis.first + share * (axis.last - axis.first));
  };
  graph.svg.addEventListener("pointermove", (event) => {
    const index = frameAt(event);
    if (event.buttons === 1) lookAt(index);
    graph.tip.hidden = false;
    graph.tip.textContent = tipText(index);
    place(graph.tip, event, box);
  });
  graph.svg.addEventListener("pointerdown", (event) => lookAt(frameAt(event)));
  graph.svg.addEventListener("pointerleave", () => (graph.tip.hidden = true));
}

function place(tip, event, box) {
  const frame = box.getBoundingClientRect();
  const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
  tip.style.left = `${Math.max(0, Math.min(x + 14, frame.width - tip.offsetWidth - 4))}px`;
  tip.style.top = `${y + 16 + tip.offsetHeight > frame.height + 60 ? y - tip.offsetHeight - 10 : y + 16}px`;
}

function tipText(index) {
  const lines = [`${frames.name[index]} · ${seconds(frames.t[index])}`, frames.outcome[index]];
  if (known(errorOf(index))) lines.push(`error ${metres(errorOf(index))}`);
  if (frames.std[index]) lines.push(`σ ${frames.std[index].map((s) => (known(s) ? s.toFixed(1) : "–")).join(" / ")} m`);
  if (known(frames.ms[index])) lines.push(`${frames.ms[index].toFixed(0)} ms`);
  return lines.join("\n");
}

function topOf(lines, band) {
  const all = lines.flatMap((line) => line.values());
  const highest = quantile(all, 1), usual = quantile([...all, ...(band ? band.values() : [])], 0.97);
  return Math.max(highest > 6 * usual ? usual * 2 : highest, Math.min(usual, highest * 3 || usual)) * 1.12 || 1;
}

function numbersPlot(title, unit, lines, band, limit) {
  const keys = () => [
    ...lines.map((line) => [sample(`var(--${line.kind})`, line.kind === "two" ? "6 4" : "none"), line.name]),
    ...(band ? [[draw("svg", { width: 24, height: 12, "aria-hidden": "true" }, draw("rect", { width: 24, height: 12, class: "band" })), band.name]] : []),
  ];
  const told = () => lines.map((line) => `${line.name}: median ${quantile(line.values(), 0.5).toFixed(1)}, most ${quantile(line.values(), 1).toFixed(1)} ${unit}`);
  addPlot(`${title} (${unit})`, keys, 150, (svg, width, height) => {
    const top = topOf(lines, band), axis = timeAxis(width);
    const y = (value) => height - BOTTOM - (Math.min(value, top) / top) * (height - BOTTOM - 6);
    const step = niceStep(top, 5);
    for (let value = 0; value <= top; value += step) {
      svg.append(draw("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }));
      svg.append(draw("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, String(+value.toPrecision(6))));
    }
    timeTicks(svg, axis, width, height);
    if (band) svg.append(draw("path", { class: "band", d: bandPath(band.values(), axis.x, y) }));
    if (limit && limit < top) svg.append(draw("line", { class: "limit", x1: LEFT, x2: width - RIGHT, y1: y(limit), y2: y(limit) }));
    for (const line of lines) svg.append(draw("path", { class: `series ${line.kind}`, d: linePath(line.values(), axis.x, y) }));
  }, () => `${title} over time. ${told().join("; ")}`);
}

function timeTicks(svg, axis, width, height) {
  const step = niceStep(axis.last - axis.first, Math.max(2, Math.floor(width / 110)));
  for (let t = Math.ceil(axis.first / step) * step; t <= axis.last; t += step) {
    svg.append(draw("text", { x: axis.x(t), y: height - 5, "text-anchor": "middle" }, `${+t.toPrecision(6)} s`));
  }
}

function tick(x, wide, top, high, width) {
  const left = Math.max(LEFT, x - wide / 2), right = Math.min(width - RIGHT, x + wide / 2);
  return `M${left.toFixed(1)},${top}H${right.toFixed(1)}v${high}H${left.toFixed(1)}z`;
}

function outcomeLanes() {
  const outcomes = Object.keys(data.outcomes), lane = 20;
  const counted = () => outcomes.map((outcome) => `${outcome} ${frames.outcome.filter((o) => o === outcome).length}`);
  const keys = () => counted().map((text, i) => [symbol(outcomes[i]), `${text}, ${data.outcomes[outcomes[i]]}`]);
  addPlot("Outcomes", keys, lane * outcomes.length + BOTTOM, (svg, width, height) => {
    const axis = timeAxis(width), from = firstShown(), wide = Math.max(1.5, (width - LEFT - RIGHT) / (count - from) - 0.6);
    outcomes.forEach((outcome, row) => {
      const y = row * lane;
      svg.append(draw("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y + lane - 1, y2: y + lane - 1 }));
      const mark = draw("path", { d: markPath(outcome, LEFT - 14, y + lane / 2 - 1, 5), fill: `var(${shapeOf(outcome)[0]})` });
      let path = "";
      for (let i = from; i < count; i++) if (frames.outcome[i] === outcome) path += tick(axis.x(frames.t[i]), wide, y + 3, lane - 7, width);
      svg.append(mark, draw("path", { d: path, fill: `var(${shapeOf(outcome)[0]})` }));
    });
    timeTicks(svg, axis, width, height);
  }, () => `Outcome of every frame over time: ${counted().join(", ")}`, "plot wide");
}

function paintPlots(anew = false) {
  for (const graph of graphs) {
    const width = graph.svg.clientWidth;
    if (!width || (width === graph.width && !anew)) continue;
    graph.width = width;
    graph.tell();
    graph.svg.setAttribute("viewBox", `0 0 ${width} ${graph.height}`);
    graph.svg.replaceChildren();
    graph.paint(graph.svg, width, graph.height);
    graph.cursor = draw("line", { class: "cursor", y1: 0, y2: graph.height - BOTTOM });
    graph.svg.append(graph.cursor);
  }
  moveCursors(state.at);
}

function moveCursors(index) {
  for (const graph of graphs) {
    if (!graph.cursor) continue;
    const x = Math.max(LEFT, timeAxis(graph.width).x(frames.t[index]));
    graph.cursor.setAttribute("x1", x);
    graph.cursor.setAttribute("x2", x);
  }
}

const VOUCHED = { name: "radius it vouches for", values: () => frames.protection };
const side = (axis) => () => frames.std.map((std) => (std ? std[axis] : null));
const CLAIMED = ["Claimed uncertainty, 1 σ", "m", [{ name: "north", kind: "one", values: side(0) }, { name: "east", kind: "two", values: side(1) }]];
const TAKEN = ["Time per frame", "ms", [{ name: "all stages", kind: "one", values: () => frames.ms }]];

function addPlots() {
  const errors = frames.name.map((_, i) => errorOf(i));
  if (errors.some(known)) numbersPlot("Position error", "m", [{ name: "error", kind: "one", values: () => errors }], VOUCHED, data.falseErrorM);
  if (frames.std.some(Boolean)) numbersPlot(...CLAIMED);
  if (frames.ms.some(known)) numbersPlot(...TAKEN);
  outcomeLanes();
}
