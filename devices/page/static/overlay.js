// What the eyes do, drawn over the picture: where the gaze is and how old that is, the fixation, what was looked at, and what it was.

import { ago, el, span } from "./words.js";

const MS = 1e6;
const STALE_NS = 250 * MS;
const GAZE_GONE_NS = 5000 * MS;
const BOX_FADES_NS = 1000 * MS;
const BOX_GONE_NS = 2000 * MS;
// Above a look there must be room for its name, or it stands below.
const NAME_PX = 48;
const REDRAW_MS = 100;
// The overview covers the picture: a frame around it would say nothing.
const WHOLE = 0.9;
const HELD = new Set(["fixation", "pursuit", "dwell"]);
const SVG = "http://www.w3.org/2000/svg";

function shape(parent, tag, name) {
  const element = document.createElementNS(SVG, tag);
  if (name) element.setAttribute("class", name);
  parent.append(element);
  return element;
}

function place(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, typeof value === "number" ? value.toFixed(1) : value);
}

function area([x0, y0, x1, y1]) {
  return (x1 - x0) * (y1 - y0);
}

// What a look found, as [words, sure]; the best guess only.
export function named(gazed) {
  const guess = gazed.guesses[0];
  if (!guess || guess.kind === "thing") return ["no name for it", false];
  const name = guess.kind === "text" ? `“${guess.name}”` : guess.name;
  // A classifier's word is a guess however sure it is.
  if (guess.sure && guess.kind === "label") return [`looks like ${name}`, false];
  return guess.sure ? [name, true] : [`perhaps ${name}, ${guess.score.toFixed(2)}`, false];
}

export function mountOverlay(view, model) {
  const svg = shape(view, "svg", "overlay");
  svg.setAttribute("aria-hidden", "true");
  const boxes = shape(svg, "g", "looked");
  const eye = shape(svg, "g", "eye");
  const perifovea = shape(eye, "circle", "perifovea");
  const ring = shape(eye, "circle", "ring");
  const lasts = shape(eye, "text", "lasts");
  const dot = shape(eye, "circle", "dot");
  const nameWords = el("b");
  const nameAge = el("span");
  const label = el("p.name-tag", { "aria-hidden": "true", hidden: true }, nameWords, nameAge);
  view.append(label);

  let width = 0;
  let height = 0;
  let asked = false;
  let timer = 0;
  let drawnLook = null;
  let drawnSize = "";

  function ask() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(draw);
  }

  function draw() {
    asked = false;
    clearTimeout(timer);
    if (!width) return;
    const now = model.now_ns();
    const shown = [drawEye(now), drawLook(now)];
    // Nothing moves for its own sake: only what fades is drawn again, and in a recording time stands still between updates.
    if (shown.includes(true) && model.parts.session?.mode !== "journal") timer = setTimeout(ask, REDRAW_MS);
  }

  function seen(gaze, now) {
    return Boolean(gaze) && gaze.x_norm !== null && gaze.t_ns >= 0 && now - gaze.t_ns < GAZE_GONE_NS;
  }

  // How far around the gaze is looked at, by the rule of the models: every pixel the same angle.
  function reach() {
    const session = model.parts.session;
    return session ? (width * session.perifovea_deg) / session.hfov_deg : 0;
  }

  function drawEye(now) {
    const gaze = model.parts.eye;
    const there = seen(gaze, now);
    eye.style.display = there ? "" : "none";
    if (!there) return false;
    const age = now - gaze.t_ns;
    const fresh = age < STALE_NS;
    place(eye, { transform: `translate(${(gaze.x_norm * width).toFixed(1)} ${(gaze.y_norm * height).toFixed(1)})` });
    eye.style.opacity = fresh ? 1 : Math.max(0.3, 1 - age / GAZE_GONE_NS).toFixed(2);
    eye.classList.toggle("stale", !fresh);
    const small = Math.max(5, width / 150);
    const radius = reach();
    place(dot, { r: small });
    place(perifovea, { r: radius });
    const holds = fresh && HELD.has(gaze.kind);
    ring.style.display = lasts.style.display = holds ? "" : "none";
    if (holds) {
      const lasted = Math.max(0, gaze.t_ns - gaze.since_ns);
      // Each doubling adds as much: a glance and a long stay both fit inside the perifovea.
      const grown = Math.min(radius, small * (1.8 + 0.9 * Math.log2(1 + lasted / (100 * MS))));
      place(ring, { r: grown });
      const flip = gaze.x_norm > 0.75;
      const room = grown + 6;
      place(lasts, { x: flip ? -room : room, y: 4, "text-anchor": flip ? "end" : "start" });
      const words = `${gaze.kind} ${span(lasted)}`;
      if (lasts.textContent !== words) lasts.textContent = words;
    }
    return true;
  }

  function drawLook(now) {
    const look = model.parts.gazed;
    const known = look && look.t_capture_ns >= 0;
    const age = known ? now - look.t_capture_ns : Infinity;
    const faded = age < BOX_GONE_NS ? Math.min(1, (BOX_GONE_NS - age) / (BOX_GONE_NS - BOX_FADES_NS)) : 0;
    const parts = known ? look.boxes.filter((box) => area(box) < WHOLE) : [];
    boxes.style.opacity = faded.toFixed(2);
    const size = `${width}x${height}`;
    if (drawnLook !== look || drawnSize !== size) {
      drawnLook = look;
      drawnSize = size;
      boxes.replaceChildren();
      for (const [x0, y0, x1, y1] of parts) {
        place(shape(boxes, "rect"), { x: x0 * width, y: y0 * height, width: (x1 - x0) * width, height: (y1 - y0) * height, rx: 6 });
      }
    }
    const stays = known && rests(look, now);
    const box = stays ? around(model.parts.eye) : faded > 0 && parts.length ? parts.reduce((best, each) => (area(each) < area(best) ? each : best)) : null;
    label.hidden = !box;
    if (!box) {
      // Not only out of sight: what was forgotten must not stay in the page.
      nameWords.textContent = nameAge.textContent = "";
      return false;
    }
    drawName(look, now, box);
    label.style.opacity = stays ? 1 : faded.toFixed(2);
    return true;
  }

  // The name belongs to what was looked at. It goes with the gaze only while that has not moved on, or it would be read as another thing's name.
  function rests(look, now) {
    const gaze = model.parts.eye;
    return seen(gaze, now) && HELD.has(gaze.kind) && gaze.since_ns >= 0 && gaze.since_ns <= look.t_capture_ns;
  }

  function around(gaze) {
    const across = reach() / width;
    const down = reach() / height;
    return [gaze.x_norm - across, gaze.y_norm - down, gaze.x_norm + across, gaze.y_norm + down];
  }

  function drawName(look, now, [x0, y0, x1, y1]) {
    const [words, sure] = named(look);
    if (nameWords.textContent !== words) nameWords.textContent = words;
    const when = ago(look.t_capture_ns, now);
    if (nameAge.textContent !== when) nameAge.textContent = when;
    label.classList.toggle("sure", sure);
    const percent = (value, least) => `${(Math.min(0.7, Math.max(least, value)) * 100).toFixed(1)}%`;
    // Sideways it grows towards the middle; above, where there is room, because the captions stand below.
    const right = x0 + x1 > 1;
    label.style.left = right ? "auto" : percent(x0, 0.01);
    label.style.right = right ? percent(1 - x1, 0.01) : "auto";
    const above = y0 * height > NAME_PX;
    label.style.top = above ? "auto" : percent(y1, 0);
    label.style.bottom = above ? `${((1 - y0) * 100).toFixed(1)}%` : "auto";
  }

  new ResizeObserver(([entry]) => {
    width = entry.contentRect.width;
    height = entry.contentRect.height;
    place(svg, { viewBox: `0 0 ${width} ${height}` });
    ask();
  }).observe(view);
  model.on(["eye", "gazed", "session", "fresh", "age"], ask);
}
