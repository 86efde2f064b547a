/*
 * From one reading to the next without leaving the page: the answer to a verdict brings the next reading's whole page,
 * its parts replace ours, and its image was fetched and decoded before. So one round trip lies between a key and the
 * next image; nothing is started again, and full screen stays. The answer's headers come first and say which image it
 * is: it is drawn while the server still writes the page. Where anything is not as expected, the browser simply goes
 * there.
 */
import { announce } from "../js/live-region.js";
import { loader } from "../js/viewer/loading.js";

const PARTS = [".topbar", "#main", "#panel", "#toasts"];
const script = () => document.getElementById("reading-script");

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["Reading-Takes-Next"] = "true";
});

document.addEventListener("htmx:beforeSend", ({ detail: { xhr } }) => {
  xhr.addEventListener("readystatechange", () => {
    if (xhr.readyState !== XMLHttpRequest.HEADERS_RECEIVED) return;
    const address = xhr.getResponseHeader("Reading-Address");
    if (!address) return;
    // The verdict is on record by now, whatever becomes of the page.
    xhr.addEventListener("error", () => window.location.assign(address));
    showEarly(JSON.parse(xhr.getResponseHeader("Reading-Image")));
  });
});

// Only what was fetched ahead; and until its page is here, nothing of the reading before stands beside it.
function showEarly({ src, center, width }) {
  const ours = document.getElementById("viewer");
  if (!ours || !loader.has(src)) return;
  for (const part of document.querySelectorAll("#main, #panel")) {
    part.inert = true;
    part.classList.add("leaving");
  }
  const next = ours.cloneNode(false);
  for (const name of ["data-state", "data-slices", "data-maps", "index", "count", "window-center", "window-width"])
    next.removeAttribute(name);
  next.setAttribute("label", "Next image");
  if (center !== null) next.setAttribute("window-center", center);
  if (width !== null) next.setAttribute("window-width", width);
  next.setAttribute("src", src);
  ours.replaceWith(next);
}

document.addEventListener("htmx:beforeOnLoad", (event) => {
  const { xhr } = event.detail;
  const address = xhr.getResponseHeader("Reading-Address");
  if (!address) return;
  event.preventDefault();
  try {
    show(new DOMParser().parseFromString(xhr.responseText, "text/html"), address);
  } catch {
    window.location.assign(address);
  }
});

function show(page, address) {
  const parts = PARTS.map((name) => [document.querySelector(name), page.querySelector(name)]);
  if (parts.some(([ours, theirs]) => !ours || !theirs)) return window.location.assign(address);
  window.history.pushState(null, "", address);
  document.title = page.title;
  // The plain image below the viewer is for where it fails; till then it needs no request of its own.
  for (const plain of page.querySelectorAll("mri-viewer > img")) plain.loading = "lazy";
  for (const [ours, theirs] of parts) ours.replaceWith(document.adoptNode(theirs));
  script().dataset.ahead = page.getElementById("reading-script").dataset.ahead;
  fetchAhead();
  for (const name of PARTS) window.htmx.process(document.querySelector(name));
  window.htmx.trigger("#panel", "htmx:load", { elt: document.querySelector("#panel") });
  announce(`${document.querySelector("#main h1").textContent}.`);
}

// The pixels of the images that will most likely come next and nothing else, once this one is there and the browser
// has time. Which they are is asked then, too; nobody claims them by that.
async function fetchAhead() {
  const address = script().dataset.ahead;
  await document.getElementById("viewer")?.ready;
  const idle = window.requestIdleCallback ?? ((act) => setTimeout(act, 500));
  idle(() => ask(address).catch(() => undefined));
}

async function ask(address) {
  const answer = await fetch(address, { credentials: "same-origin", priority: "low", headers: { Accept: "application/json" } });
  if (!answer.ok) return;
  const { images } = await answer.json();
  if (script().dataset.ahead === address) loader.fetchAhead(images);
}
customElements.whenDefined("mri-viewer").then(fetchAhead);

// The page before is another reading's: the browser's own way back shows it as it stands now.
window.addEventListener("popstate", () => window.location.reload());
