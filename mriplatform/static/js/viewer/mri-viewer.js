import { toggleFullScreen } from "./full-screen.js";
import { ViewerElement } from "./viewer-element.js";
import "./map-controls.js";

/**
 * `<mri-viewer src>` around an `<img>` that works without it. It asks the server for nothing but the image.
 * Attributes: src, label, index, count, data-maps, data-slices (see stack.js), window-center, window-width, pixel-aspect,
 * wheel, colours, regions (with the tool that marks one), full (see full-screen.js), no-tools.
 * Events, all bubbling: viewer:ready, viewer:window, viewer:view, viewer:map, viewer:region, viewer:slice, viewer:error.
 */
export class MriViewer extends ViewerElement {
  // --- Window ----------------------------------------------------------------------------------------------------

  /** The true stored values: {width, height, bits, data}, or null before they are there. */
  get pixels() {
    return this.picture?.pixels ?? null;
  }

  get window() {
    return { ...this.picture?.window };
  }

  setWindow(center, width) {
    if (!this.picture || !Number.isFinite(center) || !Number.isFinite(width)) return;
    this.picture.setWindow(center, width);
    this.changed("viewer:window", this.window);
  }

  /** By shares of the range of values: wider, and higher in level (darker). */
  windowBy(wider, higher, { spoken = false } = {}) {
    this.picture?.windowBy(wider, higher);
    this.changed("viewer:window", this.window);
    if (spoken) this.say(this.#windowWords());
  }

  /** "default", "full", "auto" or "high". */
  preset(name) {
    const chosen = this.picture?.presets[name];
    if (!chosen) return;
    this.setWindow(chosen.center, chosen.width);
    this.say(this.#windowWords());
  }

  /** The preset after the one whose window this is. */
  nextPreset() {
    if (!this.picture) return;
    const { presets } = this.picture;
    const key = ({ center, width }) => `${center}|${width}`;
    const windows = new Map(Object.entries(presets).map(([name, preset]) => [key(preset), name]));
    const keys = [...windows.keys()];
    this.preset(windows.get(keys[(keys.indexOf(key(this.window)) + 1) % keys.length]));
  }

  invert(on = !this.picture?.inverted) {
    this.picture?.setInverted(on);
    this.changed("viewer:window", this.window);
    this.say(on ? "Inverted." : "Not inverted.");
  }

  smooth(on = !this.picture?.smooth) {
    if (this.picture) this.picture.smooth = on;
    this.panel.querySelector("[data-smooth]").checked = on;
    this.changed();
  }

  togglePanel(on = this.panel.hidden) {
    this.panel.hidden = !on;
    this.changed();
    if (on) this.panel.querySelector("input").focus();
    else this.stage.focus({ preventScroll: true });
  }

  #windowWords() {
    const { center, width } = this.window;
    return `Window ${Math.round(width)}, level ${Math.round(center)}.`;
  }

  // --- Zoom and place --------------------------------------------------------------------------------------------

  get view() {
    const { zoom = 1, x = 0, y = 0, fitted = true } = this.picture?.view ?? {};
    const { inverted = false, smooth = true } = this.picture ?? {};
    return { zoom, x, y, fitted, inverted, smooth, panning: this.panning };
  }

  zoomBy(factor, x, y) {
    this.picture?.view.zoomBy(factor, x, y);
    this.changed("viewer:view", this.view);
  }

  panBy(dx, dy) {
    this.picture?.view.panBy(dx, dy);
    this.changed("viewer:view", this.view);
  }

  fit() {
    this.picture?.view.fit();
    this.changed("viewer:view", this.view);
  }

  panMode(on = !this.panning) {
    this.panning = on;
    this.stage.classList.toggle("panning", on);
    this.changed();
  }

  /** Window, zoom and inversion as at first; the map stays as it is. */
  reset() {
    this.picture?.setInverted(false);
    this.fit();
    this.preset("default");
  }

  /** Show place and stored value under a point of the stage; null hides them. */
  showValue(x, y) {
    const found = x === null ? null : this.picture?.probe(x, y);
    this.notes.br.textContent = found ? `x ${found.x} y ${found.y} = ${found.value}` : "";
  }

  // --- Map -------------------------------------------------------------------------------------------------------

  get maps() {
    return this.map.maps;
  }

  /** What the server sent, or null to take the maps away again; the map is off either way. */
  set maps(given) {
    this.map.read(given);
    this.#mapChanged();
  }

  get mapState() {
    return this.map.detail;
  }

  toggleMap(on = !this.map.visible) {
    if (this.stack.away) {
      this.goHome();
      on = true;
    }
    if (!this.maps || on === this.map.visible) return;
    this.map.visible = on;
    this.#mapChanged();
    this.say(on ? this.map.caption : "Map off.");
  }

  setMapClass(name) {
    this.setContrast(name, this.map.against);
  }

  /** One class's map minus another's; without the second, the plain map again. */
  setContrast(name, against = null) {
    if (!this.map.has(name)) return;
    this.map.choose(name, against);
    this.#mapChanged();
    if (this.map.visible) this.say(this.map.caption);
  }

  setOpacity(share) {
    this.map.opacity = Math.min(1, Math.max(0, share));
    this.#mapChanged();
  }

  setColours(name) {
    this.map.look = name;
    this.#mapChanged();
  }

  setGrid(on) {
    this.map.grid = Boolean(on);
    this.#mapChanged();
  }

  #mapChanged() {
    this.changed("viewer:map", this.mapState);
  }

  // --- Region, the other images of the study, full screen --------------------------------------------------------

  /** What is marked, as region.js describes it, or null. Setting it shows it and tells nobody. */
  get region() {
    return this.marker.region;
  }

  set region(given) {
    this.marker.show(given);
  }

  /** Take the region's tool up, go to its next shape, or put it away. */
  mark() {
    if (!this.hasAttribute("regions")) return;
    this.goHome();
    this.marker.next();
    this.stage.focus({ preventScroll: true });
  }

  /** Where the image lies in the box, in CSS pixels. */
  get place() {
    return this.picture.place(this.picture.whole);
  }

  turnBy(images) {
    this.#turnTo(this.stack.at + images);
  }

  /** Back to the image that is being read. */
  goHome() {
    if (this.stack.home !== null) this.#turnTo(this.stack.home);
  }

  #turnTo(wanted) {
    if (!this.stack.to(wanted)) return;
    if (this.stack.away) this.marker.leave();
    const { index, count } = this.stack.detail;
    this.changed("viewer:slice", this.stack.detail);
    this.say(`Image ${index} of ${count}${this.stack.away ? ", only looked at" : ""}.`);
  }

  async fullScreen() {
    if (!(await toggleFullScreen(this))) this.say("This browser does not allow full screen here.");
  }
}

customElements.define("mri-viewer", MriViewer);
