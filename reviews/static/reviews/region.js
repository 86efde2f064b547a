/* The region that is marked on the image and the field of the step's form are one: each follows the other. */
import { marked, showFound, withoutFinding } from "./findings.js";

const viewer = () => document.getElementById("viewer");
const field = () => document.querySelector("#panel input[name='region']");

/** Show what this panel says is marked; the tool is there only while a form takes what it marks. */
export async function keepRegion(panel) {
  await customElements.whenDefined("mri-viewer");
  if (!viewer()?.marker) return;
  const takes = field() !== null && !withoutFinding();
  if (!takes) viewer().marker.leave();
  viewer().region = field() ? (takes ? marked() : null) : read(panel?.dataset.region);
  viewer().toggleAttribute("regions", takes);
}

function read(text) {
  return text ? JSON.parse(text) : null;
}

document.addEventListener("viewer:region", ({ target, detail }) => {
  if (target !== viewer() || !field()) return;
  field().value = detail.region ? JSON.stringify(detail.region) : "";
  showFound();
  // As if it had been typed: the draft listens to that.
  field().dispatchEvent(new Event("input", { bubbles: true }));
});

document.addEventListener("findings:placed", ({ target }) => keepRegion(target));
