/* What stands around the image: the notes at its corners, the tool bar, the window panel. Built from plain DOM. */

/** `el("button", {class: "x", "data-key": "w"}, "Words", el("kbd", {}, "W"))` */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes))
    if (value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
  element.append(...children);
  return element;
}

function tool(act, words, keys, { label, pressed, repeat, caps } = {}) {
  const shown = caps ?? keys.split(" ").slice(0, 1).map((key) => key.toUpperCase());
  return el(
    "button",
    {
      type: "button",
      class: "tool",
      "data-act": act,
      "data-key": keys || null,
      "data-key-label": keys ? (label ?? words) : null,
      "data-key-repeat": repeat ?? false,
      "aria-pressed": pressed === undefined ? null : String(pressed),
      "aria-label": label && label !== words ? label : null,
    },
    words,
    // Drawn, not read out: the name says the words, and the key stands on the sheet.
    ...shown.map((cap) => el("kbd", { "aria-hidden": "true", "data-cap": cap })),
  );
}

/** The tool bar; buttons carry `data-act`. */
export function buildTools() {
  return el(
    "div",
    { class: "viewer-tools", role: "toolbar", "aria-label": "Image" },
    tool("back", "‹", "k", { label: "Previous image of the study", repeat: true }),
    tool("on", "›", "j", { label: "Next image of the study", repeat: true }),
    tool("home", "Back", "z", { label: "Back to the image being read" }),
    tool("window", "Window", "w", { label: "Window and level", pressed: false }),
    tool("preset", "Preset", "v", { label: "Next preset of the window" }),
    tool("pan", "Move", "p", { label: "Move the image by dragging", pressed: false }),
    tool("out", "−", "-", { label: "Zoom out", repeat: true, caps: [] }),
    tool("in", "+", "+ =", { label: "Zoom in", repeat: true, caps: [] }),
    tool("fit", "Fit", "f", { label: "Fit the image" }),
    tool("invert", "Invert", "i", { pressed: false }),
    tool("region", "Region", "r", { label: "Mark a region: box, ellipse, point", pressed: false }),
    tool("unmark", "Remove", "", { label: "Remove the region", caps: [] }),
    tool("map", "Map", "h", { label: "Heat map", pressed: false }),
    tool("full", "Full", "Shift+f", { label: "Full screen", caps: [] }),
    tool("reset", "Reset", "Shift+r", { label: "Reset window and zoom", caps: [] }),
  );
}

/** Width and level as numbers, presets, smoothing. */
export function buildPanel() {
  const number = (name, words) =>
    el("label", { class: "viewer-number" }, words, el("input", { type: "number", "data-number": name, step: "any" }));
  const preset = (name, words) => el("button", { type: "button", "data-preset": name }, words);
  return el(
    "div",
    { class: "viewer-panel", hidden: true, role: "group", "aria-label": "Window and level" },
    el("div", { class: "row" }, number("width", "Width"), number("center", "Level")),
    el(
      "div",
      { class: "segmented", role: "group", "aria-label": "Presets" },
      preset("default", "As stored"),
      preset("full", "Full"),
      preset("auto", "Auto"),
      preset("high", "High contrast"),
    ),
    el("label", { class: "check" }, el("input", { type: "checkbox", "data-smooth": true, checked: true }), "Smooth between pixels"),
  );
}

/** The stage with its canvas; keys that work on it are told to the sheet by hidden hints. */
export function buildStage(label) {
  const hint = (keys, words) => el("span", { "data-key": keys, "data-key-hint": true, "data-key-label": words });
  return el(
    "div",
    {
      class: "viewer-stage",
      tabindex: "0",
      role: "group",
      "aria-roledescription": "image viewer",
      "aria-label": "Image. Arrow keys move it, Shift and arrow keys set the window, plus and minus zoom.",
    },
    el("canvas", { role: "img", "aria-label": label }),
    el(
      "span",
      { class: "visually-hidden" },
      hint("ArrowLeft ArrowRight ArrowUp ArrowDown", "Move the image (image in focus)"),
      hint("Shift+ArrowLeft Shift+ArrowRight", "Narrower, wider window (image in focus)"),
      hint("Shift+ArrowUp Shift+ArrowDown", "Brighter, darker (image in focus)"),
      hint("Delete", "Remove the region (while marking)"),
    ),
  );
}

/** A corner's note: "tl", "tr", "bl" or "br". */
export function buildHud(corner) {
  return el("div", { class: "hud", "data-hud": corner, "aria-hidden": "true" });
}

/** Bring the notes, the pressed buttons and the numbers up to what the viewer says of itself. */
export function showState(viewer, map) {
  const { stage, tools, panel, notes, view, pixels, marker, stack } = viewer;
  const { active, region } = marker;
  const shown = map.visible && !stack.away;
  const pressed = { window: !panel.hidden, pan: view.panning, invert: view.inverted, map: shown, region: active };
  for (const [act, on] of Object.entries(pressed)) button(tools, act).setAttribute("aria-pressed", String(on));
  const there = { map: map.maps, region: viewer.hasAttribute("regions"), unmark: active && region, home: stack.away };
  for (const [act, on] of Object.entries({ ...there, back: stack.many, on: stack.many })) button(tools, act).hidden = !on;
  for (const one of tools.children) one.disabled = !pixels;
  button(tools, "region").firstChild.textContent = active ? SHAPE_WORDS[marker.shape] : "Region";
  notes.bl.textContent = stack.note || (shown ? map.caption : "");
  notes.bl.classList.toggle("aside", stack.away);
  stage.classList.toggle("marking", active);
  if (!pixels) return;
  const { center, width } = viewer.window;
  const lines = [
    `W ${Math.round(width)} L ${Math.round(center)} · zoom ${short(view.zoom)}×`,
    `${pixels.width} × ${pixels.height} · ${pixels.bits} bit${view.inverted ? " · inverted" : ""}`,
  ];
  if (viewer.hasAttribute("count"))
    lines.unshift(`image ${viewer.getAttribute("index") ?? 1} of ${viewer.getAttribute("count")}`);
  notes.tr.textContent = lines.join("\n");
  for (const [name, value] of [["center", center], ["width", width]]) {
    const input = panel.querySelector(`[data-number="${name}"]`);
    if (input !== document.activeElement) input.value = String(Math.round(value));
  }
}

const SHAPE_WORDS = { box: "Box", ellipse: "Ellipse", point: "Point" };

function button(tools, act) {
  return tools.querySelector(`[data-act="${act}"]`);
}

function short(value) {
  return value >= 10 ? value.toFixed(0) : value.toFixed(value >= 1 ? 1 : 2).replace(/\.0$/, "");
}
