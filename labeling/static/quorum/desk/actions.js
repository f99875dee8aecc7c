// What the person at the desk can do: submit, skip, flag, park, give back, amend, take a
// break. Submit, skip and flag go through the outbox and survive a lost connection.

import { askReason, FLAG_REASONS, SKIP_REASONS } from "./dialogs.js";
import { asText } from "./lost.js";
import { copyText } from "./conversation.js";
import { ConnectionLost } from "./connection.js";
import { answered } from "./values.js";

const REFUSED = {
  quota_reached: "Your quota is reached; this was not taken.",
  paused: "The project is paused; this was not taken.",
  too_large: "This answer is too long to be sent (256 KiB at most).",
};

export class Actions {
  /** Tasks that are on their way back to be amended. */
  amending = new Set();
  #sent = new Map(); // what to show again should the server refuse it
  #closeToast = () => {};

  constructor(desk) {
    this.desk = desk;
  }

  // --- submit and what comes of it ---------------------------------------------

  submit() {
    const { desk } = this;
    const state = desk.current;
    if (!state || desk.mode !== "work") return;
    const { form } = desk.view(state);
    if (!form.check()) {
      const n = form.problems.length;
      desk.status.announce(`${n === 1 ? "One answer is" : `${n} answers are`} still needed. ${form.problems[0].message}`);
      return;
    }
    this.#send(state, state.lost?.reason === "lease_lost");
  }

  #send(state, surplus) {
    const { desk } = this;
    const { task } = state;
    desk.clock.count();
    state.lost = null;
    const values = answered(task.questions, state.values, task.candidates.map(({ key }) => key));
    this.#sent.set(task.task, state);
    desk.history.add(state, "sending");
    desk.store.keep(state);
    desk.store.drop(task.task, { keepDraft: true });
    desk.outbox.add({
      type: "submit", task: task.task, lease: task.lease, values, spent_ms: Math.round(state.spentMs), ...(surplus ? { surplus: true } : {}),
    });
    desk.refresh();
    this.#closeToast();
    this.#closeToast = desk.status.toast(desk.connection.isOpen ? "Submitted." : "Kept; it is sent when you are connected again.", {
      kind: "success", action: "Amend (Z)", onaction: () => this.amend(task.task),
    });
  }

  /** The server's word on something from the outbox. */
  replied(entry, reply) {
    const { frame } = entry;
    const { desk } = this;
    const state = this.#sent.get(frame.task);
    if (frame.type !== "flag") this.#sent.delete(frame.task);
    if (reply.type === "refused") return this.#refused(frame, reply, state);
    if (frame.type === "submit") desk.history.settle(frame.task, frame.surplus ? "surplus" : "accepted");
    if (frame.type !== "flag") desk.memory.remove(`draft:${frame.task}`);
    if (frame.type === "flag") desk.status.toast("Your question was sent. The answer comes back to your desk.", { kind: "success" });
    return desk.refresh();
  }

  #refused(frame, reply, state) {
    const { desk } = this;
    if (frame.type !== "submit") {
      if (reply.code === "lease_lost") return; // it is gone from here already
      desk.status.toast(reply.detail || REFUSED[reply.code] || "That was not taken.", { kind: "warning" });
      if (state) this.#putBack(state);
      return;
    }
    desk.history.settle(frame.task, "refused");
    if (!state) {
      // Sent before the page was loaded again: the words are in the outbox's frame.
      const text = asText({ task: { questions: Object.keys(frame.values).map((name) => ({ name, title: name })) }, values: frame.values });
      desk.status.toast(`An answer from before was not taken: ${reply.detail}`, { kind: "warning", stays: true, action: "Copy it", onaction: () => copyText(text) });
      return;
    }
    if (reply.code !== "invalid") state.lost = { reason: reply.code, detail: reply.detail };
    this.#putBack(state, reply);
  }

  #putBack(state, reply = null) {
    const { desk } = this;
    desk.store.restore(state);
    const open = () => {
      desk.show(state);
      if (reply?.code === "invalid" && !desk.view(state).form.showErrors(reply.fields)) desk.status.toast(reply.detail, { kind: "warning", stays: true });
    };
    if (!desk.current || !desk.current.touched) open();
    else desk.status.toast(`The last answer was not taken: ${reply?.detail ?? ""}`, { kind: "warning", stays: true, action: "Go back to it", onaction: open });
  }

  ofLost(state) {
    return {
      onsurplus: () => this.submit(),
      onretry: () => this.submit(),
      ondiscard: () => {
        this.desk.store.drop(state.task.task);
        this.desk.refresh();
      },
    };
  }

  // --- other ways to be done with a task -----------------------------------------

  async skip() {
    const { desk } = this;
    const state = desk.current;
    if (!state || desk.mode !== "work") return;
    const answer = await askReason("desk-skip", SKIP_REASONS);
    if (!answer || desk.current !== state) return;
    const { task, lease } = state.task;
    this.#sent.set(task, state);
    desk.history.add(state, "skipped");
    desk.store.drop(task, { keepDraft: true });
    desk.outbox.add({ type: "skip", task, lease, reason: answer.reason, ...(answer.note ? { note: answer.note } : {}) });
    desk.refresh();
  }

  async flag() {
    const { desk } = this;
    const state = desk.current;
    if (!state || desk.mode !== "work") return;
    const answer = await askReason("desk-flag", FLAG_REASONS);
    if (!answer) return;
    desk.outbox.add({ type: "flag", task: state.task.task, reason: answer.reason, ...(answer.note ? { note: answer.note } : {}) });
    if (desk.current === state) desk.view(state).form.begin();
  }

  park() {
    return this.#ask("park", "Parked: it is kept for you over night. You find it in the history.");
  }

  release() {
    const state = this.desk.current;
    if (!state?.isAmend) return this.#ask("release", "Given back.");
    this.desk.store.drop(state.task.task); // the answer stands as long as no other is sent
    this.desk.status.toast("Left as it was.");
    return this.desk.refresh();
  }

  /** Take a parked task up again. */
  open(state) {
    state.isParked = false;
    this.desk.history.close();
    this.desk.mode = "work";
    this.desk.show(state);
  }

  async #ask(type, done) {
    const { desk } = this;
    const state = desk.current;
    if (!state || desk.mode !== "work") return;
    const { task, lease } = state.task;
    try {
      desk.store.flush();
      const reply = await desk.connection.ask({ type, task, lease });
      if (reply.type === "refused" && reply.code !== "lease_lost") {
        desk.status.toast(reply.detail, { kind: "warning" });
        return;
      }
      if (type === "park") desk.store.park(state);
      else desk.store.drop(task);
      desk.status.toast(done);
      desk.refresh();
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      desk.status.toast("That needs a connection. Try again in a moment.", { kind: "warning" });
    }
  }

  async amend(task) {
    const { desk } = this;
    const sent = this.#sent.get(task);
    if (sent && desk.outbox.recall(task)) {
      this.#sent.delete(task);
      desk.store.restore(sent);
      desk.history.close();
      desk.show(sent);
      return;
    }
    this.amending.add(task);
    this.#closeToast();
    try {
      const reply = await desk.connection.ask({ type: "amend", task });
      if (reply.type === "refused") desk.status.toast(reply.detail, { kind: "warning" });
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      desk.status.toast("That needs a connection. Try again in a moment.", { kind: "warning" });
    } finally {
      this.amending.delete(task);
    }
  }

  amendLast() {
    const { last } = this.desk.history;
    if (last) this.amend(last.task);
    else this.desk.status.toast("There is nothing to amend yet.");
  }

  // --- coming and going ------------------------------------------------------------

  pause() {
    const { desk } = this;
    if (desk.mode === "break") return this.resume();
    if (desk.mode !== "work") return undefined;
    desk.mode = "break";
    desk.clock.pause(true);
    desk.connection.tell({ type: "want", n: 0 });
    for (const state of desk.store.held) {
      if (state === desk.current || state.touched) continue;
      desk.connection.tell({ type: "release", task: state.task.task, lease: state.task.lease });
      desk.store.drop(state.task.task);
    }
    return desk.refresh();
  }

  resume() {
    const { desk } = this;
    desk.mode = "work";
    desk.clock.pause(false);
    desk.connection.tell({ type: "want", n: desk.want });
    desk.refresh();
  }

  workHere() {
    this.desk.mode = "work";
    this.desk.idle = null;
    this.desk.connection.reopen();
  }

  acknowledge() {
    const { desk } = this;
    desk.connection.tell({ type: "acknowledge", guidelines_version: desk.guidelines.version, ref: "acknowledge" });
    desk.guidelines.acknowledged();
    desk.asked = null;
    desk.mode = "work";
    desk.connection.tell({ type: "want", n: desk.want });
    desk.refresh();
  }

  // --- keys and buttons ----------------------------------------------------------

  byKey() {
    const open = (id) => () => document.getElementById(id).showModal();
    const view = () => (this.desk.mode === "work" ? this.desk.current?.view : null);
    return {
      submit: () => this.submit(), skip: () => this.skip(), flag: () => this.flag(), park: () => this.park(),
      release: () => this.release(), amendLast: () => this.amendLast(), pause: () => this.pause(),
      guidelines: () => this.desk.guidelines.open(), history: () => this.desk.history.open(),
      keys: open("desk-keys"), settings: open("desk-settings"),
      answer: (by) => view()?.candidates.step(by), question: (by) => view()?.form.step(by), prompt: () => view()?.togglePrompt(),
      leaveField: () => view()?.form.active?.root.focus({ preventScroll: true }),
    };
  }

  wireButtons() {
    const actions = this.byKey();
    for (const button of document.querySelectorAll("[data-action]")) {
      button.addEventListener("click", () => actions[button.dataset.action]());
    }
  }
}
