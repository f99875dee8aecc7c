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
  for (const child of node.children) if (!child.dir) child.dir = "auto";
  for (const table of node.querySelectorAll("table")) {
    const scroller = el("div", { class: "scroll-x", tabIndex: 0, role: "region", "aria-label": "Table" });
    table.replaceWith(scroller);
    scroller.append(table);
  }
  for (const pre of node.querySelectorAll("pre")) copyable(pre);
  for (const link of node.querySelectorAll("a[href]")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
  }
  return node;
}

function copyable(pre) {
  const frame = el("div", { class: "code-frame" });
  pre.tabIndex = 0;
  pre.setAttribute("role", "region");
  pre.setAttribute("aria-label", "Code");
  pre.replaceWith(frame);
  frame.append(pre, el("button", {
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
