// A text shown exactly as it is, on which passages can be selected by mouse or keyboard
// and marked. Offsets in here are UTF-16, as the browser counts; spans.js converts.

import { el, key as keyHint } from "./dom.js";

const WORDS = new Intl.Segmenter(undefined, { granularity: "word" });

export class Passage {
  #marks = new Map();
  #listeners = [];
  #words = null;
  #range = null;

  /** `on`: `message:0` or `candidate:A:0`; `title`: what people call it. */
  constructor(on, text, title) {
    this.on = on;
    this.text = text;
    this.title = title;
    this.element = el("div", { class: "passage", tabIndex: 0, dir: "auto", role: "group", "aria-label": `${title}: text to mark`, "data-on": on });
    this.element.addEventListener("pointerup", () => setTimeout(() => this.#fromSelection()));
    this.element.addEventListener("keydown", (event) => this.#keydown(event));
    this.#draw();
  }

  listen(listener) {
    this.#listeners.push(listener);
  }

  mark(owner, marks) {
    if (JSON.stringify(marks) === JSON.stringify(this.#marks.get(owner) ?? [])) return;
    this.#marks.set(owner, marks);
    this.#draw();
  }

  clearSelection() {
    getSelection()?.removeAllRanges();
    this.#hide();
  }

  get #listener() {
    return this.#listeners.find((each) => each.ctx.isActive()) ?? this.#listeners[0];
  }

  #draw() {
    const marks = [...this.#marks.values()].flat();
    const cuts = [...new Set([0, this.text.length, ...marks.flatMap(({ start, end }) => [start, end])])].sort((a, b) => a - b);
    const nodes = cuts.slice(0, -1).map((from, index) => {
      const to = cuts[index + 1];
      const over = marks.filter(({ start, end }) => start <= from && end >= to);
      return over.reduce(
        (inner, mark, depth) => el("mark", {
          class: `span-mark hue-${mark.hue} depth-${Math.min(depth, 3)}`,
          "data-label": mark.start === from ? mark.title : null,
          title: mark.title,
        }, inner),
        document.createTextNode(this.text.slice(from, to)),
      );
    });
    this.element.replaceChildren(...nodes);
    if (this.#range && document.activeElement === this.element) this.#select(...this.#range);
  }

  #fromSelection() {
    const selection = getSelection();
    if (!selection?.rangeCount) return;
    const range = selection.getRangeAt(0);
    const inside = (node) => this.element.contains(node);
    if (range.collapsed || !(inside(range.startContainer) || inside(range.endContainer))) {
      this.#listener?.select(this, 0, 0);
      this.#hide();
      return;
    }
    // A triple click or a long drag may end beyond this text: it is taken up to its ends.
    const start = inside(range.startContainer) ? this.#offsetOf(range.startContainer, range.startOffset) : 0;
    const end = inside(range.endContainer) ? this.#offsetOf(range.endContainer, range.endOffset) : this.text.length;
    this.#chosen(start, end);
  }

  #offsetOf(node, offset) {
    const before = document.createRange();
    before.setStart(this.element, 0);
    before.setEnd(node, offset);
    return before.toString().length;
  }

  #chosen(start, end) {
    this.#range = [start, end];
    this.#listener?.select(this, start, end);
    this.#ask();
  }

  // --- by keyboard -----------------------------------------------------------

  #keydown(event) {
    if (!["ArrowLeft", "ArrowRight", "Home", "End", "Escape"].includes(event.key) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Escape") {
      this.clearSelection();
      this.#range = null;
      this.#listener?.select(this, 0, 0);
      return;
    }
    this.#words ??= [...WORDS.segment(this.text)].filter((part) => part.isWordLike).map((part) => [part.index, part.index + part.segment.length]);
    const next = this.#moved(event);
    if (!next) return;
    this.#select(...next);
    this.#chosen(...next);
  }

  #moved(event) {
    const words = this.#words;
    if (!words.length) return null;
    if (event.key === "Home") return words[0];
    if (event.key === "End") return words.at(-1);
    const isForward = (event.key === "ArrowRight") !== (getComputedStyle(this.element).direction === "rtl");
    if (!this.#range) return isForward ? words[0] : words.at(-1);
    const [start, end] = this.#range;
    if (event.altKey && event.shiftKey) {
      const step = this.text.codePointAt(isForward ? end : Math.max(0, end - 2)) > 0xffff ? 2 : 1;
      return [start, Math.max(start + 1, Math.min(this.text.length, end + (isForward ? step : -step)))];
    }
    if (event.shiftKey) {
      const ends = words.map(([, to]) => to);
      const to = isForward ? ends.find((each) => each > end) : ends.findLast((each) => each < end && each > start);
      return [start, to ?? end];
    }
    return isForward ? (words.find(([from]) => from >= end) ?? words.at(-1)) : (words.findLast(([from]) => from < start) ?? words[0]);
  }

  #select(start, end) {
    const [from, fromOffset] = this.#nodeAt(start);
    const [to, toOffset] = this.#nodeAt(end);
    if (from && to) getSelection().setBaseAndExtent(from, fromOffset, to, toOffset);
  }

  #nodeAt(offset) {
    const walker = document.createTreeWalker(this.element, NodeFilter.SHOW_TEXT);
    let left = offset;
    let node = walker.nextNode();
    for (let last = node; node; last = node, node = walker.nextNode() ?? null) {
      if (left <= node.length) return [node, left];
      left -= node.length;
      if (!node) return [last, last.length];
    }
    return [null, 0];
  }

  // --- the labels beside the selection ----------------------------------------

  #ask() {
    const { options, apply } = this.#listener;
    const rect = getSelection().rangeCount ? getSelection().getRangeAt(0).getBoundingClientRect() : null;
    if (!rect?.width || document.activeElement?.closest(".span-pop")) return;
    const pop = this.#pop();
    pop.replaceChildren(...options.slice(0, 8).map((option, index) => el("button", {
      type: "button", class: "button small",
      onpointerdown: (event) => event.preventDefault(), // the selection stays
      onclick: () => apply(option.value),
    }, el("span", { class: `span-swatch hue-${index % 6}`, "aria-hidden": "true" }), option.title, keyHint(String(index + 1)))));
    pop.hidden = false;
    const left = Math.min(Math.max(8, rect.left), innerWidth - pop.offsetWidth - 8);
    const below = rect.bottom + 6 + pop.offsetHeight < innerHeight;
    pop.style.left = `${left}px`;
    pop.style.top = `${below ? rect.bottom + 6 : Math.max(8, rect.top - pop.offsetHeight - 6)}px`;
  }

  #pop() {
    let pop = document.querySelector(".span-pop");
    if (!pop) {
      pop = el("div", { class: "span-pop", role: "toolbar", "aria-label": "Labels for the marked passage" });
      document.querySelector(".desk").append(pop);
      addEventListener("scroll", () => { pop.hidden = true; }, { capture: true, passive: true });
      document.addEventListener("pointerdown", (event) => {
        if (!event.target.closest(".span-pop, .passage")) pop.hidden = true;
      });
    }
    return pop;
  }

  #hide() {
    const pop = document.querySelector(".span-pop");
    if (pop) pop.hidden = true;
  }
}
