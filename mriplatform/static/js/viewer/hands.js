/* Connects the controls to the viewer's public methods: buttons, numbers, keys on the image, pointers. */
import { followPointers } from "./pointer.js";

const STEP = 40; // CSS pixels an arrow key moves the image
const DRAG = 500; // CSS pixels of dragging for the whole range of values

const ACTS = {
  in: (viewer) => viewer.zoomBy(1.25),
  out: (viewer) => viewer.zoomBy(0.8),
  fit: (viewer) => viewer.fit(),
  preset: (viewer) => viewer.nextPreset(),
  region: (viewer) => viewer.mark(),
  unmark: (viewer) => viewer.marker.remove(),
  back: (viewer) => viewer.turnBy(-1),
  on: (viewer) => viewer.turnBy(1),
  home: (viewer) => viewer.goHome(),
  full: (viewer) => viewer.fullScreen(),
  invert: (viewer) => viewer.invert(),
  map: (viewer) => viewer.toggleMap(),
  reset: (viewer) => viewer.reset(),
  pan: (viewer) => viewer.panMode(),
  window: (viewer) => viewer.togglePanel(),
};

const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** @param {import("./mri-viewer.js").MriViewer} viewer */
export function connect(viewer, { stage, tools, panel }) {
  tools.addEventListener("click", (event) => ACTS[event.target.closest("[data-act]")?.dataset.act]?.(viewer));
  panel.addEventListener("click", (event) => {
    if (event.target.dataset.preset) viewer.preset(event.target.dataset.preset);
  });
  panel.addEventListener("input", (event) => {
    if ("smooth" in event.target.dataset) viewer.smooth(event.target.checked);
    else if ("number" in event.target.dataset) fromNumbers(viewer, panel);
  });
  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape") viewer.togglePanel(false);
  });
  stage.addEventListener("keydown", (event) => arrow(viewer, event));
  followPointers(stage, {
    windowBy: (dx, dy) => viewer.windowBy(dx / DRAG, dy / DRAG),
    panBy: (dx, dy) => viewer.panBy(dx, dy),
    zoomBy: (factor, x, y) => viewer.zoomBy(factor, x, y),
    panning: () => viewer.view.panning,
    wheelTaken: () => viewer.getAttribute("wheel") === "always" || viewer.contains(document.activeElement),
    stacked: () => viewer.stack.many,
    turnBy: (images) => viewer.turnBy(images),
    probe: (x, y) => viewer.showValue(x, y),
    marking: {
      on: () => viewer.marker.active && viewer.pixels !== null,
      begin: (x, y) => viewer.marker.begin(x, y, viewer.place),
      drag: (x, y) => viewer.marker.drag(x, y, viewer.place),
      end: () => viewer.marker.end(),
      cancel: () => viewer.marker.cancel(),
    },
  });
}

// Whether a key was for the region.
function marked(marker, { key, shiftKey }, direction) {
  if (key === "Escape") marker.leave();
  else if (["Delete", "Backspace"].includes(key)) marker.remove();
  else if (direction) marker.nudge(-direction[0], -direction[1], { size: shiftKey });
  else return false;
  return true;
}

function fromNumbers(viewer, panel) {
  const [width, center] = ["width", "center"].map((name) => panel.querySelector(`[data-number="${name}"]`).valueAsNumber);
  if (Number.isFinite(width) && Number.isFinite(center) && width >= 1) viewer.setWindow(center, width);
}

function arrow(viewer, event) {
  const direction = ARROWS[event.key];
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (viewer.marker.active && marked(viewer.marker, event, direction)) return event.preventDefault();
  if (!direction) return;
  event.preventDefault();
  const [x, y] = direction;
  if (event.shiftKey) viewer.windowBy(-x * 0.04, -y * 0.04, { spoken: true });
  else viewer.panBy(x * STEP, y * STEP);
}
