// The conversation, the box to ask in, and "this is my ...".

import { askToForget, forgetLookedAt, lookedAt, questionOf, wishOf } from "./forget.js";
import { grow, picture, when } from "./memory.js";
import { el, keyed, set } from "./words.js";

const NAME_MOST = 80;
const AT_BOTTOM_PX = 48;
const EXAMPLES = ["What did the sign say?", "Where was my mug?", "Did you see my passport?"];
const JUDGED = new Set(["alert", "read_aloud", "notice"]);
const KINDS = { alert: "▲ alert", read_aloud: "“” read aloud", confirm: "? not sure", learned: "★ learned", refuse: "✕ cannot", notice: "· note" };

const POLITE = /^(?:(?:please|hey|ok(?:ay)?|(?:can|could|would|will) you(?: please)?),? )+/i;
const TELL = "(?:(?:tell|alert|notify|warn|inform|ping) me|let me know)";
const WATCH = new RegExp(
  `^(?:${TELL},? (?:when(?:ever)?|if|once|as soon as|the moment|(?:each|every|the next|next) time) (?!did |was |were |have |had ).+|` +
    `(?:when(?:ever)?|if|as soon as) .+,? ${TELL}|(?:watch|look)(?: out)? for .+|keep an eye (?:out )?(?:for|on) .+)$`,
  "i",
);
const TEACH = /^(?:this|that|these|those)(?: is|'s|’s| are) (?:my|our) (.+?)[.! ]*$/i;

// What a sentence would do: {does: "ask" | "watch" | "teach" | "forget" | "nothing", button, hint, ...}; null for an empty one.
function meaning(sentence, model) {
  const plain = sentence.trim().replace(POLITE, "");
  if (!plain) return null;
  const taught = TEACH.exec(plain);
  if (taught) {
    const name = taught[1].slice(0, NAME_MOST);
    return { does: "teach", name, button: "Teach", hint: `Enter teaches me “${name}”: look at it while I learn.` };
  }
  if (WATCH.test(plain)) return { does: "watch", button: "Watch", hint: "Enter sets a watch, which stands until you remove it." };
  const wish = wishOf(plain);
  if (wish === "looked_at" && !lookedAt(model)) {
    return { does: "nothing", button: "Forget …", hint: "I do not know what you mean: nothing is being looked at." };
  }
  const question = wish === "looked_at" ? "Forget this thing?" : wish && questionOf(wish);
  if (wish) return { does: "forget", wish, button: "Forget …", hint: `Enter asks you once more: ${question}` };
  return { does: "ask", button: "Ask", hint: "Enter asks." };
}

export function mount(root, model, link) {
  const list = el("ol.lines", { "aria-label": "Conversation, newest last" });
  const scroller = el("div.scroller.talk-scroller", { tabindex: 0, role: "group", "aria-labelledby": "talk-title" }, list, examples(model, link));
  const newest = el("button.newest.small", { type: "button", hidden: true, onclick: () => toBottom() }, "Newest ↓");
  // The captions on the stage are read out by screen readers; of what stands here only what the machine says about itself is.
  const spoken = el("p.visually-hidden", { role: "status" });
  const boxes = [...askBox(model, link), ...teachBox(model, link)];
  root.append(el("h2#talk-title", "Talk"), el("div.talk-lines", scroller, newest), spoken, ...boxes);

  let stuck = true;
  let noticed = null;
  const judged = new Map();
  const toBottom = () => (scroller.scrollTop = scroller.scrollHeight);
  scroller.addEventListener(
    "scroll",
    () => {
      stuck = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < AT_BOTTOM_PX;
      if (stuck) newest.hidden = true;
    },
    { passive: true },
  );
  new ResizeObserver(() => stuck && toBottom()).observe(scroller);

  const show = (_, changed) => {
    const lines = model.items("said");
    const last = lines.at(-1);
    const isNew = last && last.key !== Number(list.lastElementChild?.dataset.key);
    for (const decision of [...judged.keys()]) if (!lines.some((line) => line.decision === decision)) judged.delete(decision);
    keyed(list, lines, (line) => lineOf(line, model, link, judged));
    root.classList.toggle("nothing-said", lines.length === 0);
    const notice = lines.findLast((line) => line.who === "notice");
    // What already stood there when the page came is not news.
    if (noticed !== null && notice && notice.key !== noticed && !changed?.has("fresh")) spoken.textContent = notice.text;
    if (changed) noticed = notice?.key ?? -1;
    grow(list, model.now_ns());
    if (stuck) toBottom();
    else if (isNew) newest.hidden = false;
  };
  model.on(["said"], show);
  model.on(["age"], () => grow(list, model.now_ns()));
  // What was said here may name what has just been forgotten.
  model.on(["fresh"], () => (spoken.textContent = ""));
  show(model, null);
}

function examples(model, link) {
  const chips = EXAMPLES.map((text) => el("button.plain.small", { type: "button", onclick: () => link.ask({ type: "ask", text }) }, text));
  const words = el("p", "Nothing has been said yet. ", el("span.live-only", "Look around for a while, then ask:"));
  return el("div.talk-empty", words, el("div.talk-examples.live-only", chips));
}

function lineOf(line, model, link, judged) {
  const who = line.who === "wearer" ? "You" : line.who === "glasses" ? "Glasses" : null;
  const kind = line.who === "glasses" ? KINDS[line.kind] : line.kind === "trouble" ? "! trouble" : null;
  return el(
    "li",
    { class: `line line-${line.who} line-kind-${line.kind.replace(/\W/g, "")}` },
    el("p.line-head", who && el("b", who), kind && el("span.line-kind", kind), when(line.t_ns)),
    el("p.line-text", line.text),
    evidence(line),
    line.who === "glasses" && JUDGED.has(line.kind) && line.decision !== null && verdict(line, model, link, judged),
  );
}

function evidence(line) {
  if (!line.thumb && line.evidence_ns === null) return null;
  return el(
    "div.line-evidence",
    line.thumb && picture(line.thumb, "", "What this rests on"),
    line.evidence_ns !== null && when(line.evidence_ns, (age) => `seen ${age}`),
  );
}

function verdict(line, model, link, judged) {
  if (model.parts.session?.mode === "journal") return null;
  const box = el("div.line-verdict");
  const done = () => box.replaceChildren(el("span.faint", judged.get(line.decision) === "accepted" ? "You said: good." : "You said: not now."));
  const button = (words, verdict) => {
    const press = async () => {
      const told = await link.ask({ type: "verdict", decision: line.decision, verdict });
      if (told.ok) judged.set(line.decision, verdict);
      if (told.ok) done();
      else box.append(el("span.trouble", told.words));
    };
    return el("button.plain.small", { type: "button", "aria-label": `${words}: ${line.text}`, onclick: press }, words);
  };
  if (judged.has(line.decision)) done();
  else box.append(button("good", "accepted"), button("not now", "dismissed"));
  return box;
}

function askBox(model, link) {
  const input = el("input#ask-text", {
    type: "text",
    maxlength: 500,
    autocomplete: "off",
    enterkeyhint: "send",
    placeholder: "Where was my mug?",
    "aria-describedby": "ask-hint",
  });
  const go = el("button", { type: "submit" }, "Ask");
  const hint = el("p#ask-hint.faint.hint");
  const trouble = el("p.trouble", { role: "status" });

  const guide = () => {
    const means = meaning(input.value, model);
    go.textContent = means?.button ?? "Ask";
    hint.textContent = means?.hint ?? "Ask; or say “this is my mug”, “tell me when I see a bicycle”, “forget the last ten minutes”.";
  };
  const send = async (event) => {
    event.preventDefault();
    const means = meaning(input.value, model);
    guide(); // what "this" is may have changed since it was typed
    if (!means || means.does === "nothing") return;
    trouble.textContent = "";
    if (means.does === "forget") {
      if (means.wish === "looked_at") forgetLookedAt(model);
      else askToForget(means.wish);
      input.value = "";
      guide();
      return;
    }
    const sent = input.value;
    // Cleared before the answer is there: who types fast has begun the next sentence by then.
    input.value = "";
    guide();
    const told = await link.ask(means.does === "teach" ? { type: "teach", name: means.name } : { type: means.does, text: sent.trim() });
    trouble.textContent = told.words;
    // What was not taken comes back, unless something else has been typed meanwhile.
    if (!told.ok && !input.value) input.value = sent;
    guide();
  };
  input.addEventListener("input", guide);
  model.on(["fresh"], () => (trouble.textContent = ""));
  guide();
  return [
    el("form.ask-form", { onsubmit: send }, el("label.visually-hidden", { for: "ask-text" }, "Ask, teach, watch or forget, in words"), input, go),
    el("div.ask-under", hint, trouble),
  ];
}

function teachBox(model, link) {
  const input = el("input#teach-name", { type: "text", maxlength: NAME_MOST, autocomplete: "off", placeholder: "mug", required: true });
  const trouble = el("p.trouble", { role: "status" });
  const send = async (event) => {
    event.preventDefault();
    const name = input.value.trim();
    if (!name) return;
    const told = await link.ask({ type: "teach", name });
    trouble.textContent = told.words;
    if (told.ok && input.value.trim() === name) input.value = "";
  };
  const dots = el("span.lesson-dots", { "aria-hidden": "true" });
  const words = el("span");
  const lesson = el("p.lesson", { role: "status" });
  const show = () => {
    const now = model.parts.lesson;
    if (!now?.name) return lesson.replaceChildren();
    if (!lesson.firstChild) lesson.append(dots, words);
    const text = `${now.name}: ${now.views} of ${now.needed} looks${now.views < now.needed ? ": keep looking at it" : ""}`;
    if (words.textContent !== text) words.textContent = text;
    dots.replaceChildren(...Array.from({ length: Math.min(now.needed, 12) }, (_, i) => set(el("i"), { class: i < now.views ? "done" : "" })));
  };
  model.on(["lesson"], show);
  model.on(["fresh"], () => (trouble.textContent = ""));
  return [
    el("form.teach-form", { onsubmit: send }, el("label", { for: "teach-name" }, "This is my"), input, el("button.plain", { type: "submit" }, "Teach")),
    lesson,
    trouble,
  ];
}
