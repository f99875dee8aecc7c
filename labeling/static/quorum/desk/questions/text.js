// Free text in a field that grows with what is written.

import { el } from "../dom.js";

export function text(question, ctx) {
  const field = el("textarea", {
    class: "textarea grows",
    id: ctx.id,
    rows: question.rows ?? (ctx.key ? 2 : 3),
    dir: "auto",
    "aria-label": ctx.title,
    "aria-describedby": ctx.describedBy,
    "aria-required": question.required ? "true" : null,
    oninput: () => ctx.set(field.value),
  });
  return {
    body: field,
    isText: true,
    focus: () => field.focus(),
    show() {
      const value = ctx.get() ?? "";
      if (field.value !== value) field.value = value;
    },
    press: () => false,
  };
}
