// Which answer is better. Of two: one scale from "A much better" to "B much better" that
// lies as the answers lie. Of more: an answer by its letter, then by how much.

import { el } from "../dom.js";
import { NEITHER, TIE } from "../values.js";
import { choice } from "./choice.js";

const STRENGTHS = {
  1: ["better"],
  2: ["slightly better", "much better"],
  3: ["slightly better", "better", "much better"],
  4: ["barely better", "slightly better", "better", "much better"],
};

export function preference(question, ctx) {
  const normal = { ...question, steps: question.steps ?? 3, tie: question.tie ?? true, neither: question.neither ?? true };
  return ctx.keys.length === 2 ? scale(normal, ctx) : letters(normal, ctx);
}

function arrows(n, toLeft) {
  return el("span", { class: "scale-mark", "aria-hidden": "true", text: (toLeft ? "‹" : "›").repeat(n) });
}

function scale(question, ctx) {
  const [left, right] = ctx.keys;
  const words = STRENGTHS[question.steps];
  const tiles = [];
  for (let n = question.steps; n >= 1; n -= 1) tiles.push(tile(left, n, true));
  if (question.tie) {
    tiles.push({ value: TIE, title: "Tie", before: el("span", { class: "scale-mark", "aria-hidden": "true", text: "=" }) });
  }
  for (let n = 1; n <= question.steps; n += 1) tiles.push(tile(right, n, false));
  tiles.forEach((each, index) => {
    each.key = String(index + 1);
  });

  function tile(key, n, toLeft) {
    return { value: `${key}:${n}`, title: `${key} ${words[n - 1]}`, before: arrows(n, toLeft) };
  }

  const list = choice({
    id: ctx.id,
    label: ctx.title,
    kind: "scale",
    options: tiles,
    onchoose(value, byKey) {
      const [better, strength] = value.split(":");
      ctx.set(value === TIE ? { better: TIE } : { better, strength: Number(strength) }, { done: byKey });
    },
  });
  const neither = question.neither ? neitherPart(ctx) : null;
  const chosen = el("p", { class: "scale-chosen", "aria-hidden": "true" });
  return {
    body: el("div", { class: "preference" }, list.root, chosen, neither?.body),
    focus: list.focus,
    show() {
      const value = ctx.get() ?? {};
      const shown = value.better === TIE ? TIE : `${value.better}:${value.strength}`;
      list.show(shown);
      chosen.textContent = tiles.find((each) => each.value === shown)?.title ?? `‹ ${left} better   ·   ${right} better ›`;
      neither?.show(value);
    },
    press: (event) => neither?.press(event) || list.press(event.key),
  };
}

/** "Neither is acceptable", and which of them was less bad. */
function neitherPart(ctx) {
  const leaningId = `${ctx.id}-leaning`;
  const leaning = choice({
    id: leaningId,
    label: "Which is less bad?",
    kind: "chips small",
    options: [...ctx.keys.map((key) => ({ value: key, title: key, key: key.toLowerCase() })), { value: "", title: "No difference" }],
    onchoose(value, byKey) {
      ctx.set(value ? { better: NEITHER, leaning: value } : { better: NEITHER }, { done: byKey });
    },
  });
  const box = choice({
    id: `${ctx.id}-neither`,
    multiple: true,
    kind: "chips",
    options: [{ value: NEITHER, title: ctx.keys.length === 2 ? "Neither is acceptable" : "None is acceptable", key: "0" }],
    onchoose(_, byKey) {
      const isOn = ctx.get()?.better === NEITHER;
      ctx.set(isOn && !byKey ? null : { better: NEITHER }, { done: byKey });
    },
  });
  const less = el("div", { class: "leaning" }, el("span", { class: "soft small", text: "Less bad (optional):" }), leaning.root);
  return {
    body: el("div", { class: "neither" }, box.root, less),
    show(value) {
      const isNeither = value.better === NEITHER;
      box.show(isNeither ? [NEITHER] : []);
      less.hidden = !isNeither;
      leaning.show(isNeither ? (value.leaning ?? "") : null);
    },
    press(event) {
      const key = event.key.toLowerCase();
      if (key === "0") return box.press("0");
      return ctx.get()?.better === NEITHER && leaning.press(key);
    },
  };
}

function letters(question, ctx) {
  const words = STRENGTHS[question.steps];
  const options = ctx.keys.map((key) => ({ value: key, title: key, key: key.toLowerCase() }));
  if (question.tie) options.push({ value: TIE, title: "All the same", key: "=" });
  const which = choice({
    id: ctx.id,
    label: ctx.title,
    kind: "chips letters",
    options,
    onchoose(value, byKey) {
      if (value === TIE) ctx.set({ better: TIE }, { done: byKey });
      else {
        const strength = question.steps === 1 ? 1 : ctx.get()?.strength;
        ctx.set(strength ? { better: value, strength } : { better: value }, { done: byKey && question.steps === 1 });
      }
    },
  });
  const howMuch = choice({
    id: `${ctx.id}-strength`,
    label: "By how much?",
    kind: "chips",
    options: words.map((title, index) => ({ value: index + 1, title, key: String(index + 1) })),
    onchoose: (strength, byKey) => ctx.set({ better: ctx.get().better, strength }, { done: byKey }),
  });
  const neither = question.neither ? neitherPart(ctx) : null;
  const strengthPart = el("div", { class: "leaning" }, el("span", { class: "soft small", text: "By how much?" }), howMuch.root);
  return {
    body: el("div", { class: "preference" }, which.root, question.steps > 1 ? strengthPart : null, neither?.body),
    focus: which.focus,
    show() {
      const value = ctx.get() ?? {};
      which.show(value.better);
      strengthPart.hidden = !ctx.keys.includes(value.better);
      howMuch.show(value.strength);
      neither?.show(value);
    },
    press(event) {
      const pressed = event.key.toLowerCase();
      if (neither?.press(event)) return true;
      if (which.press(pressed)) return true;
      return ctx.keys.includes(ctx.get()?.better) && question.steps > 1 && howMuch.press(pressed);
    },
  };
}
