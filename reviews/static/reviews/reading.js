// The reading page: steps without a reload, so that window, zoom and what was typed stay. Without it, plain forms do the same.
import { beginTime } from "./active-time.js";
import { keepDraft } from "./draft.js";
import { beginFindings } from "./findings.js";
import { keepRegion } from "./region.js";
import "./next-reading.js";
import "./sending.js";

const panel = () => document.getElementById("panel");
const viewer = () => document.getElementById("viewer");

// --- Steps -------------------------------------------------------------------------------------------------------

// A new panel brings the maps with it, or takes them away; a map that is looked at stays as it is.
let shown = document.getElementById("maps")?.textContent;
document.addEventListener("htmx:load", (event) => {
  if (event.target.id !== "panel") return;
  const maps = document.getElementById("maps")?.textContent;
  if (viewer() && maps !== shown) viewer().maps = maps ? JSON.parse(maps) : null;
  shown = maps;
  arrange();
  panel().focus({ preventScroll: true });
  panel().querySelector("#amend, #withdraw")?.scrollIntoView({ block: "start" });
});

// A refusal comes as the panel with its sentence: it is shown as any other.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.status < 400 || !xhr.getResponseHeader("Content-Type")?.startsWith("text/html")) return;
  if (!xhr.responseText.includes('id="panel"')) return;
  event.detail.shouldSwap = true;
  event.detail.isError = false;
});

// Whoever signed in again in another tab has a new token; the one written in the form would be refused.
document.addEventListener("htmx:configRequest", (event) => {
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
  if (!token) return;
  event.detail.headers["X-CSRFToken"] = token;
  if (event.detail.parameters.has?.("csrfmiddlewaretoken")) event.detail.parameters.set("csrfmiddlewaretoken", token);
});

// Enter pressed twice at once is one Enter: what the second would do stands on a panel that nobody has seen yet, and an
// answer that was shown cannot be unseen.
const TWICE = 250; // ms
const NEVER = { at: -TWICE, on: null };
let entered = NEVER;
window.addEventListener(
  "keydown",
  (event) => {
    if (event.repeat) return;
    const enter = event.key === "Enter";
    const slipped = enter && event.timeStamp - entered.at < TWICE && entered.on !== panel();
    entered = enter ? { at: event.timeStamp, on: panel() } : NEVER; // a key in between is another act
    if (!slipped) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  { capture: true },
);

// --- Small conveniences ------------------------------------------------------------------------------------------

document.addEventListener("change", (event) => {
  const input = event.target;
  if (!(input instanceof HTMLInputElement) || !panel()?.contains(input)) return;
  // A key can choose from what is folded away; what is found is said in the line that stays.
  const folded = input.closest("details:not([open], .found)");
  if (folded) folded.open = true;
  const note = panel().querySelector("textarea[name=note]");
  if (input.name === "reason" && input.value === "other" && note && !note.value.trim()) note.focus();
});

document.addEventListener("keydown", (event) => {
  if (!(event.target instanceof HTMLTextAreaElement)) return;
  if (event.key === "Escape") event.target.blur();
  // Ctrl+Enter sends what Enter sends outside the note; where nothing is chosen yet, it only leaves the note.
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  event.target.blur();
  const send = event.target.form?.querySelector("button.primary");
  if (send?.checkVisibility()) event.target.form.requestSubmit(send);
});

function arrange() {
  const identity = panel()?.querySelector("details.identity");
  identity?.addEventListener("toggle", () => identity.open && identity.querySelector("button").focus());
  const range = panel()?.querySelector("details.range");
  range?.addEventListener("toggle", () => fillRange(range));
  keepDraft(panel());
  beginTime(panel());
  beginFindings();
  keepRegion(panel());
}

// From the image that is read to the one that is looked at; closed, the range is none.
function fillRange(range) {
  const [first, last] = range.querySelectorAll("input[type='number']");
  const { home, at, slices } = viewer()?.stack ?? { slices: [] };
  const ends = range.open && slices.length ? [home, at].map((place) => slices[place].index) : ["", ""];
  if (range.open && (first.value || last.value)) return;
  [first.value, last.value] = ends.sort((one, other) => one - other);
  if (range.open) last.focus();
}

arrange();
