import { announce } from "./live-region.js";
import { openDialog } from "./dialogs.js";
import { recall, remember } from "./memory.js";

/*
 * Keys are declared where they act: <button data-key="1">Glioma <kbd>1</kbd></button>.
 *   data-key          KeyboardEvent.key; letters in lower case; several separated by spaces ("+ =");
 *                     "Space" for the space bar; "Shift+ArrowUp" for an arrow with Shift
 *   data-key-label    what the sheet says, where the element's own words do not
 *   data-key-repeat   also while the key is held
 *   data-key-hint     on the sheet only: the element handles the key itself
 *   data-key-cycle    on a group of radio buttons: the key chooses the next of them
 * A key acts on the first visible, enabled element that declares it; of two viewers, on that in focus; in an open
 * dialog only on the dialog's.
 */
const root = document.documentElement;
const TYPING = new Set(["text", "search", "email", "password", "number", "url", "tel", "date", "time", "datetime-local"]);
const NAMES = { " ": "Space", ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc" };

/** Whether the event's target takes keys itself: typing, choosing, dragging a slider. */
export function takesKeys(target, key) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  const moves = key.startsWith("Arrow") || ["Home", "End", "PageUp", "PageDown"].includes(key);
  if (target instanceof HTMLInputElement) {
    if (TYPING.has(target.type)) return true;
    if (["range", "radio"].includes(target.type)) return moves || key === " ";
    return [" ", "Enter"].includes(key);
  }
  return [" ", "Enter"].includes(key) && target.matches("button, a[href], summary");
}

/** The name under which an event looks for its element, or null where it is not ours to take. */
export function nameOf(event) {
  if (event.isComposing || event.keyCode === 229 || event.metaKey) return null;
  // AltGr arrives as Ctrl+Alt on Windows; many keyboards need it for [ and ].
  const altGraph = event.getModifierState?.("AltGraph") ?? false;
  if ((event.ctrlKey || event.altKey) && !altGraph) return null;
  const letter = event.key.toLowerCase() !== event.key.toUpperCase();
  if (event.key.length === 1) {
    if (event.key === " ") return event.shiftKey ? null : "Space";
    if (letter) return event.shiftKey ? `Shift+${event.key.toLowerCase()}` : event.key.toLowerCase();
    return event.key;
  }
  return event.shiftKey ? `Shift+${event.key}` : event.key;
}

/** The visible, enabled elements that declare a key, in the order of the page or of the open dialog. */
export function keyed(selector = "[data-key]") {
  const dialogs = document.querySelectorAll("dialog:modal");
  const scope = dialogs.length ? dialogs[dialogs.length - 1] : document;
  return [...scope.querySelectorAll(selector)].filter(usable);
}

function usable(element) {
  if (element.matches(":disabled, [aria-disabled='true']") || element.closest("[inert]")) return false;
  const menu = element.closest("details:not([open])");
  const visible = element.checkVisibility({ visibilityProperty: true });
  // A closed menu hides its items, yet their keys are meant to work; closed radio inputs are see-through, not hidden.
  return visible || (menu !== null && menu.checkVisibility({ visibilityProperty: true }));
}

function keysOf(element) {
  return (element.dataset.key ?? "").split(/\s+/).filter(Boolean);
}

function act(element) {
  if (element.hasAttribute("data-key-cycle")) return chooseNext([...element.querySelectorAll("input[type='radio']")]);
  if (element.matches("input:not([type='checkbox'], [type='radio'], [type='submit'], [type='button']), select, textarea")) {
    const folded = element.closest("details:not([open])");
    if (folded) folded.open = true;
    element.focus();
    element.select?.();
  } else {
    element.click();
  }
}

function chooseNext(radios) {
  const next = radios[(radios.findIndex((one) => one.checked) + 1) % radios.length];
  next.click();
  announce(wordsOf(next));
}

function elementOf(name, target) {
  const found = keyed("[data-key]:not([data-key-hint])").filter((one) => keysOf(one).includes(name));
  const near = target.closest?.("mri-viewer");
  return found.find((one) => near?.contains(one)) ?? found[0];
}

// Until all modules have run, a key would act on a half-made page and send its form plainly: it waits, in order.
const early = [];
let whole = document.readyState === "complete";
document.addEventListener("DOMContentLoaded", () =>
  setTimeout(() => {
    whole = true;
    for (const [name, target] of early.splice(0)) {
      const element = elementOf(name, target);
      if (element) act(element);
    }
  }),
);

document.addEventListener("keydown", (event) => {
  if (root.dataset.keys !== "on" || event.defaultPrevented || takesKeys(event.target, event.key)) return;
  const name = nameOf(event);
  if (name === null) return;
  const element = elementOf(name, event.target);
  if (!element || (event.repeat && !element.hasAttribute("data-key-repeat"))) return;
  event.preventDefault();
  if (whole) act(element);
  else early.push([name, event.target]);
});

// --- The sheet -------------------------------------------------------------------------------------------------

function wordsOf(element) {
  if (element.dataset.keyLabel) return element.dataset.keyLabel;
  const labelled = element.labels?.[0] ?? element;
  const copy = labelled.cloneNode(true);
  for (const cap of copy.querySelectorAll("kbd")) cap.remove();
  return copy.textContent.trim().replace(/\s+/g, " ") || element.getAttribute("aria-label") || element.title;
}

function caps(keys) {
  const cell = document.createElement("dt");
  for (const [position, key] of keys.entries()) {
    if (position) cell.append(" ");
    const cap = document.createElement("kbd");
    cap.textContent = key
      .split("+")
      .map((part) => NAMES[part] ?? (part.length === 1 ? part.toUpperCase() : part))
      .join(" ")
      .trim() || "+";
    cell.append(cap);
  }
  return cell;
}

function fillSheet(sheet) {
  const seen = new Set();
  const rows = [];
  // What one says with stands first, what one looks with after it.
  const [beside, others] = [true, false].map((side) => keyed().filter((one) => Boolean(one.closest(".side")) === side));
  for (const element of [...beside, ...others]) {
    const keys = keysOf(element).filter((key) => !seen.has(key));
    if (sheet.contains(element) || !keys.length) continue;
    for (const key of keys) seen.add(key);
    const words = document.createElement("dd");
    words.textContent = wordsOf(element);
    rows.push(caps(keys), words);
  }
  sheet.querySelector("dl").replaceChildren(...rows);
  for (const box of sheet.querySelectorAll("[data-keys-switch]")) box.checked = root.dataset.keys === "on";
}

/** Turn the keys of this browser on or off, and remember it. */
export function setKeys(on) {
  root.dataset.keys = on ? "on" : "off";
  remember("keys", on ? null : "off");
  announce(on ? "Keys are on." : "Keys are off.");
}

const sheet = document.getElementById("key-sheet");
if (sheet) {
  sheet.addEventListener("dialog:opening", () => fillSheet(sheet));
  sheet.addEventListener("change", (event) => {
    if (event.target.matches("[data-keys-switch]")) setKeys(event.target.checked);
  });
}

/** Open the sheet of keys. */
export function showKeys() {
  openDialog(sheet);
}

// Assistive technology learns the keys from the elements themselves.
function mark(scope) {
  for (const element of scope.querySelectorAll?.("[data-key]:not([aria-keyshortcuts])") ?? [])
    element.setAttribute("aria-keyshortcuts", keysOf(element).join(" "));
}
mark(document);
document.addEventListener("htmx:load", (event) => mark(event.target));
if (recall("keys") === "off") root.dataset.keys = "off";
