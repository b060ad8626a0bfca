// Standing watches: what to tell of, for how long, and a form for another.

import { el, keyed, span } from "./words.js";

const ANSWER_MS = 30_000;
const LENGTHS = [
  ["", "until I remove it"],
  ["10", "for 10 minutes"],
  ["60", "for 1 hour"],
  ["480", "for 8 hours"],
];

export function mount(root, model, link) {
  const list = el("ul.rows.watch-list", { "aria-labelledby": "watches-title" });
  const empty = el("p.empty", "I am not watching for anything.");
  const said = el("p.outcome", { role: "status" });
  root.append(el("h2#watches-title", "I will tell you"), list, empty, form(model, link, said), said);

  const show = () => {
    const watches = model.items("watches");
    keyed(list, watches, (watch) => row(watch, model, link, said));
    empty.hidden = watches.length > 0;
    age();
  };
  const age = () => {
    for (const entry of list.querySelectorAll(".watch-left")) {
      const text = left(entry.expires_ns, model.now_ns());
      if (entry.textContent !== text) entry.textContent = text;
    }
  };
  model.on(["watches"], show);
  model.on(["age"], age);
  // What was said here may name what has just been forgotten.
  model.on(["fresh"], () => (said.textContent = ""));
  show();
}

function left(expires_ns, now_ns) {
  if (expires_ns === null) return "until you remove it";
  return expires_ns <= now_ns ? "time is up" : `for ${span(expires_ns - now_ns)} more`;
}

function row(watch, model, link, said) {
  const time = el("span.watch-left");
  time.expires_ns = watch.expires_ns;
  const remove = async () => {
    const told = await link.ask({ type: "unwatch", watch: watch.key });
    said.textContent = told.words || (told.ok ? "" : "That could not be done.");
  };
  const waits = watch.told ? (watch.once ? "✓ told" : "✓ told; again when it has gone and come back") : "◦ waiting for it";
  return el(
    "li.row",
    el(
      "span.row-words",
      el("b", `when ${watch.text}`),
      el("span.faint", time, watch.once && ", once"),
      el("span.faint", waits),
    ),
    el("button.plain.small.live-only", { type: "button", onclick: remove, "aria-label": `Remove the watch for ${watch.text}` }, "Remove"),
  );
}

function form(model, link, said) {
  const placeholder = "my mug, a bicycle, the word OPEN";
  const what = el("input#watch-what", { type: "text", maxlength: 300, required: true, autocomplete: "off", placeholder });
  const length = el("select", { "aria-label": "For how long" }, LENGTHS.map(([value, words]) => el("option", { value }, words)));
  const once = el("input", { type: "checkbox" });
  const reply = replies(model, said);
  const send = async (event) => {
    event.preventDefault();
    const thing = what.value.trim();
    if (!thing) return;
    // A whole sentence is taken as it is.
    const text = /^(?:tell|let|alert|notify|warn) me\b/i.test(thing) ? thing : `tell me when I see ${thing}`;
    said.textContent = "";
    reply();
    const told = await link.ask({ type: "watch", text, minutes: length.value ? Number(length.value) : null, once: once.checked });
    if (told.words) said.textContent = told.words;
    if (told.ok && what.value.trim() === thing) what.value = "";
  };
  return el(
    "form.watch-form.live-only",
    { onsubmit: send },
    el("label", { for: "watch-what" }, "Tell me when I see"),
    what,
    el("div.watch-how", length, el("label.check", once, "once only"), el("button", { type: "submit" }, "Watch")),
  );
}

// Says here, too, what the glasses answer to a wish just sent: that they watch, or why they cannot.
function replies(model, said) {
  let after = -1;
  let until_ms = 0;
  model.on(["said"], () => {
    if (performance.now() > until_ms) return;
    const answers = (line) => line.key > after && line.who === "glasses" && (line.kind === "refuse" || line.text.startsWith("I will tell you"));
    const line = model.items("said").findLast(answers);
    if (line && line.text !== said.textContent) said.textContent = line.text;
  });
  return () => {
    after = Math.max(-1, ...model.items("said").map((item) => item.key));
    until_ms = performance.now() + ANSWER_MS;
  };
}
