// How the glasses are: bytes against the budget, rates, ages, clocks, and what was let go.

import { ago, bytes, el, keyed, many, span } from "./words.js";

export function mount(root, model) {
  const stores = el("ul.stores");
  const facts = el("dl.facts");
  const empty = el("p.empty", "Nothing measured yet.");
  const total = el("p.faint.drops-total");
  const rows = el("tbody");
  const table = el(
    "table.drops",
    el("caption.visually-hidden", "What was let go, by reason, most often first"),
    el("thead", el("tr", el("th", { scope: "col" }, "What, and why"), el("th", { scope: "col" }, "Times"))),
    rows,
  );
  root.append(
    el("h2#health-title", "How I am"),
    empty,
    el(
      "div.health-columns",
      stores,
      facts,
      el(
        "div",
        el("h3", "What I let go"),
        total,
        el("div.scroller.drops-scroller", { tabindex: 0, role: "group", "aria-label": "What was let go" }, table),
      ),
    ),
  );

  const showGauges = () => {
    const gauges = model.parts.gauges;
    empty.hidden = Boolean(gauges);
    keyed(stores, (gauges?.stores ?? []).map((store) => ({ key: store.name, ...store })), storeRow, fillStore);
    fillFacts(facts, measured(gauges, model));
  };
  const showDrops = () => {
    const drops = [...(model.parts.drops?.drops ?? [])].filter((drop) => drop.count > 0).sort((a, b) => b.count - a.count);
    const count = drops.reduce((sum, drop) => sum + drop.count, 0);
    total.textContent = drops.length ? `${many(count, "thing")} so far, each with its reason.` : "Nothing was dropped.";
    table.parentElement.hidden = !drops.length;
    keyed(rows, drops.map((drop) => ({ key: drop.code, ...drop })), dropRow, fillDrop);
  };
  model.on(["gauges", "age", "fresh"], showGauges);
  model.on(["drops"], showDrops);
  showGauges();
  showDrops();
}

function storeRow(store) {
  const entry = el("li", el("div.store-head", el("b"), el("span")), el("div.bar", { "aria-hidden": "true" }, el("i")), el("p.faint.store-note"));
  fillStore(entry, store);
  return entry;
}

function fillStore(entry, store) {
  const share = store.limit_bytes > 0 ? store.used_bytes / store.limit_bytes : 0;
  const over = store.limit_bytes > 0 && store.used_bytes > store.limit_bytes;
  entry.querySelector("b").textContent = store.name;
  const count = store.limit_bytes > 0 ? against(store.used_bytes, store.limit_bytes) : bytes(store.used_bytes);
  entry.querySelector(".store-head span").textContent = over ? `${count}, over its budget` : count;
  const bar = entry.querySelector(".bar");
  bar.hidden = store.limit_bytes <= 0;
  bar.classList.toggle("over", over);
  bar.firstElementChild.style.width = `${Math.min(100, 100 * share).toFixed(1)}%`;
  entry.querySelector(".store-note").textContent = store.note;
  return true;
}

// "1.2 of 128 MiB"; with both units where they differ: "812 KiB of 128 MiB".
function against(used, limit) {
  const [usedCount, usedUnit] = bytes(used).split(" ");
  const [limitCount, limitUnit] = bytes(limit).split(" ");
  return usedUnit === limitUnit ? `${usedCount} of ${limitCount} ${limitUnit}` : `${usedCount} ${usedUnit} of ${limitCount} ${limitUnit}`;
}

// Names and values for reading; what is not known says so.
function measured(gauges, model) {
  if (!gauges) return [];
  const now_ns = model.now_ns();
  const age = (t_ns) => (t_ns === null || t_ns === undefined ? "none yet" : ago(t_ns, now_ns));
  const { frame, eye, gazed } = model.parts;
  const tiers = Object.entries(gauges.tiers).map(([tier, count]) => `${tier.replaceAll("_", " ")} ${bytes(count)}`);
  const offset = gauges.clock_offset_ms;
  const error = gauges.clock_error_ms === null ? "" : `, within ${gauges.clock_error_ms.toFixed(1)} ms`;
  return [
    ["In memory", tiers.join(", ") || "nothing"],
    ["Frames", `${gauges.frames_per_s.toFixed(1)} a second; newest ${age(frame?.t_capture_ns)}`],
    ["Gaze", `${gauges.gaze_per_s.toFixed(0)} samples a second; newest ${age(eye?.t_ns)}`],
    ["Looks", `${gauges.looks_per_s.toFixed(1)} a second; newest ${age(gazed?.t_capture_ns)}`],
    ["Frame to look", gauges.look_ms === null ? "not measured yet" : span(gauges.look_ms * 1e6)],
    ["Page clock", offset === null ? "not measured yet" : `${offset >= 0 ? "+" : "−"}${span(Math.abs(offset) * 1e6)} against mine${error}`],
    ["Measured", age(gauges.t_ns)],
  ];
}

function fillFacts(list, pairs) {
  const cells = pairs.flat();
  if (list.childElementCount !== cells.length) list.replaceChildren(...pairs.flatMap(([name, value]) => [el("dt", name), el("dd", value)]));
  else cells.forEach((text, i) => list.children[i].textContent !== text && (list.children[i].textContent = text));
}

function dropRow(drop) {
  const row = el("tr", el("td", el("span"), " ", el("code", drop.code)), el("td.number"));
  fillDrop(row, drop);
  return row;
}

function fillDrop(row, drop) {
  row.querySelector("span").textContent = drop.words;
  row.querySelector(".number").textContent = drop.count.toLocaleString("en");
  return true;
}
