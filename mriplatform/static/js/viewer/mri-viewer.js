import { buildHud, buildPanel, buildStage, buildTools, showState } from "./chrome.js";
import { connect } from "./hands.js";
import { MapLayer } from "./map-layer.js";
import { MapState } from "./map-state.js";
import { Picture } from "./picture.js";
import { decodePng } from "./png.js";
import "./map-controls.js";

/**
 * `<mri-viewer src>` around an `<img>` that works without it. It asks the server for nothing but the image.
 * Attributes: src, label, index, count, data-maps, window-center, window-width, pixel-aspect, wheel, colours, no-tools.
 * Events, all bubbling: viewer:ready, viewer:window, viewer:view, viewer:map, viewer:error.
 */
export class MriViewer extends HTMLElement {
  static observedAttributes = ["src", "index", "count"];

  #picture = null;
  #map = new MapState();
  #layer = new MapLayer();
  #panning = false;
  #frame = 0;
  #load = 0;
  #pause = 0;

  connectedCallback() {
    if (!this.stage) this.#build();
    this.sizes ??= new ResizeObserver(() => this.#resize());
    this.sizes.observe(this.stage);
    if (!this.#load) this.#open();
  }

  disconnectedCallback() {
    this.sizes.disconnect();
    clearTimeout(this.#pause);
  }

  attributeChangedCallback(name, before, after) {
    if (!this.stage || before === after) return;
    if (name === "src") this.#open();
    else showState(this, this.#map);
  }

  #build() {
    this.stage = buildStage(this.getAttribute("label") ?? this.querySelector("img")?.alt ?? "Brain MRI");
    this.canvas = this.stage.querySelector("canvas");
    this.panel = buildPanel();
    this.tools = buildTools();
    this.tools.hidden = this.hasAttribute("no-tools");
    this.notes = { tr: buildHud("tr"), bl: buildHud("bl"), br: buildHud("br") };
    this.append(this.stage, ...Object.values(this.notes), this.panel, this.tools);
    this.#map.look = this.getAttribute("colours");
    connect(this, this);
    const source = document.getElementById(this.dataset.maps ?? "")?.textContent.trim();
    this.maps = source ? JSON.parse(source) : null;
  }

  // --- Loading ---------------------------------------------------------------------------------------------------

  #open() {
    const load = (this.#load += 1);
    delete this.dataset.state;
    this.ready = this.#fetch(this.getAttribute("src")).then(
      (pixels) => load === this.#load && this.#show(pixels),
      (error) => load === this.#load && this.#fail(error),
    );
  }

  async #fetch(source) {
    if (!source) throw new Error("No image was named.");
    const answer = await fetch(source, { credentials: "same-origin" });
    if (!answer.ok) throw new Error(`The image could not be loaded (the server answered ${answer.status}).`);
    return decodePng(await answer.arrayBuffer());
  }

  #show(pixels) {
    const [center, width] = [this.#number("window-center"), this.#number("window-width")];
    const stored = center !== null && width !== null && width >= 1 ? { center, width } : null;
    this.#picture = new Picture(pixels, { stored, aspect: this.#number("pixel-aspect") ?? 1 });
    this.panel.querySelector("[data-preset='default']").hidden = !stored;
    this.dataset.state = "ready";
    this.#resize();
    this.#changed("viewer:window", this.window);
    this.#fire("viewer:ready", { width: pixels.width, height: pixels.height, bits: pixels.bits });
  }

  // The plain image stays in place: the reader still sees something, and learns why it cannot be windowed.
  #fail(error) {
    this.#picture = null;
    this.dataset.state = "failed";
    this.#changed();
    this.notes.tr.textContent = error.message;
    this.#say(error.message);
    this.#fire("viewer:error", { message: error.message });
  }

  #number(name) {
    const value = Number.parseFloat(this.getAttribute(name) ?? "");
    return Number.isFinite(value) ? value : null;
  }

  // --- Window ----------------------------------------------------------------------------------------------------

  /** The true stored values: {width, height, bits, data}, or null before they are there. */
  get pixels() {
    return this.#picture?.pixels ?? null;
  }

  get window() {
    return { ...this.#picture?.window };
  }

  setWindow(center, width) {
    if (!this.#picture || !Number.isFinite(center) || !Number.isFinite(width)) return;
    this.#picture.setWindow(center, width);
    this.#changed("viewer:window", this.window);
  }

  /** By shares of the range of values: wider, and higher in level (darker). */
  windowBy(wider, higher, { spoken = false } = {}) {
    this.#picture?.windowBy(wider, higher);
    this.#changed("viewer:window", this.window);
    if (spoken) this.#say(this.#windowWords());
  }

  /** "default", "full", "auto" or "high". */
  preset(name) {
    const chosen = this.#picture?.presets[name];
    if (!chosen) return;
    this.setWindow(chosen.center, chosen.width);
    this.#say(this.#windowWords());
  }

  invert(on = !this.#picture?.inverted) {
    this.#picture?.setInverted(on);
    this.#changed("viewer:window", this.window);
    this.#say(on ? "Inverted." : "Not inverted.");
  }

  smooth(on = !this.#picture?.smooth) {
    if (this.#picture) this.#picture.smooth = on;
    this.panel.querySelector("[data-smooth]").checked = on;
    this.#changed();
  }

  togglePanel(on = this.panel.hidden) {
    this.panel.hidden = !on;
    this.#changed();
    if (on) this.panel.querySelector("input").focus();
    else this.stage.focus({ preventScroll: true });
  }

  #windowWords() {
    const { center, width } = this.window;
    return `Window ${Math.round(width)}, level ${Math.round(center)}.`;
  }

  // --- Zoom and place --------------------------------------------------------------------------------------------

  get view() {
    const { zoom = 1, x = 0, y = 0, fitted = true } = this.#picture?.view ?? {};
    const { inverted = false, smooth = true } = this.#picture ?? {};
    return { zoom, x, y, fitted, inverted, smooth, panning: this.#panning };
  }

  zoomBy(factor, x, y) {
    this.#picture?.view.zoomBy(factor, x, y);
    this.#changed("viewer:view", this.view);
  }

  panBy(dx, dy) {
    this.#picture?.view.panBy(dx, dy);
    this.#changed("viewer:view", this.view);
  }

  fit() {
    this.#picture?.view.fit();
    this.#changed("viewer:view", this.view);
  }

  panMode(on = !this.#panning) {
    this.#panning = on;
    this.stage.classList.toggle("panning", on);
    this.#changed();
  }

  /** Window, zoom and inversion as at first; the map stays as it is. */
  reset() {
    this.#picture?.setInverted(false);
    this.fit();
    this.preset("default");
  }

  /** Show place and stored value under a point of the stage; null hides them. */
  showValue(x, y) {
    const found = x === null ? null : this.#picture?.probe(x, y);
    this.notes.br.textContent = found ? `x ${found.x} y ${found.y} = ${found.value}` : "";
  }

  // --- Map -------------------------------------------------------------------------------------------------------

  get maps() {
    return this.#map.maps;
  }

  /** What the server sent, or null to take the maps away again; the map is off either way. */
  set maps(given) {
    this.#map.read(given);
    this.#mapChanged();
  }

  get mapState() {
    return this.#map.detail;
  }

  toggleMap(on = !this.#map.visible) {
    if (!this.maps || on === this.#map.visible) return;
    this.#map.visible = on;
    this.#mapChanged();
    this.#say(on ? this.#map.caption : "Map off.");
  }

  setMapClass(name) {
    this.setContrast(name, this.#map.against);
  }

  /** One class's map minus another's; without the second, the plain map again. */
  setContrast(name, against = null) {
    if (!this.#map.has(name)) return;
    this.#map.choose(name, against);
    this.#mapChanged();
    if (this.#map.visible) this.#say(this.#map.caption);
  }

  setOpacity(share) {
    this.#map.opacity = Math.min(1, Math.max(0, share));
    this.#mapChanged();
  }

  setColours(name) {
    this.#map.look = name;
    this.#mapChanged();
  }

  setGrid(on) {
    this.#map.grid = Boolean(on);
    this.#mapChanged();
  }

  #mapChanged() {
    this.#changed("viewer:map", this.mapState);
  }

  // --- What follows from a change --------------------------------------------------------------------------------

  #changed(event, detail) {
    showState(this, this.#map);
    this.#frame ||= requestAnimationFrame(() => this.#draw());
    if (event) this.#fire(event, detail);
  }

  #fire(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
  }

  // Only the last of a quick run of changes is worth hearing.
  #say(sentence) {
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => document.dispatchEvent(new CustomEvent("announce", { detail: sentence })), 300);
  }

  #resize() {
    if (!this.stage.clientWidth) return;
    const scale = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.stage.clientWidth * scale);
    this.canvas.height = Math.round(this.stage.clientHeight * scale);
    this.#picture?.view.resize(this.stage.clientWidth, this.stage.clientHeight);
    showState(this, this.#map);
    this.#draw();
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.#picture) return;
    context.scale(this.canvas.width / this.stage.clientWidth, this.canvas.height / this.stage.clientHeight);
    this.#picture.draw(context);
    if (!this.#map.visible) return;
    const { field, cls, against, colours, opacity, grid } = this.#map;
    const place = this.#picture.place(this.maps.box ?? this.#picture.whole);
    this.#layer.draw(context, { field, key: `${this.#load}|${cls}|${against}`, colours, opacity, grid }, place);
  }
}

customElements.define("mri-viewer", MriViewer);
