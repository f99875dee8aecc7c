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
 * `id` names a dialog of the page; its list and note field are filled here.
 */
export function askReason(id, reasons, { needsNote = false } = {}) {
  const dialog = document.getElementById(id);
  const note = dialog.querySelector("textarea");
  const list = dialog.querySelector("[data-reasons]");
  note.value = "";
  return new Promise((resolve) => {
    let chosen = null;
    const choose = (reason) => {
      chosen = { reason: reason.value, note: note.value.trim() };
      dialog.close();
    };
    const pick = (reason) => {
      if (!needsNote || note.value.trim()) return choose(reason);
      chosen = null;
      dialog.dataset.reason = reason.value;
      for (const button of list.children) button.setAttribute("aria-pressed", String(button.value === reason.value));
      return note.focus();
    };
    list.replaceChildren(...reasons.map((reason) => el("button", { type: "button", class: "reason", value: reason.value, onclick: () => pick(reason) }, keyHint(reason.key), el("span", { text: reason.title }))));
    const onkeydown = (event) => {
      const reason = event.target === note ? null : reasons.find((each) => each.key === event.key);
      const sends = event.target === note && event.key === "Enter" && (event.ctrlKey || event.metaKey || needsNote) && !event.shiftKey;
      if (!reason && !sends) return;
      event.preventDefault();
      event.stopPropagation();
      choose(reason && !needsNote ? reason : (reasons.find((each) => each.value === dialog.dataset.reason) ?? reason ?? reasons.at(-1)));
    };
    dialog.dataset.reason = "";
    dialog.addEventListener("keydown", onkeydown);
    dialog.addEventListener("close", () => {
      dialog.removeEventListener("keydown", onkeydown);
      resolve(chosen);
    }, { once: true });
    const send = dialog.querySelector("[data-send]");
    if (send) send.onclick = () => choose(reasons.find((each) => each.value === dialog.dataset.reason) ?? reasons.at(-1));
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
