// Pure: which questions are asked, and what an answer to them still lacks.
// The same rules as labeling/rules/answers.py; the server has the last word.

export const TIE = "tie";
export const NEITHER = "neither";

/** Tell whether a question is asked, given the values so far (`key`: of which candidate). */
export function isVisible(question, questions, values, key = null) {
  const condition = question.show_if;
  if (!condition) return true;
  const target = questions.find((each) => each.name === condition.question);
  if (!target || !isVisible(target, questions, values, key)) return false;
  let given = values[target.name];
  if (target.per === "candidate") given = given?.[key];
  if (target.type === "preference") given = given?.better;
  const wanted = "is" in condition ? [condition.is] : condition.in;
  const meets = (value) => wanted.some((each) => each === value);
  return target.type === "labels" ? Array.isArray(given) && given.some(meets) : meets(given);
}

export function valueOf(values, question, key) {
  return question.per === "candidate" ? values[question.name]?.[key] : values[question.name];
}

export function withValue(values, question, key, value) {
  if (question.per !== "candidate") return { ...values, [question.name]: value };
  return { ...values, [question.name]: { ...values[question.name], [key]: value } };
}

/** Say that a value is nothing: null, or a blank text. An empty list says “none of these”. */
function isNothing(question, value) {
  if (value === undefined || value === null) return true;
  if (question.type === "text") return !value.trim();
  if (question.type === "edit") return !(value.turns ?? [value.text ?? ""]).some((text) => text.trim());
  if (question.type === "ranking") return value.length === 0;
  if (question.type === "preference") return !value.better;
  return false;
}

/** What is wrong with a value, in words, or null. */
export function problemOf(question, value, keys) {
  if (isNothing(question, value) || (Array.isArray(value) && value.length === 0)) {
    return question.required ? ASKED[question.type] : null;
  }
  if (question.type === "edit" && value.turns && !value.turns.every((text) => text.trim())) {
    return "Every turn needs a text.";
  }
  if (question.type === "ranking") {
    const left = keys.filter((key) => !value.flat().includes(key));
    if (left.length) return `Not placed yet: ${left.join(", ")}.`;
  }
  if (question.type === "preference" && keys.includes(value.better) && !value.strength) {
    return "Choose how much better it is.";
  }
  return null;
}

const ASKED = {
  text: "Please write something here.",
  edit: "Please write the answer.",
  label: "Please choose one.",
  labels: "Please choose at least one.",
  rating: "Please choose a step.",
  preference: "Please say which is better.",
  ranking: "Please put every answer in a place.",
  spans: "Please mark at least one passage.",
};

/** What to send: only what is asked and answered. */
export function answered(questions, values, keys) {
  const sent = {};
  for (const question of questions) {
    if (question.per === "candidate") {
      const each = {};
      for (const key of keys) {
        const value = values[question.name]?.[key];
        if (isVisible(question, questions, values, key) && !isNothing(question, value)) each[key] = value;
      }
      if (Object.keys(each).length) sent[question.name] = each;
    } else if (isVisible(question, questions, values) && !isNothing(question, values[question.name])) {
      sent[question.name] = values[question.name];
    }
  }
  return sent;
}

/** Indexes of the user turns that no assistant answers: the item's open turns. */
export function openTurns(messages) {
  const open = [];
  messages.forEach((message, index) => {
    if (message.role !== "user") return;
    const next = messages.slice(index + 1).find((each) => each.role === "user" || each.role === "assistant");
    if (next?.role !== "assistant") open.push(index);
  });
  return open;
}

/** What a task starts with before anyone has touched it. */
export function firstValues(task) {
  const suggestion = task.suggestion;
  if (!suggestion) return {};
  if (!("text" in suggestion) && !("turns" in suggestion)) return suggestion;
  const edit = task.questions.find((question) => question.type === "edit");
  return edit ? { [edit.name]: suggestion } : {};
}

// --- code points and UTF-16 -------------------------------------------------

export function toCodePoints(text, utf16) {
  let n = 0;
  for (let i = 0; i < utf16; n += 1) i += text.codePointAt(i) > 0xffff ? 2 : 1;
  return n;
}

export function toUtf16(text, codePoints) {
  let i = 0;
  for (let n = 0; n < codePoints && i < text.length; n += 1) i += text.codePointAt(i) > 0xffff ? 2 : 1;
  return i;
}
