import { el } from "./chrome.js";
import { TABLES } from "./colours.js";
import { cover } from "./map-layer.js";

const LEGEND = { width: 256, height: 1 };

/**
 * `<map-controls for="ID">`: switch, class picker, contrast, opacity, colours and grid of an `<mri-viewer>`'s map, with
 * legend and caption. Empty while the viewer has no maps.
 */
class MapControls extends HTMLElement {
  #viewer = null;
  #names = "";

  connectedCallback() {
    customElements.whenDefined("mri-viewer").then(() => this.#attach());
  }

  disconnectedCallback() {
    this.#viewer?.removeEventListener("viewer:map", this.#update);
  }

  #attach() {
    this.#viewer = document.getElementById(this.getAttribute("for") ?? "") ?? document.querySelector("mri-viewer");
    if (!this.#viewer || !this.isConnected) return;
    this.#viewer.addEventListener("viewer:map", this.#update);
    this.addEventListener("input", (event) => this.#input(event.target));
    this.addEventListener("click", (event) => this.#step(event.target.closest("[data-step]")));
    this.#update();
  }

  #input(control) {
    const { value } = control;
    const { cls } = this.#viewer.mapState;
    const acts = {
      on: () => this.#viewer.toggleMap(value === "on"),
      cls: () => this.#viewer.setMapClass(value),
      against: () => this.#viewer.setContrast(cls, value || null),
      opacity: () => this.#viewer.setOpacity(Number(value) / 100),
      colours: () => this.#viewer.setColours(value),
      grid: () => this.#viewer.setGrid(control.checked),
    };
    acts[control.dataset.map]?.();
  }

  #step(button) {
    if (button) this.#viewer.setOpacity(this.#viewer.mapState.opacity + Number(button.dataset.step));
  }

  #update = () => {
    const { maps, mapState: state } = this.#viewer;
    const names = maps ? JSON.stringify(maps.names) : "";
    if (names !== this.#names || !maps) this.#build(maps);
    this.#names = names;
    if (!maps) return;
    this.#check("on", state.visible ? "on" : "off");
    this.#check("colours", state.colours);
    this.querySelector(".map-look").hidden = !state.visible;
    this.querySelector("[data-map='cls']").value = state.cls;
    this.querySelector("[data-map='grid']").checked = state.grid;
    const against = this.querySelector("[data-map='against']");
    for (const option of against.options) option.disabled = option.value === state.cls;
    against.value = state.against ?? "";
    const opacity = this.querySelector("[data-map='opacity']");
    opacity.value = String(Math.round(state.opacity * 100));
    opacity.setAttribute("aria-valuetext", `${opacity.value} %`);
    this.#legend(maps, state);
  };

  #check(name, value) {
    for (const input of this.querySelectorAll(`[data-map="${name}"]`)) input.checked = input.value === value;
  }

  #build(maps) {
    this.replaceChildren();
    this.classList.toggle("none", !maps);
    if (!maps) return;
    const classes = maps.classes.map((name) => [name, maps.names[name]]);
    const group = Math.random().toString(36).slice(2, 8);
    const select = (name, words, options) => {
      const id = `${name}-${group}`;
      const choices = options.map(([value, text]) => el("option", { value }, text));
      return [el("label", { class: "note", for: id }, words), el("select", { id, "data-map": name }, ...choices)];
    };
    this.append(
      radios("on", group, "Map", [["off", "Map off"], ["on", "Map on"]]),
      el(
        "fieldset",
        { class: "map-look", hidden: true },
        el("legend", { class: "visually-hidden" }, "The map"),
        el("div", { class: "map-pair" }, ...select("cls", "of", classes), ...select("against", "minus", [["", "nothing"], ...classes])),
        el(
          "div",
          { class: "map-opacity" },
          el("label", { class: "note", for: `opacity-${group}` }, "Opacity"),
          step("[", -0.05, "Map fainter"),
          el("input", { type: "range", id: `opacity-${group}`, min: "0", max: "100", "data-map": "opacity" }),
          step("]", 0.05, "Map stronger"),
        ),
        el("div", {}, el("canvas", { class: "map-legend", role: "img", ...LEGEND }), el("div", { class: "map-ends note" }, el("span", {}), el("span", {}), el("span", {}))),
        el("p", { class: "note map-caption" }),
        el(
          "details",
          {},
          el("summary", { class: "note" }, "Colours and cells"),
          el(
            "div",
            { class: "row" },
            radios("colours", group, "Colours", [["inferno", "Inferno"], ["cividis", "Cividis"], ["contour", "Contour"]]),
            el("label", { class: "chip" }, el("input", { type: "checkbox", "data-map": "grid" }), `${maps.rows} × ${maps.columns} cells`),
          ),
        ),
      ),
    );
  }

  #legend(maps, { cls, against, colours, empty, opacity }) {
    const canvas = this.querySelector(".map-legend");
    const [low, middle, high] = this.querySelectorAll(".map-ends span");
    low.textContent = against ? maps.names[against] : "low";
    middle.textContent = `${against && colours !== "contour" ? "blue to orange" : colours} · ${maps.rows} × ${maps.columns} grid`;
    high.textContent = against ? maps.names[cls] : "high";
    canvas.setAttribute("aria-label", `Scale from ${low.textContent} to ${high.textContent}`);
    const lines = `Lines at a quarter, half and three quarters of the greatest${against ? "; dashed where it speaks for the other" : ""}.`;
    this.querySelector(".map-caption").textContent = empty
      ? "The map is empty: nothing in the image spoke for this class."
      : `Where the model looked, not where the tumour is.${colours === "contour" ? ` ${lines}` : ""}`;
    paintLegend(canvas, colours, Boolean(against), opacity);
  }
}

// The legend fades as the map does, over the same black, so that its colours are those on the image's dark parts.
function paintLegend(canvas, colours, signed, opacity) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(LEGEND.width, 1);
  const table = TABLES[signed ? "diverging" : colours];
  for (let entry = 0; entry < 256; entry += 1) {
    const value = signed ? (entry / 255) * 2 - 1 : entry / 255;
    const line = [0.25, 0.5, 0.75].some((level) => Math.abs(Math.abs(value) - level) < 0.006);
    const alpha = colours === "contour" ? 1 : opacity * cover(value);
    for (let channel = 0; channel < 3; channel += 1)
      image.data[entry * 4 + channel] = colours === "contour" ? (line ? 255 : 24) : table[entry * 3 + channel] * alpha;
    image.data[entry * 4 + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

function radios(name, group, label, options) {
  return el(
    "div",
    { class: "segmented", role: "radiogroup", "aria-label": label },
    ...options.map(([value, words]) =>
      el("label", {}, el("input", { type: "radio", name: `${name}-${group}`, value, "data-map": name }), words)),
  );
}

function step(key, amount, label) {
  return el(
    "button",
    { type: "button", class: "button quiet small", "data-step": String(amount), "data-key": key, "data-key-repeat": true,
      "data-key-label": label, "aria-label": label },
    el("kbd", {}, key),
  );
}

customElements.define("map-controls", MapControls);
