// Why: the little every page needs. One module per page beyond this; no inline handlers.

import { copyText } from "./clipboard.js";

document.addEventListener("click", (event) => {
  const dismiss = event.target.closest("[data-dismiss]");
  if (dismiss) dismiss.parentElement.remove();
  const copy = event.target.closest("[data-copy]");
  if (copy) copyText(copy);
});

// A form whose action cannot be undone asks first: <form data-confirm="Sure?">.
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});
