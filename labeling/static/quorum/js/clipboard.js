// Why: tokens and invitation links are copied, not retyped.

/** Copy the text of the field that `button.dataset.copy` (a selector) names. */
export async function copyText(button) {
  const field = document.querySelector(button.dataset.copy);
  const text = field.value ?? field.textContent.trim();
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    field.select?.(); // no clipboard outside of https and localhost: at least mark it
    document.execCommand("copy");
  }
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = before; }, 1500);
}
