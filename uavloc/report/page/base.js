// What is shown, which frame is looked at, and small tools of the page.
const data = JSON.parse(document.getElementById("data").textContent);
const frames = data.frames;
let count = frames.name.length;
const byId = (id) => document.getElementById(id);
const state = { at: 0, listeners: [] };

function onFrame(listener) {
  state.listeners.push(listener);
}

function goTo(index) {
  state.at = Math.max(0, Math.min(count - 1, index));
  for (const listener of state.listeners) listener(state.at);
}

function make(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function draw(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const known = (value) => value !== null && value !== undefined;
const metres = (value) => (known(value) ? `${value.toFixed(value < 100 ? 1 : 0)} m` : "–");
const seconds = (value) => `${value.toFixed(1)} s`;

function errorOf(index) {
  const error = frames.errNe[index];
  return error ? Math.hypot(error[0], error[1]) : null;
}

function summaryOf(index) {
  const parts = [`Frame ${frames.name[index]}`, seconds(frames.t[index]), frames.outcome[index]];
  if (!frames.at[index]) parts.push("no position");
  else if (known(errorOf(index))) parts.push(`error ${metres(errorOf(index))}`);
  return parts.join(", ");
}

function quantile(values, share) {
  const sorted = values.filter(known).sort((a, b) => a - b);
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] : 0;
}
