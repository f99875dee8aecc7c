// The socket: opens, says hello, pings, and comes back by itself. It keeps nothing:
// what must survive a lost connection is in outbox.js and store.js.

const PING_MS = 20_000;
const SILENCE_MS = 10_000;
const BACKOFF_MS = [400, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000];
const FINAL = { 4400: "protocol", 4401: "signed_out", 4403: "not_allowed", 4404: "no_project" };

export class ConnectionLost extends Error {}

/** Events: `state` (detail: connecting | open | waiting | closed), `frame` (detail: the frame). */
export class Connection extends EventTarget {
  #socket = null;
  #waiting = new Map();
  #nextRef = 1;
  #tries = 0;
  #timers = {};
  #hello;

  /** `hello()` gives the first frame's fields each time a connection opens. */
  constructor(url, hello) {
    super();
    this.url = url;
    this.#hello = hello;
    this.state = "connecting";
    this.reason = null;
    addEventListener("online", () => this.state === "waiting" && this.open());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.state === "waiting") this.open();
    });
  }

  open() {
    clearTimeout(this.#timers.retry);
    this.#set("connecting");
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    socket.addEventListener("open", () => this.#opened(socket));
    socket.addEventListener("message", (event) => this.#received(socket, event.data));
    socket.addEventListener("close", (event) => this.#closed(socket, event.code));
  }

  /** Give up the socket and dial again: another window took over, or nothing is heard. */
  reopen() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#lose();
    this.open();
  }

  get isOpen() {
    return this.state === "open";
  }

  /** Send without waiting for a reply; what cannot be sent is dropped. */
  tell(frame) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /** Send and resolve with the reply that carries the same ref. Rejects with ConnectionLost. */
  ask(frame) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return Promise.reject(new ConnectionLost());
    const ref = `r${this.#nextRef++}`;
    return new Promise((resolve, reject) => {
      this.#waiting.set(ref, { resolve, reject });
      this.#socket.send(JSON.stringify({ ...frame, ref }));
    });
  }

  #opened(socket) {
    if (socket !== this.#socket) return;
    this.tell({ type: "hello", ref: "hello", ...this.#hello() });
    clearInterval(this.#timers.ping);
    this.#timers.ping = setInterval(() => this.#ping(), PING_MS);
  }

  #ping() {
    this.tell({ type: "ping", ref: "ping" });
    clearTimeout(this.#timers.silence);
    this.#timers.silence = setTimeout(() => this.reopen(), SILENCE_MS);
  }

  #received(socket, data) {
    if (socket !== this.#socket) return;
    clearTimeout(this.#timers.silence);
    const frame = JSON.parse(data);
    if (frame.type === "welcome") {
      this.#tries = 0;
      this.#set("open");
    }
    this.dispatchEvent(new CustomEvent("frame", { detail: frame }));
    const waiting = frame.ref && this.#waiting.get(frame.ref);
    if (waiting) {
      this.#waiting.delete(frame.ref);
      waiting.resolve(frame);
    }
  }

  #closed(socket, code) {
    if (socket !== this.#socket) return;
    this.#lose();
    if (FINAL[code]) {
      this.reason = FINAL[code];
      this.#set("closed");
      return;
    }
    const base = BACKOFF_MS[Math.min(this.#tries, BACKOFF_MS.length - 1)];
    this.#tries += 1;
    this.#set("waiting");
    this.#timers.retry = setTimeout(() => this.open(), base * (0.5 + Math.random()));
  }

  #lose() {
    clearInterval(this.#timers.ping);
    clearTimeout(this.#timers.silence);
    for (const { reject } of this.#waiting.values()) reject(new ConnectionLost());
    this.#waiting.clear();
  }

  #set(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}
