// Places, best first; several answers in one place are a tie. Drag an answer (its card or
// its chip) onto a place, choose the place on the card, or press letter and digit.

import { el, icon, shorten } from "../dom.js";
import { choice } from "./choice.js";

const ORDINALS = new Intl.PluralRules("en", { type: "ordinal" });
const ENDINGS = { one: "st", two: "nd", few: "rd", other: "th" };

export function ordinal(n) {
  return `${n}${ENDINGS[ORDINALS.select(n)]}`;
}

export function ranking(question, ctx) {
  const places = ctx.keys.map((_, index) => index + 1);
  let placed = new Map(); // key → place; the value has no gaps between places, this may
  let taken = null; // the answer that a digit puts in a place

  const chips = new Map(ctx.keys.map((key) => [key, chip(key)]));
  const lanes = [...places.map((place) => lane(place, ordinal(place))), lane(null, "Not placed")];
  const said = el("p", { class: "ranking-said soft small", "aria-live": "polite" });
  const pickers = new Map(ctx.keys.map((key) => [key, picker(key)]));

  function chip(key) {
    const node = el("button", {
      type: "button",
      class: "rank-chip",
      draggable: "true",
      "aria-label": `Answer ${key}`,
      onclick: () => {
        taken = key;
        show();
      },
    }, icon("drag"), el("span", { class: "letter", text: key }), el("span", { class: "rank-text", text: shorten(ctx.textOf(key), 46) }));
    drags(node, key);
    return node;
  }

  function lane(place, title) {
    const slot = el("div", { class: "rank-slot" });
    const node = el("div", { class: "rank-lane", "data-place": place ?? "none", role: "group", "aria-label": title },
      el("span", { class: "rank-title" }, el("span", { text: title }), place ? el("kbd", { text: String(place), "aria-hidden": "true" }) : null), slot);
    node.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes("application/x-answer")) return;
      event.preventDefault();
      node.classList.add("over");
    });
    node.addEventListener("dragleave", () => node.classList.remove("over"));
    node.addEventListener("drop", (event) => {
      event.preventDefault();
      node.classList.remove("over");
      put(event.dataTransfer.getData("application/x-answer"), place);
    });
    node.addEventListener("click", (event) => {
      if (taken && !event.target.closest(".rank-chip")) put(taken, place);
    });
    return { node, slot, place };
  }

  /** The places shown on an answer's card, for mouse and touch. */
  function picker(key) {
    return choice({
      id: `${ctx.id}-place-${key}`,
      label: `Place of answer ${key}`,
      kind: "places",
      options: places.map((place) => ({ value: place, title: ordinal(place) })),
      onchoose: (place) => put(key, place),
    });
  }

  function drags(node, key) {
    node.addEventListener("dragstart", (event) => {
      event.dataTransfer.setData("application/x-answer", key);
      event.dataTransfer.effectAllowed = "move";
      document.documentElement.classList.add("dragging-answer");
    });
    node.addEventListener("dragend", () => document.documentElement.classList.remove("dragging-answer"));
  }

  function put(key, place, byKey = false) {
    if (!chips.has(key)) return;
    if (place === null) placed.delete(key);
    else placed.set(key, place);
    taken = ctx.keys.find((each) => !placed.has(each)) ?? null;
    const groups = places.map((each) => ctx.keys.filter((one) => placed.get(one) === each)).filter((group) => group.length);
    ctx.set(groups.length ? groups : null, { done: byKey && placed.size === ctx.keys.length });
  }

  function show() {
    const groups = ctx.get() ?? [];
    if (!agrees(groups)) placed = new Map(groups.flatMap((group, index) => group.map((key) => [key, index + 1])));
    taken ??= ctx.keys.find((key) => !placed.has(key)) ?? null;
    for (const { slot, place } of lanes) {
      slot.replaceChildren(...ctx.keys.filter((key) => (placed.get(key) ?? null) === place).map((key) => chips.get(key)));
    }
    for (const [key, node] of chips) node.classList.toggle("taken", key === taken);
    for (const [key, each] of pickers) each.show(placed.get(key) ?? null);
    lanes.at(-1).node.hidden = placed.size === ctx.keys.length;
    said.textContent = groups.length ? `${groups.map((group) => group.join(" = ")).join("  ›  ")}` : "";
    for (const key of ctx.keys) ctx.onplace?.(key, placed.get(key) ?? null, key === taken);
  }

  function agrees(groups) {
    const mine = places.map((each) => ctx.keys.filter((key) => placed.get(key) === each)).filter((group) => group.length);
    return JSON.stringify(mine) === JSON.stringify(groups.map((group) => ctx.keys.filter((key) => group.includes(key))));
  }

  const body = el("div", { class: "ranking" }, el("div", { class: "rank-lanes" }, lanes.map(({ node }) => node)), said);
  return {
    body,
    pickers,
    drags,
    focus: () => (chips.get(taken) ?? [...chips.values()][0]).focus(),
    show,
    press(event) {
      const pressed = event.key.toUpperCase();
      if (chips.has(pressed)) {
        taken = pressed;
        show();
        chips.get(taken).focus();
        return true;
      }
      if (places.includes(Number(pressed)) && taken) {
        put(taken, Number(pressed), true);
        if (taken) chips.get(taken).focus();
        return true;
      }
      if ((event.key === "Backspace" || event.key === "Delete") && placed.size) {
        const focused = ctx.keys.find((key) => chips.get(key) === document.activeElement) ?? [...placed.keys()].at(-1);
        put(focused, null);
        taken = focused;
        show();
        chips.get(focused).focus();
        return true;
      }
      return false;
    },
  };
}
