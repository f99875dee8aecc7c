// Why: live parts ask again only while somebody can see them; forms keep what was chosen.

// A hidden tab asks nothing; when it is shown again it looks at once.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.target.matches("[data-live]")) event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  for (const part of document.querySelectorAll("[data-live]")) window.htmx?.trigger(part, "look");
});

// A live part that changes under the reader keeps the focus on what has the same id, and
// where its tables were scrolled to. (htmx itself keeps the focus of fields only.)
let kept = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  const part = event.detail.target;
  if (!part?.matches?.("[data-live]")) return;
  const scrolled = [...part.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
  kept = { id: part.contains(document.activeElement) ? document.activeElement.id : "", scrolled };
});
document.addEventListener("htmx:afterSettle", () => {
  if (!kept) return;
  if (kept.id) document.getElementById(kept.id)?.focus({ preventScroll: true });
  const live = document.getElementById("live");
  live?.querySelectorAll(".scroll").forEach((one, n) => { one.scrollLeft = kept.scrolled[n] ?? 0; });
  kept = null;
});

// Filters act on change; without this script their button does.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

// Where tabs do not all fit, the one at hand is in view.
const tabs = document.querySelector(".tabs");
const current = tabs?.querySelector('[aria-current="page"]');
if (current) tabs.scrollLeft = current.offsetLeft - (tabs.clientWidth - current.offsetWidth) / 2 - tabs.offsetLeft;

// Mistakes of a form are what one has to see first.
document.querySelector("[data-mistakes]")?.focus();
