// One option, or several. Long lists get a field that filters them.

import { el } from "../dom.js";
import { choice, keyOf } from "./choice.js";

const FILTER_FROM = 16;

export function label(question, ctx) {
  return options(question, ctx, false);
}

export function labels(question, ctx) {
  return options(question, ctx, true);
}

function options(question, ctx, multiple) {
  const list = choice({
    id: ctx.id,
    multiple,
    label: ctx.title,
    kind: "chips",
    options: question.options.map((option, index) => ({ ...option, key: keyOf(index) })),
    onchoose(value, byKey) {
      if (!multiple) {
        ctx.set(value, { done: byKey });
        return;
      }
      const chosen = ctx.get() ?? [];
      const without = chosen.filter((each) => each !== value);
      ctx.set(without.length < chosen.length ? without : inOrder(question, [...chosen, value]));
    },
  });
  const body = el("div", {}, question.options.length >= FILTER_FROM ? filter(question, list) : null, list.root);
  return { body, focus: list.focus, show: () => list.show(ctx.get()), press: (event) => list.press(event.key.toLowerCase()) };
}

function inOrder(question, chosen) {
  return question.options.map((option) => option.value).filter((value) => chosen.includes(value));
}

function filter(question, list) {
  const field = el("input", {
    type: "search",
    class: "input choice-filter",
    placeholder: `Filter ${question.options.length} options`,
    "aria-label": `Filter the options of ${question.title}`,
    oninput: () => {
      const wanted = field.value.trim().toLowerCase();
      question.options.forEach((option, index) => {
        list.tiles[index].hidden = !option.title.toLowerCase().includes(wanted);
      });
    },
    onkeydown: (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      event.stopPropagation();
      list.tiles.find((tile) => !tile.hidden)?.querySelector("input").focus();
    },
  });
  return field;
}
