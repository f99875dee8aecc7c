// Anchored steps. A key chooses and moves on; wide ranges get a slider with a number.

import { el } from "../dom.js";
import { choice } from "./choice.js";

const MAX_TILES = 11;

export function rating(question, ctx) {
  const min = question.min ?? 1;
  const max = question.max ?? 5;
  return max - min + 1 > MAX_TILES ? slider(question, ctx, min, max) : steps(question, ctx, min, max);
}

function steps(question, ctx, min, max) {
  const anchors = question.anchors ?? {};
  const words = el("p", { class: "rating-words", "aria-live": "off" });
  const values = Array.from({ length: max - min + 1 }, (_, index) => min + index);
  const list = choice({
    id: ctx.id,
    label: ctx.title,
    kind: "steps",
    options: values.map((value) => ({ value, title: String(value), words: anchors[value], key: keyOfStep(value, min, max) })),
    onchoose: (value, byKey) => ctx.set(value, { done: byKey }),
  });
  list.tiles.forEach((tile, index) => {
    const anchor = anchors[values[index]];
    const input = tile.querySelector("input");
    if (anchor) input.setAttribute("aria-label", `${values[index]}: ${anchor}`);
    tile.addEventListener("pointerenter", () => describe(values[index]));
    tile.addEventListener("pointerleave", () => describe(ctx.get()));
    input.addEventListener("focus", () => describe(values[index]));
    input.addEventListener("blur", () => describe(ctx.get()));
  });

  function describe(value) {
    const ends = [min, max].filter((end) => anchors[end]).map((end) => `${end}: ${anchors[end]}`).join("  ·  ");
    words.textContent = value === undefined || value === null ? ends : anchors[value] ? `${value}: ${anchors[value]}` : ends;
    words.classList.toggle("chosen", value !== undefined && value !== null && Boolean(anchors[value]));
  }
  const hasAnchors = Object.keys(anchors).length > 0;
  return {
    body: el("div", {}, list.root, hasAnchors ? words : null),
    focus: list.focus,
    show() {
      list.show(ctx.get());
      describe(ctx.get());
    },
    press: (event) => list.press(event.key),
  };
}

function keyOfStep(value, min, max) {
  if (min < 0 || value > 10) return undefined;
  if (value === 10) return min >= 1 ? "0" : undefined;
  return max <= 10 ? String(value) : undefined;
}

function slider(question, ctx, min, max) {
  const number = el("input", { type: "number", class: "input short", min, max, placeholder: "–", "aria-label": ctx.title });
  const range = el("input", { type: "range", min, max, class: "rating-range", "aria-label": ctx.title });
  const anchors = question.anchors ?? {};
  const set = (text) => {
    const value = Number.parseInt(text, 10);
    ctx.set(Number.isInteger(value) && value >= min && value <= max ? value : null);
  };
  number.addEventListener("input", () => set(number.value));
  range.addEventListener("input", () => set(range.value));
  const ends = el("p", { class: "rating-words", text: [min, max].map((end) => `${end}${anchors[end] ? `: ${anchors[end]}` : ""}`).join("  –  ") });
  return {
    body: el("div", {}, el("div", { class: "rating-slider" }, range, number), ends),
    isField: true,
    focus: () => range.focus(),
    show() {
      const value = ctx.get();
      if (document.activeElement !== number) number.value = value ?? "";
      range.value = value ?? Math.round((min + max) / 2);
      range.classList.toggle("untouched", value === null || value === undefined);
    },
    press: () => false,
  };
}
