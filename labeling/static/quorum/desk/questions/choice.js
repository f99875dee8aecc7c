// A row of choices with keys: native radios or checkboxes under visible labels, so that
// arrows, Space and screen readers work as everywhere. The other questions are built on it.

import { el, key as keyHint } from "../dom.js";

/**
 * @param {{id: string, options: {value: *, title: string, key?: string, words?: string, before?: Node}[],
 *   multiple?: boolean, label?: string, kind?: string, onchoose: (value: *, byKey: boolean) => void}} spec
 */
export function choice({ id, options, multiple = false, label, kind = "", onchoose }) {
  const inputs = new Map();
  const tiles = options.map((option, index) => {
    const input = el("input", {
      type: multiple ? "checkbox" : "radio",
      name: id,
      id: `${id}-${index}`,
      class: "choice-input",
      onchange: () => onchoose(option.value, false),
    });
    inputs.set(option.value, input);
    return el(
      "label",
      { class: "choice-tile", title: option.words },
      input,
      el("span", { class: "choice-face" },
        option.before,
        el("span", { class: "choice-title", text: option.title }),
        option.key ? keyHint(option.key.toUpperCase()) : null),
    );
  });
  const root = el("div", { class: `choice ${kind}`.trim(), role: multiple ? "group" : "radiogroup", "aria-label": label }, tiles);

  return {
    root,
    tiles,
    /** Show what is chosen: a value, or a list when several may be. */
    show(value) {
      for (const [each, input] of inputs) input.checked = multiple ? (value ?? []).includes(each) : value === each;
    },
    focus() {
      const all = [...inputs.values()];
      (all.find((input) => input.checked) ?? all[0])?.focus();
    },
    /** Choose by key; true when the key belonged to an option. */
    press(pressed) {
      const option = options.find((each) => each.key === pressed);
      if (!option) return false;
      inputs.get(option.value)?.focus();
      onchoose(option.value, true);
      return true;
    },
  };
}

const LETTERS = "acdeijklmnoqrtuvwxy"; // without those of the desk itself: s f p g h b z

/** The key of the n-th option: 1–9, 0, then letters; none beyond. */
export function keyOf(index) {
  if (index < 10) return "1234567890"[index];
  return LETTERS[index - 10];
}
