// The guidelines in a drawer, with a search; a badge when they changed since last read;
// and what must be read before work where a new major version asks for it.

import { el } from "./dom.js";

const READ = "guidelines-read";

export class Guidelines {
  #drawer = document.getElementById("desk-guidelines");
  #text = document.getElementById("desk-guidelines-text");
  #badge = document.getElementById("desk-guidelines-badge");

  constructor(memory) {
    this.memory = memory;
    this.version = null;
    this.#drawer.querySelector("input[type=search]").addEventListener("input", (event) => this.#search(event.target.value));
  }

  /** Take what the welcome says; true when something must be acknowledged before work. */
  take(project, asked) {
    this.version = project?.guidelines_version ?? null;
    const { html, text } = contents(asked) ?? contents(project?.guidelines) ?? {};
    if (html) this.#text.innerHTML = html; // rendered and sanitised by the server
    else if (text) this.#text.replaceChildren(el("div", { class: "plain", text }));
    this.#badge.hidden = this.version === null || this.memory.read(READ) === this.version || this.memory.read(READ) === null;
    if (this.memory.read(READ) === null && this.version !== null) this.memory.write(READ, this.version);
    return Boolean(asked);
  }

  open() {
    this.#drawer.showModal();
    this.#badge.hidden = true;
    if (this.version !== null) this.memory.write(READ, this.version);
  }

  get html() {
    return this.#text.innerHTML;
  }

  acknowledged() {
    this.memory.write(READ, this.version);
    this.#badge.hidden = true;
  }

  #search(wanted) {
    const words = wanted.trim().toLowerCase();
    let n = 0;
    for (const block of this.#text.querySelectorAll("p, li, h1, h2, h3, h4, pre, tr, blockquote")) {
      const isHit = words !== "" && block.textContent.toLowerCase().includes(words);
      block.classList.toggle("hit", isHit);
      if (isHit && n === 0) block.scrollIntoView({ block: "center" });
      n += isHit ? 1 : 0;
    }
    this.#drawer.querySelector("[data-hits]").textContent = words ? (n ? `${n} found` : "Nothing found") : "";
  }
}

function contents(given) {
  if (!given || given === true) return null;
  if (typeof given === "string") return { text: given };
  return given.html || given.text ? { html: given.html, text: given.text } : null;
}
