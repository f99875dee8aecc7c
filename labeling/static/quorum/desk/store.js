// The tasks on this desk, which of them is open, and their drafts: in the browser's
// storage at once, on the server within a second.

import { ConnectionLost } from "./connection.js";
import { firstValues } from "./values.js";

const DRAFT_MS = 800;

/** Events: `draft` (detail: saving | saved | local), `tasks`. */
export class Store extends EventTarget {
  #timers = new Map();

  constructor(connection, memory) {
    super();
    this.connection = connection;
    this.memory = memory;
    this.states = new Map();
    this.current = null;
  }

  /** Take in a task as it came; an amended or resumed one keeps what was typed here. */
  take(task) {
    const known = this.states.get(task.task);
    if (known && !known.lost && known.task.lease === task.lease) {
      known.task = { ...known.task, expires_at: task.expires_at };
      return known;
    }
    const local = this.memory.read(`draft:${task.task}`);
    const isNewer = local && (!local.synced || !task.draft);
    const state = {
      task,
      values: (isNewer ? local.values : task.draft) ?? firstValues(task),
      spentMs: local?.spentMs ?? 0,
      touched: Boolean(isNewer),
      lost: null,
      isAmend: false,
      isParked: Boolean(task.parked),
      view: null,
    };
    if (known) this.#forgetTimer(task.task);
    this.states.set(task.task, state);
    if (isNewer && !local.synced) this.#schedule(state);
    this.#announce();
    return state;
  }

  /** The tasks to be opened one after the other, in the order in which they came. */
  get held() {
    return [...this.states.values()].filter((state) => !state.lost && !state.isParked);
  }

  get parked() {
    return [...this.states.values()].filter((state) => state.isParked && state !== this.current);
  }

  get next() {
    return this.held.find((state) => state !== this.current) ?? null;
  }

  setValues(state, values) {
    state.values = values;
    state.touched = true;
    this.keep(state);
    this.#schedule(state);
  }

  /** Write the draft to the browser's storage. */
  keep(state, synced = false) {
    const draft = { values: state.values, spentMs: state.spentMs, at: Date.now(), synced };
    this.memory.write(`draft:${state.task.task}`, draft);
  }

  /** The task has left this desk for good; its draft too, unless it must be kept. */
  drop(id, { keepDraft = false } = {}) {
    const state = this.states.get(id);
    this.#forgetTimer(id);
    this.states.delete(id);
    if (!keepDraft) this.memory.remove(`draft:${id}`);
    if (this.current === state) this.current = null;
    this.#announce();
    return state;
  }

  /** Put a task back that was thought to be done, in front of the others. */
  restore(state) {
    this.states = new Map([[state.task.task, state], ...this.states]);
    this.keep(state);
    this.#announce();
  }

  park(state) {
    state.isParked = true;
    if (this.current === state) this.current = null;
    this.#announce();
  }

  lose(id, reason) {
    const state = this.states.get(id);
    if (!state) return null;
    this.#forgetTimer(id);
    state.lost = { reason };
    this.#announce();
    return state;
  }

  /** Is there anything that only this page knows? */
  get hasUnsaved() {
    return this.#timers.size > 0;
  }

  /** Send waiting drafts now: the page is about to go, or the connection is back. */
  flush() {
    for (const id of [...this.#timers.keys()]) {
      const state = this.states.get(id);
      if (state) this.#send(state);
    }
  }

  #schedule(state) {
    const id = state.task.task;
    this.#emit("draft", "saving");
    if (this.#timers.get(id)) return;
    this.#timers.set(id, setTimeout(() => this.#send(state), DRAFT_MS));
  }

  async #send(state) {
    const id = state.task.task;
    clearTimeout(this.#timers.get(id));
    this.#timers.set(id, 0);
    if (state.lost || this.states.get(id) !== state) return this.#forgetTimer(id);
    const values = state.values;
    try {
      const reply = await this.connection.ask({ type: "draft", task: id, lease: state.task.lease, values });
      if (this.states.get(id) !== state) return undefined;
      if (reply.type === "refused") return this.#refused(state, reply);
      if (state.values !== values) return undefined;
      this.#forgetTimer(id);
      this.keep(state, true);
      this.#emit("draft", "saved");
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      this.#emit("draft", "local");
    }
    return undefined;
  }

  #refused(state, reply) {
    this.#forgetTimer(state.task.task);
    if (reply.code === "rate_limited") return this.#schedule(state);
    this.#emit("draft", "local");
    return this.#emit("refused", { state, reply });
  }

  #forgetTimer(id) {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  #announce() {
    this.dispatchEvent(new Event("tasks"));
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
