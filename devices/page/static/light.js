// The recording light and the camera's switch; the state of the line; and whose tab wears the glasses.

import { el, set, span } from "./words.js";

const MS = 1e6;

function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

export function mount(root, lineRoot, model, link) {
  mountLamp(root, model, link);
  mountLine(lineRoot, model, link);
  mountWearing(root, model, link);

  const mode = document.getElementById("mode");
  model.on(["session"], () => {
    const { mode: shown, camera } = model.parts.session;
    const words = shown === "journal" ? "journal" : camera === "daemon" ? "daemon" : "simulator";
    write(mode, words);
    document.title = `edge_runtime ${words}`;
  });
}

function mountLamp(root, model, link) {
  const lamp = el("span.lamp", { "aria-hidden": "true" });
  const words = el("span.keeping");
  const told = el("span.faint", { role: "status" });
  const button = el("button.plain", { type: "button", hidden: true, onclick: press });
  // What is kept is counted anew every second; a reader is told only when the light goes on or off.
  set(root, { role: "group", "aria-label": "Recording light" });
  const spoken = el("span.visually-hidden", { role: "status" });
  root.append(lamp, button, words, told, spoken);

  async function press() {
    button.disabled = true;
    const answer = await link.ask({ type: "camera", on: !model.parts.camera?.on });
    button.disabled = false;
    write(told, answer.ok ? "" : answer.words);
  }

  function draw() {
    const { camera, session } = model.parts;
    const journal = session?.mode === "journal";
    lamp.classList.toggle("on", Boolean(camera?.keeping));
    write(spoken, !camera || journal ? "" : camera.keeping ? "Recording light on: frames are kept." : "Recording light off: no frame is kept.");
    write(words, camera?.keeping_words || (journal ? "A recording is shown; no camera is on." : ""));
    button.hidden = !camera || journal;
    if (camera) write(button, camera.on ? "Switch camera off" : "Switch camera on");
  }

  model.on(["camera", "session", "fresh"], draw);
}

function mountLine(root, model, link) {
  const mark = el("span.line-mark", { "aria-hidden": "true" });
  const words = el("span");
  root.append(mark, words);

  const big = el("p.big");
  const since = el("p");
  const button = el("button", { type: "button", onclick: () => location.reload() }, "Load the page anew");
  // Over the page, not a dialog: what was being written stays where it is, and the line comes back by itself.
  const veil = el("div.veil", { hidden: true }, el("div.veil-words", { role: "alert" }, big, since, button));
  document.body.append(veil);
  let broken_ms = null;
  let at = null;

  function draw() {
    const { state } = link;
    const open = state === "open";
    const broken = state === "lost" || state === "refused" || (state === "connecting" && broken_ms !== null);
    if (!broken) broken_ms = null;
    else if (broken_ms === null) {
      broken_ms = performance.now();
      at = new Date();
    }
    root.dataset.state = state;
    write(words, open ? tabs() : { connecting: "connecting", lost: "not connected", refused: "turned away" }[state]);
    document.body.classList.toggle("cut-off", broken);
    veil.hidden = !broken;
    if (!broken) return;
    write(big, link.words);
    const clock = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
    const refused = state === "refused";
    write(since, refused ? "" : `No word since ${clock}, ${span((performance.now() - broken_ms) * MS)} ago. What the glasses show is as old as that.`);
    button.hidden = !refused;
  }

  function tabs() {
    const count = model.parts.tab?.tabs ?? 1;
    return count > 1 ? `connected, ${count} tabs` : "connected";
  }

  link.addEventListener("state", draw);
  model.on(["tab", "age"], draw);
  draw();
}

function mountWearing(root, model, link) {
  const words = el("span");
  const told = el("span.faint");
  const button = el("button", { type: "button", onclick: press }, "Wear them here");
  const note = el("p.not-wearing", { hidden: true }, words, button, told);
  root.append(note);

  async function press() {
    const answer = await link.ask({ type: "wear" });
    write(told, answer.ok ? "" : answer.words);
  }

  function draw() {
    const { tab, session } = model.parts;
    // Where the gaze is not the pointer's, nothing of the wearer's comes from a tab.
    note.hidden = !tab || tab.wears || session?.mode !== "live" || Boolean(session.gaze_note);
    if (!note.hidden) write(words, tab.tabs > 1 ? "Another tab wears the glasses; this one looks on." : "No tab wears the glasses just now.");
  }

  model.on(["tab", "session", "fresh"], draw);
}
