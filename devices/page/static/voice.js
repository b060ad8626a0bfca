// The glasses' voice: speech in the browser if wanted, mute, and quiet hours.

import { el, span } from "./words.js";

const S = 1e9;
const YOUNG_NS = 3 * S;
const FOREVER_NS = 364 * 86_400 * S;
const KEPT_AS = "speak-aloud";
const MUTES = [
  [15, "15 min"],
  [60, "1 hour"],
  [0, "until I unmute"],
];

function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

export function mount(root, model, link) {
  root.append(mountSpeech(model), mountMute(model, link), mountQuiet(model, link));
  model.on(["session"], () => (root.hidden = model.parts.session.mode === "journal"));

  // A menu closes as menus do: by Escape, or when one goes elsewhere.
  root.addEventListener("keydown", (event) => {
    const menu = event.target.closest("details[open]");
    if (event.key !== "Escape" || !menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  document.addEventListener("pointerdown", (event) => {
    for (const menu of root.querySelectorAll("details[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
}

// ---------------------------------------------------------------- speaking

function mountSpeech(model) {
  const speech = window.speechSynthesis;
  const box = el("input", { type: "checkbox" });
  const told = el("span.faint", { role: "status" });
  // What was said before this page was loaded has been heard.
  let heard = null;
  let stopped_ns = null;

  // A voice of this machine only: others send what is said to somebody's server.
  function voice() {
    const own = (speech?.getVoices() ?? []).filter((each) => each.localService);
    return own.find((each) => each.default && each.lang.startsWith("en")) ?? own.find((each) => each.lang.startsWith("en")) ?? own[0] ?? null;
  }

  function say(line) {
    const words = new SpeechSynthesisUtterance(line.text);
    words.voice = voice();
    if (!words.voice) return;
    words.lang = words.voice.lang;
    speech.speak(words);
  }

  function listen(_, changed) {
    const now = model.now_ns();
    const lines = model.items("said");
    const known = heard;
    heard = new Set(lines.map((line) => line.key));
    if (changed.has("fresh")) speech?.cancel();
    if (!known || !box.checked || model.parts.session?.mode === "journal") return;
    for (const line of lines) {
      if (!known.has(line.key) && line.who === "glasses" && line.kind !== "notice" && now - line.t_ns < YOUNG_NS) say(line);
    }
  }

  function hush() {
    const told_ns = model.parts.voice?.stopped_ns ?? null;
    if (stopped_ns !== null && told_ns !== stopped_ns) speech?.cancel();
    stopped_ns = told_ns;
  }

  function draw() {
    const missing = box.checked && !voice();
    write(told, missing ? "This browser has no voice of its own on this machine; the captions stay." : "");
  }

  box.addEventListener("change", () => {
    sessionStorage.setItem(KEPT_AS, box.checked ? "yes" : "");
    if (!box.checked) speech?.cancel();
    draw();
  });
  box.checked = sessionStorage.getItem(KEPT_AS) === "yes";
  speech?.addEventListener("voiceschanged", draw);
  // The stop comes first: an update may hold the end of one sentence and the beginning of another.
  model.on(["voice"], hush);
  model.on(["said", "fresh"], listen);
  draw();
  return el("div.speak", el("label", box, " Speak aloud"), told);
}

// ---------------------------------------------------------------- mute

function mountMute(model, link) {
  const told = el("p.faint", { role: "status" });
  const summary = el("summary.plain-summary", "Mute");
  const menu = el(
    "details.menu",
    summary,
    el("div.menu-body", MUTES.map(([minutes, words]) => el("button.plain", { type: "button", onclick: () => mute(minutes) }, words)), told),
  );
  const words = el("span");
  const unmute = el("button.plain", { type: "button", onclick: () => mute(null) }, "Unmute");
  const muted = el("span.muted", { hidden: true }, el("span.muted-mark", { "aria-hidden": "true" }), words, unmute);

  async function mute(minutes) {
    const answer = await link.ask({ type: "mute", minutes });
    write(told, answer.words);
    menu.open = !answer.ok;
  }

  function draw() {
    const until_ns = model.parts.voice?.muted_until_ns ?? null;
    const left_ns = until_ns === null ? 0 : until_ns - model.now_ns();
    const is = left_ns > 0;
    muted.hidden = !is;
    if (is) write(words, left_ns > FOREVER_NS ? "muted until you unmute" : `muted for ${span(left_ns)} more`);
    summary.hidden = is && !menu.open;
  }

  menu.addEventListener("toggle", draw);
  model.on(["voice", "age", "fresh"], draw);
  return el("div.mute", muted, menu);
}

// ---------------------------------------------------------------- quiet hours

function mountQuiet(model, link) {
  const summary = el("summary.plain-summary", "Quiet hours");
  const from = el("input", { type: "time", value: "22:00", required: true });
  const to = el("input", { type: "time", value: "07:00", required: true });
  const told = el("p.faint", { role: "status" });
  const clear = el("button.plain", { type: "button", onclick: () => set("", "") }, "Clear");
  const form = el(
    "form.menu-body",
    el("p.faint", "Every day, on this machine's clock. What you ask for is still answered in writing."),
    el("div.times", el("label", "from ", from), el("label", "to ", to)),
    el("div.buttons", el("button", { type: "submit" }, "Set"), clear),
    told,
  );
  const menu = el("details.menu", summary, form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    set(from.value, to.value);
  });

  async function set(start, end) {
    const answer = await link.ask({ type: "quiet", start, end });
    write(told, answer.words);
    if (answer.ok) menu.open = false;
  }

  function draw() {
    const voice = model.parts.voice;
    const has = Boolean(voice?.quiet_from);
    clear.disabled = !has;
    write(summary, has ? `quiet from ${voice.quiet_from} to ${voice.quiet_to}${voice.quiet_now ? " (now)" : ""}` : "Quiet hours");
    // What is being typed is not typed over.
    if (!has || form.contains(document.activeElement)) return;
    from.value = voice.quiet_from;
    to.value = voice.quiet_to;
  }

  model.on(["voice", "fresh"], draw);
  return menu;
}
