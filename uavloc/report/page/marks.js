// How outcomes look: a colour and a shape each, so that neither is needed to tell them apart.
const PLUS = [[-0.35, -1], [0.35, -1], [0.35, -0.35], [1, -0.35], [1, 0.35], [0.35, 0.35], [0.35, 1], [-0.35, 1], [-0.35, 0.35], [-1, 0.35], [-1, -0.35], [-0.35, -0.35]];
const turned = (corners) => corners.map(([x, y]) => [(x - y) * 0.75, (x + y) * 0.75]);
const round = Array.from({ length: 20 }, (_, i) => [0.85 * Math.cos((i * Math.PI) / 10), 0.85 * Math.sin((i * Math.PI) / 10)]);
const SHAPES = {
  FIX: ["--o-fix", round],
  GATED: ["--o-gated", turned(PLUS)],
  AMBIGUOUS: ["--o-ambiguous", [[0, -1.15], [1.15, 0], [0, 1.15], [-1.15, 0]]],
  LOW_SCORE: ["--o-score", [[0, -1.1], [1.05, 0.8], [-1.05, 0.8]]],
  LOW_TEXTURE: ["--o-texture", [[0, 1.1], [1.05, -0.8], [-1.05, -0.8]]],
  OUTSIDE_CACHE: ["--o-outside", [[-0.85, -0.85], [0.85, -0.85], [0.85, 0.85], [-0.85, 0.85]]],
  LOST: ["--o-lost", round, true],
};
const INPUT = ["--o-input", PLUS];
const shapeOf = (outcome) => SHAPES[outcome] || INPUT;

function markPath(outcome, x, y, size) {
  const corners = shapeOf(outcome)[1].map(([dx, dy]) => `${(x + dx * size).toFixed(2)},${(y + dy * size).toFixed(2)}`);
  return `M${corners.join("L")}Z`;
}

function symbol(outcome) {
  const [name, , hollow] = shapeOf(outcome);
  const path = draw("path", { d: markPath(outcome, 8, 8, 5), fill: hollow ? "none" : `var(${name})`, stroke: `var(${name})`, "stroke-width": 2 });
  return draw("svg", { width: 16, height: 16, viewBox: "0 0 16 16", "aria-hidden": "true" }, path);
}

function sample(kind, dash, width = 2) {
  const line = draw("line", { x1: 1, y1: 6, x2: 23, y2: 6, stroke: kind, "stroke-width": width, "stroke-dasharray": dash });
  return draw("svg", { width: 24, height: 12, viewBox: "0 0 24 12", "aria-hidden": "true" }, line);
}
