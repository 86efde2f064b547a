/*
 * From one reading to the next without leaving the page: nothing has to be started again, so the next image is there
 * sooner, and full screen stays. What the server sends is the next reading's whole page; its parts replace ours. Where
 * anything is not as expected, the browser simply goes there.
 */
const READING = /^\/readings\/[0-9a-f-]+$/;
const PARTS = [".topbar", "#main", "#panel", "#toasts"];

document.addEventListener("htmx:beforeOnLoad", (event) => {
  const address = event.detail.xhr.getResponseHeader("HX-Redirect");
  if (!address || !READING.test(address)) return;
  event.preventDefault();
  goTo(address).catch(() => window.location.assign(address));
});

async function goTo(address) {
  const answer = await fetch(address, { credentials: "same-origin", headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const parts = PARTS.map((name) => [document.querySelector(name), page.querySelector(name)]);
  if (!answer.ok || answer.redirected || parts.some(([ours, theirs]) => !ours || !theirs))
    return window.location.assign(address);
  window.history.pushState(null, "", address);
  document.title = page.title;
  for (const [ours, theirs] of parts) ours.replaceWith(document.adoptNode(theirs));
  takeNext(page);
  for (const name of PARTS) window.htmx.process(document.querySelector(name));
  window.htmx.trigger("#panel", "htmx:load", { elt: document.querySelector("#panel") });
}

// Which image to fetch ahead stands on the script's own element.
function takeNext(page) {
  const { next } = page.getElementById("reading-script")?.dataset ?? {};
  const ours = document.getElementById("reading-script");
  if (next) ours.dataset.next = next;
  else delete ours.dataset.next;
  ours.dispatchEvent(new CustomEvent("reading:changed", { bubbles: true }));
}

// The page before is another reading's: the browser's own way back shows it as it stands now.
window.addEventListener("popstate", () => window.location.reload());
