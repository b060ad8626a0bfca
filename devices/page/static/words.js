// Elements, times and bytes as a person reads them.

const MS = 1e6;
const S = 1e9;

// el("button.plain", {onclick: f, "aria-label": "x"}, "text", child, [children], null): an element. Text is always text, never markup.
export function el(selector, ...content) {
  const [, tag, id, classes] = /^([a-z0-9]*)(?:#([\w-]+))?((?:\.[\w-]+)*)$/i.exec(selector);
  const element = document.createElement(tag || "div");
  if (id) element.id = id;
  if (classes) element.className = classes.slice(1).replaceAll(".", " ");
  if (content.length && isProperties(content[0])) set(element, content.shift());
  element.append(...content.flat(Infinity).filter((part) => part !== null && part !== undefined && part !== false));
  return element;
}

export function set(element, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === false || value === null || value === undefined) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  return element;
}

function isProperties(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value) && !(value instanceof Node);
}

// A list of keyed children brought up to date in place, so that focus, scroll position and open details stay where they are.
// make(item) builds an element for a key not seen before, or for an item that changed; keep(element, item) may update in place instead
// and returns true if it did.
export function keyed(parent, items, make, keep = () => false) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let before = parent.firstElementChild;
  for (const item of items) {
    const key = String(item.key);
    let element = known.get(key);
    known.delete(key);
    const stamp = JSON.stringify(item);
    if (!element) {
      element = make(item);
      element.dataset.key = key;
    } else if (element.stamp !== stamp && !keep(element, item)) {
      const open = element.open;
      const fresh = make(item);
      fresh.dataset.key = key;
      if (open !== undefined) fresh.open = open;
      if (before === element) before = fresh;
      element.replaceWith(fresh);
      element = fresh;
    }
    element.stamp = stamp;
    if (element === before) before = before.nextElementSibling;
    else parent.insertBefore(element, before);
  }
  for (const element of known.values()) element.remove();
}

// Stream time: "1:21.4".
export function clock(t_ns) {
  const tenths = Math.max(0, Math.round(t_ns / (100 * MS)));
  const minutes = Math.floor(tenths / 600);
  const rest = tenths % 600;
  const seconds = `${String(Math.floor(rest / 10)).padStart(2, "0")}.${rest % 10}`;
  return minutes >= 60 ? `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
}

// A length of time in the unit that suits it: "84 ms", "2.4 s", "3 min", "2 h 5 min".
export function span(duration_ns) {
  const d = Math.max(0, duration_ns);
  if (d < S) return `${Math.round(d / MS)} ms`;
  if (d < 9.95 * S) return `${(d / S).toFixed(1)} s`;
  if (d < 59.5 * S) return `${Math.round(d / S)} s`;
  const minutes = Math.round(d / (60 * S));
  if (minutes < 60) return `${minutes} min`;
  const rest = minutes % 60;
  return rest ? `${Math.floor(minutes / 60)} h ${rest} min` : `${minutes / 60} h`;
}

// How old something is: "just now", "12 s ago".
export function ago(t_ns, now_ns) {
  return now_ns - t_ns < 1.5 * S ? "just now" : `${span(now_ns - t_ns)} ago`;
}

// Bytes in binary units: "812 B", "3.4 MiB".
export function bytes(count) {
  let value = count;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (value < 1000 || unit === "GiB") return unit === "B" || value >= 100 ? `${Math.round(value)} ${unit}` : `${value.toFixed(1)} ${unit}`;
    value /= 1024;
  }
  return "";
}

export function many(count, one, more = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : more}`;
}
