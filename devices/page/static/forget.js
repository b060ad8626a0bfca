// Forgetting: what to forget, once more in plain words what will be gone, and what came of it.

import { ago, el, span } from "./words.js";

const S = 1e9;
const LOOKED_AT_NS = 10 * S;
// What a thing is called that has no name.
const NAMELESS = /^thing \d+$/;
const ANSWER_MS = 15_000;
const JOURNAL = "The journal of this run loses everything from the first trace of it until now.";

let open = () => {};

// Asks once more, then forgets: {kind: "last", minutes} or {kind: "thing", name} or {kind: "all"}. words: what will be gone.
export function askToForget(wish, words = whatGoes(wish)) {
  open(wish, words);
}

// What the wearer looks at, or did within ten seconds: {name, words, t_ns}, or null; words is the name as far as it is sure.
export function lookedAt(model) {
  const gazed = model.parts.gazed;
  const guess = gazed?.guesses[0];
  if (!guess || model.now_ns() - gazed.t_capture_ns > LOOKED_AT_NS) return null;
  const words = NAMELESS.test(guess.name) ? "without a name" : guess.sure ? guess.name : `perhaps ${guess.name}`;
  return { name: guess.name, words, t_ns: gazed.t_capture_ns };
}

export function mount(root, model, link) {
  const minutes = el("button.plain", { type: "button", onclick: () => askToForget({ kind: "last", minutes: 10 }) }, "The last ten minutes");
  const thing = el("button.plain", { type: "button", onclick: () => forgetLookedAt(model) });
  const all = el("button.plain", { type: "button", onclick: () => askToForget({ kind: "all" }) }, "Everything");
  root.append(
    el("h2#forget-title", "Forget"),
    el("p.faint", "Gone is gone: from memory, from the log on disk, and from the journal. I ask once more before I do."),
    el("div.forget-choices", minutes, thing, all),
  );
  mountDialog(model, link);
  const show = () => {
    const found = lookedAt(model);
    thing.disabled = !found;
    thing.replaceChildren(
      ...(found
        ? ["This thing: ", el("b", found.words), el("span.faint", ` looked at ${ago(found.t_ns, model.now_ns())}`)]
        : ["This thing ", el("span.faint", "nothing is being looked at")]),
    );
  };
  // Not more than once a second, and when the look changes: the button is to be read, not watched.
  model.on(["gazed", "age"], show);
  show();
}

export function forgetLookedAt(model) {
  const found = lookedAt(model);
  if (!found) return false;
  askToForget({ kind: "thing", name: found.name });
  return true;
}

function whatGoes(wish) {
  if (wish.kind === "all") {
    return "Everything seen, read, said and decided in this run, what you taught me and every watch, with all pictures and the journal.";
  }
  if (wish.kind === "last") {
    const length = span(wish.minutes * 60 * S);
    return `Everything of the last ${length}: what was seen, read, said, taught and decided, with the pictures and that part of the journal.`;
  }
  const known = NAMELESS.test(wish.name)
    ? "All I know of this thing, which has no name: where and when it was seen, and its pictures."
    : `All I know of “${wish.name}”: where and when it was seen, its pictures, what you taught me about it, and texts that name it.`;
  return `${known} ${JOURNAL}`;
}

// The question in which a wish is asked once more.
export function questionOf(wish) {
  if (wish.kind === "all") return "Forget everything?";
  if (wish.kind === "thing" && NAMELESS.test(wish.name)) return "Forget this thing without a name?";
  return wish.kind === "thing" ? `Forget “${wish.name}”?` : `Forget the last ${span(wish.minutes * 60 * S)}?`;
}

function mountDialog(model, link) {
  const heading = el("h2#forget-question");
  const words = el("p");
  const warning = el("p", el("b", "This cannot be undone."));
  const outcome = el("p.outcome", { role: "status" });
  const keep = el("button.plain", { type: "button", onclick: () => dialog.close() }, "Keep it");
  const go = el("button.danger", { type: "button", onclick: () => carryOut() }, "Forget it");
  const close = el("button.plain", { type: "button", onclick: () => dialog.close() }, "Close");
  const buttons = el("div.dialog-buttons", keep, go, close);
  const dialog = el("dialog.ask-once-more", { "aria-labelledby": "forget-question" }, heading, words, warning, outcome, buttons);
  document.body.append(dialog);
  // Nor may the question itself keep the name of what has been forgotten.
  dialog.addEventListener("close", () => [heading, words, outcome].forEach((part) => part.replaceChildren()));
  let wish = null;
  let waiting = null;

  open = (wanted, what) => {
    wish = wanted;
    heading.textContent = questionOf(wish);
    words.textContent = what;
    outcome.textContent = "";
    for (const part of [words, warning, keep, go]) part.hidden = false;
    close.hidden = true;
    if (!dialog.open) dialog.showModal();
    keep.focus();
  };

  const tell = (text) => {
    clearTimeout(waiting?.timer);
    waiting = null;
    if (dialog.open) outcome.textContent = text;
  };

  const carryOut = async () => {
    for (const part of [words, warning, keep, go]) part.hidden = true;
    heading.textContent = "Forgetting";
    words.textContent = "";
    close.hidden = false;
    close.focus();
    tell("Forgetting …");
    const late = () => tell("It was asked for, but I have not heard yet that it is done. When it is, the conversation says so.");
    // The line may come before the answer to the request does, so it is waited for from now on.
    waiting = { after: newestKey(model), timer: setTimeout(late, ANSWER_MS) };
    const told = await link.ask({ type: "forget", ...wish });
    if (!told.ok) tell(told.words || "That could not be done.");
  };

  model.on(["said"], () => {
    if (!waiting) return;
    const done = (line) => line.key > waiting.after && line.who === "glasses" && line.text.startsWith("Forgotten");
    const line = model.items("said").find(done);
    if (line) tell(line.text);
  });
}

function newestKey(model) {
  return Math.max(-1, ...model.items("said").map((item) => item.key));
}

const NUMBERS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen".split(" ");
const LENGTHS = { second: 1 / 60, minute: 1, hour: 60, day: 1440 };

// What "forget ..." means: a wish, "looked_at" for "forget this", or null for other sentences.
export function wishOf(sentence) {
  const rest = /^(?:please )?forget(?: about)? (.+?)[.! ]*$/i.exec(sentence.trim())?.[1];
  if (!rest) return null;
  if (/^(?:everything|all(?: of (?:it|this))?|it all)$/i.test(rest)) return { kind: "all" };
  if (/^(?:this|that|it)(?: (?:thing|one))?$/i.test(rest)) return "looked_at";
  const last = /^(?:the )?(?:last|past) (?:(\d+(?:\.\d+)?|half an|an?|\w+) )?(second|minute|hour|day)s?$/i.exec(rest);
  if (last) {
    const count = numberOf(last[1] ?? "one");
    const minutes = count * LENGTHS[last[2].toLowerCase()];
    return minutes > 0 && minutes <= 525_600 ? { kind: "last", minutes } : null;
  }
  const name = rest.replace(/^(?:the|my|our|your|an?) /i, "").replace(/^["“'](.+)["”']$/, "$1");
  return { kind: "thing", name: name.slice(0, 200) };
}

function numberOf(word) {
  const small = word.toLowerCase();
  if (small === "half an") return 0.5;
  if (small === "a" || small === "an") return 1;
  if (small === "few") return 5;
  const at = NUMBERS.indexOf(small);
  return at >= 0 ? at + 1 : { twenty: 20, thirty: 30, forty: 40, fifty: 50, sixty: 60 }[small] ?? Number(small);
}
