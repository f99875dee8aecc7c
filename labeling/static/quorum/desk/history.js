// The tasks answered in this session, newest first, each with the way back into it. Only
// the beginning of a prompt is kept, and only until the tab is closed.

import { el, minutes, plural, shorten } from "./dom.js";

const KEY = "history";
const TODAY = "time";
const MAX = 60;
const WORDS = { sending: "waiting to be sent", accepted: "answered", surplus: "answered (extra)", skipped: "skipped", returned: "returned to you", refused: "not taken" };

export class History {
  #drawer = document.getElementById("desk-history");
  #list = document.getElementById("desk-history-list");
  #count = document.getElementById("desk-history-count");

  #parkedList = document.getElementById("desk-parked-list");

  constructor(memory, onamend) {
    this.memory = memory;
    this.onamend = onamend;
    this.entries = memory.read(KEY, sessionStorage) ?? [];
    this.spentMs = memory.read(`${TODAY}:${today()}`) ?? 0;
    this.#draw();
  }

  add(state, kind) {
    this.set(state.task.task, kind, { title: titleOf(state.task), spentMs: state.spentMs });
  }

  set(task, kind, more = {}) {
    const known = this.entries.find((each) => each.task === task);
    this.entries = [{ title: "A task from before", spentMs: 0, ...known, ...more, task, kind, at: Date.now() }, ...this.entries.filter((each) => each.task !== task)].slice(0, MAX);
    this.memory.write(KEY, this.entries, sessionStorage);
    this.#draw();
  }

  /** Change what is known of a task without moving it; unknown ones stay unknown. */
  settle(task, kind) {
    const known = this.entries.find((each) => each.task === task);
    if (!known) return;
    known.kind = kind;
    this.memory.write(KEY, this.entries, sessionStorage);
    this.#draw();
  }

  get last() {
    return this.entries.find(({ kind }) => kind === "accepted" || kind === "sending") ?? null;
  }

  spend(ms) {
    this.spentMs += ms;
  }

  /** Today's active time, kept through reloads. */
  keep() {
    this.memory.write(`${TODAY}:${today()}`, Math.round(this.spentMs));
    return minutes(this.spentMs);
  }

  /** Show the parked tasks above the others. */
  showParked(states, onopen) {
    document.getElementById("desk-parked").hidden = states.length === 0;
    this.#parkedList.replaceChildren(...states.map((state) => el("li", { class: "history-row" },
      el("p", { class: "history-title", dir: "auto", text: titleOf(state.task) }),
      el("button", { type: "button", class: "button small", text: "Open", onclick: () => onopen(state) }))));
  }

  open() {
    this.#draw();
    this.#drawer.showModal();
  }

  close() {
    this.#drawer.close();
  }

  #draw() {
    const returned = this.entries.filter(({ kind }) => kind === "returned").length;
    this.#count.textContent = returned ? String(returned) : "";
    this.#count.hidden = returned === 0;
    const done = this.entries.filter(({ kind }) => kind === "accepted");
    const mean = done.length ? done.reduce((sum, { spentMs }) => sum + spentMs, 0) / done.length : 0;
    this.#drawer.querySelector("[data-pace]").textContent = done.length
      ? `${plural(done.length, "answer")} in this session, ${seconds(mean)} each at work. Today: ${minutes(this.spentMs)}.`
      : "What you answer in this session is listed here, so that you can come back to it.";
    this.#list.replaceChildren(...this.entries.map((entry) => this.#row(entry)));
  }

  #row(entry) {
    const time = new Intl.DateTimeFormat(undefined, { timeStyle: "short" }).format(entry.at);
    const mayAmend = ["accepted", "returned"].includes(entry.kind);
    return el("li", { class: `history-row kind-${entry.kind}` },
      el("div", {}, el("p", { class: "history-title", dir: "auto", text: entry.title }), el("p", { class: "soft small", text: `${time} · ${WORDS[entry.kind] ?? entry.kind}` }), entry.comment ? el("p", { class: "note warn small", text: entry.comment }) : null),
      mayAmend ? el("button", { type: "button", class: "button small", text: "Amend", onclick: () => this.onamend(entry.task) }) : null);
  }
}

function titleOf({ item }) {
  return shorten(item.messages.findLast(({ role }) => role === "user")?.content ?? "", 90);
}

function seconds(ms) {
  const s = Math.round(ms / 1000);
  return s < 90 ? `${s} s` : `${Math.floor(s / 60)} min ${s % 60} s`;
}

function today() {
  return new Intl.DateTimeFormat("en-CA").format(new Date());
}
