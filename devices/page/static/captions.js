// What the glasses say, over the picture, and what they ask: yes or no.

import { ago, el, keyed } from "./words.js";

const S = 1e9;
const STANDS_NS = 3 * S;
const MOST = 2;
// Small print read aloud would cover the picture: longer lines are set smaller, and the conversation has all of them.
const LONG = 140;
const KIND = {
  answer: "answer",
  alert: "alert",
  read_aloud: "reads",
  confirm: "asks",
  learned: "learned",
  refuse: "cannot",
  notice: "notice",
};

// The lines that stand at this moment, oldest first: as long as our voice takes, and a while to read on.
export function standing(lines, now_ns) {
  const newest = lines.filter((line) => line.who === "glasses" && line.t_ns <= now_ns + S && now_ns < line.t_ns + line.speech_ns + STANDS_NS);
  return newest.slice(-MOST);
}

export function mountCaptions(model) {
  // Each line is announced once, when it comes; its age is for the eyes only, or a reader would speak it every second.
  const root = el("div.captions", { "aria-live": "polite" });

  function make(line) {
    const seen = line.evidence_ns === null || line.evidence_ns === undefined ? null : el("span.seen", { "aria-hidden": "true" });
    const caption = el(
      "p.caption",
      el("span.kind", KIND[line.kind] ?? line.kind),
      el("span.visually-hidden", ": "),
      el("span.said", line.text),
      seen,
    );
    caption.classList.toggle("alert", line.kind === "alert");
    caption.classList.toggle("long", line.text.length > LONG);
    caption.dataset.kind = line.kind;
    return caption;
  }

  function draw() {
    const now = model.now_ns();
    const lines = standing(model.items("said"), now);
    keyed(root, lines, make);
    lines.forEach((line, at) => {
      const seen = root.children[at].querySelector(".seen");
      const words = `seen ${ago(line.evidence_ns, now)}`;
      if (seen && seen.textContent !== words) seen.textContent = words;
    });
  }

  model.on(["said", "fresh", "age"], draw);
  return root;
}

function writing() {
  const at = document.activeElement;
  return at && (at.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(at.tagName));
}

export function mountDoubt(model, link) {
  const picture = el("img", { alt: "", hidden: true });
  const words = el("p.words");
  const trouble = el("p.faint", { role: "status" });
  const yes = el("button", { type: "button", onclick: () => answer("yes") }, "Yes ", el("kbd", "Y"));
  const no = el("button.plain", { type: "button", onclick: () => answer("no") }, "No ", el("kbd", "N"));
  const buttons = el("div.buttons", yes, no);
  const age = el("span.when");
  const root = el(
    "div.doubt",
    { role: "group", "aria-label": "The glasses are not sure", hidden: true },
    picture,
    el("div", el("p.faint", "not sure · ", age), words, buttons, trouble),
  );
  picture.addEventListener("error", () => (picture.hidden = true));
  let shown = null;

  async function answer(verdict) {
    const doubt = model.parts.doubt;
    const told = await link.ask({ type: "verdict", decision: doubt.decision, verdict });
    trouble.textContent = told.ok ? "" : told.words;
  }

  function draw() {
    const doubt = model.parts.doubt;
    root.hidden = !doubt?.name;
    if (root.hidden) {
      shown = null;
      return;
    }
    age.textContent = ago(doubt.t_ns, model.now_ns());
    buttons.hidden = model.parts.session?.mode === "journal";
    if (shown === doubt.decision) return;
    shown = doubt.decision;
    words.textContent = doubt.text;
    trouble.textContent = "";
    picture.hidden = !doubt.thumb;
    if (doubt.thumb) picture.src = `thumb/${encodeURIComponent(doubt.thumb)}.jpg`;
  }

  document.addEventListener("keydown", (event) => {
    if (root.hidden || buttons.hidden || event.ctrlKey || event.metaKey || event.altKey || event.repeat || writing()) return;
    // A dialog that is open has the keyboard for itself.
    if (document.querySelector("dialog[open]")) return;
    const verdict = { y: "yes", n: "no" }[event.key.toLowerCase()];
    if (!verdict) return;
    event.preventDefault();
    answer(verdict);
  });
  model.on(["doubt", "fresh", "age", "session"], draw);
  return root;
}
