// One task as it stands on the screen: the prompt, the answers, the questions. It is made
// before it is needed, so that changing the task is only putting it in.

import { Candidates } from "./candidates.js";
import { message } from "./conversation.js";
import { el } from "./dom.js";
import { Form } from "./form.js";
import { Passage } from "./passages.js";
import { openTurns } from "./values.js";

const DOCK_QUESTIONS = 3;
const DOCK_OPTIONS = 12;

export class TaskView {
  /** `reasoning`: show, fold or hide, as the project says. */
  constructor(state, { onchange, oncomplete, reasoning }) {
    const { task } = state;
    this.state = state;
    const { messages } = task.item;
    const open = openTurns(messages);
    const openMessages = open.map((index) => messages[index]);
    const nTurns = task.candidates[0]?.turns.length || Math.max(1, open.length);
    const passages = passagesOf(task);
    this.candidates = new Candidates(task, { openMessages, passages, reasoning });
    const subject = {
      task,
      keys: this.candidates.keys,
      nTurns,
      passages: [...passages.values()],
      isTouch: matchMedia("(pointer: coarse)").matches,
      textOf: (key) => task.candidates.find((each) => each.key === key)?.turns.map(({ text }) => text).join(" ") ?? "",
      turnsOf: (key) => task.candidates.find((each) => each.key === key)?.turns ?? [],
      promptOf: (turn) => openMessages[turn]?.content ?? "",
      onplace: (key, place, isTaken) => this.candidates.showPlace(key, place, isTaken),
    };
    this.form = new Form(subject, state.values, {
      onchange: (values) => {
        this.#tick();
        onchange(values);
      },
      oncomplete,
      onmove: (entry) => entry.key && this.candidates.open(entry.key),
    });
    this.candidates.fill(this.form);
    this.root = this.#assemble(task, messages, open, passages, reasoning);
    this.#tick();
  }

  /** On a phone a long prompt is folded; tell whether this one needs it. Call when shown. */
  fit() {
    if (!matchMedia("(max-width: 47rem)").matches) return;
    const scroll = this.root.querySelector(".prompt-scroll");
    this.root.querySelector(".prompt").classList.toggle("fits", scroll.scrollHeight <= scroll.clientHeight + 12);
  }

  togglePrompt() {
    const isFolded = this.root.classList.toggle("prompt-folded");
    this.root.querySelector(".prompt-more")?.setAttribute("aria-expanded", String(!isFolded));
  }

  #tick() {
    if (!this.form) return;
    for (const key of this.candidates.keys) {
      const own = this.form.of(key).filter((entry) => !entry.root.hidden);
      this.candidates.tick(key, own.length > 0 && own.every((entry) => !this.form.problem(entry)));
    }
  }

  #assemble(task, messages, open, passages, reasoning) {
    const prompt = el("section", { class: "prompt", "aria-label": "Prompt" },
      el("div", { class: "prompt-scroll", tabIndex: 0, role: "region", "aria-label": "Text of the prompt" },
        task.item.context ? context(task.item.context) : null,
        messages.map((each, index) => message(each, {
          isOpen: open.includes(index),
          turn: open.length > 1 && open.includes(index) ? open.indexOf(index) + 1 : null,
          passage: passages.get(`message:${index}`) ?? null,
          reasoning,
        })),
        metadata(task.item.metadata)),
      el("button", { type: "button", class: "prompt-more", "aria-expanded": "false", onclick: () => this.togglePrompt() }, el("span", { class: "when-folded", text: "Show the whole prompt" }), el("span", { class: "when-open", text: "Fold the prompt" })));
    const perTask = this.form.of(null);
    const judge = el("section", { class: "judge", "aria-label": "Your judgement", hidden: perTask.length === 0 },
      el("div", { class: "judge-questions" }, perTask.map((entry) => entry.root)));
    const showsAnswers = task.candidates.length > 0 && !isPlainDemonstration(task);
    const work = el("div", { class: "work" }, showsAnswers ? this.candidates.root : null, judge);
    const n = showsAnswers ? task.candidates.length : 0;
    const root = el("div", { class: "task", "data-task": task.task, "data-mode": mode(task, n), "data-n": Math.min(n, 5), "data-edit": task.questions.some(({ type }) => type === "edit") }, prompt, work);
    root.classList.add("prompt-folded");
    root.classList.toggle("prompt-short", n === 2 && isShort(task.item));
    return task.item.sensitivity ? veil(root, task.item.sensitivity) : root;
  }
}

const SHORT_CHARS = 420;

/** A prompt of a few lines lies above the answers; a column of its own would be empty. */
function isShort({ messages, context: more, metadata: shown }) {
  const n = messages.reduce((sum, { content }) => sum + (content?.length ?? SHORT_CHARS), more?.length ?? 0);
  return n < SHORT_CHARS && messages.length < 3 && Object.keys(shown ?? {}).length === 0;
}

/** Do the questions fit under the answers, or do they need a page to flow on? */
function mode(task, n) {
  const perTask = task.questions.filter(({ per }) => per !== "candidate");
  const perCandidate = task.questions.filter(({ per }) => per === "candidate");
  const isBig = ({ type, rows, options }) => type === "edit" || type === "spans" || (rows ?? 0) > 4 || (options?.length ?? 0) > DOCK_OPTIONS;
  if (n === 0 || task.questions.some(isBig)) return "flow";
  return perTask.length > DOCK_QUESTIONS || perCandidate.length > DOCK_QUESTIONS ? "flow" : "dock";
}

/** The one answer is the draft to edit: the editor shows it, a card beside would repeat it. */
function isPlainDemonstration({ candidates, questions }) {
  return candidates.length === 1 && questions.some(({ type }) => type === "edit")
    && !questions.some(({ per, type }) => per === "candidate" || type === "spans");
}

/** The texts on which passages are marked: all, or the answers only. */
function passagesOf(task) {
  const asked = task.questions.filter(({ type }) => type === "spans");
  const passages = new Map();
  if (!asked.length) return passages;
  const add = (on, text, title) => passages.set(on, new Passage(on, text, title));
  if (asked.some(({ per }) => per !== "candidate")) {
    task.item.messages.forEach(({ content, role }, index) => typeof content === "string" && add(`message:${index}`, content, role === "user" ? "Prompt" : role));
  }
  for (const { key, turns } of task.candidates) {
    turns.forEach(({ text }, turn) => add(`candidate:${key}:${turn}`, text, turns.length > 1 ? `Answer ${key}, turn ${turn + 1}` : `Answer ${key}`));
  }
  return passages;
}

function context(text) {
  return el("details", { class: "context", open: text.length < 1_500 }, el("summary", { text: "Context" }), el("div", { class: "prose plain", dir: "auto", text }));
}

function metadata(shown) {
  const rows = Object.entries(shown ?? {}).filter(([, value]) => value !== null && value !== "");
  if (!rows.length) return null;
  return el("dl", { class: "metadata" }, rows.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { text: typeof value === "object" ? JSON.stringify(value) : String(value) })]));
}

function veil(root, sensitivity) {
  root.classList.add("veiled");
  const lift = el("div", { class: "veil" },
    el("p", { text: `This task may be upsetting (${sensitivity}).` }),
    el("p", { class: "soft", text: "You may skip it; that never counts against you." }),
    el("button", { type: "button", class: "button", text: "Show it", onclick: () => {
      root.classList.remove("veiled");
      lift.remove();
    } }));
  root.append(lift);
  return root;
}
