"use strict";
// Scrubs through the film. Everything shown was known at the chosen moment; nothing here reaches outside the page.
(function () {
  const moments = JSON.parse(document.getElementById("moments").textContent);
  const stage = document.getElementById("stage");
  const view = document.getElementById("view");
  const known = document.getElementById("known");
  const scrub = document.getElementById("scrub");
  const now = document.getElementById("now");
  const play = document.getElementById("play");
  const reel = document.getElementById("reel");
  const cells = Array.from(document.querySelectorAll(".cell"));
  const stills = cells.filter((cell) => cell.dataset.still).map((cell) => ({
    cell: cell, at: Number(cell.dataset.at), id: "still-" + cell.dataset.still,
  }));
  const SVG = "http://www.w3.org/2000/svg";
  let playing = 0;

  document.documentElement.classList.add("js");
  stage.hidden = false;

  // The last row of a list, sorted by `key`, that is not later than t.
  function last(rows, t, key) {
    let low = 0, high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle][key] <= t) low = middle + 1; else high = middle;
    }
    return low ? rows[low - 1] : null;
  }
  function clock(ms) {
    const tenths = Math.floor(ms / 100), minutes = Math.floor(tenths / 600), rest = tenths % 600;
    return minutes + ":" + String(Math.floor(rest / 10)).padStart(2, "0") + "." + rest % 10;
  }
  function age(ms) {
    return ms < 1000 ? Math.max(0, Math.round(ms)) + " ms" : (ms / 1000).toFixed(1) + " s";
  }
  function draw(name, css, attributes) {
    const node = document.createElementNS(SVG, name);
    if (css) node.setAttribute("class", css);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    view.appendChild(node);
  }
  function tell(term, text) {
    const row = document.createElement("div"), dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = term;
    dd.textContent = text;
    row.append(dt, dd);
    known.appendChild(row);
  }
  function box(region, css) {
    const inset = region[0] === "overview" ? 6 : 0, height = moments.height;
    const shape = {
      x: region[1] * 1000 + inset, y: region[2] * height + inset, rx: 6,
      width: Math.max(1, (region[3] - region[1]) * 1000 - 2 * inset), height: Math.max(1, (region[4] - region[2]) * height - 2 * inset),
    };
    if (region[0] !== "watch" && region[0] !== "overview") draw("rect", "halo" + css, shape);
    draw("rect", "region " + region[0] + css, shape);
  }

  function show(t) {
    const gone = moments.gone.some((span) => span[0] <= t && t <= span[1]);
    const still = gone ? null : last(stills, t, "at");
    const look = gone ? null : last(moments.looks, t, 0);
    const eye = gone ? null : last(moments.eyes, t, 0);
    const gaze = gone ? null : last(moments.gaze, t, 0);
    view.replaceChildren();
    known.replaceChildren();
    if (still) draw("use", "", { href: "#" + still.id });
    if (gone) draw("rect", "", { width: 1000, height: moments.height, fill: "url(#hatch)" });
    if (look && t - look[1] < 1500) look[4].forEach((region) => box(region, t - look[1] > 400 ? " faded" : ""));
    if (eye && eye[4] !== null && t - eye[3] < 400) {
      const radius = 26 + 54 * Math.sqrt(Math.min((eye[3] - eye[2]) / 1000, 4));
      draw("circle", "ring", { cx: eye[4] * 1000, cy: eye[5] * moments.height, r: radius });
    }
    if (gaze && gaze[2] !== null && t - gaze[1] < 1000) draw("circle", "dot", { cx: gaze[2] * 1000, cy: gaze[3] * moments.height, r: 11 });
    if (gone) {
      tell("Picture", "forgotten at the wearer's request");
    } else {
      tell("Picture", still ? age(t - still.at) + " old" : stills.length ? "none yet" : "none was kept");
      tell("Gaze", !gaze ? "none yet" : (gaze[2] === null ? "closed or lost, " : "") + age(t - gaze[1]) + " old");
      tell("Eyes", !eye ? "nothing reported yet" : moments.kinds[eye[1]] + ", " + age(eye[3] - eye[2]) + " long, reported " + age(t - eye[0]) + " ago");
      tell("Looking", look ? "at " + clock(look[1]) + ", because " + look[3] : "not yet");
      const done = last(moments.looks.filter((row) => row[2] !== null && row[2] <= t), t, 0);
      tell("Found", done ? done[5] + " (" + age(t - done[1]) + " old)" : "nothing yet");
      const word = last(moments.words, t, 0);
      tell("Words", word ? (word[1] === "wearer" ? "wearer: " : "glasses: ") + word[2] + " (" + age(t - word[0]) + " ago)" : "none yet");
    }
    const bytes = last(moments.bytes, t, 0);
    if (bytes) tell("Memory", bytes[1]);
    now.value = clock(t);
    scrub.setAttribute("aria-valuetext", clock(t));
    const cell = last(cells.map((node) => ({ node: node, t: Number(node.dataset.t) })), t, "t");
    cells.forEach((node) => node.classList.toggle("now", cell !== null && node === cell.node));
    return cell && cell.node;
  }
  function go(t, follow) {
    const most = Number(scrub.max);
    scrub.value = String(Math.min(most, Math.max(0, t)));
    const cell = show(Number(scrub.value));
    if (follow && cell) reel.scrollLeft = cell.offsetLeft - reel.offsetLeft - reel.clientWidth / 2 + cell.clientWidth / 2;
  }
  function stop() {
    clearInterval(playing);
    playing = 0;
    play.textContent = "Play";
  }

  scrub.addEventListener("input", () => { stop(); go(Number(scrub.value), true); });
  document.getElementById("back").addEventListener("click", () => { stop(); go(Number(scrub.value) - 500, true); });
  document.getElementById("on").addEventListener("click", () => { stop(); go(Number(scrub.value) + 500, true); });
  play.addEventListener("click", () => {
    if (playing) { stop(); return; }
    if (Number(scrub.value) >= Number(scrub.max)) go(0, true);
    const from = Number(scrub.value), began = performance.now();
    play.textContent = "Stop";
    playing = setInterval(() => {
      const t = from + performance.now() - began;
      go(t, true);
      if (t >= Number(scrub.max)) stop();
    }, 60);
  });
  cells.forEach((cell) => cell.addEventListener("click", () => { stop(); go(Number(cell.dataset.at || cell.dataset.t), false); }));
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.when");
    if (!link || link.dataset.t === undefined) return;
    event.preventDefault();
    stop();
    go(Number(link.dataset.t), true);
    document.getElementById("film").scrollIntoView();
    scrub.focus({ preventScroll: true });
  });
  go(moments.start, true);
})();
