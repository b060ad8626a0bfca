// What was seen: a timeline that grows, newest first, and everything about one sighting when it is opened.

import { askToForget } from "./forget.js";
import { ago, clock, el, keyed, many, set, span } from "./words.js";

const HOW = "Look at something for a moment, and it appears here with its picture and its age.";
const PAGE = 60;
const NOT_KEPT_MOST = 2000;
const SVG = "http://www.w3.org/2000/svg";

const KINDS = {
  concept: { sign: "★", word: "taught", more: "You showed it to me" },
  text: { sign: "“”", word: "read", more: "I read it" },
  label: { sign: "?", word: "guess", more: "A guess at a name; it may be wrong" },
  thing: { sign: "○", word: "no name", more: "I have no name for it" },
};
const kindOf = (kind) => KINDS[kind] ?? { sign: "·", word: kind, more: kind };

const sign = (kind) => el("span.thumb-sign", { "aria-hidden": "true" }, kindOf(kind).sign);

// Pictures the glasses have said they do not keep; asked for once, not at every turn.
const notKept = new Set();

// A kept picture, or a plain box where there is none: with the sign of the kind, or in words where there is no kind ("").
export function picture(id, kind, words) {
  const box = el("span.thumb", { "data-id": id ?? "" });
  const plain = () => {
    if (!kind) box.replaceChildren(el("span.thumb-words", "no picture kept"));
    else box.replaceChildren(sign(kind), el("span.visually-hidden", "no picture kept"));
  };
  if (!id || notKept.has(id)) {
    plain();
    return box;
  }
  const gone = () => {
    if (notKept.size >= NOT_KEPT_MOST) notKept.clear();
    notKept.add(id);
    plain();
  };
  box.append(el("img", { src: `thumb/${encodeURIComponent(id)}.jpg`, alt: words, loading: "lazy", decoding: "async", onerror: gone }));
  return box;
}

// An age that grow() brings up to date; form makes the sentence: when(t, (age) => `seen ${age}`).
export function when(t_ns, form = (age) => age) {
  const time = el("time.when", { title: `at ${clock(t_ns)} of this run` });
  time.t_ns = t_ns;
  time.form = form;
  return time;
}

export function grow(root, now_ns) {
  for (const time of root.querySelectorAll("time.when")) {
    const text = time.form(ago(time.t_ns, now_ns));
    if (time.textContent !== text) time.textContent = text;
  }
}

export function nameOf(item) {
  if (item.kind === "thing") return "something without a name";
  return item.kind === "text" ? `“${item.name}”` : item.name;
}

export function kindChip(kind) {
  return el(`span.kind.kind-${kind in KINDS ? kind : "thing"}`, el("span.kind-sign", { "aria-hidden": "true" }, kindOf(kind).sign), kindOf(kind).word);
}

export function mount(root, model) {
  const wanted = new Set();
  let most = PAGE;
  const chips = Object.keys(KINDS).map((kind) => chip(kind));
  const text = el("input", { type: "search", placeholder: "name or place", "aria-label": "Show only what holds these words", oninput: () => show() });
  const list = el("ol.sightings", { "aria-label": "Sightings, newest first" });
  const empty = el("p.empty");
  const older = el("button.plain", { type: "button", onclick: () => ((most += PAGE), show()) });
  root.append(
    el("div.panel-head", el("h2#memory-title", "What I have seen"), el("div.filters", { role: "group", "aria-label": "Show only" }, chips, text)),
    el("div.scroller", { tabindex: 0, role: "group", "aria-labelledby": "memory-title" }, list, empty, older),
  );
  const detail = mountDetail(model);

  function chip(kind) {
    const press = () => {
      if (!wanted.delete(kind)) wanted.add(kind);
      set(button, { "aria-pressed": String(wanted.has(kind)) });
      show();
    };
    const count = el("span.count");
    const button = el("button.plain.small", { type: "button", "aria-pressed": "false", onclick: press }, kindChip(kind), count);
    button.count = count;
    button.kind = kind;
    return button;
  }

  function show() {
    const all = model.items("sightings");
    for (const button of chips) button.count.textContent = all.filter((item) => item.kind === button.kind).length;
    const words = text.value.trim().toLowerCase();
    const fits = (item) => (!wanted.size || wanted.has(item.kind)) && `${nameOf(item)} ${item.place}`.toLowerCase().includes(words);
    // By when it came into view, not by when it was last seen: what is open to be clicked does not jump away.
    const found = all.filter(fits).sort((a, b) => b.t_start_ns - a.t_start_ns || b.key - a.key);
    keyed(list, found.slice(0, most), (item) => card(item, detail), keepCard);
    older.hidden = found.length <= most;
    older.textContent = `Show older ones (${many(found.length - most, "more", "more")})`;
    empty.hidden = found.length > 0;
    empty.replaceChildren(all.length ? "Nothing I have seen fits that." : "Nothing yet. ", all.length ? "" : el("span.live-only", HOW));
    grow(list, model.now_ns());
  }

  model.on(["sightings"], show);
  model.on(["age"], () => grow(list, model.now_ns()));
  show();
}

function card(item, detail) {
  const open = el("button.plain.sighting", { type: "button", onclick: () => detail(open.parentElement.item) });
  const entry = el("li", open);
  keepCard(entry, item);
  return entry;
}

// Brought up to date in place: a picture that stays must not flicker, and the focus must not be lost.
function keepCard(entry, item) {
  const button = entry.firstElementChild;
  const old = button.querySelector(".thumb");
  const id = item.thumbs[0] ?? "";
  const thumb = old && old.dataset.id === id && entry.item?.kind === item.kind ? old : picture(id, item.kind, "");
  entry.item = item;
  // For how long is known once the eyes have moved on.
  const gaze = !item.gazed ? "in view only" : item.gaze_ns > 0 ? `looked at for ${span(item.gaze_ns)}` : "looked at";
  const words = el(
    "span.sighting-words",
    el("b.sighting-name", item.kind === "thing" ? "something" : nameOf(item)),
    kindChip(item.kind),
    el("span.faint", gaze),
    item.place && el("span.faint.sighting-place", item.place),
    when(item.t_end_ns, (age) => `last seen ${age}`),
  );
  button.replaceChildren(thumb, words);
  return true;
}

function mountDetail(model) {
  const heading = el("h2#sighting-title", { tabindex: -1 });
  const body = el("div.sighting-detail");
  const forget = el("button.danger", { type: "button" }, "Forget this …");
  const close = el("button.plain", { type: "button", onclick: () => dialog.close() }, "Close");
  const dialog = el("dialog.sighting-dialog", { "aria-labelledby": "sighting-title" }, heading, body, el("div.dialog-buttons", forget, close));
  document.body.append(dialog);
  let key = null;
  dialog.addEventListener("close", () => {
    key = null;
    for (const part of [heading, body]) part.replaceChildren(); // nothing of it may stay here when it is forgotten
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  forget.addEventListener("click", () => {
    const item = model.rolls.sightings.get(key);
    dialog.close();
    if (item) askToForget({ kind: "thing", name: item.name });
  });
  const fill = (item) => {
    heading.textContent = nameOf(item);
    forget.hidden = model.parts.session?.mode === "journal";
    body.replaceChildren(...facts(item));
    grow(body, model.now_ns());
  };
  model.on(["sightings"], () => {
    if (key === null) return;
    const item = model.rolls.sightings.get(key);
    if (item) fill(item);
    else dialog.close(); // forgotten meanwhile: nothing of it may stay on the page
  });
  model.on(["age"], () => key !== null && grow(body, model.now_ns()));
  return (item) => {
    key = item.key;
    fill(item);
    dialog.showModal();
    heading.focus(); // read from the top, and not scrolled past what it is about
  };
}

function facts(item) {
  const rows = [
    ["What it is", kindOf(item.kind).more],
    ["How sure", `${item.confidence.toFixed(2)} of 1`],
    ["First seen", when(item.t_start_ns, (age) => `${age}, at ${clock(item.t_start_ns)}`)],
    ["Last seen", when(item.t_end_ns, (age) => `${age}, at ${clock(item.t_end_ns)}`)],
    ["In view for", item.t_end_ns > item.t_start_ns ? `at least ${span(item.t_end_ns - item.t_start_ns)}` : "one look"],
    ["Looked at", !item.gazed ? "no: it was in view only" : item.gaze_ns > 0 ? `for ${span(item.gaze_ns)}` : "yes; for how long I do not know yet"],
    ["Where", item.place || "I do not know"],
    ["Shown by", many(item.looks, "look")],
  ];
  const pictures = item.thumbs.length ? item.thumbs : [""];
  return [
    el("div.sighting-pictures", pictures.map((id) => picture(id, item.kind, `A picture kept of ${nameOf(item)}`)), where(item.box)),
    item.thumbs.length ? null : el("p.faint", "No picture of it is kept."),
    el("dl.facts", rows.flatMap(([name, value]) => [el("dt", name), el("dd", value)])),
  ].filter(Boolean);
}

// Where in the picture: the outline of a frame, and of the thing in it.
function where(box) {
  const [x0, y0, x1, y1] = box;
  const make = (name, properties) => set(document.createElementNS(SVG, name), properties);
  const svg = make("svg", { viewBox: "-1 -1 162 92", role: "img", "aria-label": "Where in the picture it was" });
  svg.append(
    make("rect", { class: "where-frame", width: 160, height: 90, rx: 3 }),
    make("rect", { class: "where-thing", x: x0 * 160, y: y0 * 90, width: (x1 - x0) * 160, height: (y1 - y0) * 90, rx: 2 }),
  );
  return el("figure.where", svg, el("figcaption.faint", "where in the picture"));
}
