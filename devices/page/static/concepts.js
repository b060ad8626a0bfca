// What the wearer has taught.

import { askToForget } from "./forget.js";
import { grow, picture, when } from "./memory.js";
import { el, keyed, many } from "./words.js";

export function mount(root, model) {
  const list = el("ul.rows.concept-list", { "aria-labelledby": "concepts-title" });
  const empty = el("p.empty", "Nothing yet. ", el("span.live-only", "Look at something of yours and say “this is my mug”."));
  const scroller = el("div.scroller", { tabindex: 0, role: "group", "aria-labelledby": "concepts-title" }, list);
  root.append(el("h2#concepts-title", "What you taught me"), scroller, empty);

  const show = () => {
    const concepts = model.items("concepts").sort((a, b) => b.t_taught_ns - a.t_taught_ns);
    keyed(list, concepts, row);
    empty.hidden = concepts.length > 0;
    scroller.hidden = !concepts.length;
    grow(list, model.now_ns());
  };
  model.on(["concepts"], show);
  model.on(["age"], () => grow(list, model.now_ns()));
  show();
}

function row(concept) {
  const forget = () => askToForget({ kind: "thing", name: concept.key });
  const learned = concept.views ? `from ${many(concept.views, "look")}, ` : "still learning it, ";
  return el(
    "li.row",
    picture(concept.thumb, "concept", ""),
    el(
      "span.row-words",
      el("b", concept.key),
      el("span.faint", learned, when(concept.t_taught_ns, (age) => `taught ${age}`)),
    ),
    el("button.plain.small.live-only", { type: "button", onclick: forget, "aria-label": `Forget ${concept.key}` }, "Forget …"),
  );
}
