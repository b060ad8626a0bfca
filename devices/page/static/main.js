// Puts the page together: the line, what is known, and the views of it.

import { Link } from "./link.js";
import { Model } from "./model.js";
import * as camera from "./camera.js";
import * as concepts from "./concepts.js";
import * as decisions from "./decisions.js";
import * as film from "./film.js";
import * as forget from "./forget.js";
import * as gaze from "./gaze.js";
import * as health from "./health.js";
import * as hud from "./hud.js";
import * as light from "./light.js";
import * as memory from "./memory.js";
import * as talk from "./talk.js";
import * as voice from "./voice.js";
import * as watches from "./watches.js";

const model = new Model();
const link = new Link();
const at = (id) => document.getElementById(id);

const stage = hud.mount(at("stage"), model, link);
camera.mount(stage, model, link);
gaze.mount(stage, model, link);
light.mount(at("light"), at("link-state"), model, link);
voice.mount(at("voice-controls"), model, link);
film.mount(at("film"), model, link);
talk.mount(at("talk"), model, link);
memory.mount(at("memory"), model, link);
watches.mount(at("watches"), model, link);
concepts.mount(at("concepts"), model, link);
decisions.mount(at("decisions"), model, link);
health.mount(at("health"), model, link);
forget.mount(at("forget"), model, link);

link.addEventListener("update", (event) => model.apply(event.detail));
setInterval(() => model.tick(), 1000);
link.open();
