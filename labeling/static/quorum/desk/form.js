// The questions of one task as one form: which are asked, which one the keys belong to,
// what is still missing, and where the errors stand.

import { el } from "./dom.js";
import { edit } from "./questions/edit.js";
import { label, labels } from "./questions/label.js";
import { preference } from "./questions/preference.js";
import { ranking } from "./questions/ranking.js";
import { rating } from "./questions/rating.js";
import { spans } from "./questions/spans.js";
import { text } from "./questions/text.js";
import { isVisible, problemOf, valueOf, withValue } from "./values.js";

const WIDGETS = { text, edit, label, labels, rating, preference, ranking, spans };

let counter = 0;

export class Form {
  /**
   * @param subject what widgets may know of the task: {task, keys, nTurns, passages, textOf, turnsOf, promptOf, onplace}
   * @param onchange called with the new values
   * @param onmove called with an entry before it gets the focus (a tab may have to open)
   */
  constructor(subject, values, { onchange, onmove, oncomplete }) {
    this.subject = subject;
    this.questions = subject.task.questions;
    this.values = values;
    this.onchange = onchange;
    this.onmove = onmove;
    this.oncomplete = oncomplete;
    this.entries = this.#order().map(([question, key]) => this.#entry(question, key));
    this.active = this.entries[0] ?? null;
    this.refresh();
  }

  get visible() {
    return this.entries.filter((entry) => !entry.root.hidden);
  }

  of(key) {
    return this.entries.filter((entry) => entry.key === key);
  }

  /** Show these values; they came from elsewhere than the widgets. */
  setValues(values) {
    this.values = values;
    this.refresh();
  }

  refresh() {
    for (const entry of this.entries) {
      entry.root.hidden = !isVisible(entry.question, this.questions, this.values, entry.key);
      entry.widget.show();
      if (entry.hasError && !this.problem(entry)) this.#say(entry, "");
      entry.root.classList.toggle("answered", this.#isAnswered(entry));
    }
    if (this.active?.root.hidden) this.activate(this.visible[0] ?? null);
  }

  problem(entry) {
    return problemOf(entry.question, valueOf(this.values, entry.question, entry.key), this.subject.keys);
  }

  get problems() {
    return this.visible.map((entry) => ({ entry, message: this.problem(entry) })).filter(({ message }) => message);
  }

  // --- errors ------------------------------------------------------------------

  /** Show what is missing beside the questions and go to the first. True when all is well. */
  check() {
    const problems = this.problems;
    for (const { entry, message } of problems) this.#say(entry, message);
    if (problems.length) this.focus(problems[0].entry);
    return problems.length === 0;
  }

  /** Show the server's messages: question name → message, “A: …” for candidates. */
  showErrors(fields) {
    let first = null;
    for (const [name, message] of Object.entries(fields ?? {})) {
      const entries = this.visible.filter((entry) => entry.question.name === name);
      for (const entry of entries) {
        const own = entry.key ? ofCandidate(message, entry.key) : message;
        if (own) this.#say(entry, own);
        if (own) first ??= entry;
      }
    }
    if (first) this.focus(first);
    return first !== null;
  }

  #say(entry, message) {
    entry.error.textContent = message;
    entry.error.hidden = !message;
    entry.hasError = Boolean(message);
    entry.root.classList.toggle("wrong", Boolean(message));
  }

  // --- focus and keys --------------------------------------------------------------

  activate(entry) {
    if (this.active !== entry) this.active?.root.classList.remove("active");
    this.active = entry;
    entry?.root.classList.add("active");
  }

  /** Go to a question: into its field, or to the question as a whole where keys choose. */
  focus(entry) {
    if (!entry) return;
    this.activate(entry);
    this.onmove?.(entry);
    if (entry.widget.isText || entry.widget.isField) entry.widget.focus();
    else entry.root.focus({ preventScroll: true });
    entry.root.scrollIntoView({ block: "nearest" });
  }

  /** Where a task begins: at its first open question, without falling into a text field. */
  begin() {
    const first = this.problems[0]?.entry ?? this.visible[0];
    if (!first) return;
    this.activate(first);
    this.onmove?.(first);
    first.root.focus({ preventScroll: true });
  }

  /** Go to the next question that needs an answer, or say that all have one. */
  advance(from) {
    const visible = this.visible;
    const after = visible.slice(visible.indexOf(from) + 1);
    const open = [...after, ...visible].find((entry) => entry !== from && this.problem(entry) && entry.question.required);
    if (open) this.focus(open);
    else if (!this.problem(from)) this.oncomplete?.();
  }

  step(by) {
    const visible = this.visible;
    const next = visible[visible.indexOf(this.active) + by];
    if (next) this.focus(next);
    return Boolean(next);
  }

  press(event) {
    if (this.active?.widget.press(event)) return true;
    if (this.active?.widget.isText && event.key.toLowerCase() === "e") {
      this.focus(this.active);
      return true;
    }
    return false;
  }

  // --- making it ----------------------------------------------------------------------

  /** Each answer's own questions first, answer by answer, then those about all of them. */
  #order() {
    const perCandidate = this.questions.filter((question) => question.per === "candidate");
    const perTask = this.questions.filter((question) => question.per !== "candidate");
    return [
      ...this.subject.keys.flatMap((key) => perCandidate.map((question) => [question, key])),
      ...perTask.map((question) => [question, null]),
    ];
  }

  #entry(question, key) {
    counter += 1;
    const id = `q${counter}`;
    const title = key ? `${question.title} (answer ${key})` : question.title;
    const error = el("p", { class: "q-error", id: `${id}-error`, hidden: true });
    const entry = { question, key, error, hasError: false };
    const ctx = {
      ...this.subject,
      id,
      key,
      title,
      describedBy: `${id}-error`,
      get: () => valueOf(this.values, question, key),
      set: (value, { done = false } = {}) => {
        this.values = withValue(this.values, question, key, value);
        this.activate(entry);
        this.refresh();
        this.onchange(this.values);
        if (done) this.advance(entry);
      },
      activate: () => this.activate(entry),
      isActive: () => this.active === entry,
    };
    entry.widget = (WIDGETS[question.type] ?? unknown)(question, ctx);
    entry.root = el(
      "section",
      { class: `q q-${question.type}`, role: "group", tabIndex: -1, "aria-labelledby": `${id}-title`, "data-question": question.name, "data-key": key },
      el("div", { class: "q-head" },
        el("h3", { class: "q-title", id: `${id}-title` },
          key ? el("span", { class: "visually-hidden", text: `Answer ${key}: ` }) : null,
          question.title,
          question.required ? el("span", { class: "q-required", title: "An answer is needed" }, el("span", { "aria-hidden": "true", text: "*" }), el("span", { class: "visually-hidden", text: " (required)" })) : el("span", { class: "q-optional", text: "optional" })),
        question.help ? el("p", { class: "q-help", text: question.help }) : null),
      entry.widget.body,
      error,
    );
    entry.root.addEventListener("focusin", () => this.activate(entry));
    entry.root.addEventListener("pointerdown", () => this.activate(entry));
    return entry;
  }

  #isAnswered(entry) {
    const value = valueOf(this.values, entry.question, entry.key);
    return value !== undefined && value !== null && value !== "" && !this.problem(entry);
  }
}

function ofCandidate(message, key) {
  const parts = [...message.matchAll(/(?:^|\s)([A-Z]{1,3}): (.*?)(?=\s[A-Z]{1,3}: |$)/gs)];
  if (!parts.length) return message;
  return parts.find(([, of]) => of === key)?.[2] ?? "";
}

function unknown(question) {
  return {
    body: el("p", { class: "q-help", text: `This page is too old for questions of type “${question.type}”. Please reload it.` }),
    focus() {},
    show() {},
    press: () => false,
  };
}
