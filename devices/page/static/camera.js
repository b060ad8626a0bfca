// Pictures: the webcam's to the glasses where this tab wears them, or the glasses' newest one to the view.

const WIDTH_PX = 960;
const HEIGHT_PX = 540;
const QUALITY = 0.75;
const EVERY_MS = 100;
// A frame may come this much before it is due: a display's beat is no divisor of a tenth of a second.
const EARLY_MS = 8;
const LATE_MS = 20;
// Two on their way: one being taken in and one behind it. More would only grow old.
const MOST_PENDING = 2;
const OLDEST_MS = 1000;

export function mount(stage, model, link) {
  const webcam = mountWebcam(stage, model, link);
  const window_ = mountWindow(stage);

  function decide(_, changed) {
    const { session, camera, tab } = model.parts;
    if (!session || !camera || session.mode === "journal") {
      webcam.want(false);
      return;
    }
    const mine = session.camera === "browser" && Boolean(tab?.wears);
    webcam.want(mine && camera.on);
    if (mine) window_.close();
    else if (!camera.on) {
      window_.close();
      stage.show("none");
    } else if (changed.has("frame") || changed.has("tab") || changed.has("camera") || changed.has("fresh")) window_.look();
  }

  model.on(["session", "camera", "tab", "frame", "fresh"], decide);
  document.addEventListener("visibilitychange", () => !document.hidden && decide(model, new Set(["frame"])));
}

// ---------------------------------------------------------------- this browser's camera

function mountWebcam(stage, model, link) {
  const { video } = stage;
  const canvas = typeof OffscreenCanvas === "function" ? new OffscreenCanvas(WIDTH_PX, HEIGHT_PX) : document.createElement("canvas");
  canvas.width = WIDTH_PX;
  canvas.height = HEIGHT_PX;
  const context = canvas.getContext("2d", { alpha: false });
  let wanted = false;
  let stream = null;
  let asking = false;
  let failed = false;
  let encoding = false;
  let due_ms = 0;

  function want(now) {
    if (wanted === now) return;
    wanted = now;
    if (wanted) start();
    else stop();
  }

  async function start() {
    if (asking || stream) return;
    asking = true;
    failed = false;
    stage.help({ words: "Your browser asks whether this page may use the camera. What it sees goes to the glasses on this machine, and no further." });
    try {
      // Absent on a page that the browser does not trust with a camera.
      if (!navigator.mediaDevices) throw new DOMException("no camera for this page", "SecurityError");
      const wish = { width: { ideal: 1280 }, height: { ideal: 720 }, facingMode: "environment" };
      const got = await navigator.mediaDevices.getUserMedia({ video: wish, audio: false });
      if (wanted) await play(got);
      else for (const track of got.getTracks()) track.stop();
    } catch (error) {
      if (wanted) trouble(error.name || "UnknownError");
    } finally {
      asking = false;
    }
    // Switched off and on again while the browser was asking.
    if (wanted && !stream && !failed) start();
  }

  async function play(got) {
    stream = got;
    const [track] = got.getVideoTracks();
    track.addEventListener("ended", () => stream === got && trouble("TrackEnded"));
    video.srcObject = got;
    await video.play();
    if (stream !== got) return;
    stage.help(null);
    stage.show("video");
    next();
  }

  function stop() {
    failed = false;
    release();
    stage.help(null);
    stage.show("none");
  }

  function release() {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    video.srcObject = null;
  }

  function trouble(name) {
    failed = true;
    release();
    stage.show("none");
    stage.help({ label: "Try again", act: start });
    link.ask({ type: "camera_trouble", name: name.slice(0, 80) });
  }

  // A camera was plugged in, or one was taken away: worth another try without being asked.
  navigator.mediaDevices?.addEventListener("devicechange", () => {
    if (wanted && failed) start();
  });

  function next() {
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(presented);
    else setTimeout(() => presented(performance.now(), {}), EVERY_MS / 3);
  }

  function presented(now_ms, about) {
    if (!stream) return;
    next();
    if (!link.isOpen || encoding || link.pending >= MOST_PENDING || now_ms < due_ms - EARLY_MS) return;
    // What came late does not put off the next; what was missed is not made up for.
    due_ms = Math.max(due_ms, now_ms - LATE_MS) + EVERY_MS;
    send(taken(about));
  }

  // When the frame was taken if the browser knows, else when it was shown. Some report on another clock: not believed.
  function taken(about) {
    const now_ms = performance.now();
    for (const at_ms of [about.captureTime, about.expectedDisplayTime]) {
      if (at_ms <= now_ms && at_ms > now_ms - OLDEST_MS) return at_ms;
    }
    return now_ms;
  }

  async function send(page_ms) {
    const { videoWidth: w, videoHeight: h } = video;
    if (!w || !h) return;
    encoding = true;
    try {
      const cut = Math.min(w / WIDTH_PX, h / HEIGHT_PX);
      const [cut_w, cut_h] = [WIDTH_PX * cut, HEIGHT_PX * cut];
      context.drawImage(video, (w - cut_w) / 2, (h - cut_h) / 2, cut_w, cut_h, 0, 0, WIDTH_PX, HEIGHT_PX);
      const blob = await jpeg();
      if (stream) await link.sendPicture(page_ms, blob);
    } finally {
      encoding = false;
    }
  }

  function jpeg() {
    if (canvas.convertToBlob) return canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
    return new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  }

  return { want };
}

// ---------------------------------------------------------------- what the glasses see

function mountWindow(stage) {
  let busy = false;
  let again = false;
  let open = false;
  let url = "";
  let seq = "";

  async function look() {
    open = true;
    if (document.hidden) return;
    again = true;
    if (busy) return;
    busy = true;
    try {
      while (again && open) {
        again = false;
        await fetchOne();
      }
    } finally {
      busy = false;
    }
  }

  async function fetchOne() {
    let answer;
    try {
      answer = await fetch("picture.jpg", { cache: "no-store" });
    } catch {
      // The server is gone: the line says so, and the next frame asks again.
      return;
    }
    if (answer.status !== 200) return clear();
    const newest = answer.headers.get("X-Frame-Seq") ?? "";
    if (newest && newest === seq) return;
    const fresh = URL.createObjectURL(await answer.blob());
    stage.picture.src = fresh;
    try {
      await stage.picture.decode();
    } catch {
      URL.revokeObjectURL(fresh);
      return clear();
    }
    if (url) URL.revokeObjectURL(url);
    url = fresh;
    seq = newest;
    if (!open) return clear();
    stage.picture.dataset.seq = seq;
    stage.show("picture");
  }

  function clear() {
    if (!url) return;
    URL.revokeObjectURL(url);
    url = seq = "";
    stage.picture.removeAttribute("src");
    if (open) stage.show("none");
  }

  function close() {
    if (!open) return;
    open = false;
    if (!busy) clear();
  }

  return { look, close };
}
