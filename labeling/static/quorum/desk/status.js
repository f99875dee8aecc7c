// What the desk says: the state of the connection and of the draft, announcements for
// those who listen, and toasts for those who look.

import { el } from "./dom.js";

const TOAST_MS = 7_000;
const CONNECTION = {
  connecting: "Connecting…",
  open: "Connected",
  waiting: "Offline – you can go on",
  closed: "Disconnected",
};
const DRAFT = { saving: "Saving…", saved: "Draft saved", local: "Draft kept in this browser", "": "" };

export class Status {
  #live = document.getElementById("desk-live");
  #toasts = document.getElementById("desk-toasts");
  #connection = document.getElementById("desk-connection");
  #draft = document.getElementById("desk-draft");

  /** Say something to a screen reader, politely. */
  announce(text) {
    this.#live.textContent = "";
    requestAnimationFrame(() => {
      this.#live.textContent = text;
    });
  }

  connection(state, nUnsent) {
    const words = state !== "open" && nUnsent ? `${CONNECTION[state]}; ${nUnsent} to send` : CONNECTION[state];
    if (this.#connection.dataset.state === state && this.#connection.textContent === words) return;
    const before = this.#connection.dataset.state;
    this.#connection.dataset.state = state;
    this.#connection.querySelector("span").textContent = words;
    this.#connection.title = words;
    if (state === "waiting" && before === "open") this.announce("The connection is lost. You can go on working; everything is sent when it is back.");
    if (state === "open" && before === "waiting") this.announce("Connected again.");
  }

  draft(state) {
    this.#draft.textContent = DRAFT[state];
    this.#draft.dataset.state = state;
  }

  /** A passing note; with an action it is a button. Gives a function that takes it away. */
  toast(text, { kind = "", action, onaction, stays = false, html } = {}) {
    const close = () => node.remove();
    const node = el("div", { class: `toast ${kind}`.trim() },
      html ? el("div", { class: "prose", html }) : el("p", { text }),
      el("span", { class: "toast-actions" },
        action ? el("button", { type: "button", class: "button small", text: action, onclick: () => {
          close();
          onaction();
        } }) : null,
        el("button", { type: "button", class: "toast-close", "aria-label": "Dismiss", text: "×", onclick: close })));
    this.#toasts.append(node);
    while (this.#toasts.children.length > 4) this.#toasts.firstElementChild.remove();
    this.announce(text);
    if (!stays) setTimeout(close, TOAST_MS);
    return close;
  }
}

/** Progress against the quota, pace and time at work. */
export class ProgressBar {
  #text = document.getElementById("desk-progress-text");
  #bar = document.getElementById("desk-progress-bar");
  #time = document.getElementById("desk-time");

  show(progress) {
    if (!progress) return;
    const n = (value) => new Intl.NumberFormat().format(value);
    const { done = 0, quota_left: left, today } = progress;
    const parts = [`${n(done)} done`];
    if (Number.isInteger(left)) parts.push(`${n(left)} left`);
    if (Number.isInteger(today)) parts.push(`${n(today)} today`);
    this.#text.textContent = parts.join(" · ");
    this.#bar.hidden = !Number.isInteger(left);
    if (Number.isInteger(left)) {
      this.#bar.max = Math.max(1, done + left);
      this.#bar.value = done;
    }
  }

  time(text) {
    this.#time.textContent = text;
  }
}
