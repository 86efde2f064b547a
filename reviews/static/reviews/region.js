/* The region that is marked on the image and the field of the step's form are one: each follows the other. */

const viewer = () => document.getElementById("viewer");
const field = () => document.querySelector("#panel input[name='region']");

/** Show what this panel says is marked; the tool is there only while a form takes what it marks. */
export async function keepRegion(panel) {
  await customElements.whenDefined("mri-viewer");
  if (!viewer()?.marker) return;
  const text = field()?.value ?? panel?.dataset.region ?? "";
  try {
    viewer().region = text ? JSON.parse(text) : null;
  } catch {
    viewer().region = null; // the server says what is wrong with it
  }
  if (!field()) viewer().marker.leave();
  viewer().toggleAttribute("regions", field() !== null);
}

document.addEventListener("viewer:region", ({ target, detail }) => {
  if (target !== viewer() || !field()) return;
  field().value = detail.region ? JSON.stringify(detail.region) : "";
  // As if it had been typed: the draft listens to that.
  field().dispatchEvent(new Event("input", { bubbles: true }));
});
