// Small ways to make elements. Nothing here knows about tasks.

const PROPERTIES = new Set(["textContent", "value", "checked", "disabled", "hidden", "tabIndex", "htmlFor", "open"]);

/** Make an element. `html` is for what the server has sanitised, and for nothing else. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name === "html") node.innerHTML = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function key(name) {
  return el("kbd", { text: name, "aria-hidden": "true" });
}

/** A button; `hint` is the key that does the same. */
export function button(text, onclick, { hint, kind = "", label } = {}) {
  return el(
    "button",
    { type: "button", class: `button ${kind}`.trim(), onclick, "aria-label": label, "aria-keyshortcuts": hint },
    el("span", { text }),
    hint ? key(hint) : null,
  );
}

/** Tell whether keys typed now belong to a text field. */
export function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !["radio", "checkbox", "button", "range"].includes(target.type);
}

const ICONS = {
  drag: "M9 5h.01M9 12h.01M9 19h.01M15 5h.01M15 12h.01M15 19h.01",
  copy: "M9 9h10v10H9zM5 15V5h10",
  close: "M6 6l12 12M18 6 6 18",
};

/** An icon drawn with lines, sized by the stylesheet. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [attribute, value] of [["viewBox", "0 0 24 24"], ["class", "icon"], ["aria-hidden", "true"]]) {
    svg.setAttribute(attribute, value);
  }
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

export function plural(n, one, many = `${one}s`) {
  return `${new Intl.NumberFormat().format(n)} ${n === 1 ? one : many}`;
}

export function shorten(text, length) {
  const flat = text.replace(/\s+/g, " ").trim();
  const points = [...flat.slice(0, length * 2)];
  return points.length > length ? `${points.slice(0, length - 1).join("")}…` : flat;
}

export function minutes(ms) {
  const n = Math.floor(ms / 60_000);
  return n < 60 ? `${n} min` : `${Math.floor(n / 60)} h ${n % 60} min`;
}
