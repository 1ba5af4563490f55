// Makes pages smoother; nothing needs it. A form is sent once; a file shows how much of it is here; what goes on is read again without a
// full reload; a page can be printed.
"use strict";
document.documentElement.classList.add("scripted");

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
  const told = form.querySelector("[data-saves]");
  if (told && !form.dataset.plain) { event.preventDefault(); save(form, told); return; }
  if (told) told.textContent = "";
  // What answers with a file leaves the page where it is.
  setTimeout(() => ready(form), 8000);
});

// More than this is left to the browser, which writes it down as it comes; so is an answer that is no file, and whatever is pressed a second
// time. Sent once more, the form carries the same key: it is recorded once.
const SAVED_BYTES_MAX = 30e6;

// Whoever leaves the page leaves the file: browsers ask them first.
const stay = (event) => { event.preventDefault(); event.returnValue = true; };

async function save(form, told) {
  const bar = form.querySelector("progress");
  const say = (what) => { told.textContent = told.dataset[what]; };
  const stop = new AbortController();
  bar.removeAttribute("value");
  bar.hidden = false;
  form.dataset.plain = "yes";
  addEventListener("beforeunload", stay);
  say("making");
  try {
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.action, { method: "POST", body, credentials: "same-origin", signal: stop.signal });
    const type = answer.headers.get("content-type");
    const bytes = Number(answer.headers.get("content-length"));
    if (!answer.ok || type !== "application/zip" || !bytes || bytes > SAVED_BYTES_MAX) {
      stop.abort();
      saved(form, bar);
      told.textContent = "";
      form.requestSubmit();
      return;
    }
    say("arriving");
    bar.max = bytes;
    const pieces = [];
    const reader = answer.body.getReader();
    let here = 0;
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      pieces.push(piece.value);
      bar.value = here += piece.value.length;
    }
    if (here !== bytes) throw new Error("cut off");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(pieces, { type }));
    link.download = told.dataset.saves;
    link.click();
    say("saved");
  } catch {
    say("cut");
  }
  saved(form, bar);
}

function saved(form, bar) {
  removeEventListener("beforeunload", stay);
  bar.hidden = true;
  ready(form);
}

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
