// The keyboard of the desk. A question that is being answered gets a key first; the rest
// is here. With Shift, the desk's own letters work even where a question uses them.

import { isTyping } from "./dom.js";

/** `actions`: name → function; `press(event)`: the open question's turn. */
export function wireKeys(actions, press) {
  const plain = {
    s: actions.skip, f: actions.flag, p: actions.park, g: actions.guidelines, h: actions.history,
    b: actions.pause, z: actions.amendLast, "?": actions.keys, ",": actions.settings,
    "[": () => actions.answer(-1), "]": () => actions.answer(1),
    ArrowDown: () => actions.question(1), ArrowUp: () => actions.question(-1),
  };
  const shifted = { ...plain, r: actions.release, v: actions.prompt };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const isModal = document.querySelector("dialog:modal") !== null;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      if (!isModal) run(event, actions.submit);
      return;
    }
    if (isModal || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isTyping(event.target)) {
      if (event.key === "Escape") run(event, actions.leaveField);
      return;
    }
    if (event.key === "Enter") {
      if (event.target.closest?.("button, a, summary")) return;
      run(event, actions.submit);
      return;
    }
    if (event.shiftKey && event.key.length === 1 && event.key !== "?") {
      const action = shifted[event.key.toLowerCase()];
      if (action) return void run(event, action);
    }
    if (!event.shiftKey && press(event)) {
      event.preventDefault();
      return;
    }
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const inRadio = event.target instanceof HTMLInputElement && name.startsWith("Arrow");
    const scrolls = event.target.matches?.('[role="region"]') && name.startsWith("Arrow");
    if (plain[name] && !inRadio && !scrolls) run(event, plain[name]);
  });
}

function run(event, action) {
  event.preventDefault();
  action();
}
