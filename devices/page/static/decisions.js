// Why something was said, or was not: every decision with its reasons, its vetoes and what it rests on.

import { grow, picture, when } from "./memory.js";
import { clock, el, keyed, many } from "./words.js";

const PAGE = 40;
const ACTIONS = {
  SPEAK: { sign: "●", word: "spoke" },
  QUEUE: { sign: "◔", word: "waited" },
  SILENT: { sign: "○", word: "kept silent" },
  REVISE: { sign: "↻", word: "put it right" },
  RETRACT: { sign: "↩", word: "took it back" },
};
const actionOf = (action) => ACTIONS[action] ?? { sign: "·", word: action.toLowerCase() };

export function mount(root, model) {
  let most = PAGE;
  const unsaid = el("input", { type: "checkbox", onchange: () => show() });
  const list = el("ol.decision-list", { "aria-label": "Decisions, newest first" });
  const empty = el("p.empty");
  const older = el("button.plain", { type: "button", onclick: () => ((most += PAGE), show()) });
  root.append(
    el("div.panel-head", el("h2#decisions-title", "Why I spoke, and why I did not"), el("label.check", unsaid, "only what was not said")),
    el("div.scroller", { tabindex: 0, role: "group", "aria-labelledby": "decisions-title" }, list, empty, older),
  );

  const show = () => {
    const all = model.items("decisions");
    const found = all.filter((item) => !unsaid.checked || item.action !== "SPEAK").reverse();
    keyed(list, found.slice(0, most), entry);
    empty.hidden = found.length > 0;
    empty.textContent = all.length ? "All that was worth saying was said." : "Nothing has been worth saying yet.";
    older.hidden = found.length <= most;
    older.textContent = `Show older ones (${many(found.length - most, "more", "more")})`;
    grow(list, model.now_ns());
  };
  model.on(["decisions"], show);
  model.on(["age"], () => grow(list, model.now_ns()));
  show();
}

function entry(item) {
  const action = actionOf(item.action);
  const details = el(
    "details",
    el(
      "summary",
      el(`span.action.action-${item.action.toLowerCase()}`, el("span.action-sign", { "aria-hidden": "true" }, action.sign), action.word),
      el("span.decision-text", item.text || "no words"),
      item.vetoes.length > 0 && el("span.decision-veto", `because: ${item.vetoes.join(", ")}`),
      when(item.t_ns),
    ),
  );
  // Built when it is opened: a closed one costs a line, and asks for no picture.
  const fill = () => {
    if (!details.open || details.childElementCount > 1) return;
    details.append(facts(item));
  };
  details.addEventListener("toggle", fill);
  return el("li", details);
}

function facts(item) {
  const rests = item.evidence_ns !== null && when(item.evidence_ns, (age) => `what was seen ${age}, at ${clock(item.evidence_ns)}`);
  const rows = [
    ["Worth saying", item.reasons.join(", ") || "no reason is recorded"],
    ["Against it", item.vetoes.join(", ") || "nothing"],
    ["Score", `${item.score.toFixed(2)} of 1`],
    ["Rests on", rests || "nothing seen"],
    ["Decided", `at ${clock(item.t_ns)}, number ${item.key}`],
    ["For the watch", item.watch],
  ];
  return el(
    "div.decision-facts",
    item.thumb && picture(item.thumb, "", "What this rests on"),
    el("dl.facts", rows.filter(([, value]) => value).flatMap(([name, value]) => [el("dt", name), el("dd", value)])),
  );
}
