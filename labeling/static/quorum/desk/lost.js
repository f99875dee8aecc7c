// A task that is no longer this desk's, though somebody wrote in it: said calmly, with the
// text kept and ways to go on.

import { copyText } from "./conversation.js";
import { button, el } from "./dom.js";

const WHY = {
  expired: "Your time on this task ran out and it went back. Your answer is kept here; if the place is still free, it can be submitted.",
  lease_lost: "This task went to somebody else while you were away. Your answer is kept here.",
  paused: "The project was paused. Your answer is kept here; you can try again later.",
  quota_reached: "Your quota is reached, so this answer was not taken. It is kept here.",
  withdrawn: "This task was withdrawn by the project. What you wrote is kept here.",
  removed: "You were taken off this project. What you wrote is kept here.",
  taken_over: "You opened this task in another window. What you wrote here is kept.",
  away: "This task went back while you were away. What you wrote is kept here.",
};

/** Can a late answer still be sent, be it as surplus? */
export function maySend(reason) {
  return ["expired", "lease_lost", "away", "paused", "quota_reached"].includes(reason);
}

export function lostBanner(state, { onsurplus, onretry, ondiscard }) {
  const { reason, detail } = state.lost;
  const buttons = [];
  if (reason === "lease_lost") buttons.push(button("Send as surplus", onsurplus, { kind: "primary small" }));
  else if (maySend(reason)) buttons.push(button("Try to submit", onretry, { kind: "primary small" }));
  buttons.push(el("button", { type: "button", class: "button small", text: "Copy my text", onclick: (event) => copyText(asText(state), event.currentTarget) }));
  buttons.push(button("Discard", ondiscard, { kind: "quiet small" }));
  return el("div", { class: "lost note warn", role: "status" },
    el("p", {}, WHY[reason] ?? detail ?? WHY.lease_lost, reason === "lease_lost" ? el("span", { class: "soft", text: " As surplus it counts for your time, not for the result." }) : null),
    el("div", { class: "lost-actions" }, buttons));
}

/** The values as people read them. */
export function asText({ task, values }) {
  const lines = task.questions.filter(({ name }) => values[name] !== undefined && values[name] !== null).map((question) => {
    const value = values[question.name];
    return `${question.title}: ${question.per === "candidate" ? Object.entries(value).map(([key, each]) => `${key}: ${plain(each)}`).join("\n") : plain(value)}`;
  });
  return lines.join("\n\n");
}

function plain(value) {
  if (typeof value === "string") return value;
  if (value?.text !== undefined) return value.text;
  if (value?.turns) return value.turns.join("\n\n");
  return JSON.stringify(value);
}
