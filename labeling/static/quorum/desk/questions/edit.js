// Write the ideal answer, from one of the answers or from nothing, with what was changed
// beside it. A page behind the field carries the marks and makes the field grow.

import { diffWords } from "../diff.js";
import { el, shorten } from "../dom.js";
import { choice } from "./choice.js";

const EMPTY = "";

export function edit(question, ctx) {
  const several = ctx.nTurns > 1;
  const panes = Array.from({ length: ctx.nTurns }, (_, turn) => pane(turn));
  const origins = choice({
    id: `${ctx.id}-from`,
    label: "Start from",
    kind: "chips small",
    options: [
      ...ctx.keys.map((key) => ({ value: key, title: ctx.keys.length === 1 ? "The model's answer" : `Answer ${key}` })),
      { value: EMPTY, title: "Empty" },
    ],
    onchoose: (key) => startFrom(key),
  });
  const replaced = el("span", { class: "small", hidden: true });
  const head = el("div", { class: "edit-head" }, el("span", { class: "soft small", text: "Start from" }), origins.root, replaced);

  function source(turn) {
    const from = ctx.get()?.from;
    return from ? (ctx.turnsOf(from)[turn]?.text ?? "") : null;
  }

  function texts() {
    const value = ctx.get();
    return several ? (value?.turns ?? panes.map(() => "")) : [value?.text ?? ""];
  }

  function put(all, from) {
    ctx.set(several ? { turns: all, from } : { text: all[0], from });
  }

  function startFrom(key) {
    const before = ctx.get();
    const from = key === EMPTY ? null : key;
    put(panes.map((_, turn) => (from ? (ctx.turnsOf(from)[turn]?.text ?? "") : "")), from);
    const hadOwn = Boolean(before) && isChanged(before);
    replaced.hidden = !hadOwn;
    if (hadOwn) {
      replaced.replaceChildren("What you had written was replaced. ", el("button", {
        type: "button", class: "link", text: "Bring it back",
        onclick: () => {
          ctx.set(before);
          replaced.hidden = true;
          panes[0].field.focus();
        },
      }));
    }
    if (!ctx.isTouch) panes[0].field.focus();
  }

  function isChanged(value) {
    const had = value.turns ?? [value.text ?? ""];
    return had.some((text, turn) => text.trim() && text !== (value.from ? (ctx.turnsOf(value.from)[turn]?.text ?? "") : ""));
  }

  function pane(turn) {
    const field = el("textarea", {
      class: "edit-field",
      dir: "auto",
      spellcheck: "true",
      "aria-label": several ? `${ctx.title}, turn ${turn + 1}` : ctx.title,
      "aria-describedby": ctx.describedBy,
      oninput: () => {
        const all = texts().slice();
        all[turn] = field.value;
        put(all, ctx.get()?.from ?? null);
      },
    });
    const behind = el("div", { class: "edit-behind", "aria-hidden": "true", dir: "auto" });
    const original = el("div", { class: "edit-original", dir: "auto" });
    const count = el("span", { class: "soft small", text: "" });
    const left = el("div", { class: "edit-side" }, el("div", { class: "edit-label" }, el("span", { class: "edit-from", text: "Before" })), original);
    const right = el("div", { class: "edit-side" }, el("div", { class: "edit-label" }, el("span", { text: "Your answer" }), count), el("div", { class: "edit-page" }, behind, field));
    const asked = several ? el("p", { class: "edit-turn", dir: "auto", text: `Turn ${turn + 1}: ${shorten(ctx.promptOf(turn), 160)}` }) : null;
    const node = el("div", { class: "edit-pane" }, asked, el("div", { class: "edit-sides" }, left, right));
    return { node, field, behind, original, left, count, waiting: 0 };
  }

  function mark(each, turn) {
    const before = source(turn);
    each.left.hidden = before === null;
    each.left.querySelector(".edit-from").textContent = ctx.keys.length === 1 ? "The model's answer" : `Answer ${ctx.get()?.from}`;
    const now = each.field.value;
    const words = now.trim() ? now.trim().split(/\s+/).length : 0;
    each.count.textContent = `${new Intl.NumberFormat().format(words)} ${words === 1 ? "word" : "words"}`;
    if (before === null) {
      each.behind.textContent = `${now}\n`;
      return;
    }
    const runs = diffWords(before, now);
    each.original.replaceChildren(...runs.filter((run) => run.kind !== "added").map((run) => marked(run, "del")));
    each.behind.replaceChildren(...runs.filter((run) => run.kind !== "removed").map((run) => marked(run, "ins")), "\n");
  }

  function marked(run, tag) {
    return run.kind === "same" ? run.text : el(tag, { text: run.text });
  }

  return {
    body: el("div", { class: "edit" }, ctx.keys.length ? head : null, panes.map(({ node }) => node)),
    isText: true,
    focus: () => panes[0].field.focus(),
    show() {
      const value = ctx.get();
      origins.show(value ? (value.from ?? EMPTY) : null);
      texts().forEach((text, turn) => {
        const each = panes[turn];
        if (!each) return;
        if (each.field.value !== text) each.field.value = text;
        each.behind.textContent = `${text}\n`; // the field grows at once, the marks follow
        cancelAnimationFrame(each.waiting);
        each.waiting = requestAnimationFrame(() => mark(each, turn));
      });
    },
    press: () => false,
  };
}
