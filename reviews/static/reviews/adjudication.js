import { announce } from "../js/live-region.js";

/* Shows on the image what each reader marked, one after the other, and then nothing again. */
const viewer = document.getElementById("viewer");
const button = document.getElementById("regions");
const marked = [...document.querySelectorAll("[data-region]")];
let shown = -1;

button?.addEventListener("click", () => {
  shown = shown + 1 < marked.length ? shown + 1 : -1;
  for (const [index, read] of marked.entries()) read.toggleAttribute("data-shown", index === shown);
  button.setAttribute("aria-pressed", String(shown >= 0));
  viewer.region = shown < 0 ? null : JSON.parse(marked[shown].dataset.region);
  announce(shown < 0 ? "No region is shown." : `What reader ${marked[shown].dataset.reader} marked is shown.`);
});

// Escape leaves the reasons, so that the page's keys act again; Ctrl+Enter sends from within them.
document.getElementById("rationale")?.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  const sends = event.key === "Enter" && (event.ctrlKey || event.metaKey);
  if (sends) event.preventDefault();
  if (sends || event.key === "Escape") event.target.blur();
  if (sends) event.target.form.requestSubmit();
});
