// The answers side by side, or one at a time under tabs; each with its own questions.

import { turn as renderTurn } from "./conversation.js";
import { el, shorten } from "./dom.js";

export class Candidates {
  /** `passages`: place → Passage, for the texts on which passages are marked. */
  constructor(task, { openMessages, passages, reasoning }) {
    this.keys = task.candidates.map(({ key }) => key);
    this.cards = new Map(task.candidates.map((candidate) => [candidate.key, card(candidate, openMessages, passages, reasoning)]));
    this.tabs = new Map(this.keys.map((key) => [key, this.#tab(key)]));
    const tablist = el("div", { class: "answer-tabs", role: "tablist", "aria-label": "Answers", hidden: this.keys.length < 2 }, [...this.tabs.values()]);
    tablist.addEventListener("keydown", (event) => this.#arrow(event));
    this.root = el("section", { class: "answers", "aria-label": "Answers", "data-n": this.keys.length },
      tablist,
      el("div", { class: "answer-cards" }, [...this.cards.values()].map(({ node }) => node)));
    if (this.keys.length) this.open(this.keys[0]);
  }

  /** Put the questions and places of each answer on its card. */
  fill(form) {
    for (const [key, { questions, place }] of this.cards) {
      const entries = form.of(key);
      questions.append(...entries.map((entry) => entry.root));
      questions.hidden = entries.length === 0;
      for (const entry of form.entries) if (entry.widget.pickers) place.append(entry.widget.pickers.get(key).root);
    }
    const ranking = form.entries.find((entry) => entry.widget.drags)?.widget;
    if (!ranking) return;
    for (const [key, { head }] of this.cards) {
      head.draggable = true;
      head.classList.add("draggable");
      ranking.drags(head, key);
    }
  }

  open(key) {
    this.shown = key;
    for (const [each, { node }] of this.cards) node.classList.toggle("shown", each === key);
    for (const [each, tab] of this.tabs) {
      tab.setAttribute("aria-selected", String(each === key));
      tab.tabIndex = each === key ? 0 : -1;
    }
  }

  step(by) {
    const next = this.keys[this.keys.indexOf(this.shown) + by];
    if (!next) return;
    this.open(next);
    const { node, scroller } = this.cards.get(next);
    node.scrollIntoView({ block: "nearest", inline: "nearest" });
    scroller.focus({ preventScroll: true });
  }

  /** Mark an answer as done in its tab, for those who see one at a time. */
  tick(key, isDone) {
    this.tabs.get(key)?.classList.toggle("done", isDone);
  }

  showPlace(key, place, isTaken) {
    const { node } = this.cards.get(key);
    node.classList.toggle("placed", place !== null);
    node.classList.toggle("taken", isTaken);
  }

  #tab(key) {
    return el("button", {
      type: "button", role: "tab", id: `tab-${key}`, class: "answer-tab", "aria-controls": `answer-${key}`, onclick: () => this.open(key),
    }, el("span", { class: "visually-hidden", text: "Answer " }), key);
  }

  #arrow(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const next = by && this.keys[this.keys.indexOf(this.shown) + by];
    if (!next) return;
    event.preventDefault();
    this.open(next);
    this.tabs.get(next).focus();
  }
}

function card(candidate, openMessages, passages, reasoning) {
  const { key, turns } = candidate;
  const blocks = turns.flatMap((each, index) => {
    const passage = passages.get(`candidate:${key}:${index}`) ?? null;
    const asked = turns.length > 1 && openMessages[index]
      ? el("details", { class: "asked" }, el("summary", { dir: "auto" }, el("span", { class: "badge", text: `turn ${index + 1}` }), " ", shorten(openMessages[index].content, 90)), el("p", { dir: "auto", text: openMessages[index].content }))
      : null;
    return [el("div", { class: "turn" }, asked, renderTurn(each, { passage, reasoning }))];
  });
  const n = turns.reduce((sum, { text }) => sum + (text.trim() ? text.trim().split(/\s+/).length : 0), 0);
  const head = el("header", { class: "answer-head" },
    el("h2", { class: "letter", id: `answer-${key}-title` }, el("span", { class: "visually-hidden", text: "Answer " }), key),
    el("span", { class: "soft small nowrap", text: `${new Intl.NumberFormat().format(n)} ${n === 1 ? "word" : "words"}` }));
  const place = el("div", { class: "answer-place" });
  head.append(place);
  const scroller = el("div", { class: "answer-text", tabIndex: 0, role: "region", "aria-label": `Text of answer ${key}` }, blocks);
  const questions = el("div", { class: "answer-questions" });
  const node = el("article", { class: "answer", id: `answer-${key}`, "aria-labelledby": `answer-${key}-title`, "data-key": key }, head, scroller, questions);
  return { node, head, scroller, questions, place };
}
