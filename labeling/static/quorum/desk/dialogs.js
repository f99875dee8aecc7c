// Small questions in between: why skip, what to flag. One key chooses, Escape goes back.

import { el, key as keyHint } from "./dom.js";

export const SKIP_REASONS = [
  { value: "unclear", title: "The prompt is unclear", key: "1" },
  { value: "too_hard", title: "Too hard, or not my field", key: "2" },
  { value: "off_limits", title: "I do not want to judge this", key: "3" },
  { value: "broken", title: "Broken: empty, cut off, unreadable", key: "4" },
  { value: "other", title: "Something else", key: "5" },
];

export const FLAG_REASONS = [
  { value: "guidelines", title: "The guidelines do not say", key: "1" },
  { value: "prompt", title: "Something is wrong with the prompt", key: "2" },
  { value: "answers", title: "Something is wrong with an answer", key: "3" },
  { value: "harmful", title: "Harmful or personal content", key: "4" },
  { value: "other", title: "Something else", key: "5" },
];

/**
 * Ask for a reason. Resolves with {reason, note}, or null when the person went back.
 * `id` names a dialog of the page; its list is filled here. Without a "send" button the
 * reason itself is the answer; with one, a reason is chosen and the note asked for.
 */
export function askReason(id, reasons) {
  const dialog = document.getElementById(id);
  const note = dialog.querySelector("textarea");
  const list = dialog.querySelector("[data-reasons]");
  const send = dialog.querySelector("[data-send]");
  let reason = reasons.at(-1);
  let answer = null;
  note.value = "";

  const done = () => {
    answer = { reason: reason.value, note: note.value.trim() };
    dialog.close();
  };
  const choose = (chosen) => {
    reason = chosen;
    if (!send) return done();
    for (const each of list.children) each.setAttribute("aria-pressed", String(each.value === reason.value));
    return note.focus();
  };
  const onkeydown = (event) => {
    if (event.isComposing) return;
    const chosen = event.target === note ? null : reasons.find((each) => each.key === event.key);
    const sends = send && event.key === "Enter" && !event.shiftKey && (event.target === note || event.ctrlKey || event.metaKey);
    if (!chosen && !sends) return;
    event.preventDefault();
    if (chosen) choose(chosen);
    else done();
  };
  list.replaceChildren(...reasons.map((each) => el(
    "button",
    { type: "button", class: "reason", value: each.value, "aria-pressed": send ? "false" : null, onclick: () => choose(each) },
    keyHint(each.key),
    el("span", { text: each.title }),
  )));
  return new Promise((resolve) => {
    dialog.addEventListener("keydown", onkeydown);
    dialog.addEventListener("close", () => {
      dialog.removeEventListener("keydown", onkeydown);
      resolve(answer);
    }, { once: true });
    if (send) send.onclick = done;
    dialog.showModal();
    list.firstElementChild.focus();
  });
}

/** Dialogs and drawers close by their buttons and by a click beside them. */
export function wireDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
    });
  }
}
