// Passages of the prompt or of an answer, each with a label. They may overlap. Offsets
// are code points of the original text; marking itself is in ../passages.js.

import { button, el, icon, shorten } from "../dom.js";
import { toCodePoints, toUtf16 } from "../values.js";
import { choice, keyOf } from "./choice.js";

export function spans(question, ctx) {
  const passages = ctx.passages.filter((each) => !ctx.key || each.on.startsWith(`candidate:${ctx.key}:`));
  let pending = null; // {passage, start, end} in UTF-16, waiting for its label

  const list = el("ul", { class: "span-list" });
  const ask = el("p", { class: "span-ask small" });
  const labels = choice({
    id: ctx.id,
    label: `Label for the marked passage: ${ctx.title}`,
    kind: "chips",
    options: question.options.map((option, index) => ({
      ...option,
      key: keyOf(index),
      before: el("span", { class: `span-swatch hue-${index % 6}`, "aria-hidden": "true" }),
    })),
    onchoose: (value) => apply(value),
  });
  for (const passage of passages) passage.listen({ ctx, select, press: (event) => labels.press(event.key.toLowerCase()), options: question.options, apply });

  function select(passage, start, end) {
    pending = start < end ? { passage, start, end } : null;
    show();
    if (pending) ctx.activate();
  }

  function apply(label) {
    labels.show(null);
    if (!pending) return;
    const { passage, start, end } = pending;
    const span = { on: passage.on, start: toCodePoints(passage.text, start), end: toCodePoints(passage.text, end), label };
    const all = ctx.get() ?? [];
    const isThere = all.some((each) => each.on === span.on && each.start === span.start && each.end === span.end && each.label === label);
    pending = null;
    passage.clearSelection();
    ctx.set(isThere ? all : [...all, span].sort(byPlace));
    passage.element.focus({ preventScroll: true });
  }

  function byPlace(a, b) {
    return a.on === b.on ? a.start - b.start || a.end - b.end : order(a.on) - order(b.on);
  }

  function order(on) {
    return passages.findIndex((each) => each.on === on);
  }

  function remove(span) {
    const index = (ctx.get() ?? []).indexOf(span);
    ctx.set((ctx.get() ?? []).filter((each) => each !== span));
    const buttons = list.querySelectorAll("button");
    (buttons[Math.min(index, buttons.length - 1)] ?? passages[0]?.element)?.focus();
  }

  function row(span) {
    const passage = passages.find((each) => each.on === span.on);
    const text = passage ? passage.text.slice(toUtf16(passage.text, span.start), toUtf16(passage.text, span.end)) : "";
    const index = question.options.findIndex((option) => option.value === span.label);
    const title = question.options[index]?.title ?? span.label;
    return el("li", { class: "span-row" },
      el("span", { class: `span-swatch hue-${index % 6}`, "aria-hidden": "true" }),
      el("strong", { text: title }),
      el("q", { dir: "auto", text: shorten(text, 60) }),
      el("span", { class: "soft small", text: passage?.title ?? span.on }),
      el("button", {
        type: "button", class: "button quiet small", "aria-label": `Remove ${title}: ${shorten(text, 40)}`,
        onclick: () => remove(span),
        onkeydown: (event) => {
          if (event.key === "Backspace" || event.key === "Delete") remove(span);
        },
      }, icon("close")));
  }

  function show() {
    const value = ctx.get() ?? [];
    list.replaceChildren(...value.map(row));
    for (const passage of passages) {
      passage.mark(`${question.name}:${ctx.key ?? ""}`, value.filter((span) => span.on === passage.on).map((span) => {
        const index = question.options.findIndex((option) => option.value === span.label);
        return {
          start: toUtf16(passage.text, span.start),
          end: toUtf16(passage.text, span.end),
          hue: index % 6,
          title: question.options[index]?.title ?? span.label,
        };
      }));
    }
    ask.textContent = pending
      ? `“${shorten(pending.passage.text.slice(pending.start, pending.end), 60)}” is marked. Choose its label.`
      : "Mark a passage with the mouse, or go to a text with Tab and use the arrow keys (Shift extends).";
    labels.root.classList.toggle("waiting", Boolean(pending));
    labels.show(null);
  }

  const none = question.required ? null : button("None", () => ctx.set([]), { kind: "quiet small", label: `No passages: ${ctx.title}` });
  return {
    body: el("div", { class: "spans" }, ask, el("div", { class: "span-labels" }, labels.root, none), list),
    isField: true,
    focus: () => (pending ? labels.focus() : passages[0]?.element.focus({ preventScroll: true })),
    show,
    press: (event) => Boolean(pending) && labels.press(event.key.toLowerCase()),
  };
}
