// The desk: puts the parts together, answers the server's frames and shows the right thing.
// What the person can do is in actions.js.

import { Actions } from "./actions.js";
import { Clock } from "./clock.js";
import { Connection } from "./connection.js";
import { wireDialogs } from "./dialogs.js";
import { shorten } from "./dom.js";
import { Guidelines } from "./guidelines.js";
import { History } from "./history.js";
import { wireKeys } from "./keys.js";
import { lostBanner } from "./lost.js";
import { Memory } from "./memory.js";
import { Outbox } from "./outbox.js";
import { acknowledgeScreen, breakScreen, closedScreen, elsewhereScreen, idleScreen, loadingScreen, offlineScreen } from "./screens.js";
import { Settings } from "./settings.js";
import { ProgressBar, Status } from "./status.js";
import { Store } from "./store.js";
import { TaskView } from "./task_view.js";

const REVOKED = {
  expired: "The time for that task ran out; it went back.",
  paused: "The project was paused; the task went back.",
  withdrawn: "That task was withdrawn by the project.",
  removed: "You were taken off this project.",
};

class Desk {
  constructor(root) {
    this.root = root;
    const { slug, user, want, socketUrl } = root.dataset;
    this.want = Number(want);
    this.mode = "work"; // work | break | elsewhere | acknowledge
    this.idle = null;
    this.asked = null; // the guidelines that must be acknowledged
    this.stage = document.getElementById("desk-stage");
    this.status = new Status();
    this.progress = new ProgressBar();
    this.memory = new Memory(`quorum:desk:${user}:${slug}:`, () => this.#storageFailed());
    this.connection = new Connection(new URL(socketUrl, location.href.replace(/^http/, "ws")).href, () => ({ protocol: 1, want: this.wanted }));
    this.store = new Store(this.connection, this.memory);
    this.outbox = new Outbox(this.connection, this.memory);
    this.guidelines = new Guidelines(this.memory);
    this.history = new History(this.memory, (task) => this.actions.amend(task));
    this.settings = new Settings(document.body, document.getElementById("desk-settings"));
    this.actions = new Actions(this);
    this.#listen();
    this.memory.prune();
    this.refresh();
    this.connection.open();
  }

  get wanted() {
    return this.mode === "break" || this.mode === "elsewhere" ? 0 : this.want;
  }

  get current() {
    return this.store.current;
  }

  // --- showing -----------------------------------------------------------------

  /** Show the open task, or the next one, or why there is none. */
  refresh() {
    if (this.mode === "work" && this.connection.state !== "closed") {
      const state = this.current ?? this.store.next;
      if (state) return state === this.current && this.stage.contains(state.view?.root) ? this.#bar() : this.show(state);
    }
    const screen = this.#screen();
    if (this.stage.firstElementChild?.isEqualNode(screen) !== true) {
      this.stage.replaceChildren(screen);
      const focused = document.activeElement;
      if (focused === document.body || focused === null) screen.focus({ preventScroll: true });
      this.status.announce(screen.querySelector("h2").textContent);
    }
    return this.#bar();
  }

  /** Open a task. Its page was made before, so this is fast (measure "desk:switch"). */
  show(state) {
    performance.mark("desk:switch-start");
    if (this.current && this.current !== state) this.store.keep(this.current, !this.current.touched);
    this.store.current = state;
    const view = this.view(state);
    const banner = state.lost ? lostBanner(state, this.actions.ofLost(state)) : null;
    this.stage.replaceChildren(...[banner, view.root].filter(Boolean));
    view.fit();
    this.status.draft("");
    this.saidSaved = false;
    this.#bar();
    if (!document.querySelector("dialog:modal")) view.form.begin();
    performance.measure("desk:switch", "desk:switch-start");
    const prompt = state.task.item.messages.findLast(({ role }) => role === "user")?.content ?? "";
    this.status.announce(`${state.isAmend ? "Your answer, to amend" : "Next task"}. ${shorten(prompt, 80)}`);
    if (!state.lost) this.clock.opened();
    this.#prepare();
  }

  view(state) {
    state.view ??= new TaskView(state, {
      reasoning: this.root.dataset.reasoning,
      onchange: (values) => {
        this.store.setValues(state, values);
        this.#bar();
      },
      oncomplete: () => document.getElementById("desk-submit").focus(),
    });
    return state.view;
  }

  /** Make the next task's page while the person is busy with this one. */
  #prepare() {
    const later = globalThis.requestIdleCallback ?? ((make) => setTimeout(make, 50));
    later(() => {
      for (const state of this.store.held) this.view(state);
    }, { timeout: 500 });
  }

  #screen() {
    const { connection, outbox } = this;
    if (connection.state === "closed") return closedScreen(connection.reason, this.root.dataset.loginUrl);
    if (this.mode === "break") return breakScreen(() => this.actions.resume());
    if (this.mode === "elsewhere") return elsewhereScreen(() => this.actions.workHere());
    if (this.mode === "acknowledge") return acknowledgeScreen(this.guidelines.version, this.guidelines.html, () => this.actions.acknowledge());
    if (connection.state === "waiting") return offlineScreen(outbox.entries.length);
    if (!this.idle) return loadingScreen();
    const hasParked = this.store.parked.length > 0;
    return idleScreen(this.idle, hasParked ? () => this.actions.open(this.store.parked[0]) : null);
  }

  #bar() {
    const bar = document.getElementById("desk-bar");
    const state = this.mode === "work" && this.connection.state !== "closed" ? this.current : null;
    bar.hidden = !state;
    this.root.classList.toggle("has-task", Boolean(state));
    if (!state) return;
    const missing = this.view(state).form.problems;
    const names = [...new Set(missing.map(({ entry }) => (entry.key ? `${entry.question.title} (${entry.key})` : entry.question.title)))];
    document.getElementById("desk-missing").textContent = missing.length
      ? `Still needed: ${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}`
      : state.isAmend ? "You are amending your answer" : "All answered";
    bar.classList.toggle("complete", missing.length === 0);
    const reason = state.lost?.reason;
    document.getElementById("desk-submit-text").textContent = reason === "lease_lost" ? "Send as surplus" : state.isAmend ? "Submit again" : "Submit";
    document.getElementById("desk-release-text").textContent = state.isAmend ? "Leave as it was" : "Give back";
  }

  // --- the server's frames -----------------------------------------------------

  #frame(frame) {
    const handler = {
      welcome: () => this.#welcome(frame),
      task: () => this.#task(frame.task),
      revoked: () => this.#revoked(frame),
      idle: () => this.#idle(frame),
      progress: () => this.progress.show(frame),
      accepted: () => this.progress.show(frame.progress),
      returned: () => this.#returned(frame),
      notice: () => this.status.toast(frame.text ?? frame.detail ?? "", { stays: true, kind: { warning: "warning", error: "error" }[frame.level] }),
      feedback: () => this.status.toast(frame.text ?? "", { stays: true, kind: frame.correct === false ? "warning" : frame.correct ? "success" : "" }),
    }[frame.type];
    handler?.();
  }

  #welcome(frame) {
    this.idle = null;
    this.progress.show(frame.progress);
    if (frame.project?.reasoning) this.root.dataset.reasoning = frame.project.reasoning;
    this.asked = frame.project?.acknowledge ?? frame.project?.guidelines ?? frame.acknowledge ?? null;
    if (this.guidelines.take(frame.project, this.asked)) this.mode = "acknowledge";
    else if (this.mode === "acknowledge") this.mode = "work";
    const held = new Set(frame.tasks.map(({ task }) => task));
    for (const [id, state] of this.store.states) {
      if (held.has(id) || state.lost) continue;
      if (state.touched) this.#lose(state, "away");
      else this.store.drop(id);
    }
    for (const task of frame.tasks) this.#task(task);
    this.outbox.flush();
    this.store.flush();
    this.refresh();
  }

  #task(task) {
    if (this.outbox.has(task.task)) return;
    this.idle = null;
    const wasCurrent = this.current?.task.task === task.task ? this.current : null;
    const state = this.store.take(task);
    if (this.actions.amending.delete(task.task)) {
      state.isAmend = true;
      this.mode = "work";
      this.history.close();
      this.show(state);
    } else if (wasCurrent && wasCurrent !== state) {
      this.show(state);
    } else {
      this.refresh();
      this.#prepare();
    }
  }

  #idle({ reason }) {
    this.idle = reason;
    if (reason === "paused" && this.current) this.status.announce("The project is paused.");
    this.refresh();
  }

  #revoked({ task, reason }) {
    const state = this.store.states.get(task);
    if (!state) return;
    if (reason === "taken_over") {
      this.store.keep(state, !state.touched);
      this.store.drop(task, { keepDraft: true });
      this.mode = "elsewhere";
      this.connection.tell({ type: "want", n: 0 });
      this.refresh();
    } else if (state.touched) {
      this.#lose(state, reason);
    } else {
      const wasOpen = state === this.current;
      this.store.drop(task);
      if (wasOpen) this.status.toast(REVOKED[reason] ?? REVOKED.expired);
      this.refresh();
    }
  }

  #lose(state, reason) {
    this.store.lose(state.task.task, reason);
    this.store.keep(state);
    if (state === this.current) this.show(state);
    else this.status.toast("A task you had begun went back. Your text is kept.", { stays: true, action: "Look at it", onaction: () => this.show(state) });
  }

  #returned({ task, comment }) {
    this.history.set(task, "returned", { comment });
    this.status.toast(`A reviewer returned an answer to you${comment ? `: ${comment}` : "."}`, { kind: "warning", stays: true, action: "Open it", onaction: () => this.actions.amend(task) });
  }

  // --- wiring --------------------------------------------------------------------

  #listen() {
    this.connection.addEventListener("frame", ({ detail }) => this.#frame(detail));
    const state = () => {
      this.status.connection(this.connection.state, this.outbox.entries.length);
      this.refresh();
    };
    this.connection.addEventListener("state", state);
    this.outbox.addEventListener("change", state);
    this.outbox.addEventListener("reply", ({ detail }) => this.actions.replied(detail.entry, detail.reply));
    this.store.addEventListener("tasks", () => this.history.showParked(this.store.parked, (each) => this.actions.open(each)));
    this.store.addEventListener("draft", ({ detail }) => this.#draft(detail));
    this.store.addEventListener("refused", ({ detail }) => {
      if (detail.reply.code === "lease_lost") this.#lose(detail.state, "expired");
    });
    this.clock = new Clock({
      onspent: (ms) => {
        if (!this.current || this.mode !== "work") return;
        this.current.spentMs += ms;
        this.history.spend(ms);
      },
      onactive: () => {
        const open = this.mode === "work" && this.current;
        if (open && !open.lost) this.connection.tell({ type: "active", task: open.task.task, lease: open.task.lease });
      },
    });
    setInterval(() => this.progress.time(this.history.keep()), 5_000);
    this.progress.time(this.history.keep());
    addEventListener("pagehide", () => this.store.flush());
    addEventListener("beforeunload", (event) => {
      if (!this.outbox.isEmpty || (this.storageFails && this.store.hasUnsaved)) event.preventDefault();
    });
    wireDialogs();
    wireKeys(this.actions.byKey(), (event) => Boolean(this.current && this.mode === "work" && this.current.view?.form.press(event)));
    this.actions.wireButtons();
  }

  #draft(state) {
    this.status.draft(state);
    if (state === "saved" && !this.saidSaved) {
      this.saidSaved = true;
      this.status.announce("Draft saved");
    }
  }

  #storageFailed() {
    if (this.storageFails) return;
    this.storageFails = true;
    this.status.toast("This browser's storage is full or switched off: drafts are kept on the server only, while you are connected.", { kind: "warning", stays: true });
  }
}

new Desk(document.querySelector(".desk"));
