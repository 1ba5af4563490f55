// Makes pages smoother; nothing needs it. A form is sent once; what goes on is read again without a full reload; a page can be printed.
"use strict";
document.documentElement.classList.add("scripted");

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
  // What answers with a file leaves the page where it is.
  setTimeout(() => ready(form), 8000);
});

function ready(form) {
  delete form.dataset.sent;
  for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-disabled");
}

// Who goes back to a page that the browser kept may send its form again: it carries the same key.
window.addEventListener("pageshow", (event) => { if (event.persisted) for (const form of document.forms) ready(form); });

document.addEventListener("click", (event) => { if (event.target.closest("[data-print]")) window.print(); });

const wrong = document.querySelector(".wrong-summary");
if (wrong) wrong.focus();

async function live() {
  const main = document.querySelector("main[data-live]");
  if (!main) return;
  const answer = await fetch(location.pathname + location.search, { credentials: "same-origin" }).catch(() => null);
  if (answer && answer.ok) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("main");
    if (fresh && fresh.innerHTML !== main.innerHTML) main.replaceChildren(...fresh.childNodes);
    if (fresh && !("live" in fresh.dataset)) { delete main.dataset.live; return; }
  }
  setTimeout(live, 2000);
}
setTimeout(live, 1000);
