// Messages and answers as they are read: roles, Markdown that the server rendered and
// sanitised, reasoning and tool calls, and the comforts of reading (copying code, tables
// that scroll).

import { el, icon } from "./dom.js";

const ROLES = { system: "System", user: "User", assistant: "Assistant", tool: "Tool", developer: "Developer" };

export function roleName(role) {
  return ROLES[role] ?? role;
}

/** One message of the prompt; `passage` replaces its text where passages are marked. */
export function message(each, { isOpen = false, turn = null, passage = null, reasoning }) {
  return el(
    "article",
    { class: `message role-${each.role}${isOpen ? " open" : ""}`, "aria-label": `${roleName(each.role)}${turn ? `, turn ${turn}` : ""}` },
    el("div", { class: "message-role" }, el("span", { text: roleName(each.role) }), turn ? el("span", { class: "badge", text: `turn ${turn}` }) : null),
    thoughts(each, reasoning),
    passage ? passage.element : prose(each),
    toolCalls(each),
  );
}

export function turn(each, { passage = null, reasoning }) {
  return [thoughts(each, reasoning), passage ? passage.element : prose(each), toolCalls(each)];
}

/** Rendered text, or the plain one where the server sent no HTML. */
export function prose({ html, content, text }) {
  const source = content ?? text ?? "";
  if (typeof html !== "string") return el("div", { class: "prose plain", dir: "auto", text: source });
  if (!html.trim()) return el("p", { class: "soft nothing", text: source.trim() ? source : "(empty answer)" });
  const node = el("div", { class: "prose", dir: "auto", html });
  for (const table of node.querySelectorAll(".table")) named(table, "Table");
  for (const code of node.querySelectorAll(".code")) copyable(code);
  return node;
}

/** What scrolls by itself can be reached by keyboard; then it needs a name. */
function named(node, label) {
  node.setAttribute("role", "region");
  node.setAttribute("aria-label", label);
}

function copyable(code) {
  const pre = code.querySelector("pre");
  const { language } = code.dataset;
  named(pre, language ? `Code (${language})` : "Code");
  code.append(el("button", {
    type: "button", class: "code-copy", "aria-label": "Copy this code", title: "Copy",
    onclick: (event) => copyText(pre.textContent, event.currentTarget),
  }, icon("copy")));
}

export async function copyText(text, from) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = el("textarea", { class: "visually-hidden", value: text }); // no clipboard outside of https
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  from?.classList.add("done");
  setTimeout(() => from?.classList.remove("done"), 1_500);
}

function thoughts({ reasoning, reasoning_html: html }, display) {
  if (!reasoning || display === "hide") return null;
  const text = typeof reasoning === "string" ? reasoning : JSON.stringify(reasoning, null, 2);
  return el("details", { class: "thoughts", open: display === "show" },
    el("summary", { text: "Reasoning" }), html ? el("div", { class: "prose", dir: "auto", html }) : el("div", { class: "prose plain", dir: "auto", text }));
}

function toolCalls({ tool_calls: calls }) {
  if (!calls?.length) return null;
  return el("div", { class: "tool-calls" }, calls.map((call) => {
    const { name = "tool", arguments: given } = call.function ?? call;
    const text = typeof given === "string" ? pretty(given) : JSON.stringify(given, null, 2);
    return el("details", { open: true }, el("summary", {}, "Calls ", el("code", { text: name })), el("pre", { class: "tool-arguments", tabIndex: 0, text }));
  }));
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
