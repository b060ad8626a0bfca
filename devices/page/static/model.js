// All that the page knows: parts and rolls, as the server last told. Views subscribe by name and read; nothing else changes it.

const ROLLS = ["said", "sightings", "decisions", "watches", "concepts"];

export class Model {
  constructor() {
    this.parts = {};
    this.rolls = Object.fromEntries(ROLLS.map((name) => [name, new Map()]));
    this.listeners = [];
    this.t_ns = 0;
    this.at_ms = performance.now();
  }

  // Stream time now, as far as the page can tell: the last update's, and what has passed here since. In a journal time is what is shown.
  now_ns() {
    if (this.parts.session?.mode === "journal") return this.t_ns;
    return this.t_ns + (performance.now() - this.at_ms) * 1e6;
  }

  // Calls back, with the model, after every update in which one of the named parts or rolls changed; and once a second with "age" in names.
  on(names, listener) {
    this.listeners.push({ names: new Set(names), listener });
  }

  items(roll) {
    return [...this.rolls[roll].values()];
  }

  apply(update) {
    const changed = new Set();
    this.t_ns = update.t_ns;
    this.at_ms = performance.now();
    if (update.fresh) {
      this.parts = {};
      for (const name of ROLLS) {
        this.rolls[name].clear();
        changed.add(name);
      }
      for (const name of ["frame", "eye", "gazed", "lesson", "doubt", "gauges", "drops", "voice", "camera"]) changed.add(name);
      changed.add("fresh");
    }
    for (const [name, value] of Object.entries(update.parts ?? {})) {
      this.parts[name] = value;
      changed.add(name);
    }
    for (const [name, changes] of Object.entries(update.rolls ?? {})) {
      const roll = this.rolls[name];
      if (!roll) continue;
      if (changes.whole) roll.clear();
      for (const item of changes.items ?? []) roll.set(item.key, item);
      changed.add(name);
    }
    this.tell(changed);
  }

  tell(changed) {
    for (const { names, listener } of this.listeners) {
      if ([...names].some((name) => changed.has(name))) listener(this, changed);
    }
  }

  // Ages grow while nothing comes.
  tick() {
    this.tell(new Set(["age"]));
  }
}
