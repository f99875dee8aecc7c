// What the desk shows when there is no task to work on: why, and what to do next.

import { button, el } from "./dom.js";

const IDLE = {
  no_work: ["Nothing to do right now", "All tasks you may work on are done or with others. Stay here: the next one appears by itself as soon as there is one."],
  quota_reached: ["Your quota is reached", "Thank you! You have given all the answers you were asked for. If there is a daily quota, more tasks come tomorrow; for more today, ask your project's manager."],
  paused: ["The project is paused", "Its manager has paused it. What you wrote is kept. When it goes on, tasks appear here by themselves."],
  not_qualified: ["No tasks for you yet", "This project asks for a skill or a check that you do not have yet. Its manager can tell you how to get it."],
};
const CLOSED = {
  signed_out: ["You are logged out", "Log in again to go on. What you wrote is kept in this browser."],
  not_allowed: ["You cannot work on this project any more", "Ask its manager if you think this is a mistake."],
  no_project: ["This project does not exist any more", "It may have been renamed or removed."],
  protocol: ["This page is out of date", "Quorum was updated. Reload the page; what you wrote is kept."],
};

function screen(name, title, text, ...more) {
  return el("div", { class: "screen", "data-screen": name, tabIndex: -1 }, el("div", { class: "screen-mark", "aria-hidden": "true" }), el("h2", { text: title }), el("p", { text }), more);
}

/** `onparked` opens a task that the person had parked. */
export function idleScreen(reason, onparked = null) {
  const [title, text] = IDLE[reason] ?? IDLE.no_work;
  const parked = onparked ? el("p", {}, button("Open a task you parked", onparked, { kind: "primary" })) : null;
  return screen(reason, title, text, reason === "no_work" ? el("p", { class: "waiting-dots", "aria-hidden": "true" }, el("i"), el("i"), el("i")) : null, parked);
}

export function loadingScreen() {
  return screen("loading", "Fetching your next task", "It will be here in a moment.", el("div", { class: "skeletons", "aria-hidden": "true" }, el("i"), el("i"), el("i")));
}

export function offlineScreen(nUnsent) {
  const text = nUnsent
    ? `${nUnsent === 1 ? "One answer is" : `${nUnsent} answers are`} kept in this browser and sent as soon as the connection is back.`
    : "The next task appears as soon as the connection is back.";
  return screen("offline", "You are offline", text);
}

export function closedScreen(reason, loginUrl) {
  const [title, text] = CLOSED[reason] ?? CLOSED.protocol;
  const action = reason === "signed_out" ? el("a", { class: "button primary", href: loginUrl, text: "Log in" })
    : button("Reload the page", () => location.reload(), { kind: "primary" });
  return screen(reason, title, text, el("p", {}, action));
}

export function breakScreen(onresume) {
  return screen("break", "Have a good break", "Tasks you had not opened went back. The one you were at is kept for you for a while.",
    el("p", {}, button("Back to work", onresume, { kind: "primary big", hint: "B" })));
}

export function elsewhereScreen(onhere) {
  return screen("elsewhere", "You went on working in another window", "This desk was taken over there. Nothing is lost.",
    el("p", {}, button("Work here instead", onhere, { kind: "primary big" })));
}

export function acknowledgeScreen(version, html, onread) {
  return el("div", { class: "screen acknowledge", "data-screen": "acknowledge", tabIndex: -1 },
    el("h2", { text: "The guidelines have changed" }),
    el("p", { text: `Please read version ${version} before you go on.` }),
    el("div", { class: "prose acknowledge-text", tabIndex: 0, role: "region", "aria-label": "Guidelines", html }),
    el("p", {}, button("I have read them", onread, { kind: "primary big" })));
}
