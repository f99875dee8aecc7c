// The browser's storage, kept apart per person and project. A full or forbidden storage
// never breaks the desk; it is said once.

const KEEP_MS = 30 * 24 * 3600 * 1000;

export class Memory {
  #prefix;
  #onfail;

  constructor(prefix, onfail = () => {}) {
    this.#prefix = prefix;
    this.#onfail = onfail;
  }

  read(name, storage = localStorage) {
    try {
      const text = storage.getItem(this.#prefix + name);
      return text === null ? null : JSON.parse(text);
    } catch {
      return null;
    }
  }

  /** Write and say whether it worked. */
  write(name, value, storage = localStorage) {
    try {
      storage.setItem(this.#prefix + name, JSON.stringify(value));
      return true;
    } catch (error) {
      this.#onfail(error);
      return false;
    }
  }

  remove(name) {
    try {
      localStorage.removeItem(this.#prefix + name);
    } catch {
      // Storage that cannot be reached holds nothing to remove.
    }
  }

  /** Forget drafts that nobody came back to for a month. */
  prune() {
    try {
      for (const name of Object.keys(localStorage)) {
        if (!name.startsWith(`${this.#prefix}draft:`)) continue;
        const draft = JSON.parse(localStorage.getItem(name));
        if (Date.now() - draft.at > KEEP_MS) localStorage.removeItem(name);
      }
    } catch {
      // Nothing is lost by keeping too much.
    }
  }
}
