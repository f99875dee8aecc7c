// What somebody likes: size of the text, density, where prompt and answers stand, hints.
// Kept in the browser for all projects, applied as data attributes for the stylesheet.

const KEY = "quorum:desk:settings";
const DEFAULTS = { size: "m", density: "comfortable", prompt: "auto", answers: "columns", scroll: "apart", hints: "on" };

export class Settings {
  constructor(desk, dialog) {
    this.desk = desk;
    try {
      this.values = { ...DEFAULTS, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
    } catch {
      this.values = { ...DEFAULTS };
    }
    for (const input of dialog.querySelectorAll("input[type=radio]")) {
      input.checked = this.values[input.name] === input.value;
      input.addEventListener("change", () => this.#set(input.name, input.value));
    }
    this.#apply();
  }

  #set(name, value) {
    this.values[name] = value;
    this.#apply();
    try {
      localStorage.setItem(KEY, JSON.stringify(this.values));
    } catch {
      // Without storage the choice holds until the page is left.
    }
  }

  #apply() {
    for (const [name, value] of Object.entries(this.values)) this.desk.dataset[name] = value;
  }
}
