// How long somebody really works: time without input for a minute does not count.

const IDLE_MS = 60_000;
const ACTIVE_MS = 30_000;
const INPUTS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "scroll", "input"];

/** Counts into `onspent(ms)`; calls `onactive()` at most every 30 s while the person acts. */
export class Clock {
  #last = performance.now();
  #counted = performance.now();
  #told = -Infinity;
  #paused = false;

  constructor({ onspent, onactive }) {
    this.onspent = onspent;
    this.onactive = onactive;
    for (const name of INPUTS) addEventListener(name, () => this.#input(), { capture: true, passive: true });
    document.addEventListener("visibilitychange", () => this.count());
    setInterval(() => this.count(), 1_000);
  }

  pause(paused) {
    this.count();
    this.#paused = paused;
    this.#last = performance.now();
  }

  /** Say at the next input that the person is at it: another task was opened. */
  opened() {
    this.#told = performance.now();
    this.onactive();
  }

  #input() {
    if (this.#paused) return;
    const now = performance.now();
    this.count();
    this.#last = now;
    if (now - this.#told >= ACTIVE_MS) {
      this.#told = now;
      this.onactive();
    }
  }

  /** Add what has passed since the last count, up to a minute after the last input. */
  count() {
    const now = performance.now();
    const from = this.#counted;
    this.#counted = now;
    if (this.#paused || document.hidden) return;
    const spent = Math.min(now, this.#last + IDLE_MS) - from;
    if (spent > 0) this.onspent(spent);
  }
}
