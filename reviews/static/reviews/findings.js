/*
 * What is found, as the panel says it while it is filled in. Beside an answer without a finding nothing is placed: the
 * fields keep what was marked, for the case that another answer is chosen, and the server leaves it out.
 */
import { announce } from "../js/live-region.js";

const panel = () => document.getElementById("panel");
const fields = () => panel()?.querySelector(".findings");

/** Whether the answer that is chosen now says that there is nothing to place. */
export function withoutFinding() {
  const chosen = panel()?.querySelector("form [name='label']:checked");
  return Boolean(chosen && fields()?.dataset.without.split(" ").includes(chosen.value));
}

/** The region that the panel's form holds, or null. */
export function marked() {
  try {
    return JSON.parse(panel().querySelector("input[name='region']").value || "null");
  } catch {
    return null; // the server says what is wrong with it
  }
}

/** Say in the panel what its fields hold. */
export function showFound() {
  const group = fields();
  if (!group) return;
  const shape = marked()?.shape ?? "";
  group.querySelector("[data-marked]").textContent = shape ? `${shape[0].toUpperCase()}${shape.slice(1)} marked` : "No region";
  const summary = panel().querySelector("[data-found]");
  if (!summary) return;
  summary.textContent = words(group, shape);
  panel().querySelector("[data-goes-without]").hidden = !shape && !group.querySelector("[name='location']").value;
}

function words(group, shape) {
  const quality = group.querySelector("[name='image_quality']:checked")?.parentElement.textContent.trim();
  const { value, selectedOptions } = group.querySelector("[name='location']");
  const said = [
    quality && `image ${quality.toLowerCase()}`,
    value && lowerFirst(selectedOptions[0].textContent),
    shape && `${shape} marked`,
  ].filter(Boolean);
  return said.join(", ") || "nothing said";
}

const lowerFirst = (text) => text.slice(0, 1).toLowerCase() + text.slice(1);

let without = false;
document.addEventListener("change", ({ target }) => {
  if (!panel()?.contains(target) || !fields()) return;
  showFound();
  if (target.name !== "label" || withoutFinding() === without) return;
  tellLeftOut();
  panel().dispatchEvent(new CustomEvent("findings:placed", { bubbles: true }));
});

// Said only where something is left out, or comes back.
function tellLeftOut() {
  without = withoutFinding();
  if (!marked() && !fields().querySelector("[name='location']").value) return;
  announce(without ? fields().querySelector(".left-out").textContent : "Location and region are back.");
}

// Escape and Enter leave the list of locations, so that the page's keys act again.
document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (!(target instanceof HTMLSelectElement) || !panel()?.contains(target) || !["Escape", "Enter"].includes(key)) return;
  event.preventDefault();
  target.blur();
});

/** Begin with a new panel. */
export function beginFindings() {
  without = withoutFinding();
  showFound();
}
