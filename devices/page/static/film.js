// A journal's time: a scrubber, its moments, and the way from one to the next. Only in a replay.

import { clock, el, set } from "./words.js";

const MS = 1e6;
const SEEK_EVERY_MS = 100;
const TICKS_MOST = 600;
const SPEEDS = [0.25, 0.5, 1, 2, 4, 8];
const KINDS = {
  spoke: { sign: "●", word: "spoke" },
  vetoed: { sign: "○", word: "kept silent" },
  asked: { sign: "?", word: "you asked" },
  taught: { sign: "★", word: "taught" },
  watch: { sign: "◆", word: "watch" },
  forgot: { sign: "✕", word: "forgot" },
  seen: { sign: "ı", word: "seen" },
};
const kindOf = (kind) => KINDS[kind] ?? { sign: "·", word: kind };
const FIELDS = "input, select, textarea, button, summary, a, dialog";

export function mount(root, model, link) {
  const track = el("input.film-track", { type: "range", min: 0, step: 1, "aria-label": "Moment of the journal" });
  const ticks = el("div.film-ticks", { "aria-hidden": "true" });
  const time = el("output.film-time", { "aria-live": "off" });
  const trouble = el("p.trouble", { role: "status" });
  const play = el("button", { type: "button", onclick: () => toggle() });
  const speeds = SPEEDS.map((x) => el("option", { value: x, selected: x === 1 }, `${x}×`));
  const speed = el("select", { "aria-label": "Speed", onchange: () => run(playing()) }, speeds);
  const jump = el("select.film-jump", { "aria-label": "Jump to a moment", onchange: () => jumpTo() });
  // Where the screen is narrow the arrows alone stand for it.
  const button = (words, label, request) =>
    el(
      "button.plain",
      { type: "button", "aria-label": label, title: label, onclick: () => seek(request) },
      words.split(" ").map((part) => (/\w/.test(part) ? el("span.film-word", part) : el("span", part))),
    );
  root.append(
    el("div.film-scrub", ticks, track),
    el(
      "div.film-controls",
      button("« moment", "Previous moment (Page Up)", { step: -1, marks: true }),
      button("‹ frame", "Previous frame (left arrow)", { step: -1 }),
      play,
      button("frame ›", "Next frame (right arrow)", { step: 1 }),
      button("moment »", "Next moment (Page Down)", { step: 1, marks: true }),
      time,
      el("label.film-label", "speed", speed),
      el("label.film-label.film-jump-label", "jump to", jump),
    ),
    trouble,
  );

  let film = null;
  let sought = 0; // seeks on their way: until they have come the slider stays where the hand put it
  let due = null;
  let last_ms = -SEEK_EVERY_MS;
  const playing = () => model.parts.tab?.playing ?? false;
  const offset_ms = () => Math.round((model.now_ns() - film.t_from_ns) / MS);

  const seek = async (request) => {
    sought += 1;
    const told = await link.ask({ type: "seek", ...request });
    sought -= 1;
    trouble.textContent = told.ok ? "" : told.words;
    show();
  };
  const run = (on) => link.ask({ type: "play", on, speed: Number(speed.value) });
  const toggle = () => run(!playing());

  // While it is dragged: ten seeks a second at most, and the newest wins.
  const drag = () => {
    write(Number(track.value));
    if (due !== null) return;
    due = setTimeout(
      () => {
        due = null;
        last_ms = performance.now();
        seek({ t_ns: Math.min(film.t_to_ns, Math.round(film.t_from_ns + Number(track.value) * MS)) });
      },
      Math.max(0, last_ms + SEEK_EVERY_MS - performance.now()),
    );
  };
  const jumpTo = () => {
    const mark = film.marks[Number(jump.value)];
    jump.selectedIndex = 0;
    if (mark) seek({ t_ns: mark.t_ns });
  };
  const write = (at_ms) => {
    const text = `${clock(film.t_from_ns + at_ms * MS)} of ${clock(film.t_to_ns)}`;
    time.textContent = text;
    set(track, { "aria-valuetext": text });
  };

  const show = () => {
    if (!film) return;
    play.textContent = playing() ? "Pause" : "Play";
    if (document.activeElement !== speed) speed.value = String(model.parts.tab?.speed ?? 1);
    if (sought || due !== null) return;
    track.value = String(offset_ms());
    write(offset_ms());
  };

  const begin = () => {
    const session = model.parts.session;
    const journal = session?.mode === "journal";
    document.body.classList.toggle("journal", journal);
    root.hidden = !journal;
    if (!journal || sameFilm(film, session.film)) return;
    film = session.film;
    if (!film) return;
    track.max = String(Math.max(1, Math.round((film.t_to_ns - film.t_from_ns) / MS)));
    drawTicks(ticks, film, (t_ns) => seek({ t_ns }));
    jump.replaceChildren(
      el("option", { value: "" }, film.marks.length ? "a moment …" : "no moments"),
      ...film.marks.map((mark, i) => el("option", { value: i }, `${clock(mark.t_ns)} ${kindOf(mark.kind).word}: ${mark.text}`.slice(0, 90))),
    );
  };

  track.addEventListener("input", drag);
  document.addEventListener("keydown", (event) => {
    if (!film || event.altKey || event.ctrlKey || event.metaKey) return;
    const onTrack = event.target === track;
    if (!onTrack && event.target.closest?.(FIELDS)) return;
    if (!onTrack && !root.contains(event.target) && event.key !== " ") return;
    const action = {
      " ": toggle,
      ArrowLeft: () => seek({ step: -1 }),
      ArrowRight: () => seek({ step: 1 }),
      PageUp: () => seek({ step: -1, marks: true }),
      PageDown: () => seek({ step: 1, marks: true }),
      Home: () => seek({ t_ns: film.t_from_ns }),
      End: () => seek({ t_ns: film.t_to_ns }),
    }[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  model.on(["session"], begin);
  model.on(["fresh"], () => (trouble.textContent = ""));
  model.on(["session", "frame", "eye", "gauges", "said", "tab", "fresh", "age"], show);
}

// A journal being shown does not change; what is sent again after a seek is the same film.
function sameFilm(a, b) {
  return Boolean(a && b) && a.t_from_ns === b.t_from_ns && a.t_to_ns === b.t_to_ns && a.marks.length === b.marks.length;
}

function drawTicks(ticks, film, seek) {
  const length = Math.max(1, film.t_to_ns - film.t_from_ns);
  // Of very many the sightings give way first: the list to jump by names them all.
  const drawn = film.marks.length > TICKS_MOST ? film.marks.filter((mark) => mark.kind !== "seen").slice(0, TICKS_MOST) : film.marks;
  ticks.replaceChildren(
    ...drawn.map((mark) => {
      const title = `${clock(mark.t_ns)} ${kindOf(mark.kind).word}: ${mark.text}`;
      const tick = el(`span.tick.tick-${mark.kind}`, { title, onclick: () => seek(mark.t_ns) }, kindOf(mark.kind).sign);
      tick.style.left = `${(100 * (mark.t_ns - film.t_from_ns)) / length}%`;
      return tick;
    }),
  );
}
