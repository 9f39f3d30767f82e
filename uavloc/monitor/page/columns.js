// The frames heard of so far: the columns grow, and of the older half every second goes when there are too many.
const MOST_FRAMES = 2400, PICTURES_KEPT = 30;

function clearFrames() {
  for (const column of Object.values(frames)) column.length = 0;
  data.pictures.length = 0;
  count = state.at = 0;
}

function addFrames(rows) {
  for (const row of rows) {
    for (const [name, column] of Object.entries(frames)) column.push(known(row[name]) ? row[name] : null);
    data.pictures.push(null);
  }
  count = frames.name.length;
  while (count > MOST_FRAMES) thin();
  return addOutcomes(rows);
}

function thin() {
  const half = MOST_FRAMES / 2, kept = (_, i) => i >= half || i % 2 === 0;
  for (const column of [...Object.values(frames), data.pictures]) column.splice(0, column.length, ...column.filter(kept));
  count = frames.name.length;
  state.at = state.at >= half ? state.at - half / 2 : state.at >> 1;
}

// Outcomes in their own order, whichever comes first; whether there is a new one.
function addOutcomes(rows) {
  const fresh = rows.some((row) => !(row.outcome in data.outcomes));
  if (fresh) {
    const seen = new Set(frames.outcome);
    for (const outcome of Object.keys(data.outcomes)) delete data.outcomes[outcome];
    for (const outcome of Object.keys(data.meanings)) if (seen.has(outcome)) data.outcomes[outcome] = data.meanings[outcome];
  }
  return fresh;
}

function addPictures(pictures) {
  const index = frames.name.lastIndexOf(pictures.name);
  if (index < 0) return;
  data.pictures[index] = pictures;
  const old = data.pictures.map((found, i) => (found ? i : -1)).filter((i) => i >= 0).slice(0, -PICTURES_KEPT);
  for (const i of old) data.pictures[i] = null;
}
