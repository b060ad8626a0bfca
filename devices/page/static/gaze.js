// Pointer = gaze: where the pointer rests on the picture, sampled as eyes would be, with the page's own time on every sample.

const EVERY_MS = 1000 / 60;
const BATCH = 3;
const STEP = 0.02;
const STEPS_WITH_SHIFT = 5;
const TAP_MS = 300;
const TAP_PX = 12;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function mount(stage, model, link) {
  const { view } = stage;
  // Where the pointer is, in the window; or where the gaze is held, in the picture, by arrow keys or a tap.
  let pointer = null;
  let held = null;
  let down = null;
  let timer = 0;
  let samples = [];

  function counts() {
    const { tab, camera, session } = model.parts;
    return link.isOpen && session?.mode === "live" && Boolean(tab?.wears) && camera?.gaze_from === "pointer" && !document.hidden;
  }

  function gaze() {
    if (!pointer) return held;
    const frame = view.getBoundingClientRect();
    const x = (pointer.x - frame.left) / frame.width;
    const y = (pointer.y - frame.top) / frame.height;
    return x >= 0 && x <= 1 && y >= 0 && y <= 1 ? [x, y] : held;
  }

  function sample() {
    if (!counts()) {
      samples = [];
      return;
    }
    const at = gaze();
    samples.push([performance.now(), at ? at[0] : null, at ? at[1] : null]);
    if (samples.length >= BATCH || !at) flush();
    if (!at) rest();
  }

  function flush() {
    if (samples.length) link.post({ type: "gaze", samples });
    samples = [];
  }

  // Sampling runs only while there is a gaze to tell.
  function run() {
    if (!timer) timer = setInterval(sample, EVERY_MS);
  }

  function rest() {
    clearInterval(timer);
    timer = 0;
  }

  // The gaze has left: said once, not left to be guessed from silence.
  function leave() {
    pointer = null;
    if (!timer || held) return;
    sample();
    rest();
  }

  function hold(place, words) {
    held = place;
    stage.hold(place ? words : "");
    if (held) run();
    else if (!pointer) leave();
  }

  function point(event) {
    pointer = { x: event.clientX, y: event.clientY };
    if (held) hold(null);
    run();
  }

  view.addEventListener("pointermove", (event) => {
    // A finger that hovers is none; a mouse counts with and without its button.
    if (event.isPrimary) point(event);
  });
  view.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary) return;
    down = { x: event.clientX, y: event.clientY, at_ms: event.timeStamp, touch: event.pointerType !== "mouse" };
    point(event);
  });
  view.addEventListener("pointerup", (event) => {
    if (!event.isPrimary) return;
    const tapped = down?.touch && event.timeStamp - down.at_ms < TAP_MS && Math.hypot(event.clientX - down.x, event.clientY - down.y) < TAP_PX;
    // One hand cannot hold the gaze and type: a tap stays where it was.
    const place = tapped ? gaze() : null;
    down = null;
    if (place) hold(place, "held here; touch and drag to look around");
    if (event.pointerType !== "mouse") leave();
  });
  view.addEventListener("pointercancel", leave);
  view.addEventListener("pointerleave", leave);

  view.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && held) {
      hold(null);
      return;
    }
    const way = ARROWS[event.key];
    // In a journal the arrows belong to time.
    if (!way || model.parts.session?.mode !== "live") return;
    event.preventDefault();
    const [x, y] = gaze() ?? [0.5, 0.5];
    const step = STEP * (event.shiftKey ? STEPS_WITH_SHIFT : 1);
    const inside = (value) => Math.min(1, Math.max(0, value));
    pointer = null;
    hold([inside(x + way[0] * step), inside(y + way[1] * step)], "held by the arrow keys; Escape looks away");
  });

  document.addEventListener("visibilitychange", () => {
    // No timer keeps its beat in a page that is not seen.
    if (!document.hidden) {
      if (held) run();
      return;
    }
    pointer = null;
    if (link.isOpen && timer && model.parts.tab?.wears) link.post({ type: "gaze", samples: [[performance.now(), null, null]] });
    samples = [];
    rest();
  });
}
