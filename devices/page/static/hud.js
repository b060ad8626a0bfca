// The stage: the picture, what is drawn over it, the curtain when there is none, and a line that says how old it all is.

import { mountCaptions, mountDoubt } from "./captions.js";
import { mountOverlay } from "./overlay.js";
import { ago, el, set, span } from "./words.js";

const GRID_W = 8;
const GRID_H = 4;
const PICTURE_WORDS = {
  browser: "this browser's camera",
  server: "the camera of this machine",
  video: "a video file",
  gallery: "the rendered gallery",
  daemon: "the daemon's camera",
  journal: "a journal",
};
const LOOK_AROUND =
  "The picture. The pointer is the gaze. With the keyboard: arrow keys look around, Shift takes bigger steps, Escape looks away.";

function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

function badgeWords(model) {
  const { session, camera, eye } = model.parts;
  if (!session) return "";
  if (session.mode === "journal") return eye?.source === "pointer" ? "simulated gaze" : "gaze as recorded";
  if (session.gaze_note) return session.gaze_note;
  if (camera?.gaze_from === "recording") return session.camera === "gallery" ? "the walk's own eyes" : "the recording's own eyes";
  return "simulated gaze";
}

// Builds the stage. Others may: show("video" | "picture" | "none"), help({words, label, act} | null) on the curtain, hold(words) beside the badge.
export function mount(root, model, link) {
  const video = el("video", { muted: true, playsinline: true, autoplay: true, disablepictureinpicture: true, "aria-hidden": "true", hidden: true });
  // The attribute alone does not silence a video made by script.
  video.muted = true;
  const picture = el("img.picture", { alt: "", draggable: "false", hidden: true });
  const glimpse = el("canvas.glimpse", { width: GRID_W, height: GRID_H, "aria-hidden": "true", hidden: true });
  const view = el("div.view", { tabindex: "0", role: "application", "aria-label": LOOK_AROUND }, video, picture, glimpse);
  mountOverlay(view, model);

  const badge = el("span.badge-words");
  const held = el("span.badge-held");
  const glimpseWords = el("p.glimpse-words", { hidden: true }, "a journal keeps no pictures, only light and shade");
  const curtainWords = el("p");
  const curtainButton = el("button", { type: "button", onclick: () => press() });
  const curtain = el("div.curtain", { role: "status" }, curtainWords, curtainButton);
  const whose = el("p.badge", { hidden: true }, badge, held);
  const top = el("div.stage-top", whose, glimpseWords);
  const scene = el("div.scene", view, curtain, top, mountCaptions(model));
  const facts = Object.fromEntries(["camera", "rate", "frame", "refusal", "look", "gaze", "clock"].map((name) => [name, el(`span.fact-${name}`)]));
  const eyes = mountEyes(model, link);
  root.append(el("div.stage-frame", scene, mountDoubt(model, link)), el("div.status", eyes, el("p.facts-line", Object.values(facts))));

  let showing = "none";
  let offered = null;
  let act = null;
  let refusal = null;

  function press() {
    act?.();
    // The button leaves with the curtain; the focus should not be lost with it.
    view.focus({ preventScroll: true });
  }

  function drawCurtain() {
    const { session, camera } = model.parts;
    const off = camera && !camera.on;
    let words = "Waiting for the glasses.";
    act = null;
    let label = "";
    if (session?.mode === "journal" || (session && showing !== "none" && !offered && !off && camera?.state !== "failed")) words = "";
    else if (off) {
      words = camera.words || "The camera is off.";
      label = "Switch the camera on";
      act = () => link.ask({ type: "camera", on: true });
    } else if (offered) {
      words = offered.words || (camera?.state === "failed" ? camera.words : "No picture comes from the camera.");
      label = offered.label ?? "";
      act = offered.act;
    } else if (camera) words = camera.words;
    curtain.hidden = words === "" && !label;
    write(curtainWords, words);
    curtainButton.hidden = !label;
    write(curtainButton, label);
  }

  function drawPicture() {
    const journal = model.parts.session?.mode === "journal";
    video.hidden = showing !== "video";
    picture.hidden = showing !== "picture";
    glimpse.hidden = glimpseWords.hidden = !journal;
    if (journal) set(view, { role: "img", "aria-label": "Light and shade of the recorded picture", tabindex: null });
    const shape = showing === "picture" && picture.naturalWidth ? picture.naturalWidth / picture.naturalHeight : 16 / 9;
    // Positions are of the picture, so the view has its shape; a webcam's is cut to 16:9 before it is sent.
    const known = root.style.getPropertyValue("--shape");
    if (known !== shape.toFixed(4)) root.style.setProperty("--shape", shape.toFixed(4));
    drawCurtain();
  }

  function drawGlimpse() {
    const light = model.parts.frame?.glimpse;
    if (model.parts.session?.mode !== "journal") return;
    const context = glimpse.getContext("2d");
    if (!light || model.parts.frame.t_capture_ns < 0) {
      context.clearRect(0, 0, GRID_W, GRID_H);
      return;
    }
    const grid = context.createImageData(GRID_W, GRID_H);
    [...atob(light)].slice(0, GRID_W * GRID_H).forEach((letter, at) => {
      grid.data.fill(letter.charCodeAt(0), at * 4, at * 4 + 3);
      grid.data[at * 4 + 3] = 255;
    });
    context.putImageData(grid, 0, 0);
  }

  function drawStatus() {
    const { session, camera, frame, eye, gazed, gauges } = model.parts;
    const now = model.now_ns();
    const journal = session?.mode === "journal";
    write(badge, badgeWords(model));
    whose.hidden = badge.textContent === "";
    const source = session ? PICTURE_WORDS[session.camera] : "";
    // What the curtain says is not said twice.
    const quiet = journal || !camera || camera.state === "seeing" || !curtain.hidden;
    write(facts.camera, quiet ? source : `${source}: ${camera.words}`);
    facts.camera.title = session?.camera_note ?? "";
    write(facts.rate, gauges && !journal ? `${gauges.frames_per_s.toFixed(gauges.frames_per_s < 9.95 ? 1 : 0)} frames/s` : "");
    write(facts.frame, frame?.t_capture_ns >= 0 ? `newest frame ${age(frame.t_capture_ns, now)}` : "no frame yet");
    // A picture that was taken in after it makes the word on the last one old.
    if (refusal && frame?.t_capture_ns > refusal.t_ns) refusal = null;
    write(facts.refusal, refusal ? `a picture was not taken: ${refusal.words}` : "");
    const took = gauges && gauges.look_ms !== null ? `, took ${Math.round(gauges.look_ms)} ms` : "";
    write(facts.look, gazed?.t_capture_ns >= 0 ? `looked ${age(gazed.t_capture_ns, now)}${took}: ${gazed.why}` : "nothing looked at yet");
    const away = eye?.t_ns >= 0 && eye.x_norm === null;
    write(facts.gaze, away ? "gaze not on the picture" : eye?.t_ns >= 0 ? `gaze ${age(eye.t_ns, now)}` : "no gaze yet");
    const error = gauges?.clock_error_ms ?? null;
    write(facts.clock, journal ? "" : error === null ? "page clock not measured yet" : `page clock within ${error.toFixed(1)} ms`);
  }

  function age(t_ns, now) {
    return model.parts.session?.mode === "journal" ? ago(t_ns, now) : `${span(now - t_ns)} ago`;
  }

  model.on(["session", "camera", "tab", "fresh"], drawPicture);
  model.on(["frame", "session", "fresh"], drawGlimpse);
  model.on(["session", "camera", "gauges", "gazed", "age", "fresh"], drawStatus);
  link.addEventListener("told", ({ detail }) => {
    refusal = { words: detail, t_ns: model.now_ns() };
    drawStatus();
  });
  drawCurtain();

  return {
    view,
    video,
    picture,
    show(what) {
      showing = what;
      drawPicture();
    },
    help(offer) {
      offered = offer;
      drawCurtain();
    },
    hold(words) {
      write(held, words ? ` · ${words}` : "");
    },
  };
}

// Whose gaze counts, where the source brings its own.
function mountEyes(model, link) {
  const told = el("span.faint", { role: "status" });
  const choice = (value, words) => {
    const radio = el("input", { type: "radio", name: "gaze-from", value });
    radio.addEventListener("change", async () => {
      const answer = await link.ask({ type: "gaze_from", source: value });
      told.textContent = answer.words;
      if (!answer.ok) draw();
    });
    return [radio, el("label", radio, " ", words)];
  };
  const own = el("span");
  const [pointer, pointerLabel] = choice("pointer", "my pointer");
  const [recording, recordingLabel] = choice("recording", own);
  const root = el("fieldset.eyes", { hidden: true }, el("legend", "Gaze:"), pointerLabel, recordingLabel, told);

  function draw() {
    const { session, camera } = model.parts;
    root.hidden = !session?.own_gaze || session.mode === "journal";
    own.textContent = session?.camera === "gallery" ? "the walk's own eyes" : "the recording's own eyes";
    pointer.checked = camera?.gaze_from === "pointer";
    recording.checked = camera?.gaze_from === "recording";
  }

  model.on(["session", "camera", "fresh"], draw);
  return root;
}
