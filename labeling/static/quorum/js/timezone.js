// Why: a person's day begins at their midnight, and the browser knows where they are.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

for (const field of document.querySelectorAll("[data-browser-zone]")) field.value = zone ?? "";

const select = document.querySelector("#id_time_zone");
const hint = document.querySelector("[data-zone-hint]");
const known = select && [...(select.options ?? [])].some((option) => option.value === zone);
if (hint && known && select.value !== zone) {
  hint.querySelector("[data-zone]").textContent = zone.replaceAll("_", " ");
  hint.hidden = false;
  hint.querySelector("[data-use-zone]").addEventListener("click", () => {
    select.value = zone;
    hint.hidden = true;
    select.focus();
  });
}
