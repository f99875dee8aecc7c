// What the person has done and the server has not confirmed. It lives in the browser's
// storage, so that neither a lost connection nor a closed tab loses it; (task, lease)
// makes sending a submit twice harmless.

import { ConnectionLost } from "./connection.js";

const AGAIN_MS = 2_000;

/** Events: `reply` (detail: {entry, reply}), `change`. */
export class Outbox extends EventTarget {
  #key;
  #sending = new Set();
  #timer;

  constructor(connection, memory) {
    super();
    this.connection = connection;
    this.memory = memory;
    this.#key = "outbox";
    this.entries = memory.read(this.#key) ?? [];
  }

  /** Keep a frame until it is answered; `about` is for the page and is not sent. */
  add(frame, about = {}) {
    const entry = { id: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`, frame, about, at: Date.now() };
    this.entries.push(entry);
    this.#write();
    this.#send(entry);
    return entry;
  }

  /** Take back what has not left yet. False when it may be on its way. */
  recall(task) {
    const entry = this.find(task);
    if (!entry || this.#sending.has(entry.id) || this.connection.isOpen) return null;
    this.#drop(entry);
    return entry;
  }

  find(task) {
    return this.entries.find((entry) => entry.frame.task === task && entry.frame.type === "submit");
  }

  has(task) {
    return this.entries.some((entry) => entry.frame.task === task && entry.frame.type !== "flag");
  }

  get isEmpty() {
    return this.entries.length === 0;
  }

  flush() {
    for (const entry of [...this.entries]) this.#send(entry);
  }

  async #send(entry) {
    if (!this.connection.isOpen || this.#sending.has(entry.id)) return;
    this.#sending.add(entry.id);
    let reply;
    try {
      reply = await this.connection.ask(entry.frame);
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      return;
    } finally {
      this.#sending.delete(entry.id);
    }
    if (reply.type === "refused" && reply.code === "rate_limited") {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.flush(), AGAIN_MS);
      return;
    }
    this.#drop(entry);
    this.dispatchEvent(new CustomEvent("reply", { detail: { entry, reply } }));
  }

  #drop(entry) {
    this.entries = this.entries.filter((each) => each.id !== entry.id);
    this.#write();
  }

  #write() {
    this.memory.write(this.#key, this.entries);
    this.dispatchEvent(new Event("change"));
  }
}
