// The line to the glasses: one WebSocket, acknowledged update by update, tried again when it breaks.

const RETRY_MS = [250, 500, 1000, 2000, 4000];
const LINE_OPEN = 1;
// After so many tries it may be that the glasses were started anew, at another address.
const MANY_TRIES = 3;
// The server closes a tab that does not answer with this code.
const DEAD = 4002;

export class Link extends EventTarget {
  // state: "connecting", "open", "lost", "refused" (with words). Events: "state", "update" (detail: the update), "took", "told" (detail: words
  // that answer no request).
  constructor() {
    super();
    this.state = "connecting";
    this.words = "";
    this.tries = 0;
    this.key = 0;
    this.reason = "";
    this.waiting = new Map();
    this.took = 0;
    this.sent = 0;
  }

  open() {
    const url = new URL("ws", location.href);
    url.protocol = "ws:";
    this.socket = new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      this.tries = 0;
      this.reason = "";
      this.took = this.sent = 0;
      this.change("open");
    };
    this.socket.onmessage = (message) => this.receive(JSON.parse(message.data));
    this.socket.onclose = (event) => this.closed(event);
  }

  receive(update) {
    // Acknowledged before anything is drawn: the moment of arrival is what the server measures the clock by.
    this.post({ type: "got", n: update.n, page_ms: performance.now() });
    if (update.took !== undefined && update.took > this.took) {
      this.took = update.took;
      this.dispatchEvent(new CustomEvent("took"));
    }
    for (const told of update.told ?? []) {
      this.waiting.get(told.key)?.(told);
      this.waiting.delete(told.key);
    }
    this.dispatchEvent(new CustomEvent("update", { detail: update }));
    for (const told of update.told ?? []) if (!told.key && told.words) this.dispatchEvent(new CustomEvent("told", { detail: told.words }));
  }

  closed(event) {
    for (const answer of this.waiting.values()) answer({ ok: false, words: "The line to the glasses is broken." });
    this.waiting.clear();
    if (event.code >= 4000) {
      // The server's own reasons: trying again at once would not help. But a browser freezes tabs that nobody sees; who comes back goes on.
      if (event.code === DEAD) document.addEventListener("visibilitychange", () => this.open(), { once: true });
      this.change("refused", event.reason || "The glasses do not take this page.");
      return;
    }
    // Told once, as the line breaks; the tries after it hear nothing.
    this.reason ||= event.reason || "The glasses do not answer.";
    const moved = this.tries >= MANY_TRIES ? " If they were started anew, their page has a new address: it stands in the terminal." : "";
    this.change("lost", `${this.reason} Trying again.${moved}`);
    setTimeout(() => this.open(), RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)]);
  }

  change(state, words = "") {
    this.state = state;
    this.words = words;
    this.dispatchEvent(new CustomEvent("state"));
  }

  get isOpen() {
    return this.socket?.readyState === LINE_OPEN;
  }

  post(message) {
    if (this.isOpen) this.socket.send(JSON.stringify(message));
  }

  // Sends a request, such as {type: "ask", text}; resolves to {ok, words}.
  ask(request) {
    if (!this.isOpen) return Promise.resolve({ ok: false, words: "The glasses do not answer." });
    const key = ++this.key;
    return new Promise((answer) => {
      this.waiting.set(key, answer);
      this.post({ ...request, key });
    });
  }

  // Pictures on their way that the glasses have not taken yet.
  get pending() {
    return this.sent - this.took;
  }

  // Sends a picture taken at page_ms: eight bytes of time, then the JPEG.
  async sendPicture(page_ms, blob) {
    const jpeg = await blob.arrayBuffer();
    if (!this.isOpen) return;
    const message = new Uint8Array(8 + jpeg.byteLength);
    new DataView(message.buffer).setFloat64(0, page_ms, true);
    message.set(new Uint8Array(jpeg), 8);
    this.sent += 1;
    this.socket.send(message);
  }
}
